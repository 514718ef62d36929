import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { budgetedUnitSteps } from "./budgeted-optimum.ts";
import { type OptimumCosts, optimalCapacity } from "./optimum.ts";
import { solveProgramme } from "./programme.ts";

/**
 * The same by exhaustion: every assignment of lives to units. A unit is requested at some step, is ready `startup` steps
 * later, serves until removed, is billed to the end of its draining. Only for a few steps.
 */
function exhaustive(needed: number[], isScored: number[], { startupSteps, drainSteps }: Pick<OptimumCosts, "startupSteps" | "drainSteps">): number {
  const steps = needed.length;
  const most = Math.max(...needed);
  const price = (from: number, to: number): number => {
    let sum = 0;
    for (let step = Math.max(0, from); step < Math.min(steps, to); step++) sum += isScored[step] as number;
    return sum;
  };
  // All sets of stretches [from, to) that one slot may serve, with their cost.
  const options: { mask: number; cost: number }[] = [];
  const extend = (at: number, mask: number, cost: number, hasInitial: boolean): void => {
    // A unit of the beginning that is given back at once drains.
    options.push({ mask, cost: cost + (hasInitial && (mask & 1) === 0 ? price(0, drainSteps) : 0) });
    for (let from = at; from < steps; from++) {
      const isInitial = from === 0 && hasInitial;
      const begin = isInitial ? 0 : from - startupSteps;
      for (let to = from + 1; to <= steps; to++) {
        let served = mask;
        for (let step = from; step < to; step++) served |= 1 << step;
        extend(to + 1, served, cost + price(begin, to + drainSteps), hasInitial);
      }
    }
  };
  let best = new Map<number, number>([[0, 0]]);
  for (let slot = 0; slot < most; slot++) {
    options.length = 0;
    extend(0, 0, 0, slot < (needed[0] as number));
    const cheapest = new Map<number, number>();
    for (const { mask, cost } of options) cheapest.set(mask, Math.min(cheapest.get(mask) ?? Number.POSITIVE_INFINITY, cost));
    // Count of units at each step, in base (most + 1).
    const next = new Map<number, number>();
    for (const [counts, cost] of best) {
      for (const [mask, more] of cheapest) {
        let sum = counts;
        for (let step = 0; step < steps; step++) if (mask & (1 << step)) sum += (most + 1) ** step;
        next.set(sum, Math.min(next.get(sum) ?? Number.POSITIVE_INFINITY, cost + more));
      }
    }
    best = next;
  }
  let least = Number.POSITIVE_INFINITY;
  for (const [counts, cost] of best) {
    let rest = counts;
    let isEnough = true;
    for (let step = 0; step < steps; step++) {
      const units = rest % (most + 1);
      rest = Math.floor(rest / (most + 1));
      if (units < (needed[step] as number) && isScored[step] === 1) isEnough = false;
    }
    if (isEnough) least = Math.min(least, cost);
  }
  return least;
}

const optimum = (needed: number[], costs: Partial<OptimumCosts> = {}, isScored = needed.map(() => 1)): number =>
  optimalCapacity(Int32Array.from(needed), Uint8Array.from(isScored), { startupSteps: 0, drainSteps: 0, minimumBillingSteps: 0, ...costs }).unitSteps;

/** What a schedule of ready units costs on the plant, where the youngest leave first. The initial units are free and old. */
function price(
  ready: readonly number[],
  initial: number,
  isScored: readonly number[],
  { startupSteps, drainSteps, minimumBillingSteps }: OptimumCosts,
): number {
  const paid = (from: number, to: number): number => isScored.slice(Math.max(0, from), Math.max(0, to)).reduce((sum, step) => sum + step, 0);
  const begun: number[] = Array.from({ length: initial }, () => Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let step = 0; step <= ready.length; step++) {
    const units = step < ready.length ? (ready[step] as number) : 0;
    while (begun.length < units) begun.push(step - startupSteps);
    while (begun.length > units) {
      const start = begun.pop() as number;
      // At the end of the recording nobody looks any more.
      sum += paid(start, Math.max(step + drainSteps, start + minimumBillingSteps));
    }
  }
  return sum;
}

/** All schedules of up to `most` units that begin with at most what is needed first: nothing is ready before its start-up. */
function schedules(steps: number, most: number, first: number): number[][] {
  let all: number[][] = Array.from({ length: first + 1 }, (_, units) => [units]);
  for (let step = 1; step < steps; step++) all = all.flatMap((one) => Array.from({ length: most + 1 }, (_, units) => [...one, units]));
  return all;
}

const isEnough = (ready: readonly number[], needed: readonly number[], isScored: readonly number[]): boolean =>
  ready.every((units, step) => units >= (needed[step] as number) || isScored[step] === 0);

describe("the optimum", () => {
  test("of free changes is what is needed", () => {
    expect(optimum([2, 3, 1, 4])).toBe(10);
  });

  test("keeps a unit over a gap no longer than its start-up, stops it over a longer one", () => {
    expect(optimum([2, 1, 1, 2], { startupSteps: 2 })).toBe(8); // kept: 2 x 4
    expect(optimum([2, 1, 1, 1, 2], { startupSteps: 2 })).toBe(5 + 2 + 2); // stopped: one unit all along, the other 1 + 1 and its start-up
    expect(optimum([1, 1, 1, 2], { startupSteps: 2 })).toBe(4 + 1 + 2);
  });

  test("pays for draining", () => {
    expect(optimum([2, 1, 1, 1, 1, 1], { drainSteps: 2 })).toBe(6 + 3);
  });

  test("counts scored steps only", () => {
    expect(optimum([1, 9, 9, 1], { startupSteps: 1 }, [1, 0, 0, 1])).toBe(2);
    expect(optimum([1, 1, 3, 3], { startupSteps: 1 }, [0, 0, 1, 1])).toBe(6); // started while nobody counted
  });

  test("agrees with exhaustive search", () => {
    const cases = fc.record({
      needed: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 }),
      scored: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }),
      startupSteps: fc.integer({ min: 0, max: 3 }),
      drainSteps: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(cases, ({ needed, scored, ...costs }) => {
        const isScored = needed.map((_, i) => (scored[i] === 0 ? 0 : 1));
        expect(optimum(needed, costs, isScored)).toBe(exhaustive(needed, isScored, costs));
      }),
      { numRuns: 400 },
    );
  });

  test("keeps a unit as long as its minimum is billed anyway", () => {
    // The second unit is started for step 3, billed for 4 steps: over the gap it costs nothing, and no second start.
    expect(optimum([1, 1, 2, 1, 2, 1, 1, 1], { startupSteps: 1, minimumBillingSteps: 5 })).toBe(8 + 5);
    expect(optimum([1, 1, 2, 1, 2, 1, 1, 1], { startupSteps: 1, minimumBillingSteps: 0 })).toBe(8 + 1 + 3);
    expect(optimum([1, 0, 0, 0, 0, 0], { minimumBillingSteps: 5 })).toBe(1); // what was there is paid off
  });

  const small = fc.record({
    needed: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 7 }),
    scored: fc.oneof(fc.constant([1, 1, 1, 1, 1, 1, 1]), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 7, maxLength: 7 })),
    startupSteps: fc.integer({ min: 0, max: 3 }),
    drainSteps: fc.integer({ min: 0, max: 2 }),
    minimumBillingSteps: fc.integer({ min: 0, max: 6 }),
  });

  test("with a minimum billing, agrees with exhaustive search on one level, and is below every schedule on several", () => {
    fc.assert(
      fc.property(small, ({ needed, scored, ...costs }) => {
        const isScored = needed.map((_, i) => (scored[i] === 0 ? 0 : 1));
        const found = optimum(needed, costs, isScored);
        const one = needed.map((units) => Math.min(1, units));
        const best = (what: number[], most: number): number =>
          Math.min(
            ...schedules(what.length, most, what[0] as number)
              .filter((ready) => isEnough(ready, what, isScored))
              .map((ready) => price(ready, what[0] as number, isScored, costs)),
          );
        if (isScored.every((step) => step === 1) && costs.startupSteps === 0) expect(optimum(one, costs)).toBe(best(one, 1));
        else expect(optimum(one, costs, isScored)).toBeLessThanOrEqual(best(one, 1));
        if (costs.minimumBillingSteps === 0) expect(found).toBe(best(needed, 2));
        else expect(found).toBeLessThanOrEqual(best(needed, 2));
      }),
      { numRuns: 300 },
    );
  });

  test("shows a schedule that is enough and costs what it says", () => {
    fc.assert(
      fc.property(small, ({ needed, scored, ...costs }) => {
        const isScored = needed.map((_, i) => (scored[i] === 0 ? 0 : 1));
        const free = { ...costs, minimumBillingSteps: 0 };
        const { ready, unitSteps } = optimalCapacity(Int32Array.from(needed), Uint8Array.from(isScored), free);
        expect(isEnough([...ready], needed, isScored)).toBe(true);
        expect(price([...ready], needed[0] as number, isScored, free)).toBe(unitSteps);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the dynamic programme", () => {
  const cases = fc.record({
    needed: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 }),
    initialUnits: fc.integer({ min: 0, max: 3 }),
    penalty: fc.integer({ min: 0, max: 5 }),
    start: fc.integer({ min: 0, max: 4 }),
    stop: fc.integer({ min: 0, max: 4 }),
  });

  test("agrees with exhaustive search for a cost that is not convex", () => {
    fc.assert(
      fc.property(cases, ({ needed, initialUnits, penalty, start, stop }) => {
        const cost = (stage: number, units: number): number => units + (units < (needed[stage] as number) ? penalty : 0);
        const { cost: least, units } = solveProgramme({ stages: needed.length, unitsMax: 3, initialUnits, cost, startCost: () => start, stopCost: () => stop });
        const total = (path: readonly number[]): number =>
          path.reduce((sum, at, stage) => {
            const change = at - (stage === 0 ? initialUnits : (path[stage - 1] as number));
            return sum + cost(stage, at) + (change > 0 ? start * change : -stop * change);
          }, 0);
        const all = schedules(needed.length, 3, 3);
        expect(least).toBe(Math.min(...all.map(total)));
        expect(total([...units])).toBe(least);
      }),
      { numRuns: 200 },
    );
  });

  test("is the optimum when being short is not allowed", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 5 }), (needed, startupSteps) => {
        const isScored = needed.map(() => 1);
        const budgeted = budgetedUnitSteps(Int32Array.from(needed), Uint8Array.from(isScored), { startupSteps, drainSteps: 1 }, 0, 0);
        expect(budgeted).toBe(optimum(needed, { startupSteps, drainSteps: 1 }));
      }),
    );
  });
});

describe("the budgeted optimum", () => {
  test("is the lower hull of what every schedule costs and hurts", () => {
    const cases = fc.record({
      needed: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 6 }),
      startupSteps: fc.integer({ min: 0, max: 2 }),
      drainSteps: fc.integer({ min: 0, max: 1 }),
      share: fc.double({ min: 0, max: 0.9, noNaN: true }),
    });
    fc.assert(
      fc.property(cases, ({ needed, startupSteps, drainSteps, share }) => {
        const isScored = needed.map(() => 1);
        const costs = { startupSteps, drainSteps, minimumBillingSteps: 0 };
        const points = schedules(needed.length, 2, needed[0] as number).map((ready) => ({
          cost: price(ready, needed[0] as number, isScored, costs),
          short: ready.filter((units, step) => units < (needed[step] as number)).length,
        }));
        const allowed = share * needed.length;
        let hull = Number.POSITIVE_INFINITY;
        for (const a of points.filter((point) => point.short <= allowed)) {
          hull = Math.min(hull, a.cost);
          for (const b of points.filter((point) => point.short > allowed))
            hull = Math.min(hull, a.cost + ((allowed - a.short) / (b.short - a.short)) * (b.cost - a.cost));
        }
        expect(budgetedUnitSteps(Int32Array.from(needed), Uint8Array.from(isScored), costs, share, 0)).toBeCloseTo(hull, 6);
      }),
      { numRuns: 150 },
    );
  });
});
