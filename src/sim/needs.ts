import { unitsNeeded } from "../capacity/needed.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { RunSettings } from "./run.ts";
import { maskedBins, settleScale } from "./scale.ts";
import type { Trace } from "./trace.ts";

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const WEEK_HOURS = 168;

/** What the load of a recording asks for, known in advance: for references that are allowed to know it. */
export interface LoadNeeds {
  /** What one unit carries at 100 %, in the unit of the scaled load. */
  readonly perUnit: number;
  /** Units that the peak needs, inside the lower bound. */
  readonly peakUnits: number;
  /**
   * Units for each hour of the day (of the week, in a recording of two weeks and more), such that this share of the bins
   * in that hour find enough. Hours count from 1970-01-01 UTC; an hour never seen gets the peak.
   */
  timetable(share: number): readonly number[];
}

export function loadNeeds(trace: Trace, workload: ResolvedWorkload, settings: Pick<RunSettings, "peakUnits" | "scale">): LoadNeeds {
  const scale = settings.scale ?? settleScale(trace, workload, workload.ceiling, settings.peakUnits);
  const { min } = workload.bounds;
  const { perUnit, loadFactor } = scale;
  const peak = Math.max(min, scale.peakUnits);
  return {
    perUnit,
    peakUnits: peak,
    timetable: (share) => {
      const hours = trace.load.length * trace.binMs >= 2 * WEEK_HOURS * HOUR_MS ? WEEK_HOURS : DAY_HOURS;
      const needs: number[][] = Array.from({ length: hours }, () => []);
      const isMasked = maskedBins(trace);
      const startMs = trace.startMs ?? 0;
      for (let bin = 0; bin < trace.load.length; bin++) {
        if (isMasked[bin] === 1) continue;
        const needed = unitsNeeded({ load: (trace.load[bin] as number) * loadFactor, perUnit, ceiling: workload.ceiling, min });
        // A bin longer than an hour reaches into several.
        const first = Math.floor((startMs + bin * trace.binMs) / HOUR_MS);
        const last = Math.floor((startMs + (bin + 1) * trace.binMs - 1) / HOUR_MS);
        for (let hour = first; hour <= Math.min(last, first + hours - 1); hour++) (needs[((hour % hours) + hours) % hours] as number[]).push(needed);
      }
      return needs.map((units) => {
        if (units.length === 0) return peak;
        units.sort((a, b) => a - b);
        return units[Math.max(0, Math.ceil(share * units.length) - 1)] as number;
      });
    },
  };
}
