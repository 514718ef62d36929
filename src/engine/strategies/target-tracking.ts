import type { ResolvedStrategy } from "../../policy/resolve.ts";
import { EPSILON, saturateUnits } from "./step-units.ts";

export type TargetTrackingParams = Extract<ResolvedStrategy, { type: "targetTracking" }>;

/**
 * How loaded the serving units are relative to the target: 1 is on target.
 * @param capacity units that serve or will, >= 0   @param load total, in the metric's unit, >= 0
 */
export function targetRatio(params: TargetTrackingParams, capacity: number, load: number): number {
  if (capacity > 0) return load / (params.targetPerUnit * capacity);
  return load > 0 ? Number.POSITIVE_INFINITY : 1;
}

/** Whether a ratio is inside the tolerance of its direction, both ends included (as in the HPA). */
export function isWithinTolerance(params: TargetTrackingParams, ratio: number): boolean {
  return ratio >= 1 - params.toleranceDown - EPSILON && ratio <= 1 + params.toleranceUp + EPSILON;
}

/**
 * Units that bring the load of one unit to the target: `ceil(load / target)`. An absolute rule: it does not compound
 * while new units start. More load never gives less.
 * @example target 70 per unit, load 420 -> 6
 */
export function targetUnits(params: TargetTrackingParams, load: number): number {
  return saturateUnits(load / params.targetPerUnit);
}
