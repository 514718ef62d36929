/** Bins of equal length; the first begins at `fromMs`, a multiple of `stepMs`. */
export interface BinRange {
  readonly fromMs: number;
  readonly stepMs: number;
  readonly bins: number;
}

/** Part of a range: `count` bins from the `first` on. */
export interface Chunk {
  readonly first: number;
  readonly count: number;
}

/** Prometheus refuses a range query with more points for each series. */
export const POINTS_MAX = 11_000;
/** A stretch as short as this that is still too much for a server is not the stretch's fault. */
export const SPLIT_LEAST = 256;

/** The chunk that begins at bin `first`: as many as allowed, and as there are left. */
export function chunkAt(bins: number, first: number, pointsMax: number): Chunk {
  return { first, count: Math.min(bins - first, Math.max(1, Math.min(pointsMax, POINTS_MAX))) };
}

/**
 * The instants to ask for, in milliseconds: a bin is described by what the query says at its end, looking back.
 * @example chunkInstants({fromMs: 0, stepMs: 60_000, bins: 3}, {first: 1, count: 2}) // {firstMs: 120_000, lastMs: 180_000}
 */
export function chunkInstants({ fromMs, stepMs }: BinRange, { first, count }: Chunk): { readonly firstMs: number; readonly lastMs: number } {
  return { firstMs: fromMs + (first + 1) * stepMs, lastMs: fromMs + (first + count) * stepMs };
}

/** The whole bins between two instants: those that begin at multiples of the step, as every other reader of the range would cut them. */
export function wholeBins(fromMs: number, toMs: number, stepMs: number): BinRange {
  const first = Math.ceil(fromMs / stepMs);
  return { fromMs: first * stepMs, stepMs, bins: Math.max(0, Math.floor(toMs / stepMs) - first) };
}
