/** A choice of capacity over stages, one after the other, whose cost is that of each stage and of each change. */
export interface Programme {
  readonly stages: number;
  readonly unitsMax: number;
  readonly initialUnits: number;
  /** Cost of having so many units during a stage; infinite where that is not allowed. */
  cost(stage: number, units: number): number;
  /** Cost of each unit more, or less, when a stage begins. */
  startCost(stage: number): number;
  stopCost(stage: number): number;
}

/**
 * The cheapest capacity for any cost of a stage, by dynamic programming:
 *
 *   value(t, r) = cost(t, r) + min over p of  value(t - 1, p) + start x max(0, r - p) + stop x max(0, p - r)
 *
 * where two running minima, from below and from above, find the least p. O(stages x units), 4 bytes for each.
 */
export function solveProgramme(programme: Programme): { readonly cost: number; readonly units: Int32Array } {
  const { stages, unitsMax, initialUnits } = programme;
  const width = unitsMax + 1;
  let value = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
  let next = new Float64Array(width);
  value[initialUnits] = 0;
  const previous = new Int32Array(stages * width);
  for (let stage = 0; stage < stages; stage++) {
    const start = programme.startCost(stage);
    const stop = programme.stopCost(stage);
    const row = stage * width;
    let least = Number.POSITIVE_INFINITY;
    let at = 0;
    for (let units = 0; units < width; units++) {
      least += start;
      if ((value[units] as number) <= least) {
        least = value[units] as number;
        at = units;
      }
      next[units] = least;
      previous[row + units] = at;
    }
    least = Number.POSITIVE_INFINITY;
    for (let units = width - 1; units >= 0; units--) {
      least += stop;
      if ((value[units] as number) <= least) {
        least = value[units] as number;
        at = units;
      }
      if (least < (next[units] as number)) {
        next[units] = least;
        previous[row + units] = at;
      }
      next[units] = (next[units] as number) + programme.cost(stage, units);
    }
    [value, next] = [next, value];
  }
  let last = 0;
  for (let units = 1; units < width; units++) if ((value[units] as number) < (value[last] as number)) last = units;
  const path = new Int32Array(stages);
  let units = last;
  for (let stage = stages - 1; stage >= 0; stage--) {
    path[stage] = units;
    units = previous[stage * width + units] as number;
  }
  return { cost: value[last] as number, units: path };
}
