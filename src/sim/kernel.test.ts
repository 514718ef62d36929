import { describe, expect, test } from "vitest";
import { TRACKING, workload } from "../../test/support/drive.ts";
import { VernierEngine } from "../engine/engine.ts";
import type { Allowances, Decision, Engine, Observation, Proposal } from "../engine/model.ts";
import { createRng } from "../lib/rng.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import { dependencyRate } from "../policy/uses.ts";
import type { SimulationColumns } from "./columns.ts";
import { type SimulationResult, simulate } from "./kernel.ts";
import { MetricPipeline } from "./metric-pipeline.ts";
import { Plant } from "./plant.ts";
import { settleScale } from "./scale.ts";
import { defaultWarmUpMs, scoreRun } from "./score.ts";
import { settleStepMs } from "./steps.ts";
import type { Trace } from "./trace.ts";

function traceOf(load: readonly number[], binMs = 15_000): Trace {
  return { name: "test", semantics: "rate", binMs, startMs: 0, load: Float64Array.from(load), columns: new Map(), masks: [], censoredBins: 0, guesses: [] };
}

/** An engine that requests what a list says, tick by tick. */
class Scripted implements Engine, Decision {
  readonly engine = "scripted";
  readonly workload = "test/web";
  readonly policyHash = "none";
  readonly posture = "normal";
  readonly metrics: readonly ResolvedMetric[];
  readonly intervalMs: number;
  readonly seen: Observation[] = [];
  atMs = 0;
  from = 0;
  desired = 0;
  requested = 0;
  ready = 0;
  readonly #wishes: readonly number[];
  #tick = 0;

  constructor(wishes: readonly number[], metrics: readonly ResolvedMetric[] = [], intervalMs = 15_000) {
    this.#wishes = wishes;
    this.metrics = metrics;
    this.intervalMs = intervalMs;
  }

  propose(observation: Observation, nowMs: number): Proposal {
    this.seen.push(structuredClone(observation));
    this.atMs = nowMs;
    this.from = observation.capacity.requested;
    this.requested = this.#wishes[Math.min(this.#tick++, this.#wishes.length - 1)] as number;
    this.desired = this.requested;
    return this;
  }

  settle(_: Allowances): Decision {
    return this;
  }

  reasons() {
    return [];
  }

  state() {
    return { engine: this.engine, version: 1 };
  }

  restore(): void {}
}

const UNIT = (fields: string): ResolvedWorkload =>
  workload(`
kind: stateless
bounds: {min: 1, max: 100}
unit: {serves: {rate: 1/s}, ${fields}}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);

interface Played {
  readonly loadFactor?: number;
  readonly initialUnits?: number | undefined;
  readonly seed?: number;
  readonly interpolate?: boolean;
}

/** One workload alone, each unit serving one request a second. */
function play(workload: ResolvedWorkload, trace: Trace, engine: Engine, { loadFactor = 1, initialUnits, seed = 1, interpolate = false }: Played = {}) {
  const node = { workload, perUnit: 1, faults: [], ...(initialUnits !== undefined && { initialUnits }) };
  const [result] = simulate({ nodes: [node], edges: [], loadFactor, seed, interpolate }, trace, [engine]);
  return result as SimulationResult;
}

function run(policy: ResolvedWorkload, wishes: readonly number[], load: readonly number[], initialUnits = wishes[0]): SimulationColumns {
  return play(policy, traceOf(load), new Scripted(wishes), { initialUnits }).columns;
}

/** One step of a plant that nothing holds back. */
function serve(plant: Plant, load: number, seconds: number, nowMs: number): void {
  plant.prepare(nowMs);
  plant.serve(load, seconds, nowMs, Number.POSITIVE_INFINITY);
}

describe("the plant", () => {
  test("starts units after their start-up time and bills them from the request", () => {
    const columns = run(UNIT("startup: 45s"), [2, 5, 5, 5, 5, 5], [1, 1, 1, 1, 1, 1]);
    expect([...columns.requested]).toEqual([2, 5, 5, 5, 5, 5]);
    expect([...columns.ready]).toEqual([2, 2, 2, 2, 5, 5]);
    expect([...columns.billed]).toEqual([2, 5, 5, 5, 5, 5]);
  });

  test("bills draining units, which no longer serve", () => {
    const columns = run(UNIT("startup: 0s, drain: 30s"), [5, 2, 2, 2, 2], [1, 1, 1, 1, 1]);
    expect([...columns.ready]).toEqual([5, 2, 2, 2, 2]);
    expect([...columns.billed]).toEqual([5, 5, 5, 2, 2]);
  });

  test("bills a unit for its minimum, and takes the youngest first", () => {
    const columns = run(UNIT("startup: 0s, minimumBilling: 60s"), [2, 4, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1, 1]);
    // One of the two started at 15 s goes at 30 s and is paid for until 75 s.
    expect([...columns.billed]).toEqual([2, 4, 4, 4, 4, 3, 3]);
  });

  test("takes back units that are still starting before ready ones, without draining them", () => {
    const columns = run(UNIT("startup: 60s, drain: 60s"), [3, 6, 4, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 1]);
    expect([...columns.ready]).toEqual([3, 3, 3, 3, 3, 4, 4]);
    expect([...columns.billed]).toEqual([3, 6, 4, 4, 4, 4, 4]);
  });

  test("carries a queue over and fails what would wait beyond the timeout", () => {
    const columns = run(UNIT("startup: 0s, requestTimeout: 30s"), [2], [4, 4, 4, 0, 0, 0]);
    // 4/s on 2/s for 15 s leaves 30; at most 2 x 30 = 60 may wait.
    expect([...columns.backlog]).toEqual([30, 60, 60, 30, 0, 0]);
    expect([...columns.failed]).toEqual([0, 0, 30, 0, 0, 0]);
  });

  test("draws lognormal start-up times with the stated mean and coefficient of variation, and retries failed starts", () => {
    const draws = (failure: string) => {
      const policy = UNIT(`startup: {mean: 60s, cv: 50%, failure: ${failure}}`);
      const plant = new Plant({ unit: policy.unit, uses: [], perUnit: 1, initialUnits: 0 }, createRng(7));
      plant.request(20_000, 0);
      const times: number[] = [];
      for (let nowMs = 0; plant.starting > 0; nowMs += 250) {
        const before = plant.ready;
        plant.advance(nowMs);
        for (let i = before; i < plant.ready; i++) times.push(nowMs);
      }
      const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
      return { mean, cv: Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / times.length) / mean };
    };
    const steady = draws("0%");
    expect(steady.mean / 60_000).toBeCloseTo(1, 1);
    expect(steady.cv).toBeCloseTo(0.5, 1);
    // A failed start costs another: 1 / (1 - 0.2) starts on average.
    expect(draws("20%").mean / 60_000).toBeCloseTo(1.25, 1);
  });

  test("serves no more than its dependency allows", () => {
    const policy = workload(
      `
kind: stateless
bounds: {min: 1, max: 100}
unit: {serves: {rate: 1/s}, startup: 0s}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
uses: {db: {connections: 10}}
`,
      "dependencies: {db: {connections: 40}}",
    );
    const plant = new Plant({ unit: policy.unit, uses: policy.uses, perUnit: 1, initialUnits: 8 }, createRng(1));
    serve(plant, 8, 10, 0);
    expect(plant.served).toBe(40); // connections for 4 of 8 units
    expect(plant.backlog).toBe(40);
  });

  test("without any unit requests wait as long as they would anywhere, each from when it came", () => {
    const policy = workload(
      "bounds: {min: 1, max: 9}\nunit: {requestTimeout: 2m}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]",
    );
    const plant = new Plant({ unit: policy.unit, uses: [], perUnit: 10, initialUnits: 0 }, createRng(1));
    const seen = [5, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0].map((load, i) => {
      serve(plant, load, 15, i * 15_000);
      return [plant.backlog, plant.failed];
    });
    // The first 75 came in the step from 0 s and give up at 120 s, the others at 150 s.
    expect(seen).toEqual([
      [75, 0],
      [75, 0],
      [150, 0],
      [150, 0],
      [150, 0],
      [150, 0],
      [150, 0],
      [150, 0],
      [75, 75],
      [75, 0],
      [0, 75],
    ]);
  });

  test("a cold unit serves less and is as busy with it, until it is warm", () => {
    const { unit } = workload(
      "bounds: {min: 1, max: 9}\nunit: {startup: 10s, warmUp: {for: 100s, from: 50%}}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]",
    );
    const plant = new Plant({ unit, uses: [], perUnit: 10, initialUnits: 1 }, createRng(1));
    plant.request(3, 0);
    const served = [10_000, 60_000, 110_000].map((nowMs) => {
      plant.advance(nowMs);
      serve(plant, 1_000, 10, nowMs);
      return [plant.served, plant.busy];
    });
    // One warm unit and two that serve a half, then three quarters, then all; all three are busy throughout.
    expect(served).toEqual([
      [200, 3],
      [250, 3],
      [300, 3],
    ]);
  });

  test("in a rollout scale-in leaves as many units as it should, never fewer than none", () => {
    const plant = new Plant({ unit: workload(TRACKING).unit, uses: [], perUnit: 10, initialUnits: 40 }, createRng(1));
    plant.takeOut(0.5);
    plant.request(5, 0);
    serve(plant, 100, 15, 0);
    expect([plant.ready, plant.served, plant.busy]).toEqual([3, 450, 3]);
    plant.takeOut(0);
    expect(plant.ready).toBe(5);
  });

  test("dependencies limit together, and one beyond its knee does less with more units (S28)", () => {
    const { uses } = workload(
      "bounds: {min: 1, max: 100}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]\nuses: {db: {connections: 10}, cache: {connections: 1}}",
      "dependencies: {db: {rate: 100/s, knee: {connections: 100, slowdown: 3}}, cache: {rate: 90/s}}",
    );
    // 10 units hold 100 connections: the cache limits. 20 hold twice the knee: 100 / (1 + 3).
    expect([dependencyRate(uses, 10), dependencyRate(uses, 20), dependencyRate(uses, 30)]).toEqual([90, 25, 100 / 13]);
    const plant = (units: number) => new Plant({ unit: workload(TRACKING).unit, uses, perUnit: 10, initialUnits: units }, createRng(1));
    const served = [5, 10, 20].map((units) => {
      const one = plant(units);
      serve(one, 1_000, 1, 0);
      return one.served;
    });
    expect(served).toEqual([50, 90, 25]);
  });
});

describe("the metric pipeline", () => {
  const metric: ResolvedMetric = {
    name: "cpu",
    measures: "utilisation",
    scope: "unit",
    quantile: 0.95,
    column: "cpu",
    windowMs: 30_000,
    lagMs: 15_000,
    scrapeMs: 15_000,
  };
  const feed = (pipeline: MetricPipeline, values: readonly number[]): (number | string)[] =>
    values.map((value, i) => {
      const reading = pipeline.read(i * 15_000, 0);
      const shown = reading.status === "value" ? reading.value : reading.status;
      pipeline.record(value, 1, (i + 1) * 15_000);
      return shown;
    });

  test("averages over the window and is readable after the lag", () => {
    // Sampled at 15, 30, 45 s ...: readable at 30, 45, 60 s; the second and later ones average two samples.
    expect(feed(new MetricPipeline(metric, [], 0, 15_000), [1, 2, 4, 8, 16])).toEqual(["absent", "absent", 1, 1.5, 3]);
  });

  test.for([
    ["drop", 1, [1.5, "absent", "absent", 12]],
    ["zero", 1, [1.5, 0, 0, 12]],
    ["scale", 10, [1.5, 30, 60, 12]],
    ["stale", 1, [1.5, 1.5, 1.5, 12]],
    ["lag", 1, [1.5, 1.5, 3, 12]],
    ["infinite", 1, [1.5, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 12]],
  ] as const)("breaks by time: %s", ([kind, factor, expected]) => {
    const fault = { metric: "*", kind, from: 60_000, to: 90_000, factor, by: 15_000 };
    const shown = feed(new MetricPipeline(metric, [fault], 0, 15_000), [1, 2, 4, 8, 16, 32, 64]);
    expect(shown.slice(3)).toEqual([...expected]);
  });
});

describe("the kernel", () => {
  test.for([
    [60_000, 15_000, 15_000],
    [1_000, 15_000, 1_000],
    [15_000, 2_000, 1_000],
    [20_000, 15_000, 5_000],
    [3_600_000, 15_000, 15_000],
    [60_000, 60_000, 15_000],
    [7_000, 15_000, 1_000],
    [333, 15_000, 333],
    [37_000, 37_000, 9_250],
    [300_000, 45_000, 15_000],
  ] as const)("bins of %d ms and ticks of %d ms make steps of %d ms", ([binMs, intervalMs, stepMs]) => {
    expect(settleStepMs(binMs, intervalMs)).toBe(stepMs);
    expect(binMs % stepMs).toBe(0);
  });

  test("never shows an engine the load of the step it decides for", () => {
    const engine = new Scripted(
      [10],
      [{ name: "rps", measures: "rate", scope: "total", quantile: 0.95, column: "rps", windowMs: 15_000, lagMs: 0, scrapeMs: 15_000 }],
    );
    play(UNIT("startup: 0s"), traceOf([3, 5, 7]), engine, { initialUnits: 10 });
    expect(engine.seen.map((observation) => observation.readings[0]?.status)).toEqual(["absent", "value", "value"]);
    expect(engine.seen.slice(1).map((observation) => observation.readings[0]?.value)).toEqual([3, 5]);
  });

  test("begins with what the first step needs, holds or interpolates bins", () => {
    const policy = UNIT("startup: 0s");
    const held = play(policy, traceOf([4, 8], 60_000), new Scripted([10]), { loadFactor: 2 });
    expect(held.columns.requested[0]).toBe(10);
    expect([...held.columns.load]).toEqual([8, 8, 8, 8, 16, 16, 16, 16]);
    expect([...play(policy, traceOf([4, 8], 60_000), new Scripted([10]), { loadFactor: 2, interpolate: true }).columns.load]).toEqual([
      8, 8, 9, 11, 13, 15, 16, 16,
    ]);
  });

  test("gives the same bytes for the same seed, and others for another", () => {
    const policy = UNIT("startup: {mean: 60s, cv: 80%, failure: 10%}");
    const load = Array.from({ length: 2_000 }, (_, i) => 30 + 25 * Math.sin(i / 50));
    const once = (seed: number) => {
      const engine = new VernierEngine(policy, { policyHash: "x" });
      const { columns } = play(policy, traceOf(load), engine, { seed });
      return Buffer.concat([columns.requested, columns.ready, columns.billed, columns.backlog].map((column) => Buffer.from(column.buffer))).toString("base64");
    };
    expect(once(1)).toBe(once(1));
    expect(once(1)).not.toBe(once(2));
  });

  test("synthesises each kind of metric, takes gauges from the trace and names silent ones", () => {
    const metrics = (["rate", "utilisation", "errors", "backlog", "concurrency", "latency", "gauge"] as const).map(
      (measures): ResolvedMetric => ({
        name: measures,
        measures,
        scope: measures === "utilisation" ? "unit" : "total",
        quantile: 0.95,
        column: "orders",
        windowMs: 15_000,
        lagMs: 0,
        scrapeMs: 15_000,
      }),
    );
    const engine = new Scripted([2], metrics);
    const trace: Trace = { ...traceOf([4, 4, 4]), columns: new Map([["orders", Float64Array.from([7, 8, 9])]]) };
    const policy = UNIT("startup: 0s, requestTimeout: 10s, serviceTime: 500ms");
    play(policy, trace, engine, { initialUnits: 2 });
    const read = (name: string) => engine.seen[1]?.readings.find((reading) => reading.metric === name)?.value;
    expect(read("rate")).toBe(4);
    expect(read("utilisation")).toBe(1);
    expect(read("errors")).toBeCloseTo(10 / 60, 12); // 60 arrive, 30 served, 20 may wait, 10 fail
    expect(read("backlog")).toBe(20);
    expect(read("concurrency")).toBe(21); // 20 waiting, 2 units x 0.5 slots busy
    expect(read("latency")).toBeGreaterThan(10);
    expect(read("gauge")).toBe(7);
    const silent = play(UNIT("startup: 0s"), traceOf([1]), new Scripted([2], metrics));
    expect(silent.silentMetrics.join("; ")).toMatch(/latency: no readings.*serviceTime.*gauge: no readings.*column "orders"/);
  });
});

describe("scale", () => {
  const policy = (serves: string) =>
    workload(
      `kind: stateless\nbounds: {min: 2, max: 50}\n${serves}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]`,
    );

  test("lays the peak at peak units, takes loads as they are, or says what it guessed", () => {
    const trace = traceOf([100, 400]);
    expect(settleScale(trace, policy(""), 0.8, 10)).toMatchObject({ loadFactor: 1, perUnit: 50, peakUnits: 10, guesses: [] }); // 400 / (0.8 x 10)
    expect(settleScale(trace, policy("unit: {serves: {rate: 25/s}}"), 0.8, undefined)).toMatchObject({ loadFactor: 1, perUnit: 25, peakUnits: 20 });
    expect(settleScale(trace, policy("unit: {serves: {rate: 25/s}}"), 0.8, 10)).toMatchObject({ loadFactor: 0.5, perUnit: 25, peakUnits: 10 });
    const guessed = settleScale(trace, policy(""), 0.8, undefined);
    expect(guessed.peakUnits).toBe(40);
    expect(guessed.guesses.join()).toContain("80 % of max");
    expect(settleScale(traceOf([0, 0]), policy(""), 0.8, 10)).toMatchObject({ perUnit: 1, peakUnits: 0 });
  });
});

describe("scores", () => {
  const policy = workload(`
kind: stateless
bounds: {min: 2, max: 10}
unit: {serves: {rate: 1/s}, price: 0.5 EUR/h}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [{band: {metric: cpu, from: 60%, to: 80%}, minimum: 50%}]
`);
  const columns = (load: number[], ready: number[], extra: Partial<Record<"requested" | "billed", number[]>> = {}): SimulationColumns => ({
    stepMs: 15_000,
    startMs: 0,
    load: Float64Array.from(load),
    requested: Int32Array.from(extra.requested ?? ready),
    ready: Int32Array.from(ready),
    billed: Int32Array.from(extra.billed ?? ready),
    backlog: new Float32Array(load.length),
    failed: new Float32Array(load.length),
  });
  const settings = { workload: policy, perUnit: 1, ceiling: 0.8, warmUpMs: 0, masks: [] };

  test("of a hand-made run", () => {
    // needed at 80 %: 4/0.8 = 5, 8/0.8 = 10, min 2, 4/0.8 = 5
    const score = scoreRun(columns([4, 8, 0, 4], [5, 6, 4, 10]), settings);
    expect(score.costUnitHours).toBeCloseTo((25 * 15) / 3_600, 12);
    expect(score.cost).toBeCloseTo((25 * 15 * 0.5) / 3_600, 12);
    expect(score.currency).toBe("EUR");
    expect(score.timeAboveCeilingRatio).toBe(1 / 4); // 8 > 0.8 x 6
    expect(score.longestAboveCeilingMs).toBe(15_000);
    expect(score.requestsBeyondCapacityRatio).toBe(2 / 16); // 8 - 6 of 16
    expect(score.thetaU).toBe((10 - 6) / 10 / 4);
    expect(score.thetaO).toBe(((4 - 2) / 2 + (10 - 5) / 5) / 4);
    expect(score.tauU).toBe(1 / 4);
    expect(score.tauO).toBe(2 / 4);
    expect(score.meanUtilisation).toBe((4 + 6 + 0 + 4) / 25);
    expect(score).toMatchObject({ changes: 3, reversals: 2, largestStepUnits: 6, unitsStarted: 7, p95LatencyMs: null, scoredHours: 60 / 3_600 });
    expect(score.objectives[0]).toMatchObject({ state: "met", good: 3 / 4 });
    // Below 60 %: 4 ready with nothing to do (2 are the minimum), 10 ready where 4 busy need 7 at 60 %.
    expect(score.objectives[0]?.wasteUnitHours).toBeCloseTo(((2 + 3) * 15) / 3_600, 12);
  });

  test("leaves out the warm-up and masks", () => {
    const score = scoreRun(columns([4, 8, 8, 4], [5, 5, 5, 5]), { ...settings, warmUpMs: 15_000, masks: [{ fromMs: 20_000, toMs: 30_000, note: "" }] });
    expect(score.scoredHours).toBeCloseTo(30 / 3_600, 12);
    expect(score.timeAboveCeilingRatio).toBe(1 / 2);
    const nothing = scoreRun(columns([4], [5]), { ...settings, warmUpMs: 15_000 });
    expect(nothing).toMatchObject({ costUnitHours: 0, timeAboveCeilingRatio: 0, scoredHours: 0 });
  });

  test("warm-up is a day, or a tenth of a shorter trace", () => {
    expect(defaultWarmUpMs(30 * 86_400_000)).toBe(86_400_000);
    expect(defaultWarmUpMs(3_600_000)).toBe(360_000);
  });

  test("latency over requests agrees with M/M/1 processor sharing and M/M/c", () => {
    const at = (discipline: string) =>
      workload(
        `kind: stateless\nbounds: {min: 2, max: 10}\nunit: {serves: {rate: 1/s}, serviceTime: 1s, discipline: ${discipline}}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]`,
      );
    const run = columns(new Array(100).fill(3.6), new Array(100).fill(4));
    const shared = scoreRun(run, { ...settings, workload: at("sharedQueue") });
    // M/M/4 at rho 0.9: p50, p95, p99 = 2.2545, 8.1655, 12.1932 service times.
    expect(Math.abs((shared.p50LatencyMs as number) / 2_254.5 - 1)).toBeLessThan(0.03);
    expect(Math.abs((shared.p95LatencyMs as number) / 8_165.5 - 1)).toBeLessThan(0.02);
    expect(Math.abs((shared.p99LatencyMs as number) / 12_193.2 - 1)).toBeLessThan(0.02);
    const sharing = scoreRun(run, { ...settings, workload: at("processorSharing") });
    expect(Math.abs((sharing.p95LatencyMs as number) / (3.869 * 10_000) - 1)).toBeLessThan(0.02);
  });
});

describe("a constant load", () => {
  // Whatever interval, window, lag and start-up: once settled, nothing moves.
  const settings = [15, 60].flatMap((interval) =>
    [
      { window: 15, lag: 0, scrape: 15 },
      { window: 30, lag: 15, scrape: 15 },
      { window: 60, lag: 30, scrape: 15 },
      { window: 60, lag: 0, scrape: 60 },
    ].flatMap((pipeline) => [0, 15, 60].map((startup) => [interval, pipeline, startup] as const)),
  );

  test.for(settings)("settles without reversals at an interval of %d s, %o, start-up %d s", ([interval, { window, lag, scrape }, startup]) => {
    for (const guards of ["{cliff: off}", "{cliff: off, down: {window: 0s, limits: off}}"]) {
      const policy = workload(`
kind: stateless
bounds: {min: 2, max: 100}
interval: ${interval}s
unit: {serves: {rate: 1/s}, startup: ${startup}s}
metrics: {cpu: {measures: utilisation, window: ${window}s, lag: ${lag}s, scrape: ${scrape}s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
guards: ${guards}
`);
      for (const load of [1.3, 3.5, 7, 11.9, 19, 30.4]) {
        for (const initialUnits of [5, 40]) {
          const { columns } = play(policy, traceOf(new Array(720).fill(load)), new VernierEngine(policy, { policyHash: "x" }), { initialUnits });
          const last = [...columns.requested.subarray(-240)];
          expect(new Set(last).size, `load ${load} from ${initialUnits}: ${[...new Set(last)].join(", ")}`).toBe(1);
          expect(load / (last[0] as number)).toBeLessThanOrEqual(0.8);
        }
      }
    }
  });
});

describe("windows of a pipeline", () => {
  test.for([
    [60_000, 1_000, 60_000],
    [60_000, 5_000, 60_000],
    [30_000, 5_000, 30_000],
    [30_000, 60_000, 60_000],
    [100_000, 60_000, 120_000],
    [3_600_000, 15_000, 3_600_000],
  ] as const)("of %d ms sampled every %d ms remember %d ms, and say so", ([windowMs, scrapeMs, memoryMs]) => {
    const metric: ResolvedMetric = { name: "rps", measures: "rate", scope: "total", quantile: 0.95, column: "rps", windowMs, lagMs: 0, scrapeMs };
    const pipeline = new MetricPipeline(metric, [], 0, 15_000);
    // One step of load, then none: the reading is above zero for as long as the window remembers.
    let lastAboveMs = 0;
    for (let step = 0; step < 1_000; step++) {
      pipeline.record(step === 400 ? 15 : 0, 15, (step + 1) * 15_000);
      if (pipeline.read((step + 1) * 15_000, 0).value > 0) lastAboveMs = (step + 1) * 15_000;
    }
    const seenForMs = lastAboveMs - 400 * 15_000;
    expect(Math.abs(seenForMs - memoryMs)).toBeLessThanOrEqual(Math.max(scrapeMs, 60_000));
    expect(pipeline.reading.windowMs).toBeLessThanOrEqual(Math.max(memoryMs, scrapeMs) + 60_000);
  });
});
