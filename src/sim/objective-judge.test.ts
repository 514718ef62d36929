import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { judgeBudget, ObjectiveJudge } from "./objective-judge.ts";

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
  const judge = (unitHours: number) => judgeBudget({ amountPerMonth: 730, currency: "EUR" }, { amountPerHour: 0.1, currency: "EUR" }, unitHours, 10);
  // 100 unit-hours in 10 h are 10 units, 1 EUR an hour, 730 EUR a month.
  expect([judge(79).state, judge(80).state, judge(100).state, judge(101).state]).toEqual(["met", "at_risk", "at_risk", "missed"]);
  expect(judge(50)).toMatchObject({ budgetUsed: 0.5, margin: 0.5 });
  expect(judgeBudget({ amountPerMonth: 1, currency: "EUR" }, { amountPerHour: 1 }, 0, 0).state).toBe("unknown");
});
