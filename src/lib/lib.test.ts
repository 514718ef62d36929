import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dominantPeriod } from "./autocorrelation.ts";
import { canonicalJson } from "./canonical-json.ts";
import { concurrently } from "./concurrently.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { createRng } from "./rng.ts";
import { formatTimestamp, parseTimestamp } from "./timestamp.ts";

describe("durations", () => {
  test.for([
    ["45s", 45_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
    ["2w", 1_209_600_000],
    ["0s", 0],
    ["30m1h", undefined],
    ["1h1h", undefined],
    ["5 min", undefined],
    ["60", undefined],
    ["-5s", undefined],
    ["", undefined],
    ["9999999999999d", undefined],
  ] as const)("%s is %d ms", ([text, ms]) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test("are written so that they read back", () => {
    fc.assert(fc.property(fc.nat(2_000_000_000), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe("timestamps", () => {
  test.for([
    ["1998-04-30T21:30:00Z", 893_971_800_000, false],
    ["2026-01-01", 1_767_225_600_000, true],
    ["2026-01-01 01:00+01:00", 1_767_225_600_000, false],
    ["2026-01-01T00:00:00.250Z", 1_767_225_600_250, false],
  ] as const)("%s", ([text, atMs, zoneAssumed]) => {
    expect(parseTimestamp(text)).toEqual({ atMs, zoneAssumed });
  });

  test.for(["2026-02-30", "2026-13-01", "2026-01-01T25:00Z", "tomorrow", "1700000000"])("%s is none", (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  test("are written without needless milliseconds", () => {
    expect(formatTimestamp(1_767_225_600_000)).toBe("2026-01-01T00:00:00Z");
  });
});

test("canonical JSON sorts members, drops what is undefined and refuses what JSON cannot carry", () => {
  expect(canonicalJson({ b: [1, "é", null], a: { d: 1e21, c: 0.1 }, e: undefined })).toBe('{"a":{"c":0.1,"d":1e+21},"b":[1,"é",null]}');
  expect(() => canonicalJson({ a: Number.NaN })).toThrow("NaN");
});

test("the nearest word allows for swaps and missing letters, not for other words", () => {
  const words = ["targetTracking", "interval", "bounds", "at", "add"];
  expect(["targetTraking", "intervall", "buonds", "ad", "timeout"].map((word) => nearest(word, words))).toEqual([
    "targetTracking",
    "interval",
    "bounds",
    "at",
    undefined,
  ]);
});

test("random numbers repeat for a seed, and are uniform and normal", () => {
  const take = (seed: number) => {
    const rng = createRng(seed);
    return Array.from({ length: 5 }, () => rng.next());
  };
  expect(take(1)).toEqual(take(1));
  expect(take(1)).not.toEqual(take(2));
  const rng = createRng(3);
  const normals = Array.from({ length: 20_000 }, () => rng.normal());
  const mean = normals.reduce((sum, value) => sum + value, 0) / normals.length;
  expect(mean).toBeCloseTo(0, 1);
  expect(Math.sqrt(normals.reduce((sum, value) => sum + (value - mean) ** 2, 0) / normals.length)).toBeCloseTo(1, 1);
});

describe("the period of a series", () => {
  test.for([
    ["a day in minutes", 1_440, 10],
    ["a short one", 12, 30],
    ["under a trend", 100, 20],
  ] as const)("%s", ([name, period, periods]) => {
    const rng = createRng(5);
    const series = Float64Array.from(
      { length: period * periods },
      (_, i) => 100 + 30 * Math.sin((2 * Math.PI * i) / period) + 5 * rng.normal() + (name === "under a trend" ? i / 100 : 0),
    );
    expect(Math.abs((dominantPeriod(series, 0.3) as number) / period - 1)).toBeLessThan(0.05);
  });

  test("is none for noise, for a constant, for nothing", () => {
    const rng = createRng(6);
    expect(
      dominantPeriod(
        Float64Array.from({ length: 5_000 }, () => rng.normal()),
        0.3,
      ),
    ).toBeUndefined();
    expect(dominantPeriod(new Float64Array(5_000).fill(7), 0.3)).toBeUndefined();
    expect(dominantPeriod(new Float64Array(0), 0.3)).toBeUndefined();
  });
});

test("work goes on side by side, no more than so much at a time, and comes back in order", async () => {
  let [underWay, most] = [0, 0];
  const results = await concurrently([5, 1, 4, 2, 3], 2, async (ms) => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setTimeout(resolve, ms));
    underWay--;
    return ms * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});
