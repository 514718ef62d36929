import type { ResolvedUnit } from "../policy/resolve-unit.ts";
import { type LatencyShape, latencyShapeOf, QUANTILES, SHARES } from "./latency-shape.ts";

const POINTS = QUANTILES.length;

/** Response times of one step: what units say of theirs by utilisation, plus what is waited for before and elsewhere. */
export class LatencyModel {
  readonly #shape: LatencyShape;
  /** Natural logarithms of the quantiles of the prepared step without waiting, ms. */
  readonly #logs = new Float64Array(POINTS);
  #waitingMs = 0;

  constructor(shape: LatencyShape) {
    this.#shape = shape;
  }

  /** @returns undefined when the unit says nothing of its response times */
  static of(unit: ResolvedUnit, perUnit: number): LatencyModel | undefined {
    const shape = latencyShapeOf(unit, perUnit);
    return shape === undefined ? undefined : new LatencyModel(shape);
  }

  /** @param utilisation load over capacity of the ready units, may exceed 1   @param waitingMs time to work off the backlog, and for the answers of others */
  prepare(utilisation: number, ready: number, waitingMs: number): void {
    this.#shape.logsAt(Math.max(0, utilisation), ready, this.#logs);
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
