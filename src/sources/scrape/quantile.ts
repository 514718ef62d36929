/** Cumulative count of observations up to a bound. */
export interface Bucket {
  readonly le: number;
  readonly count: number;
}

/** Differences between sums that are rounding, not observations. */
const ROUNDING = 1e-12;

/**
 * A quantile of a histogram, as Prometheus computes `histogram_quantile`: linear inside of a bucket; the lowest begins at 0, or is its own
 * bound when that is not above 0; in the highest it is the bound below.
 * @param quantile 0..1   @returns why there is none, in words
 */
export function histogramQuantile(quantile: number, given: readonly Bucket[]): number | string {
  const buckets = cumulative(given);
  const highest = buckets.at(-1);
  if (highest === undefined) return "the histogram has no buckets";
  if (highest.le !== Number.POSITIVE_INFINITY) return 'the histogram has no bucket with le="+Inf"';
  if (buckets.length < 2) return "the histogram has one bucket only";
  if (highest.count === 0) return "the histogram counted nothing";
  const rank = quantile * highest.count;
  const index = buckets.findIndex(({ count }, i) => count >= rank || i === buckets.length - 1);
  const found = buckets[index] as Bucket;
  const below = buckets[index - 1];
  if (index === buckets.length - 1) return (below as Bucket).le;
  if (below === undefined) return found.le <= 0 ? found.le : found.le * (rank / found.count);
  return below.le + (found.le - below.le) * ((rank - below.count) / (found.count - below.count));
}

/** Buckets by their bounds, those with the same bound as one, never counting less than the one below. */
function cumulative(given: readonly Bucket[]): readonly Bucket[] {
  const buckets: { readonly le: number; count: number }[] = [];
  for (const { le, count } of given.toSorted((a, b) => a.le - b.le)) {
    const last = buckets.at(-1);
    if (last?.le === le) last.count += count;
    else buckets.push({ le, count });
  }
  let below = buckets[0]?.count ?? 0;
  for (const bucket of buckets) {
    if (bucket.count < below || Math.abs(bucket.count - below) <= bucket.count * ROUNDING) bucket.count = below;
    below = bucket.count;
  }
  return buckets;
}
