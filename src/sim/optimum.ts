/** What capacity costs to change, in plant steps. */
export interface OptimumCosts {
  /** From request to ready; billed. */
  readonly startupSteps: number;
  /** From removal to gone; billed. */
  readonly drainSteps: number;
}

/**
 * Least unit-steps of any capacity that is never below `needed`, known in advance (evaluation: clairvoyant lower bounds).
 *
 * The cost separates over levels: the k-th unit is needed in the runs where `needed >= k`, and between two runs it is kept,
 * or drained and started again, whichever costs less. O(steps + changes of needed).
 *
 * Only scored steps cost and bind. Like every engine it begins with `needed[0]` ready units, free of start-up.
 * A minimum billing is not part of it: with one, lives that cross levels can be cheaper, and this would be no bound.
 * @param needed whole units for each step   @param isScored 1 where a step counts, length = needed.length
 * @example needed 2 1 1 2, start-up 2 steps: the second unit is kept over the gap, 8 unit-steps
 */
export function optimalUnitSteps(needed: Int32Array, isScored: Uint8Array, { startupSteps, drainSteps }: OptimumCosts): number {
  const steps = needed.length;
  // paid[t]: scored steps before t, so that a unit billed over [a, b) costs paid[b] - paid[a].
  const paid = new Float64Array(steps + 1);
  for (let step = 0; step < steps; step++) paid[step + 1] = (paid[step] as number) + (isScored[step] as number);
  const paidBy = (step: number): number => paid[step < 0 ? 0 : step > steps ? steps : step] as number;
  /** When the last run of each level ended; -1 for a level that has had none. */
  const endOf: number[] = [];
  let total = 0;
  let before = 0;
  for (let step = 0; step <= steps; step++) {
    // Steps that do not count do not bind; what is there at the start is there.
    const units = step < steps && (isScored[step] === 1 || step === 0) ? (needed[step] as number) : 0;
    for (let k = before; k < units; k++) {
      const end = endOf[k];
      const start = step === 0 ? 0 : paidBy(step) - paidBy(step - startupSteps);
      if (end === undefined) total += start;
      else total += Math.min(paidBy(step) - paidBy(end), paidBy(end + drainSteps) - paidBy(end) + start);
    }
    for (let k = units; k < before; k++) endOf[k] = step;
    total += units * (step < steps ? (isScored[step] as number) : 0);
    before = units;
  }
  // Whatever was not needed again is drained after its last run.
  for (const end of endOf) total += paidBy(end + drainSteps) - paidBy(end);
  return total;
}
