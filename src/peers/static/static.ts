import type { Allowances, Decision, Engine, EngineState, Observation, Proposal } from "../../engine/model.ts";
import { REASON, type Reason, ReasonLog } from "../../engine/reasons.ts";
import type { ResolvedMetric, ResolvedWorkload } from "../../policy/resolve.ts";

/** Reference controller: a constant number of units, inside the bounds. What every scaler has to beat. */
export class StaticEngine implements Engine, Decision {
  readonly engine: string;
  readonly workload: string;
  readonly policyHash: string;
  readonly intervalMs = 15_000;
  readonly metrics: readonly ResolvedMetric[] = [];
  readonly posture = "normal";
  atMs = 0;
  from = 0;
  desired: number;
  requested = 0;
  ready = 0;
  readonly #bounds: ResolvedWorkload["bounds"];
  readonly #log = new ReasonLog();

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, units: number) {
    this.engine = name;
    this.workload = policy.id;
    this.policyHash = policyHash;
    this.desired = units;
    this.#bounds = policy.bounds;
  }

  propose({ capacity }: Observation, nowMs: number): Proposal {
    const { min, max } = this.#bounds;
    this.#log.reset();
    this.atMs = nowMs;
    this.from = capacity.requested;
    this.ready = capacity.ready;
    this.requested = Math.min(max, Math.max(min, this.desired));
    if (this.desired < min) this.#log.add(REASON.clamped_min, this.desired, min, min);
    if (this.desired > max) this.#log.add(REASON.clamped_max, this.desired, max, max);
    return this;
  }

  settle(allowances: Allowances): Decision {
    if (this.requested > this.from) this.requested = Math.max(this.from, Math.min(this.requested, allowances.unitsMax));
    return this;
  }

  reasons(): Reason[] {
    return this.#log.toReasons({ metrics: [], limits: [] });
  }

  state(): EngineState {
    return { engine: this.engine, version: 1 };
  }

  restore(): void {}
}
