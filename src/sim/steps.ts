import type { Trace } from "./trace.ts";

/** Longest plant step; shorter when bins or ticks are. */
const STEP_MAX_MS = 15_000;
const STEP_MIN_MS = 1_000;

/**
 * Length of a plant step: the longest that divides the bin, is at most 15 s and at most one tick, and is in step with
 * the ticks when that costs no steps shorter than 1 s.
 */
export function settleStepMs(binMs: number, intervalMs: number): number {
  const most = Math.min(binMs, STEP_MAX_MS, intervalMs);
  const common = greatestCommonDivisor(binMs, intervalMs);
  for (let parts = Math.ceil(common / most); common / parts >= Math.min(STEP_MIN_MS, most); parts++) {
    if (Number.isInteger(common / parts)) return common / parts;
  }
  for (let parts = Math.ceil(binMs / most); parts <= binMs; parts++) if (Number.isInteger(binMs / parts)) return binMs / parts;
  return binMs;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The scaled load of every step: constant in a bin, or linear between bin centres. */
export function loadBySteps(trace: Trace, stepMs: number, factor: number, interpolate: boolean): Float64Array {
  const binSteps = Math.round(trace.binMs / stepMs);
  const bins = trace.load.length;
  if (binSteps === 1 && factor === 1) return trace.load;
  const load = new Float64Array(bins * binSteps);
  for (let bin = 0, step = 0; bin < bins; bin++) {
    const here = (trace.load[bin] as number) * factor;
    const before = (trace.load[Math.max(0, bin - 1)] as number) * factor;
    const after = (trace.load[Math.min(bins - 1, bin + 1)] as number) * factor;
    for (let part = 0; part < binSteps; part++, step++) {
      if (!interpolate) {
        load[step] = here;
        continue;
      }
      const fromCentre = (part + 0.5) / binSteps - 0.5;
      load[step] = fromCentre < 0 ? here + (here - before) * fromCentre : here + (after - here) * fromCentre;
    }
  }
  return load;
}
