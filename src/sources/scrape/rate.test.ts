import { describe, expect, test } from "vitest";
import { histogramQuantile } from "./quantile.ts";
import { increaseOver } from "./rate.ts";
import { SampleHistory } from "./sample-history.ts";

/** Samples as `seconds:value`. */
function historyOf(samples: string): SampleHistory {
  const history = new SampleHistory();
  for (const sample of samples.split(" ").filter((text) => text !== "")) {
    const [seconds, value] = sample.split(":").map(Number) as [number, number];
    history.push(seconds * 1_000, value);
  }
  return history;
}

describe("increase over a window", () => {
  test.for([
    // 300 in 45 s; the first sample is 15 s after the beginning, which is near, and where the counter was 0: 300 * (45 + 15) / 45
    ["a window that samples fill", "15:100 30:200 45:300 60:400", 60, 60, 400],
    ["a sample at the beginning, which is outside", "0:0 15:100 30:200 45:300 60:400", 60, 60, 400],
    // -20, and 200 were lost: 180 * (45 + 15) / 45
    ["a reset", "15:100 30:200 45:50 60:80", 60, 60, 240],
    // From 100 to 5 is -95, and 110 and 15 were lost: 30 * (45 + 15) / 45
    ["two resets", "15:100 30:110 45:15 60:5", 60, 60, 40],
    // Begins inside: half a distance before the first, 60 * (30 + 7.5) / 30
    ["a young series", "90:30 105:60 120:90", 120, 120, 75],
    // It was 0 at 87.5 s, 2.5 s before the first: 60 * (30 + 2.5) / 30
    ["a series that was zero just before", "90:5 105:35 120:65", 120, 120, 65],
    ["a series from zero", "90:0 105:30 120:60", 120, 120, 60],
    // Ends inside: half a distance after the last, 10 * (15 + 15 + 7.5) / 15
    ["a series that ended", "15:10 30:20", 60, 60, 25],
    // 16.4 s are near for samples 15 s apart, 16.5 s are not: 13.6 + 15 + 16.4, and 13.5 + 15 + 7.5
    ["an end that is near", "28.6:60 43.6:75", 45, 60, 45],
    ["an end that is not", "28.5:60 43.5:75", 45, 60, 36],
    ["nothing that happens", "15:7 30:7 45:7", 60, 60, 0],
    // What is below zero has no zero to begin at: 2 * (15 + 15 + 15) / 15
    ["a counter below zero", "15:-5 30:-3", 45, 45, 6],
  ] as const)("%s", ([, samples, windowS, atS, increase]) => {
    expect(increaseOver(historyOf(samples), windowS * 1_000, atS * 1_000)).toBeCloseTo(increase, 9);
  });

  test("one sample is no increase, and what comes later is not yet there", () => {
    expect(increaseOver(historyOf(""), 60_000, 60_000)).toBeUndefined();
    expect(increaseOver(historyOf("30:5"), 60_000, 60_000)).toBeUndefined();
    expect(increaseOver(historyOf("30:5 61:9"), 60_000, 60_000)).toBeUndefined();
    expect(increaseOver(historyOf("0:1 30:5"), 30_000, 30_000)).toBeUndefined();
  });
});

describe("a history", () => {
  test("takes what is later, forgets what is over, and keeps what it is told to", () => {
    const history = historyOf("1:10 2:20 2:21 1.5:15 3:30");
    expect(history.length).toBe(3);
    expect(history.forgetUntil(2_000, 1)).toBe(2);
    expect([history.length, history.time(0), history.value(0)]).toEqual([1, 3_000, 30]);
    expect(history.forgetUntil(9_000, 1)).toBe(0);
    expect(history.forgetUntil(9_000, 0)).toBe(1);
    expect(history.length).toBe(0);
  });

  test("stays as long as its window, however long it goes on", () => {
    const history = new SampleHistory();
    for (let i = 1; i <= 10_000; i++) {
      history.push(i, i * 2);
      history.forgetUntil(i - 100, 1);
      const first = Math.max(1, i - 99);
      expect([history.length, history.time(0), history.value(history.length - 1)]).toEqual([i - first + 1, first, i * 2]);
    }
    expect(history.firstAfter(9_950)).toBe(50);
  });
});

describe("a quantile of a histogram", () => {
  const counts = (...given: readonly (readonly [le: number, count: number])[]) => given.map(([le, count]) => ({ le, count }));
  const USUAL = counts([0.1, 10], [0.5, 30], [1, 40], [Number.POSITIVE_INFINITY, 50]);
  test.for([
    // The 25th of 50 is the 15th of 20 between 0.1 and 0.5.
    ["in the middle of a bucket", 0.5, USUAL, 0.4],
    // The lowest bucket begins at 0.
    ["in the lowest", 0.1, USUAL, 0.05],
    ["at the bound of one", 0.2, USUAL, 0.1],
    ["above the highest bound", 0.9, USUAL, 1],
    ["the least", 0, USUAL, 0],
    ["the most", 1, USUAL, 1],
    ["in a lowest bucket that ends at zero or below", 0.2, counts([-1, 10], [0, 20], [Number.POSITIVE_INFINITY, 20]), -1],
    // No bucket counts less than the one below it: the 15th of 20 is the 5th of 10 between 0.5 and 1.
    ["of buckets that are no sums", 0.75, counts([0.1, 10], [0.5, 8], [1, 20], [Number.POSITIVE_INFINITY, 20]), 0.75],
    // 12 of 24 are up to 0.5, once as 0.5 and once as 0.50: the 12th is their last.
    ["of the same bound written twice", 0.5, counts([0.5, 6], [0.5, 6], [1, 24], [Number.POSITIVE_INFINITY, 24]), 0.5],
    ["of buckets in any order", 0.5, USUAL.toReversed(), 0.4],
    // Rounding that makes 30.000000000000004 of 30 is no observation between 0.5 and 1.
    ["of sums with rounding", 1, counts([0.5, 30], [1, 30.000000000000004], [2, 30], [Number.POSITIVE_INFINITY, 30]), 0.5],
  ] as const)("%s", ([, quantile, buckets, value]) => {
    expect(histogramQuantile(quantile, buckets)).toBeCloseTo(value, 12);
  });

  test.for([
    ["no buckets", [], "has no buckets"],
    ["no bucket for all", counts([0.1, 10], [0.5, 30]), 'no bucket with le="+Inf"'],
    ["one bucket", counts([Number.POSITIVE_INFINITY, 30]), "one bucket only"],
    ["nothing counted", counts([0.1, 0], [Number.POSITIVE_INFINITY, 0]), "counted nothing"],
  ] as const)("of %s there is none", ([, buckets, why]) => {
    expect(histogramQuantile(0.5, buckets)).toContain(why);
  });
});
