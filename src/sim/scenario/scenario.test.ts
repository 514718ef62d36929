import { describe, expect, test } from "vitest";
import type { Decision } from "../../engine/model.ts";
import type { ReasonCode } from "../../engine/reasons.ts";
import type { Score } from "../score.ts";
import { TestJudge } from "./judge.ts";
import { traceOfLoad } from "./load.ts";
import { parseMatcher } from "./matcher.ts";
import { PolicyTest } from "./schema.ts";

test.for([
  ["6", [6], [5, 7]],
  [6, [6], [5]],
  [">= 2", [2, 3], [1]],
  ["> 2", [3], [2]],
  ["<2", [1], [2]],
  ["!= 3", [2], [3]],
  ["< 1%", [0.0099, 0], [0.01, 0.5]],
  ["5..8", [5, 6.5, 8], [4.9, 8.1]],
  ["10% .. 20%", [0.1, 0.15], [0.21]],
  ["<= 2m30s", [150_000, 0], [150_001]],
  ["= -1.5", [-1.5], [1.5]],
] as const)("the condition %j", ([text, yes, no]) => {
  const matcher = parseMatcher(text);
  for (const value of yes) expect(matcher?.matches(value), String(value)).toBe(true);
  for (const value of no) expect(matcher?.matches(value), String(value)).toBe(false);
});

test.for(["", ">=", "many", "8..5", "1..", "=> 2", "5 6", ">= 2 units"])("the condition %j is none", (text) => {
  expect(parseMatcher(text)).toBeUndefined();
});

test("a load is its stretches one after the other, with spikes laid over them", () => {
  const { load, binMs } = traceOfLoad(
    "t",
    [
      { constant: 10, for: 20_000 },
      { from: 10, to: 30, for: 20_000 },
      { mean: 5, amplitude: 10, period: 40_000, for: 40_000 },
    ],
    [{ at: 5_000, for: 10_000, times: 3 }],
  );
  expect(binMs).toBe(5_000);
  expect([...load].map(Math.round)).toEqual([10, 30, 30, 10, 10, 15, 20, 25, 5, 12, 15, 12, 5, 0, 0, 0]);
});

describe("the judge of a test", () => {
  const decision = (atMs: number, requested: number, codes: readonly ReasonCode[] = [], more: Partial<Decision> = {}): Decision => ({
    workload: "a/b",
    engine: "vernier",
    policyHash: "x",
    atMs: 1_000_000 + atMs,
    posture: "normal",
    from: requested,
    desired: requested,
    requested,
    ready: requested,
    reasons: () => codes.map((code) => ({ stage: "recommend", code, from: 0, to: 0, operands: {} })),
    ...more,
  });
  const judged = (expectation: unknown, decisions: readonly Decision[], judgesReasons = true, score: Partial<Score> = {}) => {
    const written = { name: "t", load: { constant: 1, for: "1m" }, expect: expectation };
    const judge = new TestJudge(PolicyTest.parse(written).expect, 15_000, judgesReasons);
    for (const one of decisions) judge.watch(one, 1_000_000);
    judge.finish(score as Score);
    return judge;
  };
  const ticks = [
    decision(0, 4),
    decision(15_000, 5, ["tier_up"], { from: 4 }),
    decision(30_000, 5),
    decision(45_000, 6, ["tier_up", "rate_limited_up"], { from: 5, posture: "partial" }),
  ];

  test("takes the decision at a time, or the last before it", () => {
    expect(judged({ at: { "15s": { requested: 5, reason: "tier_up" }, "29s": { requested: 5 }, "0": { requested: 4 } } }, ticks).failures).toEqual([]);
    expect(judged({ at: { "29s": { requested: 6, reason: "tier_down", posture: "blind" } } }, ticks).failures).toMatchObject([
      { where: "at 29s", what: "requested", expected: "6", found: "5 (from 4)" },
      { where: "at 29s", what: "posture", expected: "blind", found: "normal" },
      { where: "at 29s", what: "reason", expected: "tier_down", found: "tier_up" },
    ]);
  });

  test("wants numbers at every tick of a window, each reason once, and what is never said, never", () => {
    expect(judged({ between: [{ from: "15s", to: "45s", requested: 5, reason: "tier_up", never: "rate_limited_up" }] }, ticks).failures).toEqual([]);
    const { failures } = judged({ always: { requested: "<= 4", reason: "tier_down", never: ["rate_limited_up"], ready: ">= 4" } }, ticks);
    expect(failures).toMatchObject([
      { where: "always", at: "15s", what: "requested", expected: "<= 4", found: "5 (from 4)" },
      { where: "always", at: "45s", what: "never", expected: "no rate_limited_up", found: "rate_limited_up" },
      { where: "always", what: "reason", expected: "tier_down at least once", found: "never" },
    ]);
  });

  test("does not ask others for our reasons and postures", () => {
    expect(
      judged({ always: { requested: ">= 4", reason: "tier_down", posture: "blind" }, at: { "15s": { reason: "doubled" } } }, ticks, false).failures,
    ).toEqual([]);
    expect(judged({ always: { requested: ">= 5" } }, ticks, false).failures).toHaveLength(1);
  });

  test("judges scores, and keeps every change in a line", () => {
    const score = { timeAboveCeilingRatio: 0.02, longestAboveCeilingMs: 90_000, changes: 2 };
    const judge = judged({ score: { timeAboveCeilingRatio: "< 1%", longestAboveCeilingMs: "<= 1m", changes: 2, cost: 1 } }, ticks, true, {
      ...score,
      cost: null,
    });
    const { failures, lines } = judge;
    expect(judge.isBroken).toBe(true);
    expect(failures.map(({ what, found }) => [what, found])).toEqual([
      ["timeAboveCeilingRatio", "2%"],
      ["longestAboveCeilingMs", "1m30s"],
      ["cost", expect.stringContaining("nothing")],
    ]);
    expect(lines).toEqual(["15s 4 -> 5 tier_up", "45s 5 -> 6 tier_up rate_limited_up"]);
  });
});
