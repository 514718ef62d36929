import type { ScoredLoad } from "./scored-load.ts";

/** A run in so few points that they can be drawn: each stands for `stepSeconds`. */
export interface Timeline {
  readonly stepSeconds: number;
  /** Most units needed, and mean units requested, in each stretch. */
  readonly needed: readonly number[];
  readonly units: readonly number[];
}

/** Squeezes the steps of a run into at most `points`. */
export function timelineOf(load: Pick<ScoredLoad, "needed" | "stepMs">, units: Int32Array, points: number): Timeline {
  const steps = units.length;
  const width = Math.max(1, Math.ceil(steps / points));
  const needed: number[] = [];
  const means: number[] = [];
  for (let from = 0; from < steps; from += width) {
    const to = Math.min(steps, from + width);
    let most = 0;
    let sum = 0;
    for (let step = from; step < to; step++) {
      most = Math.max(most, load.needed[step] as number);
      sum += units[step] as number;
    }
    needed.push(most);
    means.push(Math.round((100 * sum) / (to - from)) / 100);
  }
  return { stepSeconds: (width * load.stepMs) / 1_000, needed, units: means };
}
