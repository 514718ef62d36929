import { geometricMean, median } from "../lib/statistics.ts";
import type { IsoReading, SweepPoint } from "./iso-violation.ts";
import type { SimulationReport } from "./run.ts";
import type { Score } from "./score.ts";

/** One engine on one recording. */
export interface ComparisonRow {
  readonly engine: string;
  /** The policy or manifest file, or the rule by its own name. */
  readonly config: string;
  readonly pipeline: SimulationReport["pipeline"];
  readonly score: Score;
  /** Cost over that of the optimum; null when nothing was scored. */
  readonly costToOptimum: number | null;
}

/** All settings of one engine on one recording, and its costs at equal violation. */
export interface ComparisonSweep {
  /** Position of its row. */
  readonly row: number;
  readonly engine: string;
  readonly config: string;
  readonly knob: string;
  readonly points: readonly (SweepPoint & { readonly costToOptimum: number | null })[];
  readonly isoViolation: readonly (IsoReading & { readonly costToOptimum: number | null })[];
}

export interface TraceComparison {
  readonly trace: SimulationReport["trace"];
  readonly settings: SimulationReport["settings"];
  readonly warnings: readonly string[];
  /** Its violation is what bounds and dependencies leave nobody a way around. */
  readonly optimum: { readonly costUnitHours: number; readonly timeAboveCeilingRatio: number; readonly requestsBeyondCapacityRatio: number };
  readonly rows: readonly ComparisonRow[];
  /** Only when asked for; engines without a knob have none. */
  readonly sweeps?: readonly ComparisonSweep[];
}

/** One engine over all recordings. */
export interface ComparisonSummary {
  readonly engine: string;
  readonly config: string;
  /** Geometric mean of cost over the optimum. */
  readonly costToOptimum: number | null;
  readonly medianTimeAboveCeilingRatio: number | null;
  readonly maxTimeAboveCeilingRatio: number | null;
  /** Geometric means over the recordings on which a setting is careful enough, and on how many none is. */
  readonly isoViolation?: readonly { readonly timeAboveCeilingRatio: number; readonly costToOptimum: number | null; readonly infeasible: number }[];
}

/** How each engine did over all recordings on which anything was scored, in the order of the rows. */
export function summarise(traces: readonly TraceComparison[]): ComparisonSummary[] {
  const scored = traces.filter((trace) => trace.rows.every((row) => row.score.scoredHours > 0));
  const first = traces[0]?.rows ?? [];
  return first.map(({ engine, config }, i) => {
    const rows = scored.map((trace) => trace.rows[i] as ComparisonRow);
    const above = rows.map((row) => row.score.timeAboveCeilingRatio);
    const sweeps = scored.flatMap((trace) => trace.sweeps?.filter((sweep) => sweep.row === i) ?? []);
    return {
      engine,
      config,
      costToOptimum: geometricMean(rows.flatMap((row) => row.costToOptimum ?? [])),
      medianTimeAboveCeilingRatio: rows.length === 0 ? null : median(above),
      maxTimeAboveCeilingRatio: rows.length === 0 ? null : Math.max(...above),
      ...(sweeps.length > 0 && { isoViolation: (sweeps[0] as ComparisonSweep).isoViolation.map((_, at) => summariseIso(sweeps, at)) }),
    };
  });
}

function summariseIso(sweeps: readonly ComparisonSweep[], at: number) {
  const readings = sweeps.map((sweep) => sweep.isoViolation[at] as ComparisonSweep["isoViolation"][number]);
  return {
    timeAboveCeilingRatio: (readings[0] as IsoReading).timeAboveCeilingRatio,
    costToOptimum: geometricMean(readings.flatMap((reading) => reading.costToOptimum ?? [])),
    infeasible: readings.filter((reading) => reading.costUnitHours === null).length,
  };
}
