import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VernierEngine } from "../engine/engine.ts";
import type { Engine } from "../engine/model.ts";
import { StaticEngine } from "../peers/static/static.ts";
import { checkPolicy, parsePolicy } from "../policy/parse.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { WorldEvent } from "../policy/schema-simulation.ts";
import { notCalled, systemOf } from "../policy/system.ts";
import type { SimulationColumns } from "./columns.ts";
import { simulate } from "./kernel.ts";
import { runSimulation } from "./run.ts";
import { scoreRun } from "./score.ts";
import type { Trace } from "./trace.ts";

function traceOf(load: readonly number[]): Trace {
  return {
    name: "test",
    semantics: "rate",
    binMs: 15_000,
    startMs: 0,
    load: Float64Array.from(load),
    columns: new Map(),
    masks: [],
    censoredBins: 0,
    guesses: [],
  };
}

const COMMON =
  "kind: stateless, bounds: {min: 1, max: 100}, metrics: {cpu: {measures: utilisation}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}]";

/** Workloads of so many units, each serving so many a second, with what each calls. */
function systemText(nodes: Readonly<Record<string, { rate: number; calls?: Readonly<Record<string, number>>; unit?: string }>>): string {
  const uses = (calls: Readonly<Record<string, number>> = {}) =>
    `{${Object.entries(calls)
      .map(([name, times]) => `${name}: {calls: ${times}}`)
      .join(", ")}}`;
  return `version: 1
workloads:
${Object.entries(nodes)
  .map(([name, { rate, calls, unit = "" }]) => `  test/${name}: {${COMMON}, unit: {serves: {rate: ${rate}/s}, startup: 0s, ${unit}}, uses: ${uses(calls)}}`)
  .join("\n")}
dependencies:
${Object.keys(nodes)
  .map((name) => `  ${name}: {workload: test/${name}}`)
  .join("\n")}
`;
}

function play(text: string, units: readonly number[], load: readonly number[]) {
  const all = parsePolicy(text, "test.yaml").workloads.map(({ resolved }) => resolved);
  const [entry] = all as [ResolvedWorkload];
  const { called, edges } = systemOf(entry, all);
  const nodes = [entry, ...called];
  const counts = nodes.map(({ id }) => units[all.findIndex((one) => one.id === id)] as number);
  const engines = nodes.map((node, i) => new StaticEngine("static", node, "none", counts[i] as number));
  const results = simulate(
    {
      nodes: nodes.map((workload, i) => ({
        workload,
        perUnit: workload.unit.serves?.rate as number,
        initialUnits: counts[i] as number,
        faults: [],
      })) as unknown as Parameters<typeof simulate>[0]["nodes"],
      edges,
      loadFactor: 1,
      seed: 1,
      interpolate: false,
    },
    traceOf(load),
    engines as unknown as Parameters<typeof simulate>[2],
  );
  const byName = new Map(
    nodes.map(({ id }, i) => [id.slice(5), { workload: nodes[i] as ResolvedWorkload, columns: results[i]?.columns as SimulationColumns }]),
  );
  return (name: string) => {
    const node = byName.get(name);
    if (node === undefined) throw new Error(name);
    return node;
  };
}

describe("a service and its database", () => {
  test("pass load on, and what the database cannot answer waits at the service", () => {
    // The service could serve 10 a second; two calls each on a database of 10 a second let 5 through.
    const nodes = play(systemText({ api: { rate: 1, calls: { db: 2 } }, db: { rate: 10 } }), [10, 1], [4, 8, 8, 0]);
    const api = nodes("api").columns;
    // What is tried, and what was waiting and is answered.
    expect([...nodes("db").columns.load]).toEqual([8, 16, 16, 10]);
    expect([...(nodes("db").columns.answeredRate ?? [])]).toEqual([8, 10, 10, 10]);
    expect([...api.backlog]).toEqual([0, 45, 90, 15]);
    expect([...(api.allowedRate as Float64Array)]).toEqual([5, 5, 5, 5]);
    expect([...nodes("db").columns.backlog]).toEqual([0, 0, 0, 0]);
  });

  test("count a service as short whose database is, however many units it has", () => {
    const { workload, columns } = play(systemText({ api: { rate: 1, calls: { db: 2 } }, db: { rate: 10 } }), [40, 1], new Array(40).fill(4.5))("api");
    const score = scoreRun(columns, { workload, perUnit: 1, ceiling: 0.8, warmUpMs: 0, masks: [] });
    expect(score.timeAboveCeilingRatio).toBe(1);
    expect(score.requestsBeyondCapacityRatio).toBe(0);
  });

  test("make a request wait for the answers of what it calls", () => {
    const latency = (calls: number): number => {
      const unit = "serviceTime: 100ms";
      const { workload, columns } = play(
        systemText({ api: { rate: 10, unit, calls: { db: calls } }, db: { rate: 10, unit } }),
        [5, 10],
        new Array(40).fill(5),
      )("api");
      expect(columns.dependencyMs?.[3]).toBeCloseTo((calls * 100) / (1 - (calls * 5) / 100), 0);
      return scoreRun(columns, { workload, perUnit: 10, ceiling: 0.8, warmUpMs: 0, masks: [] }).p50LatencyMs as number;
    };
    // One call more at 5 and at 10 % utilisation: 105 ms and twice 111 ms.
    expect(latency(2) - latency(1)).toBeCloseTo(222.2 - 105.3, -1);
  });

  test("let through what all ways together leave, in any shape and for steps of any length", () => {
    // Two ways lead to the database: 2 calls for each request on 100 a second.
    const diamond = systemText({
      top: { rate: 100, calls: { b: 1, c: 1 } },
      b: { rate: 100, calls: { d: 1 } },
      c: { rate: 100, calls: { d: 1 } },
      d: { rate: 100 },
    });
    const nodes = play(diamond, [10, 10, 10, 1], new Array(40).fill(100));
    expect([...nodes("top").columns.backlog.subarray(0, 3)]).toEqual([750, 1_500, 1_500]);
    // 50 a second are answered, 30 s of which may wait; the rest fails, at the top and nowhere else.
    expect(nodes("top").columns.failed.at(-1)).toBe(750);
    for (const name of ["b", "c", "d"]) expect([...nodes(name).columns.backlog, ...nodes(name).columns.failed].every((count) => count === 0)).toBe(true);
    expect(nodes("d").columns.answeredRate?.at(-1)).toBe(100);
    expect(nodes("d").columns.load.at(-1)).toBe(200);
    // Two names for one database, and a chain of three.
    const twice = systemText({ top: { rate: 100, calls: { b: 2 } }, b: { rate: 100, calls: { d: 3 } }, d: { rate: 90 } });
    expect(play(twice, [10, 10, 1], new Array(40).fill(10))("top").columns.allowedRate?.at(-1)).toBe(15);
  });

  test("wake what sleeps: calls that nobody answers are tried all the same", () => {
    const sleeper = COMMON.replace("min: 1", "min: 0");
    const [api, db] = parsePolicy(
      `version: 1
workloads:
  test/api: {${COMMON}, unit: {serves: {rate: 10/s}, startup: 0s}, uses: {db: {calls: 2}}}
  test/db: {${sleeper.replace("cpu: {measures: utilisation}", "rps: {measures: rate}").replace("cpu, target: 70%", "rps, target: 7/s")}, activation: {metric: rps, idle: 1m}, unit: {serves: {rate: 10/s}, startup: 0s}}
dependencies: {db: {workload: test/db}}
`,
      "test.yaml",
    ).workloads.map(({ resolved }) => resolved) as [ResolvedWorkload, ResolvedWorkload];
    const engines: [Engine, Engine] = [new StaticEngine("static", api, "none", 10), new VernierEngine(db, { policyHash: "none" })];
    const load = [...new Array(80).fill(0), ...new Array(80).fill(20)];
    const { columns, report } = runSimulation(api, engines, traceOf(load), { system: systemOf(api, [api, db]), warmUpMs: 0 });
    expect(columns.allowedRate?.[79]).toBe(0);
    expect(columns.allowedRate?.[90]).toBeGreaterThanOrEqual(20);
    expect(report.called[0]?.score.peakRequestedUnits).toBeGreaterThanOrEqual(5);
    expect(report.score.requestsFailedRatio).toBeLessThan(0.05);
  });

  test("try what waits again and again while nobody answers: a burst wakes who sleeps behind who sleeps", () => {
    const asleep = (name: string, calls: string) =>
      `  test/${name}: {${COMMON.replace("min: 1", "min: 0").replace("cpu: {measures: utilisation}", "rps: {measures: rate}").replace("cpu, target: 70%", "rps, target: 7/s")}, activation: {metric: rps, idle: 10m}, unit: {serves: {rate: 10/s}, startup: 90s, requestTimeout: 20m}, uses: {${calls}}}`;
    const all = parsePolicy(
      `version: 1\nworkloads:\n${asleep("a", "b: {calls: 1}")}\n${asleep("b", "c: {calls: 1}")}\n${asleep("c", "")}\ndependencies: {b: {workload: test/b}, c: {workload: test/c}}\n`,
      "test.yaml",
    ).workloads.map(({ resolved }) => resolved) as [ResolvedWorkload, ResolvedWorkload, ResolvedWorkload];
    const [a, b, c] = all.map((one): Engine => new VernierEngine(one, { policyHash: "none" })) as unknown as [Engine, Engine, Engine];
    const load = [...new Array(60).fill(0), 10, 10, ...new Array(100).fill(0)];
    const { report, columns } = runSimulation(all[0], [a, b, c], traceOf(load), { system: systemOf(all[0], all), warmUpMs: 0, initialUnits: 0 });
    expect(report.score.requestsFailedRatio).toBe(0);
    expect(columns.backlog.at(-1)).toBe(0);
  });

  test("are judged by what reaches them: who waits for another is as idle as it is, and who is short itself waits for nobody", () => {
    const chain = systemText({ a: { rate: 100, calls: { b: 1 } }, b: { rate: 100, calls: { c: 1 } }, c: { rate: 100 } });
    const nodes = play(chain, [10, 10, 4], new Array(40).fill(900));
    expect([nodes("b").columns.load.at(-1), nodes("c").columns.load.at(-1)]).toEqual([400, 900]);
    expect(nodes("a").columns.narrowest?.at(-1)).toBe(2);
    expect(play(chain, [3, 10, 6], new Array(40).fill(900))("a").columns.narrowest?.at(-1)).toBe(0);
  });

  test("keep a service as idle as it is, while its database is what is short", () => {
    // 30 % busy itself; the database is all but full.
    const p50 = (rate: number): number => {
      const { workload, columns } = play(
        systemText({ api: { rate: 100, unit: "serviceTime: 20ms", calls: { db: 1 } }, db: { rate } }),
        [10, 1],
        new Array(40).fill(300),
      )("api");
      return scoreRun(columns, { workload, perUnit: 100, ceiling: 0.8, warmUpMs: 0, masks: [] }).p50LatencyMs as number;
    };
    expect(p50(310)).toBeCloseTo(p50(10_000), 6);
  });

  test("lose no request on the way, whatever the shape", () => {
    const calls = fc.double({ min: 0.1, max: 4, noNaN: true }).map((times) => Number(times.toFixed(3)));
    const units = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(
        fc.record({
          units: fc.tuple(units, units, units),
          calls: fc.tuple(calls, calls, calls),
          load: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 5, maxLength: 60 }),
        }),
        ({ units: counts, calls: [shop, direct, deep], load }) => {
          const text = systemText({ api: { rate: 1, calls: { shop, db: direct } }, shop: { rate: 1, calls: { db: deep } }, db: { rate: 1 } });
          const nodes = play(text, counts, load);
          const { columns } = nodes("api");
          const came = load.reduce((sum, rate) => sum + rate * 15, 0);
          const served = came - (columns.backlog.at(-1) as number) - columns.failed.reduce((sum, count) => sum + count, 0);
          const answered = (name: string): number => (nodes(name).columns.answeredRate as Float64Array).reduce((sum, rate) => sum + rate * 15, 0);
          expect(answered("shop") / Math.max(1, served * shop)).toBeCloseTo(served * shop < 1 ? served * shop : 1, 3);
          expect(answered("db") / Math.max(1, served * (direct + shop * deep))).toBeCloseTo(
            served * (direct + shop * deep) < 1 ? served * (direct + shop * deep) : 1,
            3,
          );
          for (const [i, name] of ["shop", "db"].entries()) {
            const one = nodes(name).columns;
            expect([...one.backlog, ...one.failed].every((count) => count < 1e-6)).toBe(true);
            expect(
              (one.answeredRate as Float64Array).every((rate, step) => rate <= (counts[i + 1] as number) + 1e-9 && rate <= (one.load[step] as number) + 1e-6),
            ).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("a system of workloads", () => {
  const workloads = (text: string) => parsePolicy(text, "test.yaml").workloads;

  test("has callers before those they call, and knows who is called by nobody", () => {
    const all = workloads(systemText({ db: { rate: 1 }, shop: { rate: 1, calls: { db: 3 } }, api: { rate: 1, calls: { db: 1, shop: 2 } } }));
    expect(notCalled(all).map(({ id }) => id)).toEqual(["test/api"]);
    const resolved = all.map((one) => one.resolved);
    const { called, edges } = systemOf(resolved[2] as ResolvedWorkload, resolved);
    expect(called.map(({ id }) => id)).toEqual(["test/shop", "test/db"]);
    expect(edges).toEqual([
      { from: 0, to: 2, calls: 1 },
      { from: 0, to: 1, calls: 2 },
      { from: 1, to: 2, calls: 3 },
    ]);
  });

  test.for([
    [{ db: "{workload: test/nothing}" }, "unknown_reference", /there is no workload "test\/nothing"/],
    [{ db: "{workload: test/db, rate: 5/s}" }, "rate_twice", /follows from the units of test\/db/],
    [{ db: "{workload: test/db}", unit: "{}" }, "serves_missing", /test\/db does not say what one of its units serves/],
    [{ db: "{workload: test/api}" }, "dependency_circle", /test\/api calls itself/],
  ] as const)("is refused as %o", ([{ db, unit = "{serves: {rate: 9/s}}" }, code, message]: readonly [{ db: string; unit?: string }, string, RegExp]) => {
    const { problems } = checkPolicy(
      `version: 1\nworkloads:\n  test/api: {${COMMON}, unit: {serves: {rate: 1/s}}, uses: {db: {calls: 2}}}\n  test/db: {${COMMON}, unit: ${unit}}\ndependencies: {db: ${db}}\n`,
      "test.yaml",
    );
    expect(problems.filter(({ severity }) => severity === "error")).toMatchObject([{ code, message: expect.stringMatching(message) as string }]);
  });

  test("lets faults and events happen where they say, and reports what was called", () => {
    const all = workloads(systemText({ api: { rate: 1, calls: { db: 1 } }, db: { rate: 1 } })).map(({ resolved }) => resolved) as [
      ResolvedWorkload,
      ResolvedWorkload,
    ];
    const system = systemOf(all[0], all);
    const above = (events: readonly WorldEvent[]) => {
      const engines: [Engine, Engine] = [new StaticEngine("static", all[0], "none", 10), new StaticEngine("static", all[1], "none", 10)];
      const { report } = runSimulation(all[0], engines, traceOf(new Array(20).fill(4)), { system, events, initialUnits: 10, warmUpMs: 0 });
      return report.called.map(({ workload, score }) => [workload, score.timeAboveCeilingRatio > 0]);
    };
    const rollout = { kind: "rollout", from: 60_000, to: 120_000, share: 0.6 } as const;
    expect(above([])).toEqual([["test/db", false]]);
    expect(above([rollout])).toEqual([["test/db", false]]);
    expect(above([{ ...rollout, workload: "test/db" }])).toEqual([["test/db", true]]);
  });
});
