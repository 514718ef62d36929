import { type OptimumCosts, paidBy, scoredBefore } from "./optimum.ts";
import { type Programme, solveProgramme } from "./programme.ts";

/** A point of what is possible: billed unit-steps, and scored steps with fewer units than needed. */
interface Possible {
  readonly unitSteps: number;
  readonly short: number;
}

/** Rounds of search; each finds a corner of the hull, of which a search meets few. */
const ROUNDS_MAX = 40;

/**
 * Least unit-steps of a capacity that is below `needed` in at most a share of the scored steps, known in advance: the
 * optimum at a policy's own violation.
 *
 * A step short of capacity costs a price; at each price the dynamic programme finds the cheapest schedule, a corner of the
 * lower hull of (steps short, cost). Between two corners the next price is the slope of their chord, until no corner lies
 * below it. The value read off the hull is a lower bound of every schedule within the share, and is reached at corners.
 *
 * Steps in a row that need the same are decided together: within them it never pays to change. No minimum billing.
 * @param share of the scored steps that may be short, 0..1
 */
export function budgetedUnitSteps(
  needed: Int32Array,
  isScored: Uint8Array,
  costs: Omit<OptimumCosts, "minimumBillingSteps">,
  share: number,
  unitsMin: number,
): number {
  const stretches = stretchesOf(needed, isScored, costs);
  let scored = 0;
  for (let step = 0; step < isScored.length; step++) scored += isScored[step] as number;
  const allowed = share * scored;
  const at = (price: number): Possible => solve(stretches, needed[0] ?? 0, unitsMin, price);
  // Never short: no schedule gains by being short when a step of it costs more than everything.
  let dear = at(Number.POSITIVE_INFINITY);
  if (allowed <= 0) return dear.unitSteps;
  let cheap = at(0);
  if (cheap.short <= allowed) return cheap.unitSteps;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const price = (dear.unitSteps - cheap.unitSteps) / (cheap.short - dear.short);
    const corner = at(price);
    const gain = dear.unitSteps + price * dear.short - (corner.unitSteps + price * corner.short);
    if (gain <= 1e-6 * (1 + dear.unitSteps)) break;
    if (corner.short <= allowed) dear = corner;
    else cheap = corner;
  }
  const weight = (allowed - dear.short) / (cheap.short - dear.short);
  return dear.unitSteps + weight * (cheap.unitSteps - dear.unitSteps);
}

/** Steps in a row that need and cost the same. */
interface Stretches {
  readonly count: number;
  readonly needed: Int32Array;
  /** Scored steps in it: all or none. */
  readonly scored: Int32Array;
  /** Billed steps of a start that is ready, and of a stop, when the stretch begins. */
  readonly start: Float64Array;
  readonly stop: Float64Array;
  readonly unitsMax: number;
}

function stretchesOf(needed: Int32Array, isScored: Uint8Array, { startupSteps, drainSteps }: Omit<OptimumCosts, "minimumBillingSteps">): Stretches {
  const steps = needed.length;
  const paid = scoredBefore(isScored);
  const result = { needed: new Int32Array(steps), scored: new Int32Array(steps), start: new Float64Array(steps), stop: new Float64Array(steps) };
  const startOf = (step: number): number => paidBy(paid, step) - paidBy(paid, step - startupSteps);
  const stopOf = (step: number): number => paidBy(paid, step + drainSteps) - paidBy(paid, step);
  let count = 0;
  let unitsMax = 0;
  for (let step = 0; step < steps; step++) {
    const isIn = isScored[step] as number;
    const units = isIn === 1 || step === 0 ? (needed[step] as number) : 0;
    const start = startOf(step);
    const stop = stopOf(step);
    unitsMax = Math.max(unitsMax, units);
    const last = count - 1;
    const isSame =
      count > 0 &&
      result.needed[last] === units &&
      (isIn === 1) === (result.scored[last] as number) > 0 &&
      result.stop[last] === stop &&
      result.start[last] === start &&
      // Near a gap a change costs more, or less, one step later: the last step before that stands alone.
      (step + 1 >= steps || (startOf(step + 1) === start && stopOf(step + 1) === stop));
    if (isSame) result.scored[last] = (result.scored[last] as number) + isIn;
    else {
      result.needed[count] = units;
      result.scored[count] = isIn;
      result.start[count] = start;
      result.stop[count] = stop;
      count++;
    }
  }
  return { count, unitsMax, ...result };
}

function solve(stretches: Stretches, initialUnits: number, unitsMin: number, price: number): Possible {
  const { count, needed, scored, start, stop, unitsMax } = stretches;
  const programme: Programme = {
    stages: count,
    unitsMax: Math.max(unitsMax, initialUnits, unitsMin),
    initialUnits,
    cost: (stage, units) => {
      const steps = scored[stage] as number;
      if (steps === 0) return 0;
      if (units < unitsMin) return Number.POSITIVE_INFINITY;
      return units < (needed[stage] as number) ? steps * (units + price) : steps * units;
    },
    startCost: (stage) => start[stage] as number,
    stopCost: (stage) => stop[stage] as number,
  };
  const { cost, units } = solveProgramme(programme);
  let short = 0;
  for (let stage = 0; stage < count; stage++) if ((units[stage] as number) < (needed[stage] as number)) short += scored[stage] as number;
  return { unitSteps: price === Number.POSITIVE_INFINITY ? cost : cost - price * short, short };
}
