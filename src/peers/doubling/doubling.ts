import { BareEngine } from "../../engine/bare-engine.ts";
import type { Allowances, Decision, EngineState, Observation } from "../../engine/model.ts";
import { REASON } from "../../engine/reasons.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedMetric } from "../../policy/resolve-metrics.ts";

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

/** Reference controller: doubles when busy, halves when idle. */
export class DoublingEngine extends BareEngine {
  readonly intervalMs: number;
  readonly metrics: readonly ResolvedMetric[];
  readonly #params: DoublingParams;
  #lastStepAtMs = -Number.MAX_VALUE;

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, params: DoublingParams = DOUBLING_DEFAULTS) {
    super(name, policy, policyHash);
    this.intervalMs = params.intervalMs;
    this.#params = params;
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

  protected recommend({ capacity, readings }: Observation, nowMs: number): number {
    const current = capacity.requested;
    const { above, below, upCooldownMs, downCooldownMs } = this.#params;
    let units = current;
    const reading = readings[0];
    const sinceMs = nowMs - this.#lastStepAtMs;
    if (reading === undefined || reading.status !== "value") this.log.add(REASON.reading_absent, current, current, 0);
    else if (reading.value > above && sinceMs >= upCooldownMs) {
      units = current * 2;
      this.log.add(REASON.doubled, current, units, 0, reading.value, above);
    } else if (reading.value < below && sinceMs >= downCooldownMs) {
      units = Math.floor(current / 2);
      this.log.add(REASON.halved, current, units, 0, reading.value, below);
    } else this.log.add(REASON.no_tier, current, current, 0, reading.value);
    this.desired = units;
    return this.clamp(units);
  }

  override settle(allowances: Allowances): Decision {
    super.settle(allowances);
    if (this.requested !== this.from) this.#lastStepAtMs = this.atMs;
    return this;
  }

  state(): EngineState {
    return { engine: this.engine, version: 1, lastStepAtMs: this.#lastStepAtMs };
  }

  restore(state: EngineState): void {
    this.#lastStepAtMs = state["lastStepAtMs"] as number;
  }
}
