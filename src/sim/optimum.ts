/** What capacity costs to change, in plant steps. */
export interface OptimumCosts {
  /** From request to ready; billed. */
  readonly startupSteps: number;
  /** From removal to gone; billed. */
  readonly drainSteps: number;
  /** A unit is billed at least this long from its request. */
  readonly minimumBillingSteps: number;
}

export interface Optimum {
  /** Billed unit-steps that count. */
  readonly unitSteps: number;
  /** Ready units of one schedule that costs so much, for each step. */
  readonly ready: Int32Array;
}

/**
 * Least unit-steps of any capacity that is never below `needed`, known in advance (evaluation: clairvoyant lower bounds).
 *
 * The cost separates over levels: the k-th unit is needed in the runs where `needed >= k`, and between two runs it is kept,
 * or stopped and started again. Going backwards over the runs of a level,
 *
 *   best[i] = least cost of runs i.. when a unit is started for run i
 *           = min over j >= i of  billed(start of i .. end of j, at least the minimum) + best[j + 1]
 *
 * where the ends inside the minimum cost the same, so that the last of them is best, and beyond it the cost is linear, so
 * that a suffix minimum answers. O(steps + changes of needed).
 *
 * Units leave youngest first, as in the plant, so that every schedule is such levels, and this is a lower bound of each.
 * It is reached without a minimum billing. With one it is a bound: levels may cross (a younger unit kept over a pause in
 * which an older one stops), and after steps that do not count only the linear part is taken.
 *
 * Only scored steps cost and bind. Like every engine it begins with `needed[0]` ready units, free of start-up and of a
 * minimum billing, and may give them back at once.
 * @param needed whole units for each step   @param isScored 1 where a step counts, length = needed.length
 * @example needed 2 1 1 2, start-up 2 steps: the second unit is kept over the gap, 8 unit-steps
 */
export function optimalCapacity(needed: Int32Array, isScored: Uint8Array, costs: OptimumCosts): Optimum {
  const steps = needed.length;
  const paid = scoredBefore(isScored);
  const { offsets, starts, ends } = levelRuns(needed, isScored);
  const levels = offsets.length - 1;
  // One level's cost from each run on; the run that the unit started for it is kept to; least cost over later ends, and which.
  let most = 0;
  for (let k = 0; k < levels; k++) most = Math.max(most, (offsets[k + 1] as number) - (offsets[k] as number));
  const best = new Float64Array(most + 1);
  const until = new Int32Array(most);
  const suffix = new Float64Array(most + 1);
  const suffixAt = new Int32Array(most + 1);
  const change = new Int32Array(steps + 1);
  const { startupSteps, drainSteps, minimumBillingSteps } = costs;
  const earliest = (begun: number): number => Math.min(begun, Math.max(1 - startupSteps, begun - minimumBillingSteps));
  let unitSteps = 0;
  for (let k = 0; k < levels; k++) {
    const from = offsets[k] as number;
    const runs = (offsets[k + 1] as number) - from;
    best[runs] = 0;
    suffix[runs] = Number.POSITIVE_INFINITY;
    let inside = runs - 1;
    for (let i = runs - 1; i >= 0; i--) {
      const start = starts[from + i] as number;
      const end = ends[from + i] as number;
      const toEnd = paidBy(paid, end + drainSteps) + (best[i + 1] as number);
      const isLeast = toEnd <= (suffix[i + 1] as number);
      suffix[i] = isLeast ? toEnd : (suffix[i + 1] as number);
      suffixAt[i] = isLeast ? i : (suffixAt[i + 1] as number);
      // What is there at the start is there.
      const begun = start === 0 ? 0 : start - startupSteps;
      const minimumEnd = start === 0 ? 0 : begun + minimumBillingSteps;
      while (inside >= i && (ends[from + inside] as number) + drainSteps > minimumEnd) inside--;
      // Where it could have been started earlier for nothing, its minimum may be over: then only the linear part is sure.
      const isSure = minimumEnd > begun && paidBy(paid, begun) - paidBy(paid, earliest(begun)) === begun - earliest(begun);
      const last = isSure ? inside : i - 1;
      const beyond = Math.max(last + 1, i);
      const linear = (suffix[beyond] as number) - paidBy(paid, begun);
      const flat = last >= i ? paidBy(paid, minimumEnd) - paidBy(paid, begun) + (best[last + 1] as number) : Number.POSITIVE_INFINITY;
      best[i] = Math.min(linear, flat);
      until[i] = flat < linear ? last : (suffixAt[beyond] as number);
    }
    unitSteps += runs === 0 ? 0 : (best[0] as number);
    for (let i = 0; i < runs; i = (until[i] as number) + 1) {
      const start = starts[from + i] as number;
      const end = ends[from + (until[i] as number)] as number;
      change[start] = (change[start] as number) + 1;
      change[end] = (change[end] as number) - 1;
    }
  }
  const ready = new Int32Array(steps);
  let units = 0;
  for (let step = 0; step < steps; step++) {
    units += change[step] as number;
    ready[step] = units;
  }
  return { unitSteps, ready };
}

/** Scored steps before each step, so that a unit billed over [a, b) costs paid[b] - paid[a]. */
export function scoredBefore(isScored: Uint8Array): Float64Array {
  const paid = new Float64Array(isScored.length + 1);
  for (let step = 0; step < isScored.length; step++) paid[step + 1] = (paid[step] as number) + (isScored[step] as number);
  return paid;
}

/** Scored steps before a step that may lie outside the recording. */
export function paidBy(paid: Float64Array, step: number): number {
  return paid[step < 0 ? 0 : step >= paid.length ? paid.length - 1 : step] as number;
}

/** The runs of steps in which each level is needed: those of level k stand at offsets[k] to offsets[k + 1]. */
function levelRuns(needed: Int32Array, isScored: Uint8Array): { offsets: Int32Array; starts: Int32Array; ends: Int32Array } {
  const steps = needed.length;
  // Steps that do not count do not bind.
  const unitsAt = (step: number): number => (step < steps && isScored[step] === 1 ? (needed[step] as number) : 0);
  // What is there at the start is there: a run of no length when nothing binds it.
  const initial = steps > 0 && isScored[0] === 0 ? (needed[0] as number) : 0;
  let levels = initial;
  for (let step = 0; step < steps; step++) levels = Math.max(levels, unitsAt(step));
  const offsets = new Int32Array(levels + 1);
  for (let k = 0; k < initial; k++) offsets[k + 1] = 1;
  let before = 0;
  for (let step = 0; step < steps; step++) {
    const units = unitsAt(step);
    for (let k = before; k < units; k++) offsets[k + 1] = (offsets[k + 1] as number) + 1;
    before = units;
  }
  for (let k = 0; k < levels; k++) offsets[k + 1] = (offsets[k + 1] as number) + (offsets[k] as number);
  const starts = new Int32Array(offsets[levels] as number);
  const ends = new Int32Array(starts.length);
  const next = offsets.slice(0, levels);
  for (let k = 0; k < initial; k++) next[k] = (next[k] as number) + 1;
  before = 0;
  for (let step = 0; step <= steps; step++) {
    const units = unitsAt(step);
    for (let k = before; k < units; k++) starts[next[k] as number] = step;
    for (let k = units; k < before; k++) {
      ends[next[k] as number] = step;
      next[k] = (next[k] as number) + 1;
    }
    before = units;
  }
  return { offsets, starts, ends };
}
