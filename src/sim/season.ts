import { normalQuantile } from "../lib/normal.ts";
import type { Season } from "../policy/schema.ts";

/** One season that may come. */
export interface SeasonDraw {
  /** Share of seasons that stay below it. */
  readonly quantile: number;
  /** The recorded load times this. */
  readonly times: number;
}

/**
 * Seasons at the middles of `count` equal shares of a lognormal distribution, which has its median at `p50` and nine tenths
 * below `p90`: so few draws say more than random ones would, and the same every time.
 */
export function drawSeasons({ p50, p90 }: Season, count: number): SeasonDraw[] {
  const spread = Math.log(p90 / p50) / normalQuantile(0.9);
  return Array.from({ length: count }, (_, i) => {
    const quantile = (i + 0.5) / count;
    return { quantile, times: p50 * Math.exp(spread * normalQuantile(quantile)) };
  });
}
