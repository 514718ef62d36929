import { UNITS_MAX } from "../../capacity/units.ts";
import type { StepSize } from "../../policy/schema.ts";

/** Guards against 21 / 0.7 = 30.000000000000004, which would cost a phantom unit. */
export const EPSILON = 1e-9;

/**
 * Units of a step: a share of capacity rounded away from zero, or a number of units; at least one.
 * @example stepUnits({ ratio: 0.1 }, 25) // 3: 2.5 rounded away from zero
 */
export function stepUnits(size: StepSize, capacity: number): number {
  const units = "ratio" in size ? Math.ceil(capacity * size.ratio - EPSILON) : size.units;
  return units < 1 ? 1 : units > UNITS_MAX ? UNITS_MAX : units;
}

/** Whole units for a wish that may be any double: rounded up, 0 to 2^31 - 1, never wrapping round. */
export function saturateUnits(wish: number): number {
  if (!(wish > 0)) return 0;
  return wish >= UNITS_MAX ? UNITS_MAX : Math.ceil(wish - EPSILON);
}
