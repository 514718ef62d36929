import { expect, test } from "vitest";
import { workload } from "../../../test/support/drive.ts";
import { decide, type Reading } from "../../engine/model.ts";
import { cpuMetric, HPA_DEFAULT_BEHAVIOUR, type HpaConfig } from "./config.ts";
import { HpaEngine } from "./engine.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const CONFIG = { metrics: [cpuMetric(70)], toleranceUp: 0.1, toleranceDown: 0.1, absentIsZero: false, behaviour: HPA_DEFAULT_BEHAVIOUR } as const;

/** Drives an HPA 15 s at a time; each tick gives utilisation (or none) and how many of the requested units are ready. */
function drive(
  config: ConstructorParameters<typeof HpaEngine>[3],
  initial: number,
  ticks: readonly { readonly cpu: number | undefined; readonly ready?: number }[],
): { requested: number[]; codes: string[][] } {
  const engine = new HpaEngine("hpa-v2", POLICY, "none", config);
  let requested = initial;
  const all: number[] = [];
  const codes: string[][] = [];
  for (const [i, { cpu, ready }] of ticks.entries()) {
    const nowMs = 1_000_000 + i * 15_000;
    const reading: Reading = {
      metric: "cpu",
      status: cpu === undefined ? "absent" : "value",
      value: cpu ?? 0,
      sampledAtMs: nowMs - 15_000,
      windowMs: 30_000,
      partial: false,
    };
    const units = ready ?? requested;
    const decision = decide(
      engine,
      { capacity: { readable: true, requested, ready: units, starting: requested - units, draining: 0 }, readings: [reading] },
      nowMs,
    );
    requested = decision.requested;
    all.push(requested);
    codes.push(decision.reasons().map((reason) => reason.code));
  }
  return { requested: all, codes };
}

test("holds inside 10 % of the target, and asks for ceil(ratio x ready) outside it", () => {
  expect(drive(CONFIG, 10, [{ cpu: 0.77 }]).requested).toEqual([10]);
  expect(drive(CONFIG, 10, [{ cpu: 0.78 }]).requested).toEqual([12]); // 78/70 x 10 = 11.14
});

test("counts pods that are starting as idle while it grows, so it does not compound", () => {
  // 95/70 x 10 = 13.6 -> 14; then 4 pending pods count 0: 950/14 = 67 %, inside the tolerance.
  expect(drive(CONFIG, 10, [{ cpu: 0.95 }, { cpu: 0.95, ready: 10 }, { cpu: 0.95, ready: 10 }]).requested).toEqual([14, 14, 14]);
});

test("doubles or adds four per 15 s, whichever is more, and stops at max", () => {
  const hot = { ...CONFIG, metrics: [cpuMetric(10)] };
  expect(drive(hot, 3, [{ cpu: 1 }, { cpu: 1 }, { cpu: 1 }]).requested[0]).toBe(7); // 3 + 4 beats 2 x 3
  const limited = drive(hot, 60, [{ cpu: 1 }]);
  expect(limited.requested).toEqual([100]);
  expect(limited.codes[0]).toContain("clamped_max");
});

test("waits five minutes with reductions, also after its own start", () => {
  const cold = Array.from({ length: 22 }, () => ({ cpu: 0.35 }));
  const { requested, codes } = drive(CONFIG, 10, cold);
  expect(requested.slice(0, 20)).toEqual(new Array(20).fill(10));
  expect(requested[20]).toBe(5); // 35/70 x 10
  expect(codes[0]).toContain("stabilised_down");
});

test("holds when the metric is missing; an adapter that says 0 empties the fleet", () => {
  const lost = Array.from({ length: 25 }, () => ({ cpu: undefined }));
  expect(drive(CONFIG, 10, lost).requested.at(-1)).toBe(10);
  expect(drive({ ...CONFIG, absentIsZero: true }, 10, lost).requested.at(-1)).toBe(2);
});

test("ignores a new pod's sample until it covers a whole window of readiness", () => {
  const ticks = [{ cpu: 0.95 }, { cpu: 0.95, ready: 10 }, { cpu: 0.95, ready: 14 }];
  // All 14 are ready at the third tick, but the 4 new ones were not for the whole window: they still count as idle.
  expect(drive(CONFIG, 10, ticks).requested).toEqual([14, 14, 14]);
});

test("goes on identically after restore", () => {
  const a = new HpaEngine("hpa-v2", POLICY, "none", CONFIG);
  let b = new HpaEngine("hpa-v2", POLICY, "none", CONFIG);
  let requested = 10;
  for (let i = 0; i < 200; i++) {
    const nowMs = i * 15_000;
    const reading: Reading = {
      metric: "cpu",
      status: "value",
      value: 0.5 + 0.4 * Math.sin(i / 9),
      sampledAtMs: nowMs - 15_000,
      windowMs: 30_000,
      partial: false,
    };
    const observation = { capacity: { readable: true, requested, ready: Math.max(2, requested - (i % 3)), starting: i % 3, draining: 0 }, readings: [reading] };
    const wanted = decide(a, observation, nowMs).requested;
    expect(decide(b, observation, nowMs).requested).toBe(wanted);
    const state = JSON.parse(JSON.stringify(b.state()));
    b = new HpaEngine("hpa-v2", POLICY, "none", CONFIG);
    b.restore(state);
    requested = wanted;
  }
});

/** Drives an HPA of any metrics from the readings of each tick; what it requests is ready at once. */
function driveMetrics(config: Partial<HpaConfig>, initial: number, ticks: readonly (readonly (number | undefined)[])[]): number[] {
  const engine = new HpaEngine("hpa-v2", POLICY, "none", { ...CONFIG, ...config });
  let requested = initial;
  return ticks.map((values, i) => {
    const nowMs = 1_000_000 + i * 15_000;
    const readings = engine.metrics.map(
      ({ name, windowMs }, at): Reading => ({
        metric: name,
        status: values[at] === undefined ? "absent" : "value",
        value: values[at] ?? 0,
        sampledAtMs: nowMs - 15_000,
        windowMs,
        partial: false,
      }),
    );
    requested = decide(engine, { capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 }, readings }, nowMs).requested;
    return requested;
  });
}

const BACKLOG = { source: "external", name: "backlog", target: { type: "averageValue", milli: 30_000 }, measures: "backlog" } as const;

test("takes the highest of several metrics, and never shrinks on a part of them", () => {
  const metrics = [cpuMetric(50), BACKLOG];
  expect(driveMetrics({ metrics }, 10, [[0.5, 360]])).toEqual([12]); // 360 / 30
  expect(driveMetrics({ metrics }, 10, [[0.9, 30]])).toEqual([18]);
  expect(driveMetrics({ metrics }, 10, [[0.9, undefined]])).toEqual([18]);
  const lull = Array.from({ length: 30 }, () => [0.1, undefined] as const);
  expect(driveMetrics({ metrics }, 10, lull).at(-1)).toBe(10);
  expect(
    driveMetrics(
      { metrics },
      10,
      lull.map(([cpu]) => [cpu, 30]),
    ).at(-1),
  ).toBe(2);
});

test("reads what a pod carries, in the metric's own unit or as an amount of CPU", () => {
  const rate = { source: "pods", name: "requests", target: { type: "averageValue", milli: 100_000 }, measures: "rate" } as const;
  expect(driveMetrics({ metrics: [rate] }, 10, [[150]])).toEqual([15]);
  const cores = { source: "resource", name: "cpu", target: { type: "averageValue", milli: 600 }, measures: "utilisation", fullMilli: 1_000 } as const;
  expect(driveMetrics({ metrics: [cores] }, 10, [[0.9]])).toEqual([15]);
  const total = { source: "object", name: "hits", target: { type: "value", milli: 1_000_000 }, measures: "rate" } as const;
  expect(driveMetrics({ metrics: [total] }, 10, [[2_000]])).toEqual([20]);
});

test("goes to zero and back when it may, and leaves a zero that a person set", () => {
  const zero = { metrics: [BACKLOG], min: 0, max: 20 };
  const idle = Array.from({ length: 40 }, () => [0] as const);
  const went = driveMetrics(zero, 3, [...idle, [90]]);
  expect(went.at(-2)).toBe(0);
  expect(went.at(-1)).toBe(3);
  expect(driveMetrics(zero, 0, [[90], [90]])).toEqual([0, 0]);
});

test("the rules of old: what cannot be fetched is passed over, and what is no int32 is the smallest", () => {
  const metrics = ["lag", "other"].map((name) => ({ source: "external", name, target: { type: "averageValue", milli: 100 }, measures: "backlog" }) as const);
  const ask = (old: Partial<HpaConfig>, lag: number | undefined) => {
    const engine = new HpaEngine("hpa", POLICY, "none", { metrics, toleranceUp: 0.1, toleranceDown: 0.1, absentIsZero: false, ...old });
    const reading = (metric: string, value: number | undefined): Reading => ({
      metric,
      status: value === undefined ? "absent" : "value",
      value: value ?? 0,
      sampledAtMs: 0,
      windowMs: 15_000,
      partial: false,
    });
    const capacity = { readable: true, requested: 50, ready: 50, starting: 0, draining: 0 };
    let units = 50;
    // Beyond the five minutes that an HPA remembers its recommendations.
    for (let nowMs = 0; nowMs <= 400_000; nowMs += 15_000)
      units = decide(engine, { capacity, readings: [reading("lag", lag), reading("other", undefined)] }, nowMs).requested;
    return units;
  };
  const legacy = { passesOverBroken: true, wraps: true };
  expect([ask({}, 1), ask(legacy, 1)]).toEqual([50, 10]);
  // 214 748 364.7 over a tenth is the largest int32.
  expect([ask({}, 214_748_365), ask(legacy, 214_748_364), ask(legacy, 214_748_365)]).toEqual([100, 100, 2]);
});
