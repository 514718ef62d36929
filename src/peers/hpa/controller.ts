import {
  type Limited,
  limitLegacy,
  limitRate,
  type Recommendation,
  rememberEvent,
  type ScaleEvent,
  type ScalingRules,
  stabilizeBehaviour,
  stabilizeLegacy,
} from "./behaviour.ts";
import type { PodGroup } from "./pods.ts";
import { averageValueProposal, type MetricProposal, type PodRules, type PodTarget, podProposal, type Tolerance, valueProposal } from "./proposals.ts";

/** A metric of an HPA with what could be fetched for it. */
export type HpaMetric =
  | { readonly kind: "pods"; readonly target: PodTarget; readonly rules: PodRules; readonly pods: readonly PodGroup[] }
  | { readonly kind: "value"; readonly targetMilli: number | bigint; readonly seriesMilli: readonly (number | bigint)[] }
  | { readonly kind: "averageValue"; readonly targetMilli: number | bigint; readonly seriesMilli: readonly (number | bigint)[] }
  | { readonly kind: "unavailable" };

export interface HpaParameters {
  readonly min: number;
  readonly max: number;
  readonly tolerance: Tolerance;
  /** Absent: the rules of an HPA without a behaviour block. */
  readonly behaviour?: { readonly up: ScalingRules; readonly down: ScalingRules };
  /** For an HPA without a behaviour block. */
  readonly downscaleStabilizationMs: number;
  /** Feature gate HPAScaleToZero. */
  readonly scalesToZero: boolean;
  /** Old versions, as `HpaConfig` says. */
  readonly passesOverBroken?: boolean | undefined;
  readonly wraps?: boolean | undefined;
}

/** What the controller remembers about one HPA. */
export interface HpaMemory {
  readonly history: Recommendation[];
  readonly added: ScaleEvent[];
  readonly removed: ScaleEvent[];
}

export interface HpaObservation {
  readonly spec: number;
  readonly status: number;
  readonly readyRunning: number;
  readonly metrics: readonly HpaMetric[];
  /** The HPA itself recorded that it scaled to zero. */
  readonly scaledToZero: boolean;
}

export interface Reconciled {
  readonly units: number;
  /** Highest proposal of the metrics; the current capacity when none was consulted. */
  readonly proposed: number;
  /** Position of the metric that asked for `proposed`; -1 when none was consulted. */
  readonly metric: number;
  readonly reason: Limited["reason"] | "ScalingDisabled" | "FailedGetMetrics" | "ScaleDownStabilized" | "ScaleUpStabilized";
}

/**
 * One reconcile of the HPA controller (kubernetes/kubernetes pkg/controller/podautoscaler/horizontal.go): bounds before
 * metrics, the highest proposal, partial data never down, stabilisation, rate limits. Remembers in `memory`.
 */
export function reconcile(parameters: HpaParameters, observation: HpaObservation, memory: HpaMemory, nowMs: number): Reconciled {
  const { min, max, behaviour } = parameters;
  const { spec } = observation;
  // Blocks reductions for the first window after a restart.
  if (memory.history.length === 0) memory.history.push({ units: spec, atMs: nowMs });
  const leavesZero = spec === 0 && mayLeaveZero(parameters, observation);
  if (spec === 0 && !leavesZero) return { units: 0, proposed: 0, metric: -1, reason: "ScalingDisabled" };
  // What may leave zero asks its metrics first, also when the minimum was raised meanwhile.
  if (!leavesZero && spec > max) return store(parameters, memory, spec, { units: max, proposed: spec, metric: -1, reason: "TooManyReplicas" }, nowMs);
  if (!leavesZero && spec < min) return store(parameters, memory, spec, { units: min, proposed: spec, metric: -1, reason: "TooFewReplicas" }, nowMs);

  let proposed = Number.NEGATIVE_INFINITY;
  let failed = 0;
  let winner = -1;
  for (let i = 0; i < observation.metrics.length; i++) {
    const proposal = propose(observation.metrics[i] as HpaMetric, parameters, observation, nowMs);
    if (proposal === undefined) failed++;
    else if (proposal.units > proposed) {
      proposed = proposal.units;
      winner = i;
    }
  }
  if (failed === observation.metrics.length || (failed > 0 && proposed < spec && parameters.passesOverBroken !== true))
    return { units: spec, proposed: spec, metric: -1, reason: "FailedGetMetrics" };

  if (behaviour === undefined) {
    const stabilized = stabilizeLegacy(memory.history, proposed, parameters.downscaleStabilizationMs, nowMs);
    const limited = limitLegacy(spec, stabilized, min, max);
    const reason = limited.reason === "DesiredWithinRange" && stabilized !== proposed ? "ScaleDownStabilized" : limited.reason;
    return { units: limited.units, proposed, metric: winner, reason };
  }
  const stabilized = stabilizeBehaviour(
    memory.history,
    { current: spec, raw: proposed, upMs: behaviour.up.stabilizationMs, downMs: behaviour.down.stabilizationMs },
    nowMs,
  );
  const limited = limitRate(
    { current: spec, desired: stabilized, min, max, up: behaviour.up, down: behaviour.down, added: memory.added, removed: memory.removed },
    nowMs,
  );
  if (leavesZero && limited.units < min) {
    return store(parameters, memory, spec, { units: min, proposed, metric: winner, reason: "TooFewReplicas" }, nowMs);
  }
  const reason =
    limited.reason === "DesiredWithinRange" && stabilized !== proposed ? (stabilized > proposed ? "ScaleDownStabilized" : "ScaleUpStabilized") : limited.reason;
  return store(parameters, memory, spec, { units: limited.units, proposed, metric: winner, reason }, nowMs);
}

/**
 * Zero set by a person stays zero. Zero that the HPA chose itself may be left when the gate is on, and either a metric
 * outlives the pods or zero is no longer allowed. (A metric that could not be fetched may be one; it decides nothing.)
 */
function mayLeaveZero({ scalesToZero, min }: HpaParameters, { metrics, scaledToZero }: HpaObservation): boolean {
  return scalesToZero && scaledToZero && (min !== 0 || metrics.some((metric) => metric.kind !== "pods"));
}

function propose(metric: HpaMetric, parameters: HpaParameters, { spec, status, readyRunning }: HpaObservation, nowMs: number): MetricProposal | undefined {
  const { tolerance, wraps } = parameters;
  switch (metric.kind) {
    case "unavailable":
      return undefined;
    case "pods":
      return podProposal(metric.pods, metric.target, metric.rules, spec, nowMs);
    case "value":
      return valueProposal({ ...metric, tolerance, wraps, current: spec, readyRunning });
    case "averageValue":
      return averageValueProposal({ ...metric, tolerance, wraps, status });
  }
}

/** Remembers a change as an event; only an HPA with a behaviour block does. */
function store({ behaviour }: HpaParameters, memory: HpaMemory, spec: number, result: Reconciled, nowMs: number): Reconciled {
  if (behaviour === undefined || result.units === spec) return result;
  if (result.units > spec) rememberEvent(memory.added, result.units - spec, behaviour.up.policies, nowMs);
  else rememberEvent(memory.removed, spec - result.units, behaviour.down.policies, nowMs);
  return result;
}
