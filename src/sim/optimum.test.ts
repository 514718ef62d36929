import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type OptimumCosts, optimalUnitSteps } from "./optimum.ts";

/**
 * The same by exhaustion: every assignment of lives to units. A unit is requested at some step, is ready `startup` steps
 * later, serves until removed, is billed to the end of its draining. Only for a few steps.
 */
function exhaustive(needed: number[], isScored: number[], { startupSteps, drainSteps }: OptimumCosts): number {
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
    options.push({ mask, cost });
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
      if (units < (needed[step] as number) && (isScored[step] === 1 || step === 0)) isEnough = false;
    }
    if (isEnough) least = Math.min(least, cost);
  }
  return least;
}

const optimum = (needed: number[], costs: Partial<OptimumCosts> = {}, isScored = needed.map(() => 1)): number =>
  optimalUnitSteps(Int32Array.from(needed), Uint8Array.from(isScored), { startupSteps: 0, drainSteps: 0, ...costs });

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
});
