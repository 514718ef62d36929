import { describe, expect, test } from "vitest";
import { Growth, type GrowthVerdict } from "./growth.ts";

const HOLD_MS = 600_000;
const MINUTE_MS = 60_000;

/** Readings every 15 s: more is asked of the units than they do. */
class Readings {
  readonly growth: Growth;
  nowMs = 0;

  constructor(windowMs: number) {
    this.growth = new Growth(HOLD_MS, 120_000, windowMs);
  }

  /** So many units do so much work for so long. @returns the first verdict, and when it came */
  read(units: number, served: number, forMs: number, { isOurs = true, isWarm = true } = {}): { verdict: GrowthVerdict; afterMs: number } {
    const fromMs = this.nowMs;
    for (; this.nowMs < fromMs + forMs; ) {
      this.nowMs += 15_000;
      const isJudged = isOurs || !this.growth.isIdle;
      const sample = this.growth.next(isJudged);
      Object.assign(sample, { atMs: this.nowMs, units, served, arrived: 1_000, utilisation: 1, errors: Number.NaN, backlog: Number.NaN, slowness: Number.NaN });
      if (!isJudged) this.growth.keep(sample);
      const verdict = isJudged ? this.growth.record(sample, this.nowMs, isOurs, isWarm) : "none";
      if (verdict !== "none") return { verdict, afterMs: this.nowMs - fromMs };
    }
    return { verdict: "none", afterMs: forMs };
  }
}

describe("growth", () => {
  test("is harmful only when less is done for longer than readings are means over", () => {
    for (const [windowMs, leastMs] of [
      [MINUTE_MS, MINUTE_MS],
      [5 * MINUTE_MS, 5 * MINUTE_MS],
    ] as const) {
      const readings = new Readings(windowMs);
      readings.read(10, 500, MINUTE_MS, { isOurs: false });
      const { verdict, afterMs } = readings.read(12, 300, 10 * MINUTE_MS);
      expect(verdict).toBe("retrograde");
      expect(afterMs).toBeGreaterThanOrEqual(leastMs);
      expect(afterMs).toBeLessThanOrEqual(leastMs + 30_000);
    }
  });

  test("that brings nothing is futile when units are warm, and not judged before", () => {
    const cold = new Readings(MINUTE_MS);
    cold.read(10, 500, MINUTE_MS, { isOurs: false });
    expect(cold.read(20, 500, 30 * MINUTE_MS, { isWarm: false }).verdict).toBe("none");
    expect(cold.growth.isSerialAt(cold.nowMs)).toBe(false);
    expect(cold.read(20, 500, 10 * MINUTE_MS).verdict).toBe("futile");
  });

  test("in steps too small to tell is judged by what they add up to", () => {
    const readings = new Readings(MINUTE_MS);
    readings.read(10, 500, MINUTE_MS, { isOurs: false });
    const verdicts = Array.from({ length: 20 }, (_, i) => readings.read(10 + 0.1 * (i + 1), 500, 45_000).verdict);
    expect(verdicts).toContain("futile");
  });

  test("that was blamed is held, then doubted for as long again, then free", () => {
    const readings = new Readings(MINUTE_MS);
    readings.read(10, 500, MINUTE_MS, { isOurs: false });
    expect(readings.read(12, 300, 10 * MINUTE_MS).verdict).toBe("retrograde");
    const { growth, nowMs } = readings;
    expect([growth.capAt(nowMs), growth.doubtfulAt(nowMs), growth.isSerialAt(nowMs)]).toEqual([10, 10, true]);
    const held = nowMs + HOLD_MS;
    expect([growth.capAt(held), growth.doubtfulAt(held), growth.isSerialAt(held)]).toEqual([Number.POSITIVE_INFINITY, 10, true]);
    const over = held + HOLD_MS;
    expect([growth.capAt(over), growth.doubtfulAt(over), growth.isSerialAt(over)]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, false]);
  });

  test("is verified at the size that it was taken back to", () => {
    const readings = new Readings(MINUTE_MS);
    readings.read(10, 500, MINUTE_MS, { isOurs: false });
    expect(readings.read(20, 300, 10 * MINUTE_MS).verdict).toBe("retrograde");
    readings.growth.takenBackTo(14);
    // No better there: something else was the cause.
    expect(readings.read(14, 300, 5 * MINUTE_MS).verdict).toBe("not_the_step");
  });
});
