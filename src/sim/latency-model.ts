import { erlangC, mmcResponseQuantile } from "../capacity/erlang.ts";
import { processorSharingQuantiles } from "../capacity/processor-sharing.ts";
import type { ResolvedUnit } from "../policy/resolve.ts";

/** Parts of a distribution, finer towards the tail that objectives look at: [up to probability, number of points]. */
const PARTS = [
  [0.8, 16],
  [0.98, 30],
  [1, 20],
] as const;
/** Probabilities at which a response-time distribution is kept, each the middle of its share of the requests. */
const QUANTILES: number[] = [];
const SHARES: number[] = [];
for (const [part, [upTo, points]] of PARTS.entries()) {
  const from = part === 0 ? 0 : (PARTS[part - 1] as (typeof PARTS)[number])[0];
  for (let k = 0; k < points; k++) {
    QUANTILES.push(from + ((upTo - from) * (k + 0.5)) / points);
    SHARES.push((upTo - from) / points);
  }
}
const POINTS = QUANTILES.length;
/** Utilisation beyond which the stationary formulas no longer describe one step; the backlog takes over. */
const STATIONARY_MAX = 0.98;
/** Distributions are computed on this grid of utilisations and interpolated, relative to 1 / (1 - rho), which is exact. */
const GRID = 64;
/** With more slots than this nobody waits below 98 % utilisation; Erlang's recursion would only take longer to say so. */
const SLOTS_MAX = 20_000;

/**
 * Response times of one step from utilisation: M/M/1-PS in each unit or M/M/c over all slots, plus the time it takes to
 * work off the backlog (evaluation: service and queue models L1-L3, pointwise stationary).
 */
export class LatencyModel {
  readonly #serviceTimeMs: number;
  readonly #discipline: ResolvedUnit["discipline"];
  /** Requests that one unit serves side by side. */
  readonly #slotsPerUnit: number;
  readonly #cache = new Map<number, Float64Array>();
  /** Natural logarithms of the quantiles of the prepared step without backlog, ms. */
  readonly #logs = new Float64Array(POINTS);
  #waitingMs = 0;

  constructor(parameters: { readonly serviceTimeMs: number; readonly discipline: ResolvedUnit["discipline"]; readonly perUnit: number }) {
    this.#serviceTimeMs = parameters.serviceTimeMs;
    this.#discipline = parameters.discipline;
    this.#slotsPerUnit = (parameters.perUnit * parameters.serviceTimeMs) / 1_000;
  }

  /** @param utilisation load over capacity of the ready units, may exceed 1   @param waitingMs time to work off the backlog, and for the answers of others */
  prepare(utilisation: number, ready: number, waitingMs: number): void {
    const rho = Math.min(STATIONARY_MAX, Math.max(0, utilisation));
    const cell = Math.floor(rho * GRID);
    const slots = this.#discipline === "sharedQueue" ? Math.min(SLOTS_MAX, Math.max(1, Math.round(ready * this.#slotsPerUnit))) : 0;
    const below = this.#relativeLogs(cell, slots);
    const above = this.#relativeLogs(cell + 1, slots);
    const weight = rho * GRID - cell;
    const scale = Math.log(this.#serviceTimeMs / (1 - rho));
    for (let point = 0; point < POINTS; point++) {
      const low = below[point] as number;
      this.#logs[point] = scale + low + weight * ((above[point] as number) - low);
    }
    this.#waitingMs = waitingMs;
  }

  /** Mean of the prepared step, ms. */
  get meanMs(): number {
    let mean = this.#waitingMs;
    for (let point = 0; point < POINTS; point++) mean += Math.exp(this.#logs[point] as number) * (SHARES[point] as number);
    return mean;
  }

  /** Quantile of the prepared step, ms; interpolated between those that are kept. */
  quantileMs(quantile: number): number {
    let point = 1;
    while (point < POINTS - 1 && (QUANTILES[point] as number) < quantile) point++;
    const below = QUANTILES[point - 1] as number;
    const above = QUANTILES[point] as number;
    const weight = Math.min(1, Math.max(0, (quantile - below) / (above - below)));
    const low = this.#logs[point - 1] as number;
    return this.#waitingMs + Math.exp(low + weight * ((this.#logs[point] as number) - low));
  }

  /** Adds the step's requests to a histogram, in parts at each quantile kept. */
  addTo(histogram: LatencyHistogram, requests: number): void {
    for (let point = 0; point < POINTS; point++) {
      const log = this.#logs[point] as number;
      histogram.addLog(this.#waitingMs === 0 ? log : Math.log(this.#waitingMs + Math.exp(log)), requests * (SHARES[point] as number));
    }
  }

  /** Logarithms of quantiles in units of `service time / (1 - rho)` at a grid point. */
  #relativeLogs(cell: number, slots: number): Float64Array {
    const key = slots * (GRID + 1) + cell;
    let logs = this.#cache.get(key);
    if (logs === undefined) {
      const rho = Math.min(STATIONARY_MAX, cell / GRID);
      logs = slots > 0 ? sharedQueueLogs(rho, slots) : processorSharingQuantiles(rho, QUANTILES).map(Math.log);
      if (this.#cache.size > 20_000) this.#cache.clear();
      this.#cache.set(key, logs);
    }
    return logs;
  }
}

function sharedQueueLogs(utilisation: number, slots: number): Float64Array {
  const erlangs = utilisation * slots;
  const waiting = erlangC(erlangs, slots);
  return Float64Array.from(QUANTILES, (quantile) => Math.log(mmcResponseQuantile(quantile, erlangs, slots, waiting) * (1 - utilisation)));
}

const LOG_MIN = Math.log(1e-3);
const BUCKETS_PER_LOG = 100;
const BUCKETS = 2_400;

/** Weighted response times in buckets of 1 % from 1 microsecond to 7 hours. */
export class LatencyHistogram {
  readonly #weights = new Float64Array(BUCKETS);
  #total = 0;

  addLog(logMs: number, weight: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor((logMs - LOG_MIN) * BUCKETS_PER_LOG)));
    this.#weights[bucket] = (this.#weights[bucket] as number) + weight;
    this.#total += weight;
  }

  /** Response time that this share of all requests did not exceed, ms; null without requests. */
  quantileMs(quantile: number): number | null {
    if (this.#total === 0) return null;
    // Each weight stands for a stretch of the distribution with its value in the middle: interpolate between the middles.
    const target = quantile * this.#total;
    let sum = 0;
    let lastMiddle = 0;
    let lastLog: number | undefined;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const weight = this.#weights[bucket] as number;
      if (weight === 0) continue;
      const middle = sum + weight / 2;
      const log = LOG_MIN + (bucket + 0.5) / BUCKETS_PER_LOG;
      if (middle >= target) return Math.exp(lastLog === undefined ? log : lastLog + ((log - lastLog) * (target - lastMiddle)) / (middle - lastMiddle));
      sum += weight;
      lastMiddle = middle;
      lastLog = log;
    }
    return lastLog === undefined ? null : Math.exp(lastLog);
  }
}
