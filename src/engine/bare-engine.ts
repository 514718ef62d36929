import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { Allowances, Decision, Engine, EngineState, Observation, Proposal } from "./model.ts";
import { ReasonLog } from "./reason-log.ts";
import { REASON, type Reason } from "./reasons.ts";

/** What reference engines share: they run bare, so that only the workload's bounds and shared allowances hold their rule. */
export abstract class BareEngine implements Engine, Decision {
  readonly engine: string;
  readonly workload: string;
  readonly policyHash: string;
  abstract readonly intervalMs: number;
  abstract readonly metrics: readonly ResolvedMetric[];
  readonly posture = "normal";
  atMs = 0;
  from = 0;
  desired = 0;
  requested = 0;
  ready = 0;
  protected readonly bounds: ResolvedWorkload["bounds"];
  protected readonly log = new ReasonLog();

  constructor(name: string, policy: ResolvedWorkload, policyHash: string) {
    this.engine = name;
    this.workload = policy.id;
    this.policyHash = policyHash;
    // Their rules know no way back from nothing.
    this.bounds = { ...policy.bounds, min: Math.max(1, policy.bounds.min) };
  }

  propose(observation: Observation, nowMs: number): Proposal {
    this.log.reset();
    this.atMs = nowMs;
    this.from = observation.capacity.requested;
    this.ready = observation.capacity.ready;
    this.requested = this.recommend(observation, nowMs);
    return this;
  }

  /** Applies the rule: sets `desired`, says why, and returns the units to request, inside the bounds. */
  protected abstract recommend(observation: Observation, nowMs: number): number;

  settle(allowances: Allowances): Decision {
    if (this.requested > this.from) this.requested = Math.max(this.from, Math.min(this.requested, allowances.unitsMax));
    return this;
  }

  reasons(): Reason[] {
    return this.log.toReasons({ metrics: this.metrics.map((metric) => metric.name), limits: [] });
  }

  /** Units laid inside the bounds, with the reason where that changes them. */
  protected clamp(units: number): number {
    const { min, max } = this.bounds;
    if (units < min) {
      this.log.add(REASON.clamped_min, units, min, min);
      return min;
    }
    if (units > max) {
      this.log.add(REASON.clamped_max, units, max, max);
      return max;
    }
    return units;
  }

  abstract state(): EngineState;
  abstract restore(state: EngineState): void;
}
