import { keepsTo, type ResolvedObjective, type ResolvedStrategy } from "../../policy/resolve.ts";
import { RatioWindow, type RatioWindowState } from "../windows/ratio-window.ts";
import { EPSILON } from "./step-units.ts";

export type SloBurnParams = Extract<ResolvedStrategy, { type: "sloBurn" }>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * Pairs of windows that burn when both do: the long one says that it matters, the short one that it goes on (Google SRE
 * Workbook, chapter 5). A burn of 1 uses the budget up exactly over the objective's window.
 */
const FAST_PAIRS = [
  { longMs: HOUR, shortMs: 5 * MINUTE, burn: 14.4 },
  { longMs: 6 * HOUR, shortMs: 30 * MINUTE, burn: 6 },
] as const;
const SLOW_PAIRS = [
  { longMs: 24 * HOUR, shortMs: 2 * HOUR, burn: 3 },
  { longMs: 72 * HOUR, shortMs: 6 * HOUR, burn: 1 },
] as const;
/** Below this share of the error budget nothing is taken away any more. */
const BUDGET_LEAST = 0.1;

/** Plain JSON of a {@link SloBurn}. */
export interface SloBurnState {
  readonly windows: readonly RatioWindowState[];
  readonly budget: RatioWindowState;
  readonly sinceMs: number;
}

export type BurnLevel = "fast" | "slow" | "none";

/** How fast one objective uses up its error budget. Its windows are state: they outlive a restart. */
export class SloBurn {
  readonly #allowed: number;
  readonly #windows: ReadonlyMap<number, RatioWindow>;
  readonly #budget: RatioWindow;
  #sinceMs = -1;
  /** Of the pair that decided, or of the first fast one. */
  longBurn = 0;
  shortBurn = 0;
  threshold = 0;
  /** Share of the error budget that is left; negative when it is overdrawn. */
  budgetLeft = 1;

  constructor(objective: Pick<ResolvedObjective, "minimum" | "windowMs">, intervalMs: number) {
    this.#allowed = 1 - objective.minimum;
    const lengths = new Set([...FAST_PAIRS, ...SLOW_PAIRS].flatMap(({ longMs, shortMs }) => [longMs, shortMs]));
    this.#windows = new Map([...lengths].map((windowMs) => [windowMs, new RatioWindow(windowMs, intervalMs)]));
    this.#budget = new RatioWindow(objective.windowMs, intervalMs);
  }

  /** Takes what happened since the last tick: bad out of total, of events or of time. */
  record(nowMs: number, bad: number, total: number): void {
    if (this.#sinceMs < 0) this.#sinceMs = nowMs;
    for (const window of this.#windows.values()) window.add(nowMs, bad, total);
    this.#budget.add(nowMs, bad, total);
  }

  judge(nowMs: number): BurnLevel {
    // What is known of the window counts for its share: a young record has not used up a month's budget.
    const covered = this.#sinceMs < 0 ? 0 : Math.min(1, (nowMs - this.#sinceMs) / this.#budget.windowMs);
    this.budgetLeft = 1 - (this.#budget.ratio(nowMs) / this.#allowed) * covered;
    if (this.#burns(FAST_PAIRS, nowMs)) return "fast";
    if (this.budgetLeft < BUDGET_LEAST) return "slow";
    return this.#burns(SLOW_PAIRS, nowMs) ? "slow" : "none";
  }

  #burns(pairs: typeof FAST_PAIRS | typeof SLOW_PAIRS, nowMs: number): boolean {
    for (const { longMs, shortMs, burn } of pairs) {
      this.longBurn = this.#burn(longMs, nowMs);
      this.shortBurn = this.#burn(shortMs, nowMs);
      this.threshold = burn;
      if (this.longBurn >= burn - EPSILON && this.shortBurn >= burn - EPSILON) return true;
    }
    return false;
  }

  #burn(windowMs: number, nowMs: number): number {
    return (this.#windows.get(windowMs) as RatioWindow).ratio(nowMs) / this.#allowed;
  }

  state(): SloBurnState {
    return { windows: [...this.#windows.values()].map((window) => window.state()), budget: this.#budget.state(), sinceMs: this.#sinceMs };
  }

  restore(state: SloBurnState): void {
    for (const [i, window] of [...this.#windows.values()].entries()) {
      const known = state.windows[i];
      if (known !== undefined) window.restore(known);
    }
    this.#budget.restore(state.budget);
    this.#sinceMs = state.sinceMs;
  }
}

/** Which share of what happened was bad, by one reading: an error ratio as it is, a threshold all or nothing. */
export function badShare(objective: ResolvedObjective, value: number): number {
  if (objective.kind === "ratio") return Math.min(1, value);
  if (objective.kind === "band") return 0;
  return keepsTo(objective, value) ? 0 : 1;
}
