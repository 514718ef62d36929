import { unitsNeeded } from "../capacity/needed.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { optimalUnitSteps } from "./optimum.ts";
import type { Run, SimulationReport } from "./run.ts";
import type { Score } from "./score.ts";

/** One engine on one recording. */
export interface ComparisonRow {
  readonly engine: string;
  /** The policy file, or the rule by its own name. */
  readonly config: string;
  readonly pipeline: SimulationReport["pipeline"];
  readonly score: Score;
  /** Cost over that of the optimum; null when nothing was scored. */
  readonly costToOptimum: number | null;
}

export interface TraceComparison {
  readonly trace: SimulationReport["trace"];
  readonly settings: SimulationReport["settings"];
  readonly optimum: { readonly costUnitHours: number };
  readonly rows: readonly ComparisonRow[];
}

/** One engine over all recordings. */
export interface ComparisonSummary {
  readonly engine: string;
  readonly config: string;
  /** Geometric mean of cost over the optimum. */
  readonly costToOptimum: number | null;
  readonly medianTimeAboveCeilingRatio: number;
  readonly maxTimeAboveCeilingRatio: number;
}

/**
 * Least unit-hours that keep the load of a run's scored steps under the ceiling, inside the bounds, with the start-up and
 * drain of the policy. All engines on a recording share it: it depends on the load, not on the engine.
 */
export function optimumOfRun(run: Run, workload: ResolvedWorkload): number {
  const { load, stepMs } = run.columns;
  const { min, max } = workload.bounds;
  const needed = Int32Array.from(load, (step) => Math.min(max, unitsNeeded({ load: step, perUnit: run.perUnit, ceiling: run.ceiling, min })));
  const steps = optimalUnitSteps(needed, run.isScored, {
    startupSteps: Math.ceil(workload.unit.startup.meanMs / stepMs),
    drainSteps: Math.ceil(workload.unit.drainMs / stepMs),
  });
  return (steps * stepMs) / 3_600_000;
}

/** How each engine did over all recordings, in the order of the rows. */
export function summarise(traces: readonly TraceComparison[]): ComparisonSummary[] {
  const first = traces[0]?.rows ?? [];
  return first.map(({ engine, config }, i) => {
    const rows = traces.map((trace) => trace.rows[i] as ComparisonRow);
    const ratios = rows.flatMap((row) => (row.costToOptimum === null ? [] : [row.costToOptimum]));
    const above = rows.map((row) => row.score.timeAboveCeilingRatio).toSorted((a, b) => a - b);
    const middle = above.length >> 1;
    return {
      engine,
      config,
      costToOptimum: ratios.length === 0 ? null : Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length),
      medianTimeAboveCeilingRatio: above.length % 2 === 1 ? (above[middle] as number) : ((above[middle - 1] as number) + (above[middle] as number)) / 2,
      maxTimeAboveCeilingRatio: above.at(-1) as number,
    };
  });
}
