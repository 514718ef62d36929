import type { ComparisonRow, TraceComparison } from "./compare.ts";

/** How much worse the first may be than the second. */
export interface GateMargins {
  /** Of cost, relative. */
  readonly cost: number;
  /** Of time above the ceiling, in absolute share (0.001 is a tenth of a percentage point). */
  readonly above: number;
}

/** One way in which the first row is worse than the second, on one recording. */
export interface GateFailure {
  readonly trace: string;
  readonly what: "cost" | "time above the ceiling" | "nothing scored";
  readonly first: number;
  readonly second: number;
}

/** Everything in which the first row of a comparison is worse than the second beyond a margin; on any recording counts. */
export function judgeGate(comparisons: readonly TraceComparison[], margins: GateMargins): GateFailure[] {
  return comparisons.flatMap(({ trace, rows }) => {
    const [first, second] = rows as [ComparisonRow, ComparisonRow];
    if (first.score.scoredHours === 0) return [{ trace: trace.file, what: "nothing scored", first: 0, second: 0 }];
    const failures: GateFailure[] = [];
    const costs = { first: first.score.costUnitHours, second: second.score.costUnitHours };
    if (costs.first > costs.second * (1 + margins.cost) + 1e-9) failures.push({ trace: trace.file, what: "cost", ...costs });
    const above = { first: first.score.timeAboveCeilingRatio, second: second.score.timeAboveCeilingRatio };
    if (above.first > above.second + margins.above + 1e-12) failures.push({ trace: trace.file, what: "time above the ceiling", ...above });
    return failures;
  });
}
