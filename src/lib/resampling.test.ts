import { describe, expect, test } from "vitest";
import { normalQuantile, normalShare } from "./normal.ts";
import { clusterBootstrap, holm, signedRank } from "./resampling.ts";
import { createRng } from "./rng.ts";
import { geometricMean, median } from "./statistics.ts";

test("means and medians", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), geometricMean([1, 4]), geometricMean([])]).toEqual([2, 2.5, 2, null]);
});

test("the normal distribution", () => {
  for (const [z, share] of [
    [0, 0.5],
    [1, 0.8413447],
    [-1.959964, 0.025],
    [3, 0.9986501],
  ] as const) {
    expect(normalShare(z)).toBeCloseTo(share, 6);
    expect(normalQuantile(share)).toBeCloseTo(z, 3);
  }
});

describe("Wilcoxon's signed ranks", () => {
  test("give the value of the textbook (Hollander and Wolfe 1973, depression scale; two-sided)", () => {
    const before = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    expect(signedRank(before.map((value, i) => value - (after[i] as number)))).toBeCloseTo(0.0390625, 10);
  });

  test("are exact at the ends, leave zeros out and share ties", () => {
    expect(signedRank([1, 2, 3, 4, 5])).toBe(2 / 32);
    expect(signedRank([-1, -2, -3, -4, -5, 0, 0])).toBe(2 / 32);
    expect(signedRank([1, -1])).toBe(1);
    expect(signedRank([])).toBe(1);
    expect(signedRank([Number.NaN, 1, -1])).toBe(1);
    // Ranks 1.5, 1.5, 3: the one negative is 1.5, and so are 2 of the 8 sign patterns on either side, beside none at all.
    expect(signedRank([-1, 1, 2])).toBe(6 / 8);
  });
});

test("Holm's correction never falls below its order", () => {
  const corrected = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [i, expected] of [0.03, 0.06, 0.06, 0.02].entries()) expect(corrected[i]).toBeCloseTo(expected, 12);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
});

describe("the bootstrap over clusters", () => {
  test("is near the interval of Student for a symmetric sample, and the same for the same seed", () => {
    const values = Array.from({ length: 40 }, (_, i) => normalQuantile((i + 0.5) / 40));
    const interval = clusterBootstrap(
      values.map((value) => [value]),
      createRng(1),
    );
    const half = 1.96 * Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / 40 / 40);
    expect(interval?.estimate).toBeCloseTo(0, 6);
    expect(interval?.low).toBeGreaterThan(-1.1 * half);
    expect(interval?.low).toBeLessThan(-0.9 * half);
    expect(interval?.high).toBeGreaterThan(0.9 * half);
    expect(interval?.high).toBeLessThan(1.1 * half);
    expect(
      clusterBootstrap(
        values.map((value) => [value]),
        createRng(1),
      ),
    ).toEqual(interval);
  });

  test("does not take copies for news, leans with a skewed sample, and says nothing of few sources", () => {
    const single = [0.1, 0.2, 0.3, 0.4, 0.7, 1.1, 1.6, 1.9].map((value) => [value]);
    const copied = single.map(([value]) => Array.from({ length: 20 }, () => value as number));
    const [a, b] = [clusterBootstrap(single, createRng(1)), clusterBootstrap(copied, createRng(1))];
    expect((b?.high ?? 0) - (b?.low ?? 0)).toBeCloseTo((a?.high ?? 0) - (a?.low ?? 0), 6);
    const skewed = clusterBootstrap(
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 10].map((value) => [value]),
      createRng(1),
    );
    expect((skewed?.high ?? 0) - 1).toBeGreaterThan(1.5 * (1 - (skewed?.low ?? 0)));
    expect(clusterBootstrap([[1], [2], [3], [4], [5], [6], [7]], createRng(1))).toBeUndefined();
  });
});
