import { formatMoney, formatNumber, formatPercent, formatSpan } from "../lib/format.ts";
import { type ComparisonRow, type ComparisonSummary, type ComparisonSweep, summarise, type TraceComparison } from "../sim/compare.ts";
import { table } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Rows and columns of a comparison; the first row of cells is the header. */
export interface Grid {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The name of a row for people: what was configured, not which code decides. */
export function rowName({ engine, config }: Pick<ComparisonRow, "engine" | "config">): string {
  return engine === config ? engine : `${engine} ${config}`;
}

/** Every engine of one recording, the optimum first. */
export function rowsGrid({ optimum, rows }: TraceComparison): Grid {
  const hasMoney = rows.some((row) => row.score.cost !== null);
  return {
    header: ["", "unit-hours", "to optimum", "above ceiling", "beyond capacity", "utilisation", "steps", ...(hasMoney ? ["money"] : [])],
    rows: [
      [
        "optimum",
        formatNumber(optimum.costUnitHours, 1),
        "1.000",
        formatPercent(optimum.timeAboveCeilingRatio),
        formatPercent(optimum.requestsBeyondCapacityRatio),
        "",
        "",
        ...(hasMoney ? [""] : []),
      ],
      ...rows.map((row) => [
        rowName(row),
        formatNumber(row.score.costUnitHours, 1),
        ratio(row.costToOptimum),
        formatPercent(row.score.timeAboveCeilingRatio),
        formatPercent(row.score.requestsBeyondCapacityRatio),
        formatPercent(row.score.meanUtilisation),
        formatNumber(row.score.changes),
        ...(hasMoney ? [row.score.cost === null ? "" : formatMoney(row.score.cost, row.score.currency)] : []),
      ]),
    ],
  };
}

/** What each engine costs at equal violation; a setting that does it alone in brackets. */
export function isoGrid(sweeps: readonly ComparisonSweep[]): Grid {
  const shares = sweeps[0]?.isoViolation.map((reading) => formatPercent(reading.timeAboveCeilingRatio)) ?? [];
  return {
    header: ["cost to optimum at equal time above the ceiling", ...shares.map((share) => `at ${share}`)],
    rows: sweeps.map((sweep) => [
      `${rowName(sweep)} (${sweep.knob})`,
      ...sweep.isoViolation.map((reading) => (reading.costUnitHours === null ? "infeasible" : `${ratio(reading.costToOptimum)} [${reading.setting}]`)),
    ]),
  };
}

/** All recordings together. */
export function summaryGrid(summary: readonly ComparisonSummary[], traces: number): Grid {
  const iso = summary.find((row) => row.isoViolation !== undefined)?.isoViolation ?? [];
  return {
    header: [
      "",
      "to optimum (geometric mean)",
      "above ceiling (median)",
      "(worst)",
      ...iso.map((reading) => `to optimum at ${formatPercent(reading.timeAboveCeilingRatio)}`),
    ],
    rows: summary.map((row) => [
      rowName(row),
      ratio(row.costToOptimum),
      row.medianTimeAboveCeilingRatio === null ? "nothing scored" : formatPercent(row.medianTimeAboveCeilingRatio),
      row.maxTimeAboveCeilingRatio === null ? "" : formatPercent(row.maxTimeAboveCeilingRatio),
      ...iso.map((_, i) => {
        const reading = row.isoViolation?.[i];
        return reading === undefined
          ? ""
          : `${ratio(reading.costToOptimum) || "infeasible"}${reading.infeasible > 0 && reading.costToOptimum !== null ? ` (on ${traces - reading.infeasible} of ${traces})` : ""}`;
      }),
    ]),
  };
}

function ratio(value: number | null): string {
  return value === null ? "" : value.toFixed(3);
}

/** What the numbers rest on, in one line. */
export function provenance({ trace, settings, rows }: TraceComparison): string {
  const hours = rows[0]?.score.scoredHours ?? 0;
  const hash = trace.sha256 === null ? "" : `, sha256 ${trace.sha256.slice(0, 12)}`;
  return `${formatSpan(hours * 3_600_000)} scored after a warm-up of ${formatSpan(settings.warmUpSeconds * 1_000)}, peak ${formatNumber(settings.peakUnits)} units at ${formatPercent(settings.ceiling)}, start-up ${formatSpan(settings.startupSeconds * 1_000)}, steps of ${formatSpan(settings.stepSeconds * 1_000)}, seed ${settings.seed}${hash}`;
}

/** How each engine sees the world, a line each. */
export function pipelines({ rows }: TraceComparison): string[] {
  return rows.map((row) => {
    const reads = row.pipeline.map(
      (metric) => `${metric.metric} over ${formatSpan(metric.windowSeconds * 1_000)}, ${formatSpan(metric.lagSeconds * 1_000)} late`,
    );
    return `${rowName(row)}: ${reads.length === 0 ? "reads nothing" : reads.join("; ")}`;
  });
}

/** A comparison for people at a terminal. */
export function comparisonLines(comparisons: readonly TraceComparison[], { paint }: Terminal): string[] {
  const right = ({ header, rows }: Grid): string =>
    table(
      [header, ...rows],
      header.map((_, i) => i > 0),
    );
  const lines: string[] = [];
  for (const comparison of comparisons) {
    lines.push(paint("bold", comparison.trace.file), paint("dim", provenance(comparison)));
    for (const guess of comparison.trace.guesses) lines.push(paint("yellow", `guessed: ${guess}`));
    for (const warning of comparison.warnings) lines.push(paint("yellow", `warning: ${warning}`));
    lines.push(right(rowsGrid(comparison)), "");
    if (comparison.sweeps !== undefined) lines.push(right(isoGrid(comparison.sweeps)), "");
  }
  if (comparisons.length > 1) {
    lines.push(paint("bold", `over ${comparisons.length} recordings`), right(summaryGrid(summarise(comparisons), comparisons.length)), "");
  }
  const first = comparisons[0];
  if (first !== undefined) lines.push("each engine reads through its own pipeline:", ...pipelines(first).map((line) => `  ${line}`));
  return lines;
}

/** A grid as the lines of a table, numbers to the right. */
export function gridMarkdown({ header, rows }: Grid): string[] {
  return [
    `| ${header.join(" | ")} |`,
    `| --- |${" ---: |".repeat(header.length - 1)}`,
    ...rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`),
  ];
}

/** A comparison for a pull request. */
export function comparisonMarkdown(comparisons: readonly TraceComparison[]): string {
  const parts = comparisons.map((comparison) =>
    [
      `### ${comparison.trace.file}`,
      "",
      `${provenance(comparison)}.`,
      "",
      ...[...comparison.trace.guesses.map((guess) => `- guessed: ${guess}`), ...comparison.warnings.map((warning) => `- warning: ${warning}`)],
      ...(comparison.trace.guesses.length + comparison.warnings.length > 0 ? [""] : []),
      ...gridMarkdown(rowsGrid(comparison)),
      ...(comparison.sweeps === undefined ? [] : ["", ...gridMarkdown(isoGrid(comparison.sweeps))]),
    ].join("\n"),
  );
  if (comparisons.length > 1)
    parts.push([`### Over ${comparisons.length} recordings`, "", ...gridMarkdown(summaryGrid(summarise(comparisons), comparisons.length))].join("\n"));
  return parts.join("\n\n");
}
