import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Actuator, CapacityFound, CapacityUnreadable, Permission } from "../actuators/actuator.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../sources/source.ts";
import type { Clock } from "./clock.ts";
import { type OthersChanges, type Preflight, preflight } from "./preflight.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 20}
interval: 15s
unit: {startup: 60s, serves: {rate: 120/s}}
metrics:
  cpu: {measures: utilisation, window: 1m, lag: 10s, scrape: 15s}
  good: {measures: rate, window: 2m, lag: 0s, scrape: 5s}
  bad: {measures: rate, window: 30s, lag: 0s, scrape: 5s}
  all: {measures: rate, formula: good + bad}
  watched: {measures: gauge, window: 1h}
guards: {staleAfter: 90s}
strategies:
  - {type: targetTracking, metric: cpu, target: 70%}
  - {type: targetTracking, metric: all, target: 100/s}
`);

const clock: Clock = {
  wallMs: () => NOW_MS,
  engineMs: () => NOW_MS,
  timeout: () => new AbortController().signal,
  sleep: async () => {},
};

/** A target that says this, and must not be told anything. */
const target = (observed: CapacityFound | CapacityUnreadable, permission: Permission = { kind: "granted" }): Actuator => ({
  permission: async () => permission,
  abilities: { comparesAndSets: true, keepsEpoch: false, settlesWithinMs: 5_000 },
  observe: async () => observed,
  set: async () => {
    throw new Error("a preflight sets nothing");
  },
  close: async () => {},
});
const units = (requested: number, ready = requested): CapacityFound => ({ kind: "found", requested, ready, starting: 0, draining: 0 });

/** Looks at the policy with these answers; what is not named has a good one. */
async function look(
  answers: Readonly<Record<string, (query: MetricQuery) => SourceReading>> = {},
  more: {
    observed?: CapacityFound | CapacityUnreadable;
    actuator?: Actuator | undefined;
    mode?: "live" | "shadow";
    without?: string;
    permission?: Permission;
    others?: OthersChanges;
  } = {},
): Promise<Preflight> {
  const source: Source = {
    read: async (queries) => queries.map((query) => (answers[query.metric] ?? ((one) => present(one, 0.5, NOW_MS - 5_000)))(query)),
    close: async () => {},
  };
  const metrics = POLICY.metrics.map((metric) => ({
    metric,
    ...(metric.formula === undefined && metric.name !== more.without && { from: { source, query: metric.name } }),
  }));
  const actuator = "actuator" in more ? more.actuator : target(more.observed ?? units(4), more.permission);
  return await preflight({ mode: more.mode ?? "live", policy: POLICY, metrics, actuator, others: more.others }, clock);
}

describe("a preflight", () => {
  test("reports every value with its age, computes what is computed, and finds nothing wrong where nothing is", async () => {
    const found = await look({ good: (query) => present(query, 90, NOW_MS - 20_000), bad: (query) => present(query, 10, NOW_MS - 40_000) });
    expect(found).toMatchObject({ workload: "test/web", problems: [], notes: [], capacity: { requested: 4, ready: 4 }, deadlineMs: 7_500 });
    expect(found.abilities).toEqual({ comparesAndSets: true, keepsEpoch: false, settlesWithinMs: 5_000 });
    const byName = Object.fromEntries(found.metrics.map((one) => [one.metric, one]));
    // staleAfter 90 s and a lag of 10 s.
    expect(byName["cpu"]).toEqual({ metric: "cpu", value: 0.5, ageMs: 5_000, staleAfterMs: 100_000, problem: null });
    // As old as the older of the two.
    expect(byName["all"]).toMatchObject({ value: 100, ageMs: 40_000, problem: null });
  });

  test("says whether capacity may be changed, as far as that can be told", async () => {
    expect(await look()).toMatchObject({ permission: { kind: "granted" }, problems: [], notes: [] });
    const denied = { kind: "denied", message: "no" } as const;
    expect((await look({}, { permission: denied })).problems).toEqual(["capacity may not be changed: no"]);
    const shadow = await look({}, { permission: denied, mode: "shadow" });
    expect([shadow.problems, shadow.notes]).toEqual([[], expect.arrayContaining(["capacity may not be changed: no"])]);
    expect((await look({}, { permission: { kind: "unknown", message: "who knows" } })).notes).toEqual([
      "whether capacity may be changed is not known: who knows",
    ]);
    expect(await look({}, { actuator: undefined })).toMatchObject({ permission: null });
  });

  test("says what others did to the same capacity", async () => {
    const day = 86_400_000;
    expect((await look({}, { others: { count: 0, lastMs: undefined, withinMs: day } })).notes).toEqual([]);
    expect((await look({}, { others: { count: 2, lastMs: Date.UTC(2026, 10, 23, 4), withinMs: day } })).notes).toEqual([
      "somebody else changed its capacity 2 times in the last 1d, the last time at 2026-11-23T04:00:00Z: an autoscaler or a person on the same target",
    ]);
  });

  test("adds up the delay of the slowest metric that a strategy reads", async () => {
    // cpu: 30 + 10 + 15 = 55 s; all, of windows of 2 m and 30 s: 60 + 0 + 5 = 65 s; watched would be slower, and nothing reads it.
    expect((await look()).delay).toEqual({
      metric: "all",
      halfWindowMs: 60_000,
      lagMs: 0,
      scrapeMs: 5_000,
      intervalMs: 15_000,
      startupMs: 60_000,
      totalMs: 140_000,
    });
  });

  test.for([
    ["no value", (query: MetricQuery) => absent(query, "the query gives no series"), "cannot be read: the query gives no series"],
    ["no number", (query: MetricQuery) => absent(query, "the value is NaN", "invalid"), "cannot be read: the value is NaN"],
    ["an infinite value", (query: MetricQuery) => present(query, Number.POSITIVE_INFINITY, NOW_MS), "is Infinity, which is no number"],
    ["a value just too old", (query: MetricQuery) => present(query, 1, NOW_MS - 100_001), "is 1m40s old, and counts as stale after 1m40s"],
    [
      "a value of the future",
      (query: MetricQuery) => present(query, 1, NOW_MS + 16_000),
      "is of a time 16s ahead of this clock, and counts as invalid: set the clocks right",
    ],
    ["a partial value", (query: MetricQuery) => present(query, 1, NOW_MS, true), "is partial, as the source says: nothing shrinks on it"],
  ] as const)("finds %s", async ([, answer, problem]) => {
    expect((await look({ cpu: answer })).problems).toEqual([`cpu ${problem}`]);
  });

  test("takes a value at the edge: as old as may be, and ahead by no more than an interval", async () => {
    expect((await look({ cpu: (query) => present(query, 1, NOW_MS - 100_000) })).problems).toEqual([]);
    expect((await look({ cpu: (query) => present(query, 1, NOW_MS + 15_000) })).problems).toEqual([]);
  });

  test("says what cannot be computed, and what the policy does not say", async () => {
    expect((await look({ bad: (query) => absent(query, "gone") })).problems).toEqual(["bad cannot be read: gone", "all cannot be computed without bad"]);
    expect((await look({}, { without: "cpu" })).problems).toEqual(["cpu cannot be read: the policy names no source and query for it"]);
  });

  test("finds capacity that cannot be read, and notes what of it is worth knowing", async () => {
    expect((await look({}, { observed: { kind: "unreadable", code: "denied", message: "403" } })).problems).toEqual(["capacity cannot be read: 403"]);
    expect((await look({}, { observed: units(25, 20) })).notes).toEqual([
      "has 25 units, outside its bounds of 2 to 20: its first steps are into them",
      "only 20 of 25 units are ready",
    ]);
    expect(await look({}, { actuator: undefined, mode: "shadow" })).toMatchObject({
      problems: [],
      capacity: null,
      abilities: null,
      notes: [expect.stringContaining("no target"), "mode shadow: nothing is changed"],
    });
  });
});
