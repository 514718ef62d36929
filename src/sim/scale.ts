import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { Trace } from "./trace.ts";

/** How the recorded load meets the units of a workload. */
export interface Scale {
  /** The recorded load is multiplied by this. */
  readonly loadFactor: number;
  /** What one unit carries at 100 %, in the unit of the scaled load. */
  readonly perUnit: number;
  /** Units that the peak needs at the ceiling. */
  readonly peakUnits: number;
  readonly guesses: readonly string[];
}

/**
 * Fits a recording to a workload: the load is scaled until its peak needs `peakUnits`, or taken as it is when the policy
 * says what a unit serves. When neither is known, the peak is laid at 80 % of the upper bound, and that is said.
 */
export function settleScale(trace: Trace, policy: ResolvedWorkload, ceiling: number, peakUnits: number | undefined): Scale {
  let peak = 0;
  const isMasked = maskedBins(trace);
  for (let bin = 0; bin < trace.load.length; bin++) if (isMasked[bin] === 0 && (trace.load[bin] as number) > peak) peak = trace.load[bin] as number;
  const guesses: string[] = [];
  const serves = policy.unit.serves?.rate;
  if (peak === 0) return { loadFactor: 1, perUnit: serves ?? 1, peakUnits: 0, guesses: ["the recording has no load at all"] };
  if (serves !== undefined) {
    if (peakUnits !== undefined) return { loadFactor: (peakUnits * ceiling * serves) / peak, perUnit: serves, peakUnits, guesses };
    if (trace.semantics === "utilisation") {
      // Busy units, of whatever they serve.
      return {
        loadFactor: serves,
        perUnit: serves,
        peakUnits: Math.ceil(peak / ceiling - 1e-9),
        guesses: ["the recording is a utilisation: taken as busy units"],
      };
    }
    if (trace.semantics === "level") guesses.push(`the recording is a ${trace.semantics}: taken in the unit of unit.serves`);
    return { loadFactor: 1, perUnit: serves, peakUnits: Math.ceil(peak / (ceiling * serves) - 1e-9), guesses };
  }
  const units = peakUnits ?? Math.max(1, Math.floor(0.8 * policy.bounds.max));
  if (peakUnits === undefined) {
    guesses.push(`unit.serves is not declared: scaled so that the peak needs ${units} units (80 % of max); say what a unit serves, or use --peak-units`);
  }
  return { loadFactor: 1, perUnit: peak / (ceiling * units), peakUnits: units, guesses };
}

/** 1 for each bin that lies in a gap or an imputed stretch: its load was not measured. */
export function maskedBins(trace: Trace): Uint8Array {
  const isMasked = new Uint8Array(trace.load.length);
  for (const mask of trace.masks) isMasked.fill(1, Math.max(0, Math.floor(mask.fromMs / trace.binMs)), Math.max(0, Math.ceil(mask.toMs / trace.binMs)));
  return isMasked;
}
