import { BareEngine } from "../../engine/bare-engine.ts";
import type { EngineState, Observation, Reading } from "../../engine/model.ts";
import { REASON } from "../../engine/reasons.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedMetric } from "../../policy/resolve-metrics.ts";
import type { Recommendation, ScaleEvent } from "./behaviour.ts";
import { HPA_PIPELINE, type HpaConfig, type HpaMetricSpec } from "./config.ts";
import { type HpaMemory, type HpaMetric, type HpaParameters, reconcile } from "./controller.ts";
import type { PodGroup } from "./pods.ts";
import type { PodRules, PodTarget } from "./proposals.ts";

const SYNC_MS = 15_000;
const DOWNSCALE_STABILIZATION_MS = 300_000;
const CPU_INITIALIZATION_MS = 300_000;
const INITIAL_READINESS_DELAY_MS = 30_000;
/** Any request will do: utilisation is relative to it. Large, so that milli-units do not round a reading. */
const REQUEST_MILLI = 1_000_000;
/** Kubernetes counts in int64 milli-units; beyond this a double is no whole number. */
const MILLI_MAX = Number.MAX_SAFE_INTEGER;
const UNAVAILABLE: HpaMetric = { kind: "unavailable" };

/** Pods that became ready at one tick; pods whose age no longer matters are merged into the first cohort. */
interface Cohort {
  count: number;
  readonly startedAtMs: number;
  readonly readyAtMs: number;
}

/** Kubernetes' HPA v2 behind the engine interface. */
export class HpaEngine extends BareEngine {
  readonly intervalMs = SYNC_MS;
  readonly metrics: readonly ResolvedMetric[];
  readonly #config: HpaConfig;
  readonly #parameters: HpaParameters;
  readonly #inputs: readonly MetricInput[];
  readonly #seen: HpaMetric[];
  #memory: HpaMemory = { history: [], added: [], removed: [] };
  /** Ascending by age of readiness, oldest first. */
  #cohorts: Cohort[] = [];
  /** Requests that are not ready yet, oldest first. */
  #starting: { count: number; atMs: number }[] = [];
  /** The zero that it finds is one it chose itself. */
  #scaledToZero = false;

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, config: HpaConfig) {
    super(name, policy, policyHash);
    this.#config = config;
    const tolerance = { up: config.toleranceUp, down: config.toleranceDown };
    this.metrics = config.metrics.map(readingOf);
    this.#inputs = config.metrics.map((metric) => inputOf(metric, tolerance));
    this.#seen = this.#inputs.map(() => UNAVAILABLE);
    this.#parameters = {
      min: config.min ?? Math.max(1, policy.bounds.min),
      max: config.max ?? policy.bounds.max,
      tolerance,
      ...(config.behaviour !== undefined && { behaviour: config.behaviour }),
      downscaleStabilizationMs: DOWNSCALE_STABILIZATION_MS,
      scalesToZero: config.min === 0,
      passesOverBroken: config.passesOverBroken,
      wraps: config.wraps,
    };
  }

  protected recommend({ capacity, readings }: Observation, nowMs: number): number {
    this.#follow(capacity.requested, capacity.ready, nowMs);
    for (let i = 0; i < this.#inputs.length; i++) this.#seen[i] = this.#metric(this.#inputs[i] as MetricInput, readings[i], nowMs);
    const result = reconcile(
      this.#parameters,
      { spec: capacity.requested, status: capacity.requested, readyRunning: capacity.ready, metrics: this.#seen, scaledToZero: this.#scaledToZero },
      this.#memory,
      nowMs,
    );
    this.#scaledToZero = result.units === 0 && (capacity.requested > 0 || this.#scaledToZero);
    this.desired = result.proposed;
    this.#explain(result.reason, result.units, result.metric, readings);
    return result.units;
  }

  /** A reading as the controller gets it. The objects are reused: nothing is allocated for a tick on pods. */
  #metric(input: MetricInput, reading: Reading | undefined, nowMs: number): HpaMetric {
    const { spec, overPods } = input;
    // A quantity of Kubernetes cannot be NaN: adapters report an error instead.
    const isKnown = reading !== undefined && reading.status === "value" && Number.isFinite(reading.value);
    const hasSample = isKnown || this.#config.absentIsZero;
    const value = isKnown ? reading.value : 0;
    if (overPods !== undefined) {
      const scale = spec.target.type === "utilisation" ? REQUEST_MILLI : (spec.fullMilli ?? 1_000);
      this.#describePods(overPods.pods, hasSample ? milli(value * scale) : undefined, isKnown ? reading.sampledAtMs : nowMs);
      return overPods;
    }
    if (!hasSample) return UNAVAILABLE;
    const kind = spec.target.type === "value" ? "value" : "averageValue";
    return { kind, targetMilli: (spec.target as { milli: number }).milli, seriesMilli: [milli(value * (spec.fullMilli ?? 1_000))] };
  }

  /** Follows units from request to readiness; the actuator reports counts only, and alike pods are one cohort. */
  #follow(requested: number, ready: number, nowMs: number): void {
    let known = 0;
    for (const cohort of this.#cohorts) known += cohort.count;
    if (this.#cohorts.length === 0 && ready > 0) {
      // What ran before we looked has run for long.
      this.#cohorts.push({ count: ready, startedAtMs: Number.MIN_SAFE_INTEGER, readyAtMs: Number.MIN_SAFE_INTEGER });
      known = ready;
    }
    let starting = 0;
    for (const cohort of this.#starting) starting += cohort.count;
    if (ready > known) {
      let left = ready - known;
      while (left > 0) {
        const oldest = this.#starting[0];
        const count = oldest === undefined ? left : Math.min(left, oldest.count);
        this.#cohorts.push({ count, startedAtMs: oldest?.atMs ?? nowMs, readyAtMs: nowMs });
        left -= count;
        if (oldest === undefined) continue;
        oldest.count -= count;
        starting -= count;
        if (oldest.count === 0) this.#starting.shift();
      }
    } else if (ready < known) {
      // The youngest go first, as the plant and a ReplicaSet choose.
      takeFromEnd(this.#cohorts, known - ready);
    }
    const wanted = Math.max(0, requested - ready);
    if (wanted > starting) this.#starting.push({ count: wanted - starting, atMs: nowMs });
    else if (wanted < starting) takeFromEnd(this.#starting, starting - wanted);
    this.#mergeOld(nowMs);
  }

  /** Cohorts that no start-up rule can tell apart any more become one. */
  #mergeOld(nowMs: number): void {
    const isOld = (cohort: Cohort): boolean => cohort.startedAtMs + CPU_INITIALIZATION_MS <= nowMs;
    while (this.#cohorts.length > 1 && isOld(this.#cohorts[0] as Cohort) && isOld(this.#cohorts[1] as Cohort)) {
      (this.#cohorts[1] as Cohort).count += (this.#cohorts[0] as Cohort).count;
      this.#cohorts.shift();
    }
  }

  /** Writes the cohorts, then what is starting, into `pods`. */
  #describePods(pods: MutablePodGroup[], usedMilli: number | undefined, sampledAtMs: number): void {
    let at = 0;
    for (let i = 0; i < this.#cohorts.length; i++) {
      const { count, startedAtMs, readyAtMs } = this.#cohorts[i] as Cohort;
      const pod = podAt(pods, at++);
      pod.count = count;
      pod.phase = "Running";
      pod.isReady = true;
      pod.startedAtMs = startedAtMs;
      pod.readyChangedAtMs = readyAtMs;
      pod.usedMilli = usedMilli;
      pod.sampledAtMs = sampledAtMs;
    }
    for (let i = 0; i < this.#starting.length; i++) {
      const { count, atMs } = this.#starting[i] as { count: number; atMs: number };
      const pod = podAt(pods, at++);
      pod.count = count;
      pod.phase = "Pending";
      pod.isReady = false;
      pod.startedAtMs = atMs;
      pod.readyChangedAtMs = atMs;
      pod.usedMilli = undefined;
      pod.sampledAtMs = sampledAtMs;
    }
    if (pods.length > at) pods.length = at;
  }

  #explain(reason: string, requested: number, winner: number, readings: readonly Reading[]): void {
    const { from, desired } = this;
    for (let i = 0; i < this.#inputs.length; i++) {
      const input = this.#inputs[i] as MetricInput;
      const reading = readings[i];
      const isKnown = (reading !== undefined && reading.status === "value") || this.#config.absentIsZero;
      if (!isKnown) this.log.add(REASON.reading_absent, from, from, i);
      if (i !== winner || !isKnown) continue;
      const value = reading?.status === "value" ? reading.value : 0;
      const { target } = input.spec;
      // In the metric's own unit; a pod's share where the target is for one pod.
      const goal = target.type === "utilisation" ? target.percent / 100 : target.milli / (input.spec.fullMilli ?? 1_000);
      const load = input.overPods === undefined ? value : value * this.ready;
      if (desired !== from) this.log.add(REASON.target_tracking, from, desired, i, load, goal, 0);
      else {
        const ratio = input.overPods === undefined && target.type === "averageValue" ? value / (goal * from) : value / goal;
        this.log.add(REASON.within_tolerance, from, from, i, ratio, this.#config.toleranceDown, this.#config.toleranceUp);
      }
    }
    switch (reason) {
      case "ScaleDownStabilized":
        this.log.add(REASON.stabilised_down, desired, requested, requested, this.#config.behaviour?.down.stabilizationMs ?? DOWNSCALE_STABILIZATION_MS);
        break;
      case "ScaleUpStabilized":
        this.log.add(REASON.stabilised_up, desired, requested, requested, this.#config.behaviour?.up.stabilizationMs ?? 0);
        break;
      case "ScaleUpLimit":
        this.log.add(REASON.rate_limited_up, desired, requested, requested, 0, SYNC_MS);
        break;
      case "ScaleDownLimit":
        this.log.add(REASON.rate_limited_down, desired, requested, requested, 0, SYNC_MS);
        break;
      case "TooManyReplicas":
        this.log.add(REASON.clamped_max, desired, requested, this.#parameters.max);
        break;
      case "TooFewReplicas":
        this.log.add(REASON.clamped_min, desired, requested, this.#parameters.min);
        break;
    }
  }

  state(): EngineState {
    return {
      engine: this.engine,
      version: 1,
      memory: structuredClone(this.#memory),
      cohorts: structuredClone(this.#cohorts),
      starting: structuredClone(this.#starting),
      scaledToZero: this.#scaledToZero,
    };
  }

  restore(state: EngineState): void {
    this.#memory = structuredClone(state["memory"] as { history: Recommendation[]; added: ScaleEvent[]; removed: ScaleEvent[] });
    this.#cohorts = structuredClone(state["cohorts"] as Cohort[]);
    this.#starting = structuredClone(state["starting"] as { count: number; atMs: number }[]);
    this.#scaledToZero = state["scaledToZero"] as boolean;
  }
}

type MutablePodGroup = { -readonly [Field in keyof PodGroup]: PodGroup[Field] };

/** A metric with what does not change from tick to tick. */
interface MetricInput {
  readonly spec: HpaMetricSpec;
  /** For metrics over pods: the metric as the controller sees it; its pods are written anew at each tick. */
  readonly overPods: { readonly kind: "pods"; readonly target: PodTarget; readonly rules: PodRules; readonly pods: MutablePodGroup[] } | undefined;
}

function inputOf(spec: HpaMetricSpec, tolerance: PodRules["tolerance"]): MetricInput {
  const isOverPods = spec.source === "resource" || spec.source === "pods";
  const { target } = spec;
  if (!isOverPods || target.type === "value") return { spec, overPods: undefined };
  const rules: PodRules = {
    tolerance,
    readiness: {
      // A second metric on CPU is named cpu#2.
      isCpu: spec.source === "resource" && spec.name.split("#")[0] === "cpu",
      cpuInitializationMs: CPU_INITIALIZATION_MS,
      initialReadinessDelayMs: INITIAL_READINESS_DELAY_MS,
    },
  };
  return { spec, overPods: { kind: "pods", target: target.type === "utilisation" ? target : { type: "mean", milli: target.milli }, rules, pods: [] } };
}

function podAt(pods: MutablePodGroup[], at: number): MutablePodGroup {
  let pod = pods[at];
  if (pod === undefined) {
    pod = {
      count: 0,
      phase: "Running",
      isDeleted: false,
      isReady: true,
      startedAtMs: 0,
      readyChangedAtMs: 0,
      requestMilli: REQUEST_MILLI,
      usedMilli: undefined,
      sampledAtMs: 0,
      sampleWindowMs: 30_000,
    };
    pods.push(pod);
  }
  return pod;
}

function readingOf({ source, name, measures, target }: HpaMetricSpec): ResolvedMetric {
  const pipeline =
    source === "resource"
      ? HPA_PIPELINE.resource
      : measures === "backlog" || measures === "concurrency" || measures === "gauge"
        ? HPA_PIPELINE.gauge
        : HPA_PIPELINE.rate;
  // A utilisation against a total is that of the fleet, a mean; against a mean (AverageValue) it is summed.
  const isOfUnit = source === "resource" || source === "pods" || (measures === "utilisation" && target.type === "value");
  return { name, measures, scope: isOfUnit ? "unit" : "total", quantile: 0.95, column: name, ...pipeline };
}

function milli(value: number): number {
  return Math.min(MILLI_MAX, Math.round(value));
}

function takeFromEnd(cohorts: { count: number }[], units: number): void {
  let left = units;
  while (left > 0 && cohorts.length > 0) {
    const last = cohorts[cohorts.length - 1] as { count: number };
    const gone = Math.min(left, last.count);
    last.count -= gone;
    left -= gone;
    if (last.count === 0) cohorts.pop();
  }
}
