import { describe, expect, test } from "vitest";
import { createEngine, loadPolicy } from "../src/app.ts";
import { readTrace } from "../src/read-trace.ts";
import { type Run, runSimulation } from "../src/sim/run.ts";
import { engineContext } from "../src/simulation-job.ts";
import { Drive } from "./support/drive.ts";

/** Replays an example as `vernier simulate` would. */
async function replay(path: string, engineName = "vernier"): Promise<Run> {
  const policy = loadPolicy(path);
  const { simulation } = policy.settings;
  const folder = path.endsWith(".yaml") ? path.slice(0, path.lastIndexOf("/")) : path;
  const trace = await readTrace(`${folder}/${simulation.trace}`);
  const workload = policy.workloads[0];
  if (workload === undefined) throw new Error("no workload");
  const settings = { warmUpMs: simulation.warmUp, initialUnits: simulation.initialUnits, peakUnits: simulation.peakUnits };
  const engine = createEngine(engineName, workload.resolved, engineContext({ trace, workload: workload.resolved, settings }));
  if (typeof engine === "string") throw new Error(engine);
  return runSimulation(workload.resolved, engine, trace, settings);
}

describe("(a) doubling against 10 % steps", () => {
  test("the recording of the example is the formula of the claim", async () => {
    const trace = await readTrace("examples/small-steps/demand.csv.gz");
    expect(trace.load.length).toBe(7 * 1_440);
    for (const t of [0, 1, 720, 1_439, 5_000, 10_079]) {
      const s = (1 - Math.cos((2 * Math.PI * t) / 1_440)) / 2;
      expect(trace.load[t]).toBeCloseTo(0.6 * 20 * (1 + 3 * s ** 1.5), 10);
    }
  });

  test("the named case saves 29.0 +- 0.5 %, without overload in either", async () => {
    const doubling = (await replay("examples/small-steps", "doubling")).report.score;
    const ladder = (await replay("examples/small-steps")).report.score;
    // 9,884.67 against 7,016.68 unit-hours where the rule reads the load of its own minute; ours reads the minute before.
    expect(doubling.costUnitHours).toBeCloseTo(9_884.33, 1);
    expect(ladder.costUnitHours).toBeCloseTo(7_016.7, 1);
    const saving = 1 - ladder.costUnitHours / doubling.costUnitHours;
    expect(Math.abs(saving - 0.29)).toBeLessThan(0.005);
    expect([doubling.timeAboveCeilingRatio, ladder.timeAboveCeilingRatio]).toEqual([0, 0]);
  });

  test("the default guards take less than one point of it", async () => {
    const doubling = (await replay("examples/small-steps", "doubling")).report.score.costUnitHours;
    const guarded = (await replay("examples/small-steps/guarded.yaml")).report.score;
    expect(1 - guarded.costUnitHours / doubling).toBeGreaterThan(0.28);
    expect(guarded.timeAboveCeilingRatio).toBe(0);
  });
});

test("growth faster than the steps: fixed 10 % loses requests, the default engine does not", async () => {
  const ladder = (await replay("examples/fast-growth/ladder.yaml")).report.score;
  const standard = (await replay("examples/fast-growth")).report.score;
  expect(ladder.requestsBeyondCapacityRatio).toBeGreaterThan(0.05);
  expect(ladder.longestAboveCeilingMs).toBeGreaterThan(30 * 60_000);
  expect(standard.requestsBeyondCapacityRatio).toBe(0);
  expect(standard.longestAboveCeilingMs).toBeLessThan(5 * 60_000);
  expect(standard.costUnitHours).toBeLessThan(ladder.costUnitHours);
});

test("(i) min 2, max 10, 70 %: the exact table, saturation reported", async () => {
  const { columns, report } = await replay("examples/fixed-target");
  const levels = [0, 140, 141, 350, 500, 700, 701, 900, 701, 500, 140, 0];
  const stepsPerLevel = columns.load.length / levels.length;
  const settled = levels.map((level, i) => [level, columns.requested[(i + 1) * stepsPerLevel - 1]]);
  expect(settled).toEqual([
    [0, 2],
    [140, 2],
    [141, 3],
    [350, 5],
    [500, 8],
    [700, 10],
    [701, 10],
    [900, 10],
    [701, 10],
    [500, 8],
    [140, 2],
    [0, 2],
  ]);
  // 701, 900 and 701 need 11, 13 and 11 units.
  expect(report.settings.peakUnits).toBe(13);
  expect(report.score.saturatedRatio).toBeCloseTo(3 / levels.length, 3);
});

test.for([
  [0.49, 20],
  [0.5, 22],
  [0.75, 24],
  [0.9, 26],
] as const)("the ladder 50/75/90 %%: 20 requested at %d becomes %d", ([utilisation, units]) => {
  const policy = loadPolicy("examples/tiers-50-75-90").workloads[0]?.resolved;
  if (policy === undefined) throw new Error("no workload");
  // Growth is limited to 10 % a tick by default; the rule itself is what is shown here.
  const unlimited = { ...policy, guards: { ...policy.guards, up: { ...policy.guards.up, limits: [] } } };
  expect(new Drive(unlimited, 20).tick({ readings: { cpu: utilisation } }).requested).toBe(units);
});
