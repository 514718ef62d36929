import { budgetedUnitSteps } from "./budgeted-optimum.ts";
import { noiseReference } from "./noise-reference.ts";
import { optimalCapacity } from "./optimum.ts";
import type { ScoredLoad } from "./scored-load.ts";

/** Least unit-hours that keep the load of the scored steps under the ceiling, inside the bounds, known in advance. */
export function optimumUnitHours(load: ScoredLoad): { readonly costUnitHours: number; readonly ready: Int32Array } {
  const { unitSteps, ready } = optimalCapacity(load.needed, load.isScored, load.costs);
  return { costUnitHours: hours(load, unitSteps), ready };
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
