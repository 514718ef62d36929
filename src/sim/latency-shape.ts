import { erlangC, mmcResponseQuantile } from "../capacity/erlang.ts";
import { processorSharingQuantiles } from "../capacity/processor-sharing.ts";
import { type Usl, uslConcurrency, uslPeak } from "../capacity/usl.ts";
import { normalQuantile } from "../lib/normal.ts";
import type { LatencyCurve, ResolvedUnit } from "../policy/resolve-unit.ts";

/** Parts of a distribution, finer towards the tail that objectives look at: [up to probability, number of points]. */
const PARTS = [
  [0.8, 16],
  [0.98, 30],
  [1, 20],
] as const;
/** Probabilities at which a response-time distribution is kept, each the middle of its share of the requests. */
export const QUANTILES: number[] = [];
export const SHARES: number[] = [];
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

/** Response times by utilisation, while nothing waits from before. */
export interface LatencyShape {
  /** Natural logarithms of the response time, ms, at {@link QUANTILES}, into `logs`. `utilisation` >= 0, may exceed 1. */
  logsAt(utilisation: number, ready: number, logs: Float64Array): void;
}

/** What a unit says of its response times; undefined when it says nothing. */
export function latencyShapeOf(unit: ResolvedUnit, perUnit: number): LatencyShape | undefined {
  const { latency, serviceTimeMs, discipline } = unit;
  if (latency !== undefined && "curve" in latency) return new MeasuredShape(latency.curve);
  if (serviceTimeMs === undefined) return undefined;
  if (latency !== undefined) return new UslShape({ serviceTime: serviceTimeMs / 1_000, ...latency.usl }, perUnit);
  return new QueueShape(serviceTimeMs, discipline, perUnit);
}

/** Distributions are computed on this grid of utilisations and interpolated, relative to 1 / (1 - rho), which is exact. */
const GRID = 64;
/** With more slots than this nobody waits below 98 % utilisation; Erlang's recursion would only take longer to say so. */
const SLOTS_MAX = 20_000;

/** M/M/1-PS in each unit or M/M/c over all slots (evaluation: service and queue models L1-L3, pointwise stationary). */
class QueueShape implements LatencyShape {
  readonly #serviceTimeMs: number;
  readonly #discipline: ResolvedUnit["discipline"];
  /** Requests that one unit serves side by side. */
  readonly #slotsPerUnit: number;
  readonly #cache = new Map<number, Float64Array>();

  constructor(serviceTimeMs: number, discipline: ResolvedUnit["discipline"], perUnit: number) {
    this.#serviceTimeMs = serviceTimeMs;
    this.#discipline = discipline;
    this.#slotsPerUnit = (perUnit * serviceTimeMs) / 1_000;
  }

  logsAt(utilisation: number, ready: number, logs: Float64Array): void {
    const rho = Math.min(STATIONARY_MAX, utilisation);
    const cell = Math.floor(rho * GRID);
    const slots = this.#discipline === "sharedQueue" ? Math.min(SLOTS_MAX, Math.max(1, Math.round(ready * this.#slotsPerUnit))) : 0;
    const below = this.#relativeLogs(cell, slots);
    const above = this.#relativeLogs(cell + 1, slots);
    const weight = rho * GRID - cell;
    const scale = Math.log(this.#serviceTimeMs / (1 - rho));
    for (let point = 0; point < POINTS; point++) {
      const low = below[point] as number;
      logs[point] = scale + low + weight * ((above[point] as number) - low);
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

/**
 * What was measured at some utilisations: between them logarithms of response times are interpolated, beyond the last they
 * grow as 1 / (1 - utilisation). Between and beyond the quantiles that were measured the distribution is lognormal.
 */
class MeasuredShape implements LatencyShape {
  readonly #at: readonly number[];
  readonly #logs: readonly Float64Array[];

  constructor(curve: LatencyCurve) {
    this.#at = curve.map(({ at }) => at);
    this.#logs = curve.map(({ p50Ms, p95Ms, p99Ms }) => {
      const known = [
        [normalQuantile(0.5), Math.log(p50Ms)],
        [normalQuantile(0.95), Math.log(p95Ms)],
        ...(p99Ms === undefined ? [] : [[normalQuantile(0.99), Math.log(p99Ms)]]),
      ] as [number, number][];
      return Float64Array.from(QUANTILES, (quantile) => {
        const z = normalQuantile(quantile);
        const i = Math.min(known.length - 2, Math.max(0, known.findIndex(([upTo]) => z <= upTo) - 1));
        const last = z > (known[known.length - 1] as [number, number])[0] ? known.length - 2 : i;
        const [z0, log0] = known[last] as [number, number];
        const [z1, log1] = known[last + 1] as [number, number];
        return log0 + ((z - z0) / (z1 - z0)) * (log1 - log0);
      });
    });
  }

  logsAt(utilisation: number, _ready: number, logs: Float64Array): void {
    const rho = Math.min(STATIONARY_MAX, utilisation);
    const last = this.#at.length - 1;
    let i = 0;
    while (i < last && (this.#at[i + 1] as number) <= rho) i++;
    const here = this.#logs[i] as Float64Array;
    const at = this.#at[i] as number;
    if (i === last || rho <= at) {
      const growth = rho > at ? Math.log((1 - at) / (1 - rho)) : 0;
      for (let point = 0; point < POINTS; point++) logs[point] = (here[point] as number) + growth;
      return;
    }
    const next = this.#logs[i + 1] as Float64Array;
    const weight = (rho - at) / ((this.#at[i + 1] as number) - at);
    for (let point = 0; point < POINTS; point++) logs[point] = (here[point] as number) + weight * ((next[point] as number) - (here[point] as number));
  }
}

/** The universal scalability law in each unit: the mean is concurrency over throughput (Little), the distribution exponential. */
class UslShape implements LatencyShape {
  readonly #usl: Usl;
  readonly #perUnit: number;
  readonly #relativeLogs = Float64Array.from(QUANTILES, (quantile) => Math.log(-Math.log(1 - quantile)));

  constructor(usl: Usl, perUnit: number) {
    this.#usl = usl;
    this.#perUnit = perUnit;
  }

  logsAt(utilisation: number, _ready: number, logs: Float64Array): void {
    const rate = Math.min(STATIONARY_MAX, utilisation) * Math.min(this.#perUnit, uslPeak(this.#usl));
    const concurrency = uslConcurrency(this.#usl, rate);
    // Below one at a time nobody is in anybody's way.
    const mean = concurrency <= 1 ? this.#usl.serviceTime : concurrency / rate;
    const scale = Math.log(mean * 1_000);
    for (let point = 0; point < POINTS; point++) logs[point] = scale + (this.#relativeLogs[point] as number);
  }
}
