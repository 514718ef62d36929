import { optimalCapacity } from "./optimum.ts";
import type { ScoredLoad } from "./scored-load.ts";

const WINDOW_MS = 600_000;
/** Margins are searched up to this many square roots of the mean. */
const MARGIN_MAX = 64;
const ROUNDS = 16;

/**
 * Not a bound: what a policy pays that knows the centred ten-minute mean of the load, future included, but not the noise
 * around it (evaluation, section 8). It holds mean + z x sqrt(mean), z one number for the whole recording, the smallest that
 * is above the ceiling in at most `share` of the scored steps; starts and stops are the optimum's.
 * @returns billed unit-steps; undefined when no margin reaches the share
 */
export function noiseReference(load: ScoredLoad, share: number): number | undefined {
  const { busy, isScored, ceiling, min, max, costs, stepMs } = load;
  const mean = centredMean(busy, Math.max(0, Math.round(WINDOW_MS / stepMs / 2)));
  let scored = 0;
  for (const isIn of isScored) scored += isIn;
  const at = (margin: number): { unitSteps: number; above: number } => {
    const held = Int32Array.from(mean, (units) => Math.min(max, Math.max(min, Math.ceil((units + margin * Math.sqrt(units)) / ceiling - 1e-9))));
    const { unitSteps, ready } = optimalCapacity(held, isScored, costs);
    let above = 0;
    for (let step = 0; step < busy.length; step++) {
      if (isScored[step] === 1 && (busy[step] as number) > ceiling * (ready[step] as number) + 1e-9) above++;
    }
    return { unitSteps, above: scored === 0 ? 0 : above / scored };
  };
  let low = -MARGIN_MAX;
  let high = MARGIN_MAX;
  let best = at(high);
  if (best.above > share) return undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const middle = (low + high) / 2;
    const found = at(middle);
    if (found.above <= share) {
      high = middle;
      best = found;
    } else low = middle;
  }
  return best.unitSteps;
}

/** Mean over the steps from `half` before to `half` after, as far as there are any. */
function centredMean(values: Float64Array, half: number): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = (sums[i] as number) + (values[i] as number);
  return values.map((_, i) => {
    const from = Math.max(0, i - half);
    const to = Math.min(values.length, i + half + 1);
    return ((sums[to] as number) - (sums[from] as number)) / (to - from);
  });
}
