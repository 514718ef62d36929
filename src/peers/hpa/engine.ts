import { BareEngine } from "../../engine/bare-engine.ts";
import type { EngineState, Observation } from "../../engine/model.ts";
import { REASON } from "../../engine/reasons.ts";
import type { ResolvedMetric, ResolvedWorkload } from "../../policy/resolve.ts";
import type { Recommendation, ScaleEvent, ScalingRules } from "./behaviour.ts";
import { type HpaMemory, type HpaParameters, reconcile } from "./controller.ts";
import type { PodGroup } from "./pods.ts";
import type { PodRules, PodTarget } from "./proposals.ts";

/** What an HPA object and its cluster say, with the defaults of Kubernetes (API defaulting and controller flags). */
export interface HpaConfig {
  /** Percent of the CPU request. */
  readonly targetPercent: number;
  readonly toleranceUp: number;
  readonly toleranceDown: number;
  readonly behaviour?: { readonly up: ScalingRules; readonly down: ScalingRules };
  /** An adapter that turns "no data" into 0 instead of an error. */
  readonly absentIsZero: boolean;
}

export const HPA_DEFAULT_BEHAVIOUR = {
  up: {
    select: "Max",
    stabilizationMs: 0,
    policies: [
      { type: "Pods", value: 4, periodMs: 15_000 },
      { type: "Percent", value: 100, periodMs: 15_000 },
    ],
  },
  down: { select: "Max", stabilizationMs: 300_000, policies: [{ type: "Percent", value: 100, periodMs: 15_000 }] },
} as const satisfies { up: ScalingRules; down: ScalingRules };

const SYNC_MS = 15_000;
const DOWNSCALE_STABILIZATION_MS = 300_000;
const CPU_INITIALIZATION_MS = 300_000;
const INITIAL_READINESS_DELAY_MS = 30_000;
/** Any request will do: utilisation is relative to it. Large, so that milli-units do not round a reading. */
const REQUEST_MILLI = 1_000_000;

/** Pods that became ready at one tick; pods whose age no longer matters are merged into the first cohort. */
interface Cohort {
  count: number;
  readonly startedAtMs: number;
  readonly readyAtMs: number;
}

/** Kubernetes' HPA v2 on CPU behind the engine interface. */
export class HpaEngine extends BareEngine {
  readonly intervalMs = SYNC_MS;
  readonly metrics: readonly ResolvedMetric[] = [
    { name: "cpu", measures: "utilisation", scope: "unit", quantile: 0.95, column: "cpu", windowMs: 30_000, lagMs: 15_000, scrapeMs: 15_000 },
  ];
  readonly #config: HpaConfig;
  readonly #parameters: HpaParameters;
  readonly #target: PodTarget;
  readonly #rules: PodRules;
  #memory: HpaMemory = { history: [], added: [], removed: [] };
  /** Ascending by age of readiness, oldest first. */
  #cohorts: Cohort[] = [];
  /** Requests that are not ready yet, oldest first. */
  #starting: { count: number; atMs: number }[] = [];

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, config: HpaConfig) {
    super(name, policy, policyHash);
    this.#config = config;
    this.#target = { type: "utilisation", percent: config.targetPercent };
    this.#rules = {
      tolerance: { up: config.toleranceUp, down: config.toleranceDown },
      readiness: { isCpu: true, cpuInitializationMs: CPU_INITIALIZATION_MS, initialReadinessDelayMs: INITIAL_READINESS_DELAY_MS },
    };
    this.#parameters = {
      min: policy.bounds.min,
      max: policy.bounds.max,
      tolerance: this.#rules.tolerance,
      ...(config.behaviour !== undefined && { behaviour: config.behaviour }),
      downscaleStabilizationMs: DOWNSCALE_STABILIZATION_MS,
      scalesToZero: false,
    };
  }

  protected recommend({ capacity, readings }: Observation, nowMs: number): number {
    this.#follow(capacity.requested, capacity.ready, nowMs);
    const reading = readings[0];
    const isKnown = reading !== undefined && reading.status === "value";
    const hasSample = isKnown || this.#config.absentIsZero;
    const value = isKnown ? reading.value : 0;
    const sampledAtMs = isKnown ? reading.sampledAtMs : nowMs;
    const pods = this.#pods(hasSample ? Math.round(value * REQUEST_MILLI) : undefined, sampledAtMs);
    const result = reconcile(
      this.#parameters,
      {
        spec: capacity.requested,
        status: capacity.requested,
        readyRunning: capacity.ready,
        metrics: [{ kind: "pods", target: this.#target, rules: this.#rules, pods }],
        scaledToZero: false,
      },
      this.#memory,
      nowMs,
    );
    this.desired = result.proposed;
    this.#explain(result.reason, result.units, hasSample ? value : undefined);
    return result.units;
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

  #pods(usedMilli: number | undefined, sampledAtMs: number): PodGroup[] {
    const pods: PodGroup[] = this.#cohorts.map(({ count, startedAtMs, readyAtMs }) => ({
      count,
      phase: "Running",
      isDeleted: false,
      isReady: true,
      startedAtMs,
      readyChangedAtMs: readyAtMs,
      requestMilli: REQUEST_MILLI,
      usedMilli,
      sampledAtMs,
      sampleWindowMs: 30_000,
    }));
    for (const { count, atMs } of this.#starting) {
      pods.push({
        count,
        phase: "Pending",
        isDeleted: false,
        isReady: false,
        startedAtMs: atMs,
        readyChangedAtMs: atMs,
        requestMilli: REQUEST_MILLI,
        usedMilli: undefined,
        sampledAtMs,
        sampleWindowMs: 30_000,
      });
    }
    return pods;
  }

  #explain(reason: string, requested: number, value: number | undefined): void {
    const { from, desired } = this;
    const target = this.#config.targetPercent / 100;
    if (value === undefined) this.log.add(REASON.reading_absent, from, from, 0);
    else if (desired !== from) this.log.add(REASON.target_tracking, from, desired, 0, value * this.ready, target, 0);
    else this.log.add(REASON.within_tolerance, from, from, 0, value / target, this.#config.toleranceDown, this.#config.toleranceUp);
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
    };
  }

  restore(state: EngineState): void {
    this.#memory = structuredClone(state["memory"] as { history: Recommendation[]; added: ScaleEvent[]; removed: ScaleEvent[] });
    this.#cohorts = structuredClone(state["cohorts"] as Cohort[]);
    this.#starting = structuredClone(state["starting"] as { count: number; atMs: number }[]);
  }
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
