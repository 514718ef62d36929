import { erlangC, mmcResponseQuantile } from "../capacity/erlang.ts";
import { processorSharingQuantiles } from "../capacity/processor-sharing.ts";
import type { ResolvedUnit } from "../policy/resolve.ts";

/** Probabilities at which a response-time distribution is kept: midpoints of 40 equal shares of the requests. */
const POINTS = 40;
const QUANTILES = Array.from({ length: POINTS }, (_, k) => (k + 0.5) / POINTS);
/** Utilisation beyond which the stationary formulas no longer describe one step; the backlog takes over. */
const STATIONARY_MAX = 0.98;
/** Utilisation is looked up on this grid; scale by the exact mean, so only the shape is rounded. */
const GRID = 128;

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
  /** Natural logarithms of the quantiles of the prepared step, in ms, without backlog; shared, do not write. */
  #logs: Float64Array = new Float64Array(POINTS);
  #logScale = 0;
  #backlogMs = 0;

  constructor(parameters: { readonly serviceTimeMs: number; readonly discipline: ResolvedUnit["discipline"]; readonly perUnit: number }) {
    this.#serviceTimeMs = parameters.serviceTimeMs;
    this.#discipline = parameters.discipline;
    this.#slotsPerUnit = (parameters.perUnit * parameters.serviceTimeMs) / 1_000;
  }

  /** @param utilisation load over capacity of the ready units, may exceed 1   @param backlogMs time to work off the backlog */
  prepare(utilisation: number, ready: number, backlogMs: number): void {
    const rho = Math.min(STATIONARY_MAX, Math.max(0, utilisation));
    const cell = Math.round(rho * GRID);
    const slots = Math.max(1, Math.round(ready * this.#slotsPerUnit));
    const isShared = this.#discipline === "sharedQueue";
    const key = isShared ? slots * (GRID + 1) + cell : cell;
    let logs = this.#cache.get(key);
    if (logs === undefined) {
      logs = isShared ? sharedQueueLogs(cell / GRID, slots) : processorSharingQuantiles(Math.min(STATIONARY_MAX, cell / GRID), QUANTILES).map(Math.log);
      if (this.#cache.size > 50_000) this.#cache.clear();
      this.#cache.set(key, logs);
    }
    this.#logs = logs;
    this.#logScale = Math.log(isShared ? this.#serviceTimeMs : this.#serviceTimeMs / (1 - rho));
    this.#backlogMs = backlogMs;
  }

  /** Quantile of the prepared step, ms; the nearest of the 40 that are kept. */
  quantileMs(quantile: number): number {
    const point = Math.min(POINTS - 1, Math.max(0, Math.floor(quantile * POINTS)));
    return this.#backlogMs + Math.exp((this.#logs[point] as number) + this.#logScale);
  }

  /** Adds the step's requests to a histogram, in equal parts at each quantile kept. */
  addTo(histogram: LatencyHistogram, requests: number): void {
    const weight = requests / POINTS;
    for (let point = 0; point < POINTS; point++) {
      const log = (this.#logs[point] as number) + this.#logScale;
      histogram.addLog(this.#backlogMs === 0 ? log : Math.log(this.#backlogMs + Math.exp(log)), weight);
    }
  }
}

function sharedQueueLogs(utilisation: number, slots: number): Float64Array {
  const erlangs = Math.min(STATIONARY_MAX, utilisation) * slots;
  const waiting = erlangC(erlangs, slots);
  return Float64Array.from(QUANTILES, (quantile) => Math.log(mmcResponseQuantile(quantile, erlangs, slots, waiting)));
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
    let sum = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      sum += this.#weights[bucket] as number;
      if (sum >= quantile * this.#total) return Math.exp(LOG_MIN + (bucket + 0.5) / BUCKETS_PER_LOG);
    }
    return null;
  }
}
