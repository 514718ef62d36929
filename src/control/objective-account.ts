import type { Observation } from "../engine/model.ts";
import { keepsTo, type ResolvedObjective } from "../policy/resolve.ts";
import { failuresOf, valuesOf } from "./objective-readings.ts";

/** Parts that a window is cut into: what is counted may be older than the window by one of them. */
const PARTS = 60;
const HOUR_MS = 3_600_000;
/** An objective that has used up this share of its budget is at risk. */
const AT_RISK = 0.8;
/** Burning so many times too fast, 2 % of the budget of 30 days goes in an hour: the rate that the SRE workbook wakes people for. */
const FAST_BURN = 14.4;
/** Before so much was seen, a rate of burning says nothing. */
const JUDGED_LEAST_MS = 60_000;

/** How an objective is kept, over its window so far. Ratios are 0..1. */
export interface ObjectiveStanding {
  readonly state: "met" | "at_risk" | "missed" | "unknown";
  /** Whether it is kept right now; null when nobody can tell. */
  readonly isKept: boolean | null;
  readonly good: number | null;
  /** Share of the error budget of the whole window that is used up. */
  readonly budgetUsed: number | null;
  /** How many times too fast it was used up in the last hour. */
  readonly burn: number | null;
  readonly judgedMs: number;
}

/** Good and total over a window that slides, in parts; memory does not grow. */
class SlidingCount {
  readonly #partMs: number;
  readonly #good = new Float64Array(PARTS);
  readonly #total = new Float64Array(PARTS);
  #part = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#partMs = windowMs / PARTS;
  }

  add(nowMs: number, good: number, total: number): void {
    const at = this.#advance(nowMs);
    this.#good[at] = (this.#good[at] as number) + good;
    this.#total[at] = (this.#total[at] as number) + total;
  }

  sum(nowMs: number): { readonly good: number; readonly total: number } {
    this.#advance(nowMs);
    let [good, total] = [0, 0];
    for (let i = 0; i < PARTS; i++) {
      good += this.#good[i] as number;
      total += this.#total[i] as number;
    }
    return { good, total };
  }

  /** Forgets the parts that are over. @returns where the present one lies */
  #advance(nowMs: number): number {
    const part = Math.max(this.#part, Math.floor(nowMs / this.#partMs));
    for (let old = Math.max(this.#part + 1, part - PARTS + 1); old <= part; old++) {
      this.#good[old % PARTS] = 0;
      this.#total[old % PARTS] = 0;
    }
    this.#part = part;
    return part % PARTS;
  }
}

/** Keeps the account of one objective by what was observed, tick by tick. What was not observed is neither good nor bad. */
export class ObjectiveAccount {
  readonly #objective: ResolvedObjective;
  readonly #window: SlidingCount;
  readonly #hour: SlidingCount;
  #judgedMs = 0;
  #isKept: boolean | null = null;

  constructor(objective: ResolvedObjective) {
    this.#objective = objective;
    this.#window = new SlidingCount(objective.windowMs);
    this.#hour = new SlidingCount(HOUR_MS);
  }

  /** @param stepMs how long the observation stands for */
  add({ readings }: Pick<Observation, "readings">, nowMs: number, stepMs: number): void {
    const counted = countOf(this.#objective, valuesOf({ readings }), stepMs);
    this.#isKept = null;
    if (counted === undefined) return;
    const { good, total } = counted;
    this.#isKept = total === 0 ? null : good >= (this.#objective.kind === "ratio" ? this.#objective.minimum : 1) * total * (1 - 1e-9);
    this.#judgedMs = Math.min(this.#objective.windowMs, this.#judgedMs + stepMs);
    this.#window.add(nowMs, good, total);
    this.#hour.add(nowMs, good, total);
  }

  standing(nowMs: number): ObjectiveStanding {
    const { minimum, windowMs } = this.#objective;
    const { good, total } = this.#window.sum(nowMs);
    const [judgedMs, isKept] = [this.#judgedMs, this.#isKept];
    if (total === 0) return { state: "unknown", isKept, good: null, budgetUsed: null, burn: null, judgedMs };
    const allowed = 1 - minimum;
    // The rest of the window is taken to be like what was seen, in size, and all good.
    const bad = Math.max(0, total - good) / total;
    const budgetUsed = allowed > 0 ? ((bad / allowed) * judgedMs) / windowMs : null;
    const hour = this.#hour.sum(nowMs);
    const burn = allowed > 0 && hour.total > 0 && judgedMs >= JUDGED_LEAST_MS ? Math.max(0, 1 - hour.good / hour.total) / allowed : null;
    const isMissed = budgetUsed === null ? bad > 1e-12 : budgetUsed > 1 + 1e-9;
    const isAtRisk = (budgetUsed ?? 0) >= AT_RISK || (burn ?? 0) >= FAST_BURN;
    return { state: isMissed ? "missed" : isAtRisk ? "at_risk" : "met", isKept, good: 1 - bad, budgetUsed, burn, judgedMs };
  }
}

/** What a tick counts; undefined when nobody can tell. */
function countOf(
  objective: ResolvedObjective,
  values: ReadonlyMap<string, number>,
  stepMs: number,
): { readonly good: number; readonly total: number } | undefined {
  if (objective.kind !== "ratio") {
    const value = values.get(objective.metric);
    if (value === undefined) return undefined;
    const isGood = objective.kind === "band" ? value <= objective.to + 1e-9 : keepsTo(objective, value);
    return { good: isGood ? stepMs : 0, total: stepMs };
  }
  const failures = failuresOf(objective, values);
  return failures && { good: Math.max(0, failures.total - failures.failed) * stepMs, total: failures.total * stepMs };
}
