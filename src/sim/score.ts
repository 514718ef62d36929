import { unitsNeeded } from "../capacity/needed.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { connectableUnits, dependencyRate } from "../policy/uses.ts";
import type { SimulationColumns } from "./columns.ts";
import { LatencyHistogram, LatencyModel } from "./latency-model.ts";
import { judgeBudget, judgeHourlyBudget, ObjectiveJudge, type ObjectiveResult } from "./objective-judge.ts";
import type { Mask } from "./trace.ts";

const REVERSAL_MS = 600_000;

/** How a run did over its scored steps. All ratios are 0..1. Formulas: docs/scores.md, after SPEC RG (Herbst et al. 2016). */
export interface Score {
  /** Starting, ready and draining units over time, unit-hours. */
  readonly costUnitHours: number;
  /** Money for them; null when the policy has no price. */
  readonly cost: number | null;
  readonly currency: string | null;
  /** Share of time in which the load was above ceiling x ready capacity. */
  readonly timeAboveCeilingRatio: number;
  /** Longest stretch above the ceiling, ms. */
  readonly longestAboveCeilingMs: number;
  /** Share of the load that exceeded 100 % of ready capacity in its step. */
  readonly requestsBeyondCapacityRatio: number;
  /** Share of requests that waited beyond the request timeout. */
  readonly requestsFailedRatio: number;
  /** Quantiles of the response time over requests, ms; null when no service time is declared. */
  readonly p50LatencyMs: number | null;
  readonly p95LatencyMs: number | null;
  readonly p99LatencyMs: number | null;
  /** Steps of requested capacity, and those against the direction of a step less than 10 min before. */
  readonly changes: number;
  readonly reversals: number;
  readonly unitsStarted: number;
  readonly largestStepUnits: number;
  /** Under- and over-provisioning: mean of max(d-s,0)/d and max(s-d,0)/d; and their shares of time. d = needed, s = ready. */
  readonly thetaU: number;
  readonly thetaO: number;
  readonly tauU: number;
  readonly tauO: number;
  /** Busy over ready unit-time. */
  readonly meanUtilisation: number;
  readonly meanRequestedUnits: number;
  readonly peakRequestedUnits: number;
  /** Share of time at the upper bound with more needed. */
  readonly saturatedRatio: number;
  readonly scoredHours: number;
  readonly objectives: readonly ObjectiveResult[];
}

/** Scores that are numbers, or null where nothing is declared to reckon them by. */
export const SCORE_NUMBERS = [
  ...(["costUnitHours", "cost", "timeAboveCeilingRatio", "longestAboveCeilingMs", "requestsBeyondCapacityRatio", "requestsFailedRatio"] as const),
  ...(["p50LatencyMs", "p95LatencyMs", "p99LatencyMs", "changes", "reversals", "unitsStarted", "largestStepUnits"] as const),
  ...(["thetaU", "thetaO", "tauU", "tauO", "meanUtilisation", "meanRequestedUnits", "peakRequestedUnits", "saturatedRatio", "scoredHours"] as const),
] satisfies readonly (keyof Score)[];

export interface ScoreSettings {
  readonly workload: ResolvedWorkload;
  readonly perUnit: number;
  readonly ceiling: number;
  readonly warmUpMs: number;
  readonly masks: readonly Mask[];
}

/**
 * Scores what happened. Pure: the kernel does not know what is good. O(steps).
 * @param isScored what {@link scoredSteps} says of the same settings, where it is known already
 */
export function scoreRun(columns: SimulationColumns, settings: ScoreSettings, isScored: Uint8Array = scoredSteps(columns, settings)): Score {
  const { stepMs, load, requested, ready, billed, backlog, failed, retries, answeredRate, allowedRate, dependencyMs } = columns;
  const { workload, perUnit, ceiling } = settings;
  const { min, max } = workload.bounds;
  const hours = stepMs / 3_600_000;
  const seconds = stepMs / 1_000;
  const connectable = Math.min(Number.MAX_SAFE_INTEGER, ...workload.uses.map(connectableUnits));
  const latency = LatencyModel.of(workload.unit, perUnit);
  const histogram = new LatencyHistogram();
  const judges = workload.objectives.map((objective) => new ObjectiveJudge(objective, workload, { hasLatency: latency !== undefined, stepMs }));

  let steps = 0;
  let billedSteps = 0;
  let readySteps = 0;
  let requestedSteps = 0;
  let busySteps = 0;
  let above = 0;
  let aboveNow = 0;
  let aboveLongest = 0;
  let beyond = 0;
  let offered = 0;
  let failures = 0;
  let thetaU = 0;
  let thetaO = 0;
  let tauU = 0;
  let tauO = 0;
  let changes = 0;
  let reversals = 0;
  let started = 0;
  let largest = 0;
  let peak = 0;
  let saturated = 0;
  let lastSign = 0;
  let lastChangeStep = Number.NEGATIVE_INFINITY;

  for (let step = 0; step < load.length; step++) {
    const change = step === 0 ? 0 : (requested[step] as number) - (requested[step - 1] as number);
    const sign = Math.sign(change);
    const isReversal = change !== 0 && sign === -lastSign && (step - lastChangeStep) * stepMs < REVERSAL_MS;
    if (change !== 0) {
      lastSign = sign;
      lastChangeStep = step;
    }
    if (isScored[step] === 0) {
      aboveNow = 0;
      continue;
    }
    steps++;
    if (change !== 0) {
      changes++;
      if (isReversal) reversals++;
      if (change > 0) started += change;
      if (Math.abs(change) > largest) largest = Math.abs(change);
    }
    const fresh = load[step] as number;
    const busyUnits = fresh / perUnit;
    const own = Math.min(ready[step] as number, connectable, dependencyRate(workload.uses, ready[step] as number) / perUnit);
    const allowed = allowedRate === undefined ? Number.POSITIVE_INFINITY : (allowedRate[step] as number) / perUnit;
    const serving = Math.min(own, allowed);
    const needed = unitsNeeded({ load: fresh, perUnit, ceiling, min });
    billedSteps += billed[step] as number;
    readySteps += ready[step] as number;
    requestedSteps += requested[step] as number;
    // Served in the step: what came and what waited, less what waits on and what gave up.
    const again = retries === undefined ? 0 : (retries[step] as number);
    const waited = step === 0 ? 0 : (backlog[step - 1] as number);
    const served =
      answeredRate === undefined
        ? Math.min(serving, (fresh * seconds + again + waited - (backlog[step] as number) - (failed[step] as number)) / (perUnit * seconds))
        : (answeredRate[step] as number) / perUnit;
    busySteps += served;
    offered += busyUnits;
    // What came again was not lost yet.
    failures += (failed[step] as number) - again;
    if ((requested[step] as number) > peak) peak = requested[step] as number;
    if (busyUnits > ceiling * serving + 1e-9) {
      above++;
      if (++aboveNow > aboveLongest) aboveLongest = aboveNow;
    } else aboveNow = 0;
    if (busyUnits > serving) beyond += busyUnits - serving;
    if (serving < needed) {
      thetaU += (needed - serving) / needed;
      tauU++;
    } else if (serving > needed) {
      thetaO += (serving - needed) / Math.max(1, needed);
      tauO++;
    }
    if (needed > max && (requested[step] as number) >= max) saturated++;
    if (latency !== undefined || judges.length > 0) {
      const utilisation = serving > 0 ? Math.max(busyUnits, served) / serving : busyUnits > 0 ? Number.MAX_VALUE : 0;
      if (latency !== undefined) {
        const waiting = backlog[step] as number;
        latency.prepare(
          own > 0 ? Math.min(busyUnits, allowed) / own : 1,
          own,
          (dependencyMs?.[step] ?? 0) + (waiting === 0 ? 0 : serving > 0 ? (waiting / (serving * perUnit)) * 1_000 : workload.unit.requestTimeoutMs),
        );
        if (fresh > 0) latency.addTo(histogram, fresh * seconds);
      }
      for (const judge of judges)
        judge.record({
          utilisation,
          ready: ready[step] as number,
          needed,
          rate: fresh,
          fresh: fresh * seconds + again,
          failed: failed[step] as number,
          backlog: backlog[step] as number,
          latency,
        });
    }
  }
  const share = (count: number): number => (steps === 0 ? 0 : count / steps);
  const price = workload.unit.price;
  const costUnitHours = billedSteps * hours;
  return {
    costUnitHours,
    cost: price === undefined ? null : costUnitHours * price.amountPerHour,
    currency: price?.currency ?? null,
    timeAboveCeilingRatio: share(above),
    longestAboveCeilingMs: aboveLongest * stepMs,
    requestsBeyondCapacityRatio: offered === 0 ? 0 : beyond / offered,
    requestsFailedRatio: offered === 0 ? 0 : Math.min(1, Math.max(0, failures) / (offered * perUnit * seconds)),
    p50LatencyMs: latency === undefined ? null : histogram.quantileMs(0.5),
    p95LatencyMs: latency === undefined ? null : histogram.quantileMs(0.95),
    p99LatencyMs: latency === undefined ? null : histogram.quantileMs(0.99),
    changes,
    reversals,
    unitsStarted: started,
    largestStepUnits: largest,
    thetaU: share(thetaU),
    thetaO: share(thetaO),
    tauU: share(tauU),
    tauO: share(tauO),
    meanUtilisation: readySteps === 0 ? 0 : busySteps / readySteps,
    meanRequestedUnits: share(requestedSteps),
    peakRequestedUnits: peak,
    saturatedRatio: share(saturated),
    scoredHours: steps * hours,
    objectives: [
      ...judges.map((judge) => judge.result(hours, price?.amountPerHour)),
      ...(workload.budget === undefined || price === undefined
        ? []
        : [judgeBudget(workload.budget, price, { unitHours: costUnitHours, scoredHours: steps * hours })]),
      ...(workload.hourlyBudget === undefined || price === undefined ? [] : [judgeHourlyBudget(workload.hourlyBudget, price, dearestHour(columns, isScored))]),
    ],
  };
}

/** Most unit-hours that were billed in any sixty minutes that were scored whole; undefined when there are none. */
function dearestHour({ stepMs, billed }: SimulationColumns, isScored: Uint8Array): number | undefined {
  const steps = Math.max(1, Math.round(3_600_000 / stepMs));
  let sum = 0;
  let scored = 0;
  let most: number | undefined;
  for (let step = 0; step < billed.length; step++) {
    // Whole numbers: nothing is lost by adding and taking away.
    sum += billed[step] as number;
    scored += isScored[step] as number;
    if (step >= steps) {
      sum -= billed[step - steps] as number;
      scored -= isScored[step - steps] as number;
    }
    if (scored === steps && sum > (most ?? -1)) most = sum;
  }
  return most === undefined ? undefined : (most * stepMs) / 3_600_000;
}

/** 1 for each step that counts: after the warm-up and outside all masks. */
export function scoredSteps(columns: Pick<SimulationColumns, "stepMs" | "load">, settings: Pick<ScoreSettings, "warmUpMs" | "masks">): Uint8Array {
  const { stepMs, load } = columns;
  const isScored = new Uint8Array(load.length).fill(1);
  isScored.fill(0, 0, Math.min(load.length, Math.ceil(settings.warmUpMs / stepMs)));
  for (const mask of settings.masks) isScored.fill(0, Math.max(0, Math.floor(mask.fromMs / stepMs)), Math.max(0, Math.ceil(mask.toMs / stepMs)));
  return isScored;
}

/** Warm-up when nobody says: 24 h, or 10 % of the trace when that is shorter. */
export function defaultWarmUpMs(traceMs: number): number {
  return Math.min(86_400_000, Math.floor(traceMs * 0.1));
}
