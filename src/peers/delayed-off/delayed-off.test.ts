import fc from "fast-check";
import { expect, test } from "vitest";
import { workload } from "../../../test/support/drive.ts";
import { decide, type Reading } from "../../engine/model.ts";
import { DelayedOffEngine } from "./delayed-off.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 1, max: 100}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);

/** What it requests tick by tick for loads worth so many units at the ceiling. */
function drive(needed: readonly number[], holdMs: number, restoreAt = -1): number[] {
  let engine = new DelayedOffEngine("lcp", POLICY, "none", { holdMs, perUnit: 10 });
  let requested = needed[0] as number;
  return needed.map((units, i) => {
    if (i === restoreAt) {
      const state = JSON.parse(JSON.stringify(engine.state()));
      engine = new DelayedOffEngine("lcp", POLICY, "none", { holdMs, perUnit: 10 });
      engine.restore(state);
    }
    const nowMs = i * 15_000;
    const reading: Reading = { metric: "load", status: "value", value: units * 8, sampledAtMs: nowMs, windowMs: 15_000, partial: false };
    const decision = decide(engine, { capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 }, readings: [reading] }, nowMs);
    requested = decision.requested;
    return requested;
  });
}

test("follows growth at once, and keeps an idle unit for the hold", () => {
  expect(drive([2, 5, 3, 3, 3, 3, 3, 3], 60_000)).toEqual([2, 5, 5, 5, 5, 3, 3, 3]);
  expect(drive([2, 5, 3], 0)).toEqual([2, 5, 3]);
});

/**
 * LCP by its definition: capacity moves no further than into [L, U], the last values of the cheapest capacity so far when
 * starting (L) or stopping (U) a unit costs `beta` idle ticks. Written down by levels, which are independent.
 */
function lazy(needed: readonly number[], beta: number): number[] {
  let units = needed[0] as number;
  return needed.map((now, t) => {
    // L: stopping is free, so nothing idle is kept. U: a level idle for less than beta is not yet worth stopping.
    let upper = now;
    for (let back = 1; back < beta && t - back >= 0; back++) upper = Math.max(upper, needed[t - back] as number);
    units = Math.min(Math.max(units, now), upper);
    return units;
  });
}

test("with the start-up time as its hold is lazy capacity provisioning, and goes on the same from its state", () => {
  const loads = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(loads, fc.integer({ min: 1, max: 8 }), fc.nat(60), (needed, ticks, restoreAt) => {
      const found = drive(needed, ticks * 15_000);
      expect(found).toEqual(lazy(needed, ticks));
      expect(drive(needed, ticks * 15_000, restoreAt)).toEqual(found);
    }),
  );
});

test("holds without a reading", () => {
  const engine = new DelayedOffEngine("delayed-off", POLICY, "none", { holdMs: 60_000, perUnit: 10 });
  const decision = decide(engine, { capacity: { readable: true, requested: 7, ready: 7, starting: 0, draining: 0 }, readings: [] }, 0);
  expect(decision.requested).toBe(7);
  expect(decision.reasons().map((reason) => reason.code)).toEqual(["reading_absent"]);
});
