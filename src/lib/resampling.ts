import { normalQuantile, normalShare } from "./normal.ts";
import type { Rng } from "./rng.ts";

/** An estimate with its interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Fewer clusters say too little about their spread: with eight, the interval covers some 87 % instead of 95 %. */
const CLUSTERS_LEAST = 8;

/**
 * Mean of values with a 95 % bias-corrected and accelerated bootstrap interval (Efron, 1987) that resamples whole clusters,
 * because values of one cluster are not independent. Without enough clusters there is no interval (undefined).
 * @param clusters values by cluster, none empty
 */
export function clusterBootstrap(clusters: readonly (readonly number[])[], rng: Rng, resamples = 10_000): Interval | undefined {
  const count = clusters.length;
  if (count < CLUSTERS_LEAST) return undefined;
  const sums = clusters.map((values) => values.reduce((sum, value) => sum + value, 0));
  const sizes = clusters.map((values) => values.length);
  const total = sums.reduce((a, b) => a + b, 0);
  const size = sizes.reduce((a, b) => a + b, 0);
  const estimate = total / size;
  const means = new Float64Array(resamples);
  let below = 0;
  for (let i = 0; i < resamples; i++) {
    let sum = 0;
    let values = 0;
    for (let j = 0; j < count; j++) {
      const chosen = Math.floor(rng.next() * count);
      sum += sums[chosen] as number;
      values += sizes[chosen] as number;
    }
    means[i] = sum / values;
    // A tie counts half, so that few clusters do not bias the correction.
    const mean = means[i] as number;
    below += mean < estimate - 1e-15 ? 1 : mean <= estimate + 1e-15 ? 0.5 : 0;
  }
  means.sort();
  const bias = normalQuantile(Math.min(1 - 0.5 / resamples, Math.max(0.5 / resamples, below / resamples)));
  const left = clusters.map((_, i) => (total - (sums[i] as number)) / (size - (sizes[i] as number)));
  const centre = left.reduce((a, b) => a + b, 0) / count;
  let cubes = 0;
  let squares = 0;
  for (const mean of left) {
    cubes += (centre - mean) ** 3;
    squares += (centre - mean) ** 2;
  }
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const at = (share: number): number => {
    const z = bias + normalQuantile(share);
    const adjusted = normalShare(bias + z / (1 - acceleration * z));
    return means[Math.min(resamples - 1, Math.max(0, Math.floor(adjusted * resamples)))] as number;
  };
  return { estimate, low: at(0.025), high: at(0.975) };
}

/**
 * Wilcoxon's signed-rank test, two-sided: how likely differences at least so lopsided are when their signs are chance.
 * Exact by counting, tied ranks shared, zeros left out; 1 for nothing.
 */
export function signedRank(differences: readonly number[]): number {
  const ranked = differences.filter((value) => value !== 0 && !Number.isNaN(value)).toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const count = ranked.length;
  if (count === 0) return 1;
  // Twice the ranks, so that shared ones are whole.
  const ranks = new Int32Array(count);
  for (let from = 0; from < count; ) {
    let to = from;
    while (to < count && Math.abs(ranked[to] as number) === Math.abs(ranked[from] as number)) to++;
    ranks.fill(from + to + 1, from, to);
    from = to;
  }
  const most = ranks.reduce((sum, rank) => sum + rank, 0);
  let ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (const rank of ranks) {
    const next = ways.slice();
    for (let sum = rank; sum <= most; sum++) next[sum] = (next[sum] as number) + (ways[sum - rank] as number);
    ways = next;
  }
  let positive = 0;
  for (let i = 0; i < count; i++) if ((ranked[i] as number) > 0) positive += ranks[i] as number;
  const extreme = Math.min(positive, most - positive);
  let tail = 0;
  for (let sum = 0; sum <= extreme; sum++) tail += ways[sum] as number;
  return Math.min(1, (2 * tail) / 2 ** count);
}

/** Holm's correction of several p-values, in their order. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((value, i) => [value, i] as const).toSorted(([a], [b]) => a - b);
  const corrected: number[] = new Array(values.length);
  let most = 0;
  for (const [rank, [value, i]] of order.entries()) {
    most = Math.max(most, Math.min(1, value * (values.length - rank)));
    corrected[i] = most;
  }
  return corrected;
}
