import { describe, expect, test } from "vitest";
import type { Reading } from "../engine/model.ts";
import type { ResolvedObjective } from "../policy/resolve.ts";
import { ObjectiveAccount } from "./objective-account.ts";

const MINUTE = 60_000;
const readings = (values: Readonly<Record<string, number>>): { readings: readonly Reading[] } => ({
  readings: Object.entries(values).map(([metric, value]) => ({ metric, value, status: "value", sampledAtMs: 0, windowMs: MINUTE, partial: false })),
});
const LATENCY: ResolvedObjective = { name: "p95", kind: "threshold", metric: "p95", op: "lte", value: 0.4, minimum: 0.9, windowMs: 100 * MINUTE };
const play = (account: ObjectiveAccount, from: number, to: number, values: Readonly<Record<string, number>>): void => {
  for (let minute = from; minute < to; minute++) account.add(readings(values), minute * MINUTE, MINUTE);
};

describe("the account of an objective", () => {
  test("uses up its budget of the whole window, and is missed when that is gone", () => {
    const account = new ObjectiveAccount(LATENCY);
    expect(account.standing(0)).toMatchObject({ state: "unknown", isKept: null, good: null, budgetUsed: null, burn: null });
    play(account, 0, 5, { p95: 0.5 });
    // Ten minutes may be bad: five are half of it, and everything so far.
    const half = account.standing(5 * MINUTE);
    expect(half).toMatchObject({ isKept: false, good: 0, judgedMs: 5 * MINUTE });
    expect(half.budgetUsed).toBeCloseTo(0.5);
    expect(half.burn).toBeCloseTo(10);
    expect(half.state).toBe("met");
    play(account, 5, 8, { p95: 0.5 });
    expect(account.standing(8 * MINUTE).state).toBe("at_risk");
    play(account, 8, 10, { p95: 0.5 });
    expect(account.standing(10 * MINUTE).state).toBe("at_risk");
    play(account, 10, 11, { p95: 0.5 });
    expect(account.standing(11 * MINUTE).state).toBe("missed");
    play(account, 11, 100, { p95: 0.4 });
    expect(account.standing(100 * MINUTE - 1)).toMatchObject({ isKept: true, burn: 0 });
    expect(account.standing(100 * MINUTE - 1).good).toBeCloseTo(0.89);
    // What is older than the window is forgotten.
    play(account, 100, 115, { p95: 0.1 });
    expect(account.standing(115 * MINUTE)).toMatchObject({ state: "met", good: 1, budgetUsed: 0, judgedMs: 100 * MINUTE });
  });

  test("is at risk when it burns fast, however little is used up", () => {
    const account = new ObjectiveAccount({ ...LATENCY, minimum: 0.99, windowMs: 30 * 1_440 * MINUTE });
    account.add(readings({ p95: 1 }), 0, 1_000);
    expect(account.standing(1_000)).toMatchObject({ state: "met", burn: null });
    play(account, 1, 2, { p95: 1 });
    expect(account.standing(2 * MINUTE).state).toBe("at_risk");
    expect(account.standing(2 * MINUTE).burn).toBeCloseTo(100);
  });

  test("counts what was not seen neither way", () => {
    const account = new ObjectiveAccount(LATENCY);
    play(account, 0, 1, { p95: 0.1 });
    play(account, 1, 50, { other: 9 });
    expect(account.standing(50 * MINUTE)).toMatchObject({ state: "met", isKept: null, good: 1, judgedMs: MINUTE });
  });

  test("weighs a ratio by what came", () => {
    const ratio: ResolvedObjective = { name: "ok", kind: "ratio", bad: "failed", total: "all", minimum: 0.9, windowMs: 100 * MINUTE };
    const account = new ObjectiveAccount(ratio);
    play(account, 0, 1, { all: 10, failed: 5 });
    expect(account.standing(MINUTE).isKept).toBe(false);
    play(account, 1, 2, { all: 90, failed: 0 });
    expect(account.standing(2 * MINUTE)).toMatchObject({ isKept: true, judgedMs: 2 * MINUTE });
    expect(account.standing(2 * MINUTE).good).toBeCloseTo(0.95);
    play(account, 2, 3, { all: 90 });
    expect(account.standing(3 * MINUTE).isKept).toBe(null);
    // More failures than requests: those that came before.
    play(account, 3, 4, { all: 10, failed: 100 });
    expect(account.standing(4 * MINUTE).good).toBeCloseTo(95 / 110);
    const byGood = new ObjectiveAccount({ name: "ok", kind: "ratio", good: "fine", total: "all", minimum: 0.9, windowMs: 100 * MINUTE });
    play(byGood, 0, 1, { all: 10, fine: 8 });
    expect(byGood.standing(MINUTE).good).toBeCloseTo(0.8);
  });

  test("keeps to a band by its upper end", () => {
    const account = new ObjectiveAccount({ name: "cpu", kind: "band", metric: "cpu", from: 0.6, to: 0.8, minimum: 0.99, windowMs: 100 * MINUTE });
    play(account, 0, 1, { cpu: 0.2 });
    expect(account.standing(MINUTE).isKept).toBe(true);
    play(account, 1, 2, { cpu: 0.81 });
    expect(account.standing(2 * MINUTE).isKept).toBe(false);
  });
});
