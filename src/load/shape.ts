import type { Trace } from "../sim/trace.ts";

/** A stretch of load on which the rate goes evenly from one value to another. Times from the beginning; requests per second. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly fromRate: number;
  readonly toRate: number;
}

/** Requests per second over time: stretches without gaps, in order. */
export type LoadShape = readonly Stretch[];

/** The same rate all the time. */
export function constantShape(rate: number, forMs: number): LoadShape {
  return [{ fromMs: 0, toMs: forMs, fromRate: rate, toRate: rate }];
}

/** One rate after the other, each for as long. */
export function stepsShape(rates: readonly number[], eachMs: number): LoadShape {
  return rates.map((rate, i) => ({ fromMs: i * eachMs, toMs: (i + 1) * eachMs, fromRate: rate, toRate: rate }));
}

/** Evenly from one rate to another. */
export function rampShape(fromRate: number, toRate: number, forMs: number): LoadShape {
  return [{ fromMs: 0, toMs: forMs, fromRate, toRate }];
}

export interface RecordedShapeOptions {
  /** So many times as fast as it was recorded. */
  readonly speed: number;
  /** Requests per second at the highest bin; as recorded when absent. */
  readonly peakRate?: number;
  /** Stretch of the recording, from its beginning; all of it when absent. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** A recording, bin for bin: each at its own rate, for a `speed`th of its time. Rates are not made faster, only their changes. */
export function recordedShape(trace: Pick<Trace, "binMs" | "load">, { speed, peakRate, fromMs = 0, toMs }: RecordedShapeOptions): LoadShape {
  const { binMs, load } = trace;
  const [first, end] = [Math.floor(fromMs / binMs), Math.min(load.length, Math.ceil((toMs ?? load.length * binMs) / binMs))];
  let peak = 0;
  for (let bin = first; bin < end; bin++) peak = Math.max(peak, load[bin] as number);
  const factor = peakRate === undefined || peak === 0 ? 1 : peakRate / peak;
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => {
    const rate = factor * (load[first + i] as number);
    // From where, and to where, it was asked for: also in the middle of a bin.
    const [from, to] = [Math.max(fromMs, (first + i) * binMs), Math.min(toMs ?? Number.POSITIVE_INFINITY, (first + i + 1) * binMs)];
    return { fromMs: (from - fromMs) / speed, toMs: (to - fromMs) / speed, fromRate: rate, toRate: rate };
  });
}

/** How long it takes, ms. */
export function durationOf(shape: LoadShape): number {
  return shape.at(-1)?.toMs ?? 0;
}

/** Requests per second at a time; 0 outside. */
export function rateAt(shape: LoadShape, atMs: number): number {
  const stretch = shape[stretchAt(shape, atMs)];
  if (stretch === undefined || atMs < stretch.fromMs) return 0;
  const { fromMs, toMs, fromRate, toRate } = stretch;
  return fromRate + ((toRate - fromRate) * (atMs - fromMs)) / (toMs - fromMs);
}

/** Position of the first stretch that ends after a time. */
function stretchAt(shape: LoadShape, atMs: number): number {
  let [low, high] = [0, shape.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shape[middle] as Stretch).toMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
