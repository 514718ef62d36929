/**
 * Pods that are alike, as the HPA sees them: `count` of them share every field. Milli-units are 1/1000 (of a core, of a
 * metric's unit). Instants are engine time; "long ago" may be any small number.
 */
export interface PodGroup {
  readonly count: number;
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly isDeleted: boolean;
  /** The Ready condition; undefined when the pod has none yet. */
  readonly isReady: boolean | undefined;
  readonly startedAtMs: number | undefined;
  /** When the Ready condition last changed. */
  readonly readyChangedAtMs: number;
  /** Request of the resource that is measured; undefined when the pod names none. */
  readonly requestMilli: number | undefined;
  /** Last sample; undefined when there is none. */
  readonly usedMilli: number | undefined;
  readonly sampledAtMs: number;
  readonly sampleWindowMs: number;
}

export type PodClass = "ready" | "unready" | "missing" | "ignored";

export interface ReadinessParameters {
  /** Start-up rules apply to CPU only: a starting process is busy with itself. */
  readonly isCpu: boolean;
  readonly cpuInitializationMs: number;
  readonly initialReadinessDelayMs: number;
}

/**
 * What the HPA does with a pod before averaging (kubernetes/kubernetes pkg/controller/podautoscaler/replica_calculator.go,
 * `groupPods`; terminal pods as since 1.37): ignored pods do not exist, missing ones have no sample, samples of unready ones are dropped.
 */
export function classifyPod(pod: PodGroup, parameters: ReadinessParameters, nowMs: number): PodClass {
  if (pod.isDeleted || pod.phase === "Failed" || pod.phase === "Succeeded") return "ignored";
  if (pod.phase === "Pending") return "unready";
  if (pod.usedMilli === undefined) return "missing";
  if (!parameters.isCpu) return "ready";
  if (pod.isReady === undefined || pod.startedAtMs === undefined) return "unready";
  const isStarting = pod.startedAtMs + parameters.cpuInitializationMs > nowMs;
  const isUnready = isStarting
    ? // Its sample must not reach back into the time before it was ready.
      !pod.isReady || pod.sampledAtMs < pod.readyChangedAtMs + pod.sampleWindowMs
    : // Not ready and never been: the condition has not moved since shortly after the start.
      !pod.isReady && pod.startedAtMs + parameters.initialReadinessDelayMs > pod.readyChangedAtMs;
  return isUnready ? "unready" : "ready";
}
