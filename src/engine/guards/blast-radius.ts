import { REAL_ZERO } from "../../lib/real.ts";
import { ChangeWindow, type ChangeWindowState } from "../windows/change-window.ts";
import { ExtremeWindow, type ExtremeWindowState } from "../windows/extreme-window.ts";

/** Plain JSON of a {@link BlastRadius}. */
export interface BlastRadiusState {
  readonly nowMs: number;
  readonly requested: number;
  readonly windowMs: number;
  readonly blockedUntilMs: number;
  readonly removed: ChangeWindowState;
  readonly highest: ExtremeWindowState;
}

/**
 * Within any window, removed <= max(1, floor(share x highest requested capacity in that window)), whoever removed it.
 *
 * Checking the window that ends at each removal suffices: were a later-starting window to exceed its own limit, the
 * units between the older peak and its start would already have been removed inside the checked window, and with a
 * share <= 1 they weigh more than the difference of the limits.
 */
export class BlastRadius {
  readonly share: number = REAL_ZERO;
  readonly windowMs: number = 0;
  readonly #removed: ChangeWindow;
  readonly #highest: ExtremeWindow;
  #nowMs = REAL_ZERO;
  /** Requested capacity at the last look; -1 before the first. */
  #requested = -1;
  /** After a window was made longer: when removals that were already forgotten have left the longer window too. */
  #blockedUntilMs = -Number.MAX_VALUE;
  removed = REAL_ZERO;
  highest = REAL_ZERO;

  constructor(params: { readonly share: number; readonly windowMs: number }) {
    this.share = params.share;
    this.windowMs = params.windowMs;
    this.#removed = new ChangeWindow(params.windowMs);
    this.#highest = new ExtremeWindow(params.windowMs, "highest");
  }

  /** Takes note of requested capacity as observed, and of units that others removed since the last tick. */
  observe(nowMs: number, requested: number, removedByOthers: number): void {
    if (requested !== this.#requested) {
      // What was in force until the last look counts from then on.
      if (this.#requested >= 0) this.#highest.push(this.#nowMs, this.#requested);
      this.#requested = requested;
    }
    this.#nowMs = nowMs;
    if (removedByOthers > 0) this.#removed.add(nowMs, removedByOthers);
  }

  /** Takes note of units that we remove now. */
  remove(nowMs: number, units: number): void {
    this.#removed.add(nowMs, units);
  }

  /** Units that may go at once of so many. */
  ofWhole(units: number): number {
    return Math.max(1, Math.floor(this.share * units + 1e-9));
  }

  /** Units that may still be removed now; never negative. */
  allowed(nowMs: number): number {
    this.removed = this.#removed.sum(nowMs, this.windowMs);
    this.highest = Math.max(this.#requested, this.#highest.read(nowMs, 0));
    if (nowMs < this.#blockedUntilMs) return 0;
    return Math.max(0, this.ofWhole(this.highest) - this.removed);
  }

  state(): BlastRadiusState {
    return {
      nowMs: this.#nowMs,
      requested: this.#requested,
      windowMs: this.windowMs,
      blockedUntilMs: this.#blockedUntilMs,
      removed: this.#removed.state(),
      highest: this.#highest.state(),
    };
  }

  restore(state: BlastRadiusState): void {
    this.#nowMs = state.nowMs;
    this.#requested = state.requested;
    this.#blockedUntilMs = Math.max(state.blockedUntilMs, state.windowMs < this.windowMs ? state.nowMs + this.windowMs - state.windowMs : -Number.MAX_VALUE);
    this.#removed.restore(state.removed);
    this.#highest.restore(state.highest);
  }

  /** After a stretch in which nobody counted (the guard was off), nothing may go for a whole window. */
  block(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#blockedUntilMs = nowMs + this.windowMs;
  }
}
