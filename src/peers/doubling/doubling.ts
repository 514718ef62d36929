import type { Allowances, Decision, Engine, EngineState, Observation, Proposal } from "../../engine/model.ts";
import { REASON, type Reason, ReasonLog } from "../../engine/reasons.ts";
import type { ResolvedMetric, ResolvedWorkload } from "../../policy/resolve.ts";

/** The rules of "double the servers and hope", as docs/claims.md states them. Times count from the last step in any direction. */
export interface DoublingParams {
  readonly above: number;
  readonly below: number;
  readonly upCooldownMs: number;
  readonly downCooldownMs: number;
  readonly intervalMs: number;
  readonly windowMs: number;
  readonly lagMs: number;
}

export const DOUBLING_DEFAULTS: DoublingParams = {
  above: 0.7,
  below: 0.3,
  upCooldownMs: 300_000,
  downCooldownMs: 900_000,
  intervalMs: 60_000,
  windowMs: 60_000,
  lagMs: 0,
};

/** Reference controller: doubles when busy, halves when idle. Runs bare: only the workload's bounds hold it. */
export class DoublingEngine implements Engine, Decision {
  readonly engine = "doubling";
  readonly workload: string;
  readonly policyHash: string;
  readonly intervalMs: number;
  readonly metrics: readonly ResolvedMetric[];
  readonly posture = "normal";
  atMs = 0;
  from = 0;
  desired = 0;
  requested = 0;
  ready = 0;
  readonly #params: DoublingParams;
  readonly #bounds: ResolvedWorkload["bounds"];
  readonly #log = new ReasonLog();
  #lastStepAtMs = -Number.MAX_VALUE;

  constructor(policy: ResolvedWorkload, policyHash: string, params: DoublingParams = DOUBLING_DEFAULTS) {
    this.workload = policy.id;
    this.policyHash = policyHash;
    this.intervalMs = params.intervalMs;
    this.#params = params;
    this.#bounds = policy.bounds;
    this.metrics = [
      {
        name: "utilisation",
        measures: "utilisation",
        scope: "unit",
        quantile: 0.95,
        column: "utilisation",
        windowMs: params.windowMs,
        lagMs: params.lagMs,
        scrapeMs: params.intervalMs,
      },
    ];
  }

  propose(observation: Observation, nowMs: number): Proposal {
    const { capacity, readings } = observation;
    const current = capacity.requested;
    const { above, below, upCooldownMs, downCooldownMs } = this.#params;
    this.#log.reset();
    this.atMs = nowMs;
    this.from = current;
    this.ready = capacity.ready;
    let units = current;
    const reading = readings[0];
    const sinceMs = nowMs - this.#lastStepAtMs;
    if (reading === undefined || reading.status !== "value") this.#log.add(REASON.reading_absent, current, current, 0);
    else if (reading.value > above && sinceMs >= upCooldownMs) {
      units = current * 2;
      this.#log.add(REASON.doubled, current, units, 0, reading.value, above);
    } else if (reading.value < below && sinceMs >= downCooldownMs) {
      units = Math.floor(current / 2);
      this.#log.add(REASON.halved, current, units, 0, reading.value, below);
    } else this.#log.add(REASON.no_tier, current, current, 0, reading.value);
    this.desired = units;
    if (units < this.#bounds.min) {
      this.#log.add(REASON.clamped_min, units, this.#bounds.min, this.#bounds.min);
      units = this.#bounds.min;
    } else if (units > this.#bounds.max) {
      this.#log.add(REASON.clamped_max, units, this.#bounds.max, this.#bounds.max);
      units = this.#bounds.max;
    }
    this.requested = units;
    return this;
  }

  settle(allowances: Allowances): Decision {
    if (this.requested > this.from) this.requested = Math.max(this.from, Math.min(this.requested, allowances.unitsMax));
    if (this.requested !== this.from) this.#lastStepAtMs = this.atMs;
    return this;
  }

  reasons(): Reason[] {
    return this.#log.toReasons({ metrics: this.metrics.map((metric) => metric.name), limits: [] });
  }

  state(): EngineState {
    return { engine: this.engine, version: 1, lastStepAtMs: this.#lastStepAtMs };
  }

  restore(state: EngineState): void {
    this.#lastStepAtMs = state["lastStepAtMs"] as number;
  }
}
