import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Observation } from "../engine/model.ts";
import { attentionOf, isLate, type LookedAfter } from "./attention.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 10}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const seen = (requested: number, cpu: number | undefined): Observation => ({
  capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 },
  readings: [{ metric: "cpu", status: cpu === undefined ? "absent" : "value", value: cpu ?? 0, sampledAtMs: 0, windowMs: 1_000, partial: false }],
});
const CALM: LookedAfter = {
  ...{ mode: "live", posture: "normal", policy: POLICY, intervalMs: 15_000, seenMs: 0, unreadable: undefined },
  ...{ observation: seen(4, 0.5), decision: { from: 4, requested: 4 }, effect: "none", reasons: [], objectives: [], orders: {}, openIntents: 0 },
};
const said = (more: Partial<LookedAfter>, nowMs = 0): string[] => attentionOf({ ...CALM, ...more }, nowMs).map(({ level, text }) => `${level}: ${text}`);
const objective = { name: "fast", isKept: true, good: 1, budgetUsed: 0, burn: null, judgedMs: 1, state: "met" as const };

describe("what a person should look at", () => {
  test("is nothing when all is well", () => {
    expect(said({})).toEqual([]);
    expect(said({ observation: undefined, decision: undefined, posture: undefined, effect: undefined })).toEqual([]);
  });

  test.each<[string, Partial<LookedAfter>, string[]]>([
    ["capacity that cannot be read", { unreadable: "denied" }, ["urgent: capacity cannot be read: denied"]],
    ["nothing to go by", { posture: "blind", observation: seen(4, undefined) }, ["urgent: no metric can be used: it is held where it is"]],
    ["a metric without a value", { observation: seen(4, undefined) }, ["soon: cpu has no value"]],
    ["something unusable", { posture: "partial" }, ["soon: a metric cannot be used: it may grow, and not shrink"]],
    ["short at the maximum", { observation: seen(10, 0.9) }, ["urgent: at its maximum of 10, and short"]],
    ["busy, and not at the maximum", { observation: seen(9, 0.9) }, []],
    ["at the maximum, and well", { observation: seen(10, 0.7) }, []],
    ["an objective that is missed", { objectives: [{ ...objective, state: "missed" }] }, ["urgent: fast is missed: its error budget is used up"]],
    [
      "one at risk",
      { objectives: [{ ...objective, state: "at_risk", budgetUsed: 0.123, burn: 20 }] },
      ["soon: fast is at risk: 12.3 % of its error budget is used up, and it burns 20 times too fast"],
    ],
    ["one that is not kept now", { objectives: [{ ...objective, isKept: false }] }, ["note: fast is not kept at the moment"]],
    ["a step that waits", { effect: "awaiting", decision: { from: 4, requested: 3 } }, ["soon: a step from 4 to 3 waits for approval"]],
    [
      "a step that waits while units are short",
      { effect: "awaiting", decision: { from: 4, requested: 5 }, observation: seen(4, 0.9) },
      ["urgent: a step from 4 to 5 waits for approval, and units are short"],
    ],
    [
      "a step down that waits while units are short",
      { effect: "awaiting", decision: { from: 4, requested: 3 }, observation: seen(4, 0.9) },
      ["soon: a step from 4 to 3 waits for approval"],
    ],
    ["an effect that nobody knows of", { openIntents: 1 }, ["soon: nobody knows yet what came of its last step"]],
    ["a pause", { orders: { pause: { who: "ada", why: "launch", atMs: 0 } } }, ["note: paused by ada: launch"]],
    ["a number by hand", { orders: { set: { who: "ada", why: "test", atMs: 0, units: 7 } } }, ["note: set to 7 by ada: test"]],
    ["a mode that changes nothing", { mode: "shadow" }, ["note: in shadow: it decides, and changes nothing"]],
  ])("%s", (_, more, expected) => {
    expect(said(more)).toEqual(expected);
  });

  test("is a workload that is not looked at", () => {
    expect(isLate(CALM, 55_000)).toBe(false);
    expect(said({}, 55_001)).toEqual(["urgent: not looked at for 55s"]);
  });

  test("comes with the most urgent first", () => {
    expect(said({ mode: "shadow", posture: "blind", openIntents: 1 }).map((text) => text.split(":")[0])).toEqual(["urgent", "soon", "note"]);
  });
});
