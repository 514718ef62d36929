import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { coarsen } from "./coarsen.ts";
import type { TraceComparison } from "./compare.ts";
import { judgeGate } from "./gate.ts";
import { readIso } from "./iso-violation.ts";
import { loadNeeds } from "./needs.ts";
import { noiseReferenceUnitHours, optimumUnitHours } from "./references.ts";
import type { Score } from "./score.ts";
import { scoredLoad } from "./scored-load.ts";
import { timelineOf } from "./timeline.ts";
import type { Trace } from "./trace.ts";
import { profileTrace } from "./trace-profile.ts";

const trace = (load: readonly number[], binMs = 60_000, more: Partial<Trace> = {}): Trace => ({
  name: "t",
  semantics: "rate",
  binMs,
  startMs: undefined,
  load: Float64Array.from(load),
  columns: new Map(),
  masks: [],
  censoredBins: 0,
  guesses: [],
  ...more,
});

const SERVICE = workload(`
kind: stateless
bounds: {min: 1, max: 100}
unit: {serves: {rate: 10/s}}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);

describe("the reading at equal violation", () => {
  const point = (setting: string, timeAboveCeilingRatio: number, costUnitHours: number) => ({
    setting,
    timeAboveCeilingRatio,
    costUnitHours,
    requestsBeyondCapacityRatio: 0,
  });

  test("mixes two settings on the hull, names the cheapest single one, and never extrapolates", () => {
    const points = [point("50", 0, 200), point("60", 0.005, 150), point("70", 0.02, 120), point("75", 0.015, 190)];
    // A third of the time at 70, the rest at 60.
    expect(readIso(points, 0.01)).toEqual({ timeAboveCeilingRatio: 0.01, costUnitHours: 150 - 10, setting: "60", settingCostUnitHours: 150 });
    expect(readIso(points, 0.001).costUnitHours).toBeCloseTo(190, 10);
    expect(readIso(points, 0.5)).toMatchObject({ costUnitHours: 120, setting: "70" });
    expect(readIso([point("80", 0.02, 10)], 0.01)).toEqual({ timeAboveCeilingRatio: 0.01, costUnitHours: null, setting: null, settingCostUnitHours: null });
  });
});

describe("the gate", () => {
  const comparison = (rows: readonly (readonly [number, number])[]): TraceComparison =>
    ({
      trace: { file: "a.csv" },
      rows: rows.map(([costUnitHours, timeAboveCeilingRatio]) => ({ score: { costUnitHours, timeAboveCeilingRatio, scoredHours: 1 } as Score })),
    }) as unknown as TraceComparison;
  const margins = { cost: 0.02, above: 0.001 };

  test("fails when nothing was scored", () => {
    const nothing = comparison([
      [0, 0],
      [0, 0],
    ]);
    const rows = nothing.rows.map((row) => ({ ...row, score: { ...row.score, scoredHours: 0 } }));
    expect(judgeGate([{ ...nothing, rows }], margins)).toMatchObject([{ what: "nothing scored" }]);
  });

  test("fails on either, beyond its margin only, on any recording", () => {
    expect(
      judgeGate(
        [
          comparison([
            [102, 0.011],
            [100, 0.01],
          ]),
        ],
        margins,
      ),
    ).toEqual([]);
    expect(
      judgeGate(
        [
          comparison([
            [103, 0],
            [100, 0.01],
          ]),
        ],
        margins,
      ),
    ).toMatchObject([{ trace: "a.csv", what: "cost", first: 103, second: 100 }]);
    expect(
      judgeGate(
        [
          comparison([
            [1, 0.0112],
            [100, 0.01],
          ]),
        ],
        margins,
      ),
    ).toMatchObject([{ what: "time above the ceiling" }]);
    expect(
      judgeGate(
        [
          comparison([
            [1, 0],
            [1, 0],
          ]),
          comparison([
            [2, 1],
            [1, 0],
          ]),
        ],
        margins,
      ),
    ).toHaveLength(2);
  });
});

test("a timetable asks for the share of what each hour has seen, by the day or by the week", () => {
  const hourly = Array.from({ length: 48 }, (_, hour) => (hour === 3 ? 80 : hour === 27 ? 40 : 8));
  const needs = loadNeeds(trace(hourly, 3_600_000), SERVICE, {});
  expect(needs.peakUnits).toBe(10);
  expect(needs.timetable(1)).toEqual(Array.from({ length: 24 }, (_, hour) => (hour === 3 ? 10 : 1)));
  expect(needs.timetable(0.5)[3]).toBe(5);
  const weeks = Array.from({ length: 336 }, (_, hour) => (hour === 30 ? 80 : 8));
  const weekly = loadNeeds(trace(weeks, 3_600_000), SERVICE, {}).timetable(1);
  expect([weekly.length, weekly[30], weekly[6], weekly[54]]).toEqual([168, 10, 1, 1]);
  // An hour that was never measured gets the peak.
  const masked = trace(hourly, 3_600_000, { masks: [5, 29].map((hour) => ({ fromMs: hour * 3_600_000, toMs: (hour + 1) * 3_600_000, note: "gap" })) });
  expect(loadNeeds(masked, SERVICE, {}).timetable(1)[5]).toBe(10);
});

test("finer recordings are averaged, and what is left of a bin is left out", () => {
  const fine = trace([1, 2, 3, 4, 5, 6, 7], 5_000, { columns: new Map([["x", Float64Array.from([0, 0, 3, 1, 1, 1, 9])]]) });
  const coarse = coarsen(fine, 15_000);
  expect([coarse.binMs, [...coarse.load], [...(coarse.columns.get("x") ?? [])]]).toEqual([15_000, [2, 5], [1, 1]]);
  expect(coarsen(fine, 5_000)).toBe(fine);
});

describe("references", () => {
  const wave = trace(Array.from({ length: 600 }, (_, i) => 300 + 200 * Math.sin(i / 50)));
  const load = scoredLoad(wave, SERVICE, { warmUpMs: 0 });

  test("one who knows the ten-minute mean is near the optimum on a smooth load, and pays for noise", () => {
    const optimum = optimumUnitHours(load).costUnitHours;
    const smooth = noiseReferenceUnitHours(load, 0.01) as number;
    expect(smooth / optimum).toBeGreaterThan(0.98);
    expect(smooth / optimum).toBeLessThan(1.05);
    const noisy = scoredLoad(trace(Array.from(wave.load, (value, i) => value * (i % 7 === 0 ? 1.3 : 0.95))), SERVICE, { warmUpMs: 0 });
    expect((noiseReferenceUnitHours(noisy, 0.01) as number) / optimumUnitHours(noisy).costUnitHours).toBeGreaterThan(smooth / optimum + 0.05);
  });

  test("a timeline keeps the most that was needed and the mean that was requested", () => {
    const units = Int32Array.from(load.needed, (_, i) => i % 4);
    const { stepSeconds, needed, units: means } = timelineOf(load, units, 100);
    expect([stepSeconds, needed.length, means[0]]).toEqual([360, 100, 1.5]);
    expect(Math.max(...needed)).toBe(Math.max(...load.needed));
  });
});

test("the profile of a recording: peak, levels, and how fast it rises", () => {
  const load = Array.from({ length: 1_000 }, (_, i) => 100 * 1.01 ** (i % 100));
  const profile = profileTrace(trace(load), 120_000);
  expect(profile?.peak).toBeCloseTo(100 * 1.01 ** 99, 6);
  expect(profile).toMatchObject({ peakBin: 99, bins: 1_000, riseMs: 120_000 });
  expect(profile?.rise).toBeCloseTo(1.01 ** 2, 6);
  expect(profileTrace(trace(load, 300_000), 120_000)?.rise).toBeUndefined();
  expect(profileTrace(trace([0, 0]), 120_000)).toBeUndefined();
});
