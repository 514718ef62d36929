import type { Report, ReportPareto, ReportSection, ReportTable, ReportTimeline } from "../api/report.ts";
import { summarise } from "../sim/compare.ts";
import type { ComparedTrace } from "./comparison.ts";
import { type Grid, isoGrid, pipelines, provenance, rowName, rowsGrid, summaryGrid } from "./comparison-text.ts";

/** The comparison as a page draws it. */
export function comparisonReport(comparisons: readonly ComparedTrace[]): Report {
  const [first] = comparisons;
  const many = comparisons.length > 1;
  return {
    title: `Capacity compared: ${first?.trace.file ?? ""}${many ? ` and ${comparisons.length - 1} more` : ""}`,
    heading: "Capacity compared",
    lead: "What each autoscaler would have done with the same recorded load on the same units, beside the least that was possible with perfect foresight. Lower is better, in both cost and time above the ceiling.",
    summary: many ? { title: `Over ${comparisons.length} recordings`, table: tableOf(summaryGrid(summarise(comparisons), comparisons.length), 1) } : null,
    sections: comparisons.map(sectionOf),
    pipelines: first === undefined ? [] : pipelines(first),
  };
}

function tableOf({ header, rows }: Grid, firstSeries: number | null): ReportTable {
  return { header, rows, firstSeries };
}

function sectionOf(comparison: ComparedTrace): ReportSection {
  const { trace, warnings, sweeps } = comparison;
  return {
    title: trace.file,
    provenance: provenance(comparison),
    notes: [...trace.guesses.map((guess) => `Guessed: ${guess}`), ...warnings.map((warning) => `Warning: ${warning}`)],
    tables: [tableOf(rowsGrid(comparison), 0), ...(sweeps === undefined ? [] : [tableOf(isoGrid(sweeps), null)])],
    pareto: paretoOf(comparison),
    timeline: timelineOf(comparison),
  };
}

function paretoOf({ rows, sweeps = [] }: ComparedTrace): ReportPareto | null {
  const points = rows.flatMap((row, i) =>
    row.costToOptimum === null ? [] : [{ series: i + 1, name: rowName(row), above: row.score.timeAboveCeilingRatio, cost: row.costToOptimum }],
  );
  if (points.length === 0) return null;
  const curves = sweeps.map((sweep) => ({
    series: sweep.row + 1,
    points: sweep.points.flatMap((point) =>
      point.costToOptimum === null ? [] : [{ above: point.timeAboveCeilingRatio, cost: point.costToOptimum, setting: point.setting }],
    ),
  }));
  return { points, curves };
}

function timelineOf({ timelines, rows, trace }: ComparedTrace): ReportTimeline | null {
  if (timelines === undefined) return null;
  const { optimum } = timelines;
  return {
    startMs: trace.start === null ? null : Date.parse(trace.start),
    stepSeconds: optimum.stepSeconds,
    needed: optimum.needed,
    series: [{ name: "optimum", units: optimum.units }, ...rows.map((row, i) => ({ name: rowName(row), units: timelines.rows[i]?.units ?? [] }))],
  };
}
