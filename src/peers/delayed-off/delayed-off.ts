import { unitsNeeded } from "../../capacity/needed.ts";
import { BareEngine } from "../../engine/bare-engine.ts";
import type { EngineState, Observation } from "../../engine/model.ts";
import { REASON } from "../../engine/reasons.ts";
import { ExtremeWindow, type ExtremeWindowState } from "../../engine/windows/extreme-window.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedMetric } from "../../policy/resolve-metrics.ts";

export interface DelayedOffParams {
  /** An idle unit is kept this long. */
  readonly holdMs: number;
  /** What one unit carries at 100 %, in the unit of the load. */
  readonly perUnit: number;
}

/** Hold of DELAYEDOFF where none is given; AutoScale (Gandhi et al., TOCS 30(4), 2012) used about two minutes. */
export const DELAYED_OFF_HOLD_MS = 120_000;

/**
 * Reference controller: as many units as the last load needs at the ceiling, at once, and an idle unit goes only after it
 * has been idle for `hold`. Units are taken in a fixed order, so that the k-th was idle as long as fewer than k were needed:
 * capacity is the highest need within the hold (DELAYEDOFF with most-recently-busy routing).
 *
 * With the time of a start and a drain as the hold it is LCP, lazy capacity provisioning (Lin, Wierman, Andrew, Thereska, INFOCOM 2011),
 * for the costs of our optimum: the lower bound is what is needed now, the upper bound the highest need for which
 * keeping idle units costs no more than starting them again. At most three times the optimum, on perfect sight of now.
 */
export class DelayedOffEngine extends BareEngine {
  readonly intervalMs = 15_000;
  readonly metrics: readonly ResolvedMetric[] = [
    { name: "load", measures: "rate", scope: "total", quantile: 0.95, column: "load", windowMs: 15_000, lagMs: 0, scrapeMs: 15_000 },
  ];
  readonly #params: DelayedOffParams;
  readonly #ceiling: number;
  readonly #needs: ExtremeWindow;

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, params: DelayedOffParams) {
    super(name, policy, policyHash);
    this.#params = params;
    this.#ceiling = policy.ceiling;
    this.#needs = new ExtremeWindow(params.holdMs, "highest");
  }

  protected recommend({ capacity, readings }: Observation, nowMs: number): number {
    const current = capacity.requested;
    const reading = readings[0];
    if (reading === undefined || reading.status !== "value") {
      this.log.add(REASON.reading_absent, current, current, 0);
      this.desired = current;
      return current;
    }
    const { perUnit, holdMs } = this.#params;
    const needed = unitsNeeded({ load: reading.value, perUnit, ceiling: this.#ceiling, min: this.bounds.min });
    this.desired = needed;
    this.log.add(REASON.target_tracking, current, needed, 0, reading.value, perUnit * this.#ceiling, 0);
    if (holdMs === 0) return this.clamp(needed);
    this.#needs.push(nowMs, needed);
    const highest = this.#needs.extreme;
    // Nothing is started for a need that has passed.
    const units = Math.max(needed, Math.min(highest, current));
    if (units !== needed) this.log.add(REASON.stabilised_down, needed, units, highest, holdMs);
    return this.clamp(units);
  }

  state(): EngineState {
    return { engine: this.engine, version: 1, needs: this.#needs.state() };
  }

  restore(state: EngineState): void {
    this.#needs.restore(state["needs"] as ExtremeWindowState);
  }
}
