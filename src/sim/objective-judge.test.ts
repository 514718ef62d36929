import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { SimulationColumns } from "./columns.ts";
import { judgeBudget, ObjectiveJudge } from "./objective-judge.ts";
import { scoreRun } from "./score.ts";

const STEP_MS = 60_000;

/** Judges minutes of utilisation against a ceiling of 80 %. */
function judged(minutes: readonly number[], fields: string) {
  const policy = workload(`
kind: stateless
bounds: {min: 2, max: 10}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [{threshold: {metric: cpu, op: lte, value: 80%}, ${fields}}]
`);
  const judge = new ObjectiveJudge(policy.objectives[0] as (typeof policy.objectives)[number], policy, { hasLatency: false, stepMs: STEP_MS });
  for (const utilisation of minutes) judge.record({ utilisation, ready: 4, needed: 4, rate: 1, fresh: 60, failed: 0, backlog: 0, latency: undefined });
  return judge.result(STEP_MS / 3_600_000, undefined);
}
const minutes = (good: number, bad: number, after: number) => [...Array(good).fill(0.5), ...Array(bad).fill(0.9), ...Array(after).fill(0.5)];

describe("an objective over windows", () => {
  test("is judged by its worst whole window, not by the mean of all", () => {
    // Ten bad minutes of 600: 98.3 % good over all, 83.3 % in the worst hour.
    const result = judged(minutes(300, 10, 290), "window: 1h, minimum: 90%");
    expect(result.good).toBeCloseTo(590 / 600, 12);
    expect(result.worst).toBeCloseTo(50 / 60, 12);
    expect(result.state).toBe("missed");
    expect(result.margin).toBeCloseTo(50 / 60 - 0.9, 12);
    expect(result.budgetUsed).toBeCloseTo(10 / 60 / 0.1, 12);
    expect(result.fastestBurn).toBeCloseTo(10 / 60 / 0.1, 12);
  });

  test("is at risk from 80 % of its error budget on", () => {
    expect(judged(minutes(300, 4, 296), "window: 1h, minimum: 90%").state).toBe("met"); // 4 of 6 minutes: 67 %
    expect(judged(minutes(300, 5, 295), "window: 1h, minimum: 90%").state).toBe("at_risk"); // 83 %
    expect(judged(minutes(300, 6, 294), "window: 1h, minimum: 90%")).toMatchObject({ state: "at_risk", margin: expect.closeTo(0, 12) });
    expect(judged(minutes(300, 7, 293), "window: 1h, minimum: 90%").state).toBe("missed");
  });

  test("shorter than its window is judged by all of it, and a minimum of everything leaves no budget", () => {
    expect(judged(minutes(50, 1, 9), "window: 30d, minimum: 98%")).toMatchObject({ state: "at_risk", worst: 59 / 60, aspiration: null });
    expect(judged(minutes(60, 0, 0), "window: 30d, minimum: 100%")).toMatchObject({ state: "met", budgetUsed: null, fastestBurn: null });
    expect(judged([], "window: 1h")).toMatchObject({ state: "unknown", worst: null, margin: null });
  });
});

test("a budget is judged at the rate of what was scored", () => {
  const judge = (unitHours: number) =>
    judgeBudget({ amountPerMonth: 730, currency: "EUR" }, { amountPerHour: 0.1, currency: "EUR" }, { unitHours, scoredHours: 10 });
  // 100 unit-hours in 10 h are 10 units, 1 EUR an hour, 730 EUR a month.
  expect([judge(79).state, judge(80).state, judge(100).state, judge(101).state]).toEqual(["met", "at_risk", "at_risk", "missed"]);
  expect(judge(50)).toMatchObject({ budgetUsed: 0.5, margin: 0.5 });
  expect(judgeBudget({ amountPerMonth: 1, currency: "EUR" }, { amountPerHour: 1 }, { unitHours: 0, scoredHours: 0 }).state).toBe("unknown");
});

test("a budget for an hour is judged by the dearest sixty minutes, wherever they begin", () => {
  const policy = workload(
    "bounds: {min: 1, max: 90}\nunit: {price: 1 EUR/h}\nbudget: [9999 EUR/month, 10 EUR/h]\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]",
  );
  const judge = (billed: readonly number[]) => {
    const count = billed.length;
    const columns: SimulationColumns = {
      stepMs: 900_000,
      startMs: 0,
      load: new Float64Array(count),
      requested: Int32Array.from(billed),
      ready: Int32Array.from(billed),
      billed: Int32Array.from(billed),
      backlog: new Float32Array(count),
      failed: new Float32Array(count),
    };
    return scoreRun(columns, { workload: policy, perUnit: 1, ceiling: 0.8, warmUpMs: 0, masks: [{ fromMs: 0, toMs: 900_000, note: "" }] }).objectives.find(
      ({ name }) => name === "budget for an hour",
    );
  };
  // The first quarter of an hour is masked: what was spent in it counts for no hour.
  expect(judge([99, 4, 8, 12, 16, 4, 4])).toMatchObject({ state: "at_risk", budgetUsed: 1, note: "10 EUR in the dearest hour, of 10 EUR" });
  expect(judge([1, 4, 8, 12, 17, 4, 4])).toMatchObject({ state: "missed", budgetUsed: 1.025 });
  expect(judge([99, 4, 8, 12])).toMatchObject({ state: "unknown", budgetUsed: null });
});
