import { describe, expect, test } from "vitest";
import type { ResolvedObjective } from "../../policy/resolve.ts";
import { RatioWindow } from "../windows/ratio-window.ts";
import { type BurnLevel, badShare, SloBurn } from "./slo-burn.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("a window of a ratio", () => {
  test("forgets what is older than itself, a bucket at a time, and goes on the same from its state", () => {
    const window = new RatioWindow(HOUR, MINUTE);
    for (let minute = 0; minute < 60; minute++) window.add(minute * MINUTE, minute < 30 ? 1 : 0, 1);
    expect(window.ratio(59 * MINUTE)).toBe(0.5);
    const twin = new RatioWindow(HOUR, MINUTE);
    twin.restore(JSON.parse(JSON.stringify(window.state())));
    for (const one of [window, twin]) {
      expect(one.ratio(74 * MINUTE)).toBeCloseTo(15 / 45, 12);
      expect(one.ratio(89 * MINUTE)).toBe(0);
      one.add(200 * MINUTE, 2, 4);
      expect(one.ratio(200 * MINUTE)).toBe(0.5);
      expect(one.ratio(300 * MINUTE)).toBe(0);
    }
  });

  test("weighs events, not samples", () => {
    const window = new RatioWindow(HOUR, MINUTE);
    window.add(0, 10, 10);
    window.add(MINUTE, 0, 990);
    expect(window.ratio(2 * MINUTE)).toBe(0.01);
  });
});

describe("a burn of the error budget", () => {
  const objective = { minimum: 0.999, windowMs: 30 * 24 * HOUR };
  /** The level, minute by minute, of error shares given as [share, minutes]. */
  const levels = (story: readonly (readonly [number, number])[]): { found: BurnLevel[]; burn: SloBurn } => {
    const burn = new SloBurn(objective, MINUTE);
    const found: BurnLevel[] = [];
    let nowMs = 0;
    for (const [share, minutes] of story) {
      for (let i = 0; i < minutes; i++, nowMs += MINUTE) {
        burn.record(nowMs, share, 1);
        found.push(burn.judge(nowMs));
      }
    }
    return { found, burn };
  };

  test("is fast when an hour and five minutes burn at 14.4: at 2 % errors of a budget of 0.1 %, after 43 of 60 minutes", () => {
    const { found } = levels([
      [0, 120],
      [0.02, 60],
    ]);
    // 0.02 x m / 60 / 0.001 >= 14.4 from m = 43.2 on.
    expect(found.indexOf("fast") - 120).toBe(43);
  });

  test("is fast within minutes when everything fails, and over five minutes after it ends", () => {
    const { found } = levels([
      [0, 120],
      [1, 10],
      [0, 60],
    ]);
    // 1 x m / 60 / 0.001 >= 14.4 in the first minute, as long as five minutes hold 1.44 % errors.
    expect(found.indexOf("fast") - 120).toBe(0);
    const last = found.lastIndexOf("fast") - 130;
    expect(last).toBeGreaterThanOrEqual(3);
    expect(last).toBeLessThanOrEqual(35); // six hours and half an hour still burn
    expect(found.at(-1)).toBe("slow");
  });

  test("is slow at 3 over a day and two hours, and when less than a tenth of the budget is left", () => {
    const { found } = levels([
      [0, 60],
      [0.0035, 26 * 60],
    ]);
    expect(found).toContain("slow");
    expect(found).not.toContain("fast");
    expect(levels([[0.0005, 3 * 24 * 60]]).found.every((level) => level === "none")).toBe(true);
    const { burn, found: overdrawn } = levels([
      [0, 29 * 24 * 60],
      [1, 45],
      [0, 80 * 60],
    ]);
    // 45 minutes of 30 days are more than 0.1 %.
    expect(burn.budgetLeft).toBeLessThan(0.1);
    expect(overdrawn.at(-1)).toBe("slow");
  });

  test("goes on the same from its state", () => {
    const { burn } = levels([
      [0, 300],
      [0.02, 40],
    ]);
    const twin = new SloBurn(objective, MINUTE);
    twin.restore(JSON.parse(JSON.stringify(burn.state())));
    for (let minute = 340; minute < 400; minute++) {
      burn.record(minute * MINUTE, 0.02, 1);
      twin.record(minute * MINUTE, 0.02, 1);
      expect([twin.judge(minute * MINUTE), twin.budgetLeft]).toEqual([burn.judge(minute * MINUTE), burn.budgetLeft]);
    }
  });

  test("counts an error ratio as it is, a threshold all or nothing", () => {
    const common = { name: "x", windowMs: 1, minimum: 0.99 };
    const threshold = (op: "lte" | "lt" | "gte" | "gt"): ResolvedObjective => ({ ...common, kind: "threshold", metric: "m", op, value: 2 });
    expect(badShare({ ...common, kind: "ratio", bad: "b", total: "t" }, 0.3)).toBe(0.3);
    expect([badShare(threshold("lte"), 2), badShare(threshold("lte"), 2.1), badShare(threshold("lt"), 2)]).toEqual([0, 1, 1]);
    expect([badShare(threshold("gte"), 2), badShare(threshold("gt"), 2), badShare(threshold("gt"), 3)]).toEqual([0, 1, 0]);
  });
});
