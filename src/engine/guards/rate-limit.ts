import { REAL_ZERO } from "../../lib/real.ts";
import type { ResolvedDirection } from "../../policy/resolve-guards.ts";
import { stepUnits } from "../strategies/step-units.ts";
import { ChangeWindow } from "../windows/change-window.ts";

/**
 * Largest change of one direction, as the HPA's scaling policies count it: capacity at the start of the period is
 * capacity now without what the period changed, and the limit is that plus (or minus) the step. Shares round away
 * from zero and are at least one unit.
 */
export class RateLimit {
  readonly #direction: ResolvedDirection;
  readonly changes: ChangeWindow;
  /** Of the limit that counted last, for the reason. */
  changed = REAL_ZERO;
  periodMs = 0;

  constructor(direction: ResolvedDirection) {
    this.#direction = direction;
    this.changes = new ChangeWindow(Math.max(1, ...direction.limits.map((limit) => limit.periodMs)));
  }

  /** The most units by which capacity may still change this way now; infinite without limits. */
  allowed(nowMs: number, current: number, sign: 1 | -1): number {
    const { limits, select } = this.#direction;
    if (limits.length === 0) return Number.POSITIVE_INFINITY;
    let best = 0;
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i] as ResolvedDirection["limits"][number];
      const changed = this.changes.sum(nowMs, limit.periodMs);
      const start = current - sign * changed;
      const left = Math.max(0, stepUnits(limit, start) - changed);
      if (i === 0 || (select === "min" ? left < best : left > best)) {
        best = left;
        this.changed = changed;
        this.periodMs = limit.periodMs;
      }
    }
    return best;
  }
}
