import { HOURS_PER_MONTH, type Price } from "../policy/quantities.ts";
import { keepsTo, type ResolvedObjective, type ResolvedWorkload } from "../policy/resolve.ts";
import type { LatencyModel } from "./latency-model.ts";

/** Parts that a window is cut into; judged windows begin at each of them. */
const PARTS = 64;
/** An objective that has used up this share of its error budget in some window is at risk. */
const AT_RISK = 0.8;

/** How one objective came out. `unknown` when the run cannot tell, with why. All ratios are 0..1. */
export interface ObjectiveResult {
  readonly name: string;
  /** `at_risk`: met, with 80 % or more of the error budget used up in the worst window. */
  readonly state: "met" | "at_risk" | "missed" | "unknown";
  /** Share that was good over all that was scored; null when unknown. */
  readonly good: number | null;
  /** Share that was good in the worst window; the same as `good` when no more than one window was scored. */
  readonly worst: number | null;
  readonly minimum: number;
  readonly aspiration: number | null;
  /** `worst` less the minimum: below zero is a miss. */
  readonly margin: number | null;
  /** Share of the error budget used up in the worst window; null when unknown, or when the minimum leaves none. */
  readonly budgetUsed: number | null;
  /** How many times too fast the budget was used up in the worst hour; 1 would use it up exactly. */
  readonly fastestBurn: number | null;
  readonly note: string | null;
  /** For a band: unit-hours below it, and their price. Waste, never a miss. */
  readonly wasteUnitHours: number | null;
  readonly wasteCost: number | null;
}

/** Whether what was scored, went it on like this, keeps to a budget for a month (730 h). */
export function judgeBudget(
  budget: NonNullable<ResolvedWorkload["budget"]>,
  price: Price,
  { unitHours, scoredHours }: { readonly unitHours: number; readonly scoredHours: number },
): ObjectiveResult {
  const perMonth = scoredHours === 0 ? Number.NaN : ((unitHours * price.amountPerHour) / scoredHours) * HOURS_PER_MONTH;
  return budgetResult(
    "budget",
    perMonth / budget.amountPerMonth,
    `${money(perMonth)} ${budget.currency} a month at this rate, of ${budget.amountPerMonth} ${budget.currency}`,
  );
}

/** Whether every hour keeps to a budget for an hour. `dearestUnitHours`: of the dearest sixty minutes; undefined when none was scored whole. */
export function judgeHourlyBudget(budget: NonNullable<ResolvedWorkload["hourlyBudget"]>, price: Price, dearestUnitHours: number | undefined): ObjectiveResult {
  const dearest = dearestUnitHours === undefined ? Number.NaN : dearestUnitHours * price.amountPerHour;
  return budgetResult(
    "budget for an hour",
    dearest / budget.amountPerHour,
    `${money(dearest)} ${budget.currency} in the dearest hour, of ${budget.amountPerHour} ${budget.currency}`,
  );
}

function money(amount: number): number {
  return Number(amount.toPrecision(4));
}

function budgetResult(name: string, used: number, note: string): ObjectiveResult {
  const isKnown = !Number.isNaN(used);
  return {
    name,
    state: !isKnown ? "unknown" : used > 1 + 1e-9 ? "missed" : used >= AT_RISK ? "at_risk" : "met",
    good: null,
    worst: null,
    minimum: 1,
    aspiration: null,
    margin: isKnown ? (Math.abs(1 - used) < 1e-9 ? 0 : 1 - used) : null,
    budgetUsed: isKnown ? used : null,
    fastestBurn: null,
    note: isKnown ? note : "nothing to judge in the scored part",
    wasteUnitHours: null,
    wasteCost: null,
  };
}

/** The least share of good over windows that slide over what was recorded; bounded memory. */
class SlidingShare {
  readonly #partMs: number;
  readonly #good: Float64Array;
  readonly #total: Float64Array;
  #part = 0;
  #filled = 0;
  #sinceMs = 0;
  #goodNow = 0;
  #totalNow = 0;
  #least = Number.POSITIVE_INFINITY;

  constructor(windowMs: number, stepMs: number) {
    const parts = Math.max(1, Math.min(PARTS, Math.floor(windowMs / stepMs)));
    this.#partMs = windowMs / parts;
    this.#good = new Float64Array(parts);
    this.#total = new Float64Array(parts);
  }

  record(good: number, total: number, stepMs: number): void {
    this.#goodNow += good;
    this.#totalNow += total;
    this.#sinceMs += stepMs;
    if (this.#sinceMs < this.#partMs - 1e-6) return;
    this.#sinceMs -= this.#partMs;
    this.#good[this.#part] = this.#goodNow;
    this.#total[this.#part] = this.#totalNow;
    this.#part = this.#part + 1 === this.#good.length ? 0 : this.#part + 1;
    this.#goodNow = 0;
    this.#totalNow = 0;
    if (++this.#filled < this.#good.length) return;
    let sum = 0;
    let all = 0;
    for (let i = 0; i < this.#good.length; i++) {
      sum += this.#good[i] as number;
      all += this.#total[i] as number;
    }
    if (all > 0) this.#least = Math.min(this.#least, sum / all);
    // Failures of requests that came before the window.
    else if (sum < 0) this.#least = 0;
  }

  /** Share of good in the worst whole window; undefined when none was whole. */
  get least(): number | undefined {
    return this.#least === Number.POSITIVE_INFINITY ? undefined : Math.max(0, this.#least);
  }
}

interface JudgedStep {
  readonly utilisation: number;
  readonly ready: number;
  readonly needed: number;
  /** Load per second, and requests that came and failed in the step. */
  readonly rate: number;
  readonly fresh: number;
  readonly failed: number;
  readonly backlog: number;
  readonly latency: LatencyModel | undefined;
}

/** Judges one objective by what truly happened in the plant, not by what a metric pipeline made of it. */
export class ObjectiveJudge {
  readonly #objective: ResolvedObjective;
  readonly #value: ((step: JudgedStep) => number) | undefined;
  readonly #unknown: string | null;
  readonly #windows: SlidingShare;
  readonly #hours: SlidingShare;
  readonly #stepMs: number;
  #good = 0;
  #bad = 0;
  #total = 0;
  #waste = 0;

  constructor(objective: ResolvedObjective, workload: ResolvedWorkload, { hasLatency, stepMs }: { readonly hasLatency: boolean; readonly stepMs: number }) {
    this.#objective = objective;
    this.#stepMs = stepMs;
    this.#windows = new SlidingShare(objective.windowMs, stepMs);
    this.#hours = new SlidingShare(3_600_000, stepMs);
    const name = objective.kind === "ratio" ? (objective.bad ?? objective.good ?? "") : objective.metric;
    const metric = workload.metrics.find((candidate) => candidate.name === name);
    let value: ((step: JudgedStep) => number) | undefined;
    let unknown: string | null = null;
    if (metric?.formula !== undefined) unknown = `"${name}" is computed by a formula; the simulation judges only what it plays itself`;
    const isJudgeable = metric?.formula === undefined && (objective.kind !== "ratio" || (objective.bad !== undefined && metric?.measures === "errors"));
    switch (isJudgeable ? metric?.measures : undefined) {
      case "utilisation":
        value = (step) => step.utilisation;
        break;
      case "errors":
        value = (step) => (step.fresh > 0 ? Math.min(1, step.failed / step.fresh) : 0);
        break;
      case "backlog":
        value = (step) => step.backlog;
        break;
      case "rate":
        value = metric?.scope === "unit" ? (step) => (step.ready > 0 ? step.rate / step.ready : 0) : (step) => step.rate;
        break;
      case "latency": {
        const quantile = metric?.quantile ?? 0.95;
        if (hasLatency) value = (step) => (step.latency as LatencyModel).quantileMs(quantile) / 1_000;
        else unknown = "unit.serviceTime is not declared, so latency is unknown";
        break;
      }
      default:
        unknown ??= `the simulation cannot judge "${name}"`;
    }
    this.#value = value;
    this.#unknown = value === undefined ? (unknown ?? "nothing to judge by") : null;
  }

  record(step: JudgedStep): void {
    if (this.#value === undefined) return;
    const objective = this.#objective;
    const value = this.#value(step);
    if (objective.kind === "ratio") {
      // Whole counts: requests may fail in a step in which none came.
      this.#total += step.fresh;
      this.#bad += step.failed;
      this.#slide(step.fresh - step.failed, step.fresh);
      return;
    }
    this.#total++;
    if (objective.kind === "band") {
      const isGood = value <= objective.to + 1e-9;
      if (isGood) this.#good++;
      this.#slide(isGood ? 1 : 0, 1);
      // Units beyond what the lower end of the band needs.
      if (value < objective.from) this.#waste += Math.max(0, step.ready - Math.max(step.needed, Math.ceil((value * step.ready) / objective.from - 1e-9)));
      return;
    }
    const isGood = keepsTo(objective, value);
    if (isGood) this.#good++;
    this.#slide(isGood ? 1 : 0, 1);
  }

  #slide(good: number, total: number): void {
    this.#windows.record(good, total, this.#stepMs);
    this.#hours.record(good, total, this.#stepMs);
  }

  result(hours: number, pricePerHour: number | undefined): ObjectiveResult {
    const { name, minimum, aspiration, kind } = this.#objective;
    const counted = kind === "ratio" ? Math.max(0, this.#total - this.#bad) : this.#good;
    const good = this.#unknown !== null || this.#total === 0 ? null : counted / this.#total;
    const worst = good === null ? null : Math.min(good, this.#windows.least ?? good);
    const budget = 1 - minimum;
    const budgetUsed = worst === null || budget <= 0 ? null : (1 - worst) / budget;
    const isMissed = worst !== null && worst < minimum - 1e-12;
    const wasteUnitHours = kind === "band" && good !== null ? this.#waste * hours : null;
    return {
      name,
      state: worst === null ? "unknown" : isMissed ? "missed" : budgetUsed !== null && budgetUsed >= AT_RISK ? "at_risk" : "met",
      good,
      worst,
      minimum,
      aspiration: aspiration ?? null,
      margin: worst === null ? null : worst - minimum,
      budgetUsed,
      fastestBurn: worst === null || budget <= 0 || this.#hours.least === undefined ? null : (1 - this.#hours.least) / budget,
      note: this.#unknown ?? (this.#total === 0 ? "nothing to judge in the scored part" : null),
      wasteUnitHours,
      wasteCost: wasteUnitHours !== null && pricePerHour !== undefined ? wasteUnitHours * pricePerHour : null,
    };
  }
}
