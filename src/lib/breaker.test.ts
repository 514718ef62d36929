import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { type Attempt, Breaker } from "./breaker.ts";
import { createRng } from "./rng.ts";

let nowMs: number;
beforeEach(() => {
  nowMs = 1_000;
});
const breaker = (random = (): number => 1, probesMax = 1): Breaker => new Breaker({ nowMs: () => nowMs, random, probesMax });
const begin = (one: Breaker): Attempt => {
  const attempt = one.begin();
  if (typeof attempt === "string") throw new Error(attempt);
  return attempt;
};
const fail = (one: Breaker, times: number, afterMs?: number): string => {
  let said = "";
  for (let i = 0; i < times; i++) said = begin(one).failed("connection refused", afterMs);
  return said;
};
const PAUSED = "connection refused; failed 5 times or more, next attempt within 30 s";

/** How long nobody may ask, from now. */
function pauseOf(one: Breaker): number {
  const fromMs = nowMs;
  while (typeof one.begin() === "string") nowMs++;
  return nowMs - fromMs;
}

describe("a breaker", () => {
  test("opens after five failures in a row, says the same until it recovers, and closes at one success", () => {
    const one = breaker();
    expect(fail(one, 4)).toBe("connection refused");
    begin(one).succeeded();
    expect(fail(one, 4)).toBe("connection refused");
    expect(fail(one, 1)).toBe(PAUSED);
    expect(one.begin()).toBe(PAUSED);
    nowMs += 1_000;
    const probe = begin(one);
    expect(one.begin()).toBe(PAUSED);
    expect(probe.failed("cut")).toBe(PAUSED);
    nowMs += 2_000;
    begin(one).succeeded();
    expect(fail(one, 4)).toBe("connection refused");
  });

  test("waits twice as long each time, 30 s at the most, as much of it as is drawn", () => {
    const waits = (share: number): number[] => {
      const one = breaker(() => share);
      fail(one, 5);
      return Array.from({ length: 8 }, () => {
        const fromMs = nowMs;
        let attempt = one.begin();
        for (; typeof attempt === "string"; attempt = one.begin()) nowMs++;
        const waited = nowMs - fromMs;
        attempt.failed("again");
        return waited;
      });
    };
    expect(waits(1)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(waits(0.5)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(waits(0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("keeps to what the server asks for, from the first failure, 30 s at the most", () => {
    const one = breaker();
    expect(fail(one, 1, 7_000)).toBe("connection refused; asked to wait, next attempt within 30 s");
    expect(pauseOf(one)).toBe(7_000);
    const other = breaker();
    fail(other, 1, 86_400_000);
    expect(pauseOf(other)).toBe(30_000);
    const none = breaker();
    expect(fail(none, 1, 0)).toBe("connection refused");
  });

  test("counts what was under way together as one failure", () => {
    const one = breaker();
    const together = Array.from({ length: 100 }, () => begin(one));
    for (const attempt of together) attempt.failed("slow");
    expect(pauseOf(one)).toBe(1_000);
  });

  test("does not blame the server for a request that fails while others succeed", () => {
    const one = breaker();
    const heavy = Array.from({ length: 20 }, () => begin(one));
    begin(one).succeeded();
    for (const attempt of heavy) expect(attempt.failed("slow")).toBe("slow");
    expect(typeof one.begin()).toBe("object");
  });

  test("lets several find out together where one may be at fault", () => {
    const one = breaker(undefined, 3);
    fail(one, 5);
    nowMs += 1_000;
    const probes = [begin(one), begin(one), begin(one)];
    expect(one.begin()).toBe(PAUSED);
    probes[0]?.failed("slow");
    probes[1]?.succeeded();
    expect(probes[2]?.failed("slow")).toBe("slow");
    expect(typeof one.begin()).toBe("object");
  });

  test("whatever happens: asked again within 30 s, and closed at the first success", () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.record({ ms: fc.nat(40_000), fate: fc.constantFrom("good", "bad", "wait", "late") })), (seed, steps) => {
        nowMs = 0;
        const one = breaker(createRng(seed).next, 2);
        let askedAtMs = 0;
        const late: Attempt[] = [];
        for (const { ms, fate } of steps) {
          nowMs += ms;
          const attempt = one.begin();
          if (typeof attempt === "string") {
            // Whoever is under way has to come back first: a deadline sees to that.
            if (late.length === 0) expect(nowMs - askedAtMs).toBeLessThan(30_000);
            for (const slow of late.splice(0)) slow.failed("late");
            continue;
          }
          askedAtMs = nowMs;
          if (fate === "late") late.push(attempt);
          else if (fate === "good") attempt.succeeded();
          else attempt.failed("bad", fate === "wait" ? 60_000 : undefined);
          if (fate === "good") expect(typeof one.begin()).toBe("object");
        }
      }),
    );
  });
});
