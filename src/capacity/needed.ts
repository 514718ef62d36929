/**
 * Least units that carry a load at a utilisation of at most `ceiling`: `max(min, ceil(load / (ceiling x per unit) - 1e-9))`.
 * @param load >= 0, in the unit of `perUnit`   @param perUnit what one unit carries at 100 %, > 0   @param ceiling in (0, 1]
 * @example unitsNeeded({ load: 701, perUnit: 100, ceiling: 0.7, min: 2 }) // 11
 */
export function unitsNeeded(parameters: { readonly load: number; readonly perUnit: number; readonly ceiling: number; readonly min: number }): number {
  const { load, perUnit, ceiling, min } = parameters;
  return Math.max(min, Math.ceil(load / (ceiling * perUnit) - 1e-9));
}
