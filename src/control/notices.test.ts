import { beforeEach, describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Decision, Observation, Posture, Reading } from "../engine/model.ts";
import type { Reason, ReasonCode } from "../engine/reasons.ts";
import { REASONS } from "../engine/reasons.ts";
import type { Conclusion, Intent } from "../ledger/store.ts";
import type { NoticeBody } from "../notify/notifier.ts";
import type { Effect, Mode } from "./decision.ts";
import { NoticeBook } from "./notices.ts";

const WEB = workload(`
kind: stateless
bounds: {min: 2, max: 10}
unit: {price: 0.1 USD/h}
metrics: {cpu: {measures: utilisation}, p95: {measures: latency}}
objectives: [{threshold: {metric: p95, op: lte, value: 200ms}}]
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const TICK_MS = 15_000;
const HOUR = 3_600_000 / TICK_MS;

interface Given {
  readonly codes?: readonly ReasonCode[];
  readonly from?: number;
  readonly to?: number;
  readonly desired?: number;
  readonly effect?: Effect;
  readonly posture?: Posture;
  readonly mode?: Mode;
  readonly cpu?: number;
  readonly p95?: number;
  readonly operands?: Readonly<Record<string, number | string>>;
}

let book: NoticeBook;
let nowMs: number;
beforeEach(() => {
  book = new NoticeBook([WEB]);
  nowMs = Date.UTC(2026, 10, 23);
});

/** Notices as `kind phase: title`. */
const said = (notices: readonly NoticeBody[]): string[] => notices.map(({ kind, phase, title }) => `${kind} ${phase}: ${title}`);

function decide({ codes = [], from = 10, to = from, desired = to, effect = "none", posture = "normal", mode = "live", ...rest }: Given = {}): NoticeBody[] {
  const { cpu = 0.7, p95 = 0.1, operands = {} } = rest;
  const decision: Decision = {
    ...{ workload: "test/web", engine: "vernier", policyHash: "h", atMs: nowMs, posture, from, desired, requested: to, ready: from },
    reasons: () => codes.map((code): Reason => ({ stage: REASONS[code].stage, code, from: desired, to, operands })),
  };
  const readings = Object.entries({ cpu, p95 }).map(
    ([metric, value]): Reading => ({ metric, status: "value", value, sampledAtMs: nowMs, windowMs: 15_000, partial: false }),
  );
  const observation: Observation = { capacity: { readable: true, requested: from, starting: 0, ready: from, draining: 0 }, readings };
  return [...book.decided(decision, mode, effect, observation, nowMs), ...book.passed(nowMs)];
}

/** So many ticks of the same; all notices of them. */
function ticks(count: number, given: Given = {}): NoticeBody[] {
  const all: NoticeBody[] = [];
  for (let i = 0; i < count; i++, nowMs += TICK_MS) all.push(...decide(given));
  return all;
}

function conclude(outcome: Conclusion["outcome"], from: number, to: number, message?: string): NoticeBody[] {
  const intent: Intent = {
    ...{ id: "i", planId: "i", index: 0, workload: "test/web", do: { units: to }, expect: { units: from }, inverse: { units: from } },
    ...{ epoch: 1, deadlineMs: nowMs, decisionSeq: 1 },
  };
  return book.concluded(intent, outcome, message, nowMs);
}

/** A step that is decided and applied. */
function step(from: number, to: number, codes: readonly ReasonCode[] = ["target_tracking"], operands = {}): NoticeBody[] {
  return [...decide({ from, to, codes, effect: "begun", operands }), ...conclude("applied", from, to)];
}

describe("conditions", () => {
  test("are told when they begin, every hour while they stand, and when they end for good", () => {
    expect(said(ticks(1, { posture: "partial", codes: ["posture_partial", "reading_absent"], operands: { metric: "cpu" } }))).toEqual([
      "holding began: test/web sees only part of it: nothing is taken away",
    ]);
    expect(ticks(HOUR - 1, { posture: "partial" })).toEqual([]);
    // Told at 0:00; at 1:00 it is due again, and at 2:00.
    expect(said(ticks(HOUR + 1, { posture: "partial" }))).toEqual([
      "holding continues: test/web sees only part of it: nothing is taken away",
      "holding continues: test/web sees only part of it: nothing is taken away",
    ]);
    // Seen for the last time at 2:00:00; five minutes later, 20 ticks, it is over.
    expect(ticks(19)).toEqual([]);
    expect(said(ticks(1))).toEqual(["resumed once: test/web sees again"]);
    expect(ticks(2 * HOUR)).toEqual([]);
  });

  test("that come and go are one", () => {
    const all = Array.from({ length: 2 * HOUR }, (_, i) => ticks(1, { posture: i % 8 < 4 ? "partial" : "normal" })).flat();
    expect(said(all).map((text) => text.split(":")[0])).toEqual(["holding began", "holding continues"]);
  });

  test("that get worse are told again, and not when they get better", () => {
    expect(ticks(4, { posture: "partial" })).toHaveLength(1);
    expect(said(ticks(4, { posture: "blind", codes: ["posture_blind"] }))).toEqual(["holding began: test/web is blind: no usable reading at all"]);
    expect(ticks(4, { posture: "partial" })).toEqual([]);
    expect(ticks(4, { posture: "blind" })).toEqual([]);
  });

  test("say why", () => {
    const [notice] = ticks(1, { posture: "partial", codes: ["reading_absent", "posture_partial"], operands: { metric: "cpu" } });
    expect(notice).toMatchObject({ workload: "test/web", text: "cpu has no reading", facts: { posture: "partial" } });
  });

  test("say why capacity cannot be read, when that lasts", () => {
    book.unreadable("test/web", "units: ENOENT");
    const given: Given = { posture: "blind", effect: "unreadable", codes: ["capacity_unreadable", "posture_blind"] };
    expect(ticks(2, given)).toMatchObject([
      { kind: "holding", title: "test/web: its capacity cannot be read, nothing is changed", text: "units: ENOENT; capacity could not be read" },
    ]);
    book.unreadable("test/web", undefined);
    ticks(21);
    expect(ticks(1, { ...given, effect: "none", codes: [] })).toMatchObject([{ title: "test/web is blind: no usable reading at all" }]);
  });

  test("are not looked for where nobody may act", () => {
    for (const mode of ["observe", "shadow"] as const) expect(ticks(4, { mode, posture: "blind", effect: "not_live" })).toEqual([]);
  });
});

describe("steps", () => {
  test("of a minute are one notice with their range", () => {
    expect(said(step(4, 5))).toEqual(["step once: test/web: 4 -> 5 units"]);
    nowMs += TICK_MS;
    expect(step(5, 8)).toEqual([]);
    nowMs += TICK_MS;
    expect(step(8, 6)).toEqual([]);
    nowMs += TICK_MS;
    expect(ticks(1)).toEqual([]);
    expect(ticks(1)).toMatchObject([
      { kind: "step", title: "test/web: 5 -> 6 units in 2 steps, between 5 and 8", facts: { from: 5, to: 6, steps: 2, least: 5, most: 8 } },
    ]);
    expect(ticks(HOUR)).toEqual([]);
  });

  test("that wait to be told are told at the end", () => {
    step(4, 5);
    step(5, 6);
    expect(said(book.end())).toEqual(["step once: test/web: 5 -> 6 units"]);
    expect(book.end()).toEqual([]);
  });

  test("are those that were applied", () => {
    expect([...decide({ from: 4, to: 5, effect: "not_live" }), ...decide({ from: 4, to: 5, effect: "begun" }), ...conclude("unchanged", 4, 5)]).toEqual([]);
    expect(conclude("abandoned", 4, 5)).toEqual([]);
    // Of an earlier controller.
    expect(conclude("applied", 4, 7)).toMatchObject([{ kind: "step", text: "begun by an earlier controller" }]);
  });
});

test.for(["retrograde", "futile", "step_failed_errors", "step_failed_latency"] as const)("a step that is taken back for %s is a rollback", (code) => {
  expect(decide({ from: 12, to: 10, codes: [code], operands: { before: 90, now: 80, slowness: 2 } })).toEqual([]);
  expect(step(12, 11, [code], { before: 90, now: 80, slowness: 2 })).toMatchObject([
    { kind: "rollback", title: "test/web: a step was taken back, 12 -> 11 units", facts: { code, from: 12, to: 11 } },
  ]);
  nowMs += TICK_MS;
  // The rest of it is a step, and so is what has another cause.
  expect(said(step(11, 10, [code], { before: 90, now: 80, slowness: 2 }))).toEqual(["step once: test/web: 11 -> 10 units"]);
});

test("a step that waits for a person is told once, however its number moves, and each direction on its own", () => {
  expect(ticks(1, { mode: "approve", effect: "awaiting", to: 12 })).toMatchObject([
    { kind: "approval_wanted", title: "test/web: 10 -> 12 units waits for approval", text: expect.stringContaining("vernier approve test/web") },
  ]);
  expect(ticks(4, { mode: "approve", effect: "awaiting", to: 13 })).toEqual([]);
  expect(said(ticks(1, { mode: "approve", effect: "awaiting", to: 8 }))).toEqual(["approval_wanted began: test/web: 10 -> 8 units waits for approval"]);
});

test("a budget is an alarm, and another when it is spent", () => {
  const money = { spent: 410, budget: 500 };
  expect(ticks(2, { codes: ["spend_alarm"], operands: money })).toMatchObject([{ kind: "budget_alarm", phase: "began", facts: money }]);
  expect(ticks(2, { codes: ["spend_exhausted"], operands: { spent: 500, budget: 500 } })).toMatchObject([
    { kind: "budget_alarm", phase: "began", title: "test/web: this month's budget is spent, nothing is added" },
  ]);
  // Nothing is wanted at the moment: the budget is as spent as before.
  expect(ticks(2, { codes: ["spend_alarm"], operands: money })).toEqual([]);
});

describe("the maximum", () => {
  test("is told with what is needed and what that costs, when units are short", () => {
    // 14 units at 0.1 USD/h, 4 more than the 10 there may be.
    expect(ticks(1, { codes: ["clamped_max"], desired: 14, cpu: 0.98 })).toMatchObject([
      {
        kind: "at_maximum",
        phase: "began",
        title: "test/web is at its maximum of 10 units and needs 14",
        text: expect.stringContaining("14 units cost 1.4 USD/h, 0.4 USD/h more"),
        facts: { needed: 14, max: 10, currency: "USD" },
      },
    ]);
    expect(ticks(1, { codes: ["clamped_max"], desired: 15, cpu: 0.98 })).toEqual([]);
    expect(said(ticks(21))).toEqual(["at_maximum ended: test/web is no longer short of units at its maximum"]);
  });

  test("is not over because nobody can see whether it is", () => {
    expect(ticks(1, { codes: ["clamped_max"], desired: 14, cpu: 0.98 })).toHaveLength(1);
    expect(ticks(40, { effect: "unreadable", codes: ["capacity_unreadable"] })).toEqual([]);
  });

  test("is no trouble while utilisation is under the ceiling and objectives are met", () => {
    expect(ticks(2, { codes: ["clamped_max"], desired: 11, cpu: 0.79 })).toEqual([]);
    // The objective says 200 ms.
    expect(said(ticks(1, { codes: ["clamped_max"], desired: 11, cpu: 0.79, p95: 0.25 }))).toHaveLength(1);
  });

  test("is trouble while an error budget burns, and where nothing else can tell", () => {
    expect(ticks(1, { codes: ["clamped_max", "slo_burn"], desired: 11, cpu: 0.5 })).toHaveLength(1);
    const queue = workload(
      "bounds: {min: 1, max: 5}\nmetrics: {waiting: {measures: backlog}}\nstrategies: [{type: targetTracking, metric: waiting, target: 10}]",
    );
    book = new NoticeBook([{ ...queue, id: "test/web" }]);
    expect(ticks(1, { codes: ["clamped_max"], desired: 11 })).toHaveLength(1);
  });

  test("counts units that are on their way, and errors against what the objective allows", () => {
    const bad = (fields: string): NoticeBook => new NoticeBook([{ ...WEB, objectives: workload(fields).objectives }]);
    book = bad(`
bounds: {min: 2, max: 10}
metrics: {cpu: {measures: utilisation}, all: {measures: rate}, bad: {measures: rate}}
objectives: [{ratio: {bad: bad, total: all}, minimum: 99%}]
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
    const given = (failed: number, starting: number): NoticeBody[] => {
      const reading = (metric: string, value: number): Reading => ({ metric, status: "value", value, sampledAtMs: 0, windowMs: 1, partial: false });
      const decision: Decision = {
        ...{ workload: "test/web", engine: "vernier", policyHash: "h", atMs: nowMs, posture: "normal", from: 10, desired: 12, requested: 10, ready: 8 },
        reasons: () => [{ stage: "bounds", code: "clamped_max", from: 12, to: 10, operands: { max: 10 } }],
      };
      const capacity = { readable: true, requested: 10, starting, ready: 8, draining: 0 };
      return book.decided(decision, "live", "none", { capacity, readings: [reading("cpu", 0.9), reading("all", 1_000), reading("bad", failed)] }, nowMs);
    };
    // 0.9 x 8 / 10 is 72 %, under the ceiling of 80 %; 10 of 1,000 may fail.
    expect(given(10, 2)).toEqual([]);
    expect(given(11, 2)).toHaveLength(1);
    book = bad("bounds: {min: 2, max: 10}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]");
    expect(given(0, 2)).toEqual([]);
    expect(given(0, 0)).toHaveLength(1);
  });
});

test.for(["drift_restored", "drift_robot"] as const)("%s is told once", (code) => {
  const given: Given = { codes: [code], operands: { before: 10, remaining: 60_000 } };
  expect(ticks(5, given)).toMatchObject([{ kind: "drift", facts: { code } }]);
});

test("the kill switch is told when it is thrown, every hour, and when it is taken back", () => {
  expect(said(book.stopped(true, nowMs))).toEqual(["stopped began: Vernier is stopped: no effect begins"]);
  expect(book.stopped(true, nowMs)).toEqual([]);
  expect(ticks(HOUR)).toEqual([]);
  expect(ticks(1)).toMatchObject([{ kind: "stopped", phase: "continues", text: "for 1h now" }]);
  expect(said(book.stopped(false, nowMs))).toEqual(["stopped ended: Vernier is no longer stopped: effects begin again"]);
  expect(ticks(2 * HOUR)).toEqual([]);
});

describe("effects", () => {
  test.for(["failed", "unknown", "conflict", "rejected"] as const)("that are %s are told once, and when they are applied again", (outcome) => {
    expect(conclude(outcome, 4, 6, "exit code 1")).toMatchObject([
      { kind: "effect_failed", phase: "began", title: `test/web: 4 -> 6 units: ${outcome}`, text: "exit code 1", facts: { outcome } },
    ]);
    for (let i = 0; i < HOUR - 1; i++, nowMs += TICK_MS) expect(conclude(outcome, 4, 6)).toEqual([]);
    nowMs += TICK_MS;
    expect(said(conclude(outcome, 4, 6))).toEqual([`effect_failed continues: test/web: 4 -> 6 units: ${outcome}`]);
    conclude("applied", 4, 6);
    nowMs += TICK_MS;
    // What fails again was not over.
    conclude(outcome, 6, 7);
    expect(ticks(40)).toEqual([]);
    conclude("unchanged", 6, 7);
    expect(said(ticks(2))).toEqual(["effect_failed ended: test/web: changes of capacity are applied again"]);
  });

  test("that fail now and then are one condition; one of another day is another", () => {
    const all = Array.from({ length: 20 }, (_, i) => {
      nowMs += 60_000;
      return conclude(i % 2 === 0 ? "failed" : "unchanged", 4, 6);
    });
    expect(all.flat()).toHaveLength(1);
    nowMs += 86_400_000;
    expect(conclude("failed", 4, 6)).toMatchObject([{ phase: "began" }]);
  });

  test("that say much, or in many lines, are told in one line of bounded length", () => {
    const [notice] = conclude("failed", 4, 6, `a\nb\u0007${"x".repeat(5_000)}`);
    expect(notice?.text).toMatch(/^a b x+…$/);
    expect([...(notice?.text ?? "")]).toHaveLength(500);
  });
});

test("nothing is told of workloads of another policy", () => {
  book = new NoticeBook([]);
  expect([...ticks(2, { posture: "blind" }), ...conclude("failed", 1, 2)]).toEqual([]);
});
