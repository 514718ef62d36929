import { maskedBins } from "./scale.ts";
import type { Trace } from "./trace.ts";

/** What a recording says about itself, for proposals. Loads in the unit recorded (per second for counts and rates). */
export interface TraceProfile {
  readonly peak: number;
  readonly peakBin: number;
  readonly median: number;
  /** Exceeded 99 % of the time. */
  readonly trough: number;
  /** Bins that were measured. */
  readonly bins: number;
  /**
   * By how much the load of a busy moment (above the median) grows within `riseMs`, as a factor, in 99 of 100 cases;
   * undefined when bins are longer than the time asked for.
   */
  readonly rise: number | undefined;
  /** The time asked for, in whole bins. */
  readonly riseMs: number;
}

/** Undefined for a recording without load. */
export function profileTrace(trace: Trace, leadMs: number): TraceProfile | undefined {
  const isMasked = maskedBins(trace);
  const values: number[] = [];
  let peakBin = 0;
  for (let bin = 0; bin < trace.load.length; bin++) {
    if (isMasked[bin] === 1) continue;
    values.push(trace.load[bin] as number);
    if ((trace.load[bin] as number) > (trace.load[peakBin] as number) || isMasked[peakBin] === 1) peakBin = bin;
  }
  const peak = trace.load[peakBin] ?? 0;
  if (values.length === 0 || peak <= 0) return undefined;
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.min(values.length - 1, Math.floor(share * values.length))] as number;
  const median = at(0.5);
  const ahead = Math.floor(leadMs / trace.binMs);
  const rises: number[] = [];
  for (let bin = 0; ahead > 0 && bin + ahead < trace.load.length; bin++) {
    const now = trace.load[bin] as number;
    if (now < median || now <= 0) continue;
    let most = now;
    let masked = isMasked[bin] as number;
    for (let next = bin + 1; next <= bin + ahead; next++) {
      masked += isMasked[next] as number;
      most = Math.max(most, trace.load[next] as number);
    }
    if (masked === 0) rises.push(most / now);
  }
  rises.sort((a, b) => a - b);
  return {
    peak,
    peakBin,
    median,
    trough: at(0.01),
    bins: values.length,
    rise: rises.length < 100 ? undefined : rises[Math.floor(0.99 * rises.length)],
    riseMs: ahead * trace.binMs,
  };
}
