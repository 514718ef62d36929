import type { ResolvedStrategy } from "../../policy/resolve.ts";
import { EPSILON, saturateUnits, stepUnits } from "./step-units.ts";

export type TiersParams = Extract<ResolvedStrategy, { type: "tiers" }>;

/** The rung a utilisation stands on: positive = that many-th of `up` (from 1), negative = of `down`, 0 = none. */
export function tierAt(params: TiersParams, utilisation: number): number {
  // Inclusive going up, exclusive going down; the largest tier that applies.
  for (let i = params.up.length - 1; i >= 0; i--) {
    if (utilisation >= (params.up[i] as TiersParams["up"][number]).at - EPSILON) return i + 1;
  }
  for (let i = 0; i < params.down.length; i++) {
    if (utilisation < (params.down[i] as TiersParams["down"][number]).below - EPSILON) return -(i + 1);
  }
  return 0;
}

/**
 * Capacity of a rung: the step is a share of *requested* capacity, rounded away from zero, at least one unit.
 * @param capacity requested units   @param tier what {@link tierAt} returned
 * @example tiers 50/75/90 % -> +10/20/30 %, capacity 20: 49 % -> 20, 50 % -> 22, 75 % -> 24, 90 % -> 26
 */
export function tierUnits(params: TiersParams, capacity: number, tier: number): number {
  if (tier > 0) return saturateUnits(capacity + stepUnits((params.up[tier - 1] as TiersParams["up"][number]).add, capacity));
  if (tier < 0) return saturateUnits(capacity - stepUnits((params.down[-tier - 1] as TiersParams["down"][number]).remove, capacity));
  return capacity;
}
