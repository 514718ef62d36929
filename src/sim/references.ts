import { budgetedUnitSteps } from "./budgeted-optimum.ts";
import { noiseReference } from "./noise-reference.ts";
import { optimalCapacity } from "./optimum.ts";
import type { ScoredLoad } from "./scored-load.ts";

/** The clairvoyant optimum on a load, with what even it cannot avoid: bounds or a dependency may not let enough units serve. */
export interface OptimumOfLoad {
  readonly costUnitHours: number;
  readonly timeAboveCeilingRatio: number;
  readonly requestsBeyondCapacityRatio: number;
  readonly ready: Int32Array;
}

/** Least unit-hours that keep the load of the scored steps under the ceiling, inside the bounds, known in advance. */
export function optimumUnitHours(load: ScoredLoad): OptimumOfLoad {
  const { unitSteps, ready } = optimalCapacity(load.needed, load.isScored, load.costs);
  let scored = 0;
  let above = 0;
  let offered = 0;
  let beyond = 0;
  for (let step = 0; step < ready.length; step++) {
    if (load.isScored[step] === 0) continue;
    const busy = load.busy[step] as number;
    const serving = Math.min(ready[step] as number, load.servable);
    scored++;
    offered += busy;
    if (busy > load.ceiling * serving + 1e-9) above++;
    if (busy > serving) beyond += busy - serving;
  }
  return {
    costUnitHours: hours(load, unitSteps),
    timeAboveCeilingRatio: scored === 0 ? 0 : above / scored,
    requestsBeyondCapacityRatio: offered === 0 ? 0 : beyond / offered,
    ready,
  };
}

/** Least unit-hours with at most this share of the scored time above the ceiling. */
export function budgetedUnitHours(load: ScoredLoad, share: number): number {
  return hours(load, budgetedUnitSteps(load.needed, load.isScored, load.costs, share, load.min));
}

/** Unit-hours of the policy that knows the 10-minute mean, but not the noise around it, at a share of time above the ceiling. */
export function noiseReferenceUnitHours(load: ScoredLoad, share: number): number | null {
  const found = noiseReference(load, share);
  return found === undefined ? null : hours(load, found);
}

function hours({ stepMs }: ScoredLoad, unitSteps: number): number {
  return (unitSteps * stepMs) / 3_600_000;
}
