import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Past } from "../control/past.ts";
import { doJob } from "../simulation-job.ts";
import { counterfactual } from "./counterfactual.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 23);
const runHere: Parameters<typeof counterfactual>[3] = async (jobs) => jobs.map(doJob);
const policy = (unit: string, metrics: string): ReturnType<typeof workload> =>
  workload(`
kind: stateless
bounds: {min: 1, max: 50}
unit: {startup: 60s${unit}}
metrics: {${metrics}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const BY_CPU = policy("", "cpu: {measures: utilisation}");

/** Every fifteen seconds for so long. */
function past(minutes: number, at: (minute: number) => { ready: number; values: Readonly<Record<string, number | undefined>> } | undefined): Past[] {
  return Array.from({ length: minutes * 4 }, (_, i) => {
    const found = at(i / 4);
    const ready = found?.ready ?? 0;
    return {
      atMs: START + i * 15_000,
      observation: {
        capacity: { readable: found !== undefined, requested: ready, ready, starting: 0, draining: 0 },
        readings: Object.entries(found?.values ?? {}).map(([metric, value]) => ({
          metric,
          status: value === undefined ? ("absent" as const) : ("value" as const),
          value: value ?? 0,
          sampledAtMs: 0,
          windowMs: 30_000,
          partial: false,
        })),
      },
    };
  });
}

describe("what others would have done", () => {
  test("with a load that needs ten units and has twenty: the optimum has ten, and half of the cost", async () => {
    const seen = past(120, () => ({ ready: 20, values: { cpu: 0.4 } }));
    const found = await counterfactual(BY_CPU, seen, { toMs: START + 120 * MINUTE, points: 60 }, runHere);
    if (typeof found === "string") throw new Error(found);
    const [ran, optimum, hpa] = found.rows;
    expect(found.rows.map(({ name }) => name)).toEqual(["as it ran", "optimum", "HPA at 70 %"]);
    // 8 busy units: ten at 80 %.
    expect(ran).toMatchObject({ aboveCeiling: 0 });
    expect(ran?.unitHours).toBeCloseTo(40, 6);
    expect(optimum?.unitHours).toBeCloseTo(20, 1);
    expect(optimum?.units.at(-1)).toBe(10);
    expect(hpa?.units.at(-1)).toBe(12);
    expect(found.timesMs).toHaveLength(60);
    expect(found.timesMs[0]).toBe(START);
    expect(found.notes).toEqual(["load is cpu times the units that were ready, as it was read"]);
  });

  test("with ticks that are a little early or late: no holes, and the same stretches for all", async () => {
    const steady = past(60, () => ({ ready: 20, values: { cpu: 0.7 } }));
    const jittered = steady.map((one, i): Past => ({ ...one, atMs: one.atMs + (i === 0 ? 0 : ((i * 7_919) % 601) - 300) }));
    const [calm, shaken] = await Promise.all(
      [steady, jittered].map(async (seen) => {
        const found = await counterfactual(BY_CPU, seen, { toMs: START + 60 * MINUTE, points: 60 }, runHere);
        if (typeof found === "string") throw new Error(found);
        return found;
      }),
    );
    expect(shaken?.notes).toEqual(["load is cpu times the units that were ready, as it was read"]);
    expect(shaken?.rows.map(({ unitHours }) => unitHours)).toEqual(calm?.rows.map(({ unitHours }) => unitHours));
    expect(shaken?.rows[0]?.unitHours).toBeCloseTo(20, 6);
  });

  test("by a rate and what a unit serves, too short for a while", async () => {
    const byRate = policy(", serves: {rate: 10/s}", "cpu: {measures: utilisation}, requests: {measures: rate}");
    const seen = past(100, (minute) => ({ ready: 10, values: { requests: minute < 25 ? 90 : 60, cpu: undefined } }));
    const found = await counterfactual(byRate, seen, { toMs: START + 100 * MINUTE, points: 50 }, runHere);
    if (typeof found === "string") throw new Error(found);
    expect(found.rows[0]?.aboveCeiling).toBeCloseTo(0.25, 6);
    expect(found.rows[1]?.units.at(-1)).toBe(8);
    expect(found.notes).toEqual(["load is requests, as it was read"]);
  });

  test("holds what is missing, and counts none of it", async () => {
    const seen = past(60, (minute) =>
      minute >= 20 && minute < 30 ? undefined : { ready: 10, values: { cpu: minute >= 40 && minute < 45 ? undefined : 0.9 } },
    );
    const found = await counterfactual(BY_CPU, seen, { toMs: START + 60 * MINUTE, points: 60 }, runHere);
    if (typeof found === "string") throw new Error(found);
    expect(found.rows[0]?.aboveCeiling).toBe(1);
    expect(found.rows[0]?.unitHours).toBeCloseTo((10 * 45) / 60, 6);
    expect(found.notes).toContain("2 holes are held at the last value, and not counted");
  });

  test("takes no load from units that could not be counted, and pays for those that are on their way out", async () => {
    const seen = past(60, () => ({ ready: 10, values: { cpu: 0.5 } })).map((one, i): Past => {
      const { capacity, readings } = one.observation;
      if (i >= 100 && i < 103) return { ...one, observation: { readings, capacity: { ...capacity, readable: false, ready: 0 } } };
      return { ...one, observation: { readings, capacity: { ...capacity, draining: 2 } } };
    });
    const found = await counterfactual(BY_CPU, seen, { toMs: START + 60 * MINUTE, points: 240 }, runHere);
    if (typeof found === "string") throw new Error(found);
    expect(found.notes).toContain("a hole is held at the last value, and not counted");
    expect(found.rows[0]?.unitHours).toBeCloseTo((12 * 237) / 240, 6);
    // 5 busy units, all the time.
    expect(new Set(found.rows[1]?.units.slice(10))).toEqual(new Set([7]));
  });

  test.each([
    ["nothing was observed", BY_CPU, past(1, () => undefined), "nothing was observed in this time"],
    ["no value", BY_CPU, past(1, () => ({ ready: 3, values: { cpu: undefined } })), "cpu had no value in this time"],
    [
      "nothing that load can be read from",
      workload("kind: stateless\nbounds: {min: 1, max: 9}\nmetrics: {q: {measures: backlog}}\nstrategies: [{type: targetTracking, metric: q, target: 5}]"),
      past(1, () => ({ ready: 3, values: { q: 3 } })),
      "there is no load to replay: it needs a utilisation, or a rate and unit.serves",
    ],
  ])("says so with %s", async (_, about, seen, expected) => {
    expect(await counterfactual(about, seen, { toMs: START + MINUTE, points: 5 }, runHere)).toBe(expected);
  });
});
