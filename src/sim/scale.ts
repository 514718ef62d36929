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
  for (const load of trace.load) if (load > peak) peak = load;
  const guesses: string[] = [];
  const serves = policy.unit.serves?.rate;
  if (peak === 0) return { loadFactor: 1, perUnit: serves ?? 1, peakUnits: 0, guesses: ["the recording has no load at all"] };
  if (serves !== undefined) {
    if (peakUnits !== undefined) return { loadFactor: (peakUnits * ceiling * serves) / peak, perUnit: serves, peakUnits, guesses };
    if (trace.semantics === "utilisation" || trace.semantics === "level")
      guesses.push(`the recording is a ${trace.semantics}: taken in the unit of unit.serves`);
    return { loadFactor: 1, perUnit: serves, peakUnits: Math.ceil(peak / (ceiling * serves) - 1e-9), guesses };
  }
  const units = peakUnits ?? Math.max(1, Math.floor(0.8 * policy.bounds.max));
  if (peakUnits === undefined) {
    guesses.push(`unit.serves is not declared: scaled so that the peak needs ${units} units (80 % of max); say what a unit serves, or use --peak-units`);
  }
  return { loadFactor: 1, perUnit: peak / (ceiling * units), peakUnits: units, guesses };
}
