import { formatLatency, formatMoney, formatNumber, formatPercent, formatSpan } from "../lib/format.ts";
import type { ObjectiveResult } from "../sim/objective-judge.ts";
import type { Run, SimulationReport } from "../sim/run.ts";
import { chart } from "./chart.ts";
import { table } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Result of one run for people. */
export function reportText(run: Run, terminal: Terminal): string {
  const { report } = run;
  const { trace, settings, score } = report;
  const { paint } = terminal;
  const lines = [
    `${paint("bold", report.workload)}  ${paint("dim", `engine ${report.engine}, policy ${report.policyHash.slice(0, 12)}`)}`,
    ...table([
      [
        "trace",
        `${trace.file}: ${formatSpan(trace.bins * trace.binSeconds * 1_000)} of ${trace.semantics === "count" ? "counts" : trace.semantics} in ${formatSpan(trace.binSeconds * 1_000)} bins`,
      ],
      [
        "load",
        `the peak needs ${formatNumber(settings.peakUnits)} units at ${formatPercent(settings.ceiling)} utilisation${settings.loadFactor === 1 ? "" : ` (load x ${Number(settings.loadFactor.toPrecision(4))})`}`,
      ],
      [
        "engine",
        `ticks every ${formatSpan(settings.intervalSeconds * 1_000)}; reads ${report.pipeline.map((metric) => `${metric.metric} over ${formatSpan(metric.windowSeconds * 1_000)}, ${formatSpan(metric.lagSeconds * 1_000)} late`).join("; ")}`,
      ],
      [
        "scored",
        `${formatSpan(score.scoredHours * 3_600_000)}, after a warm-up of ${formatSpan(settings.warmUpSeconds * 1_000)}${trace.maskedSeconds > 0 ? `, without ${formatSpan(trace.maskedSeconds * 1_000)} of gaps` : ""}`,
      ],
    ]).split("\n"),
    ...trace.guesses.map((guess) => paint("yellow", `guessed: ${guess}`)),
    ...report.warnings.map((warning) => paint("yellow", `warning: ${warning}`)),
    "",
    table(scoreRows(report), [false, true]),
  ];
  if (report.called.length > 0) lines.push("", paint("bold", "what it calls, each under its own policy"), calledTable(report));
  const objectives = allObjectives(report);
  if (objectives.length > 0) {
    lines.push("", paint("bold", "objectives"));
    const rows = objectives.map(({ name, objective, currency }) => [
      name,
      objective.state.replace("_", " "),
      objective.good === null
        ? (objective.note ?? "")
        : `${formatPercent(objective.good)} good${objective.worst === objective.good ? "" : `, ${formatPercent(objective.worst ?? 0)} in the worst window`}, minimum ${formatPercent(objective.minimum)}${aspirationText(objective)}`,
      objective.good === null || objective.budgetUsed === null
        ? ""
        : `${formatPercent(objective.budgetUsed)} of the error budget used${objective.fastestBurn === null || objective.fastestBurn < 1 ? "" : `, in the worst hour ${formatNumber(objective.fastestBurn, 1)} times too fast`}`,
      objective.wasteUnitHours === null
        ? ""
        : `${formatNumber(objective.wasteUnitHours, 1)} unit-hours below the band${objective.wasteCost === null ? "" : ` (${formatMoney(objective.wasteCost, currency)})`}`,
    ]);
    for (const [i, row] of table(rows).split("\n").entries()) {
      const state = objectives[i]?.objective.state;
      lines.push(paint(state === "met" ? "green" : state === "missed" ? "red" : "yellow", row));
    }
  }
  lines.push("", chart(run, terminal));
  return lines.join("\n");
}

/** Objectives of a run: of its workload, and of those that it calls, by the name of each. */
export function allObjectives({
  score,
  called,
}: Pick<SimulationReport, "score" | "called">): { name: string; objective: ObjectiveResult; currency: string | null }[] {
  return [
    ...score.objectives.map((objective) => ({ name: objective.name, objective, currency: score.currency })),
    ...called.flatMap((one) =>
      one.score.objectives.map((objective) => ({ name: `${one.workload} ${objective.name}`, objective, currency: one.score.currency })),
    ),
  ];
}

/** How the workloads did that a run called, one a line. */
function calledTable({ called }: SimulationReport): string {
  return table(
    [
      ["", "unit-hours", "money", "above the ceiling", "waited for", "utilisation", "peak units", "steps"],
      ...called.map(({ workload, score, limitingRatio }) => [
        workload,
        formatNumber(score.costUnitHours, 1),
        score.cost === null ? "" : formatMoney(score.cost, score.currency),
        formatPercent(score.timeAboveCeilingRatio),
        formatPercent(limitingRatio),
        formatPercent(score.meanUtilisation),
        formatNumber(score.peakRequestedUnits),
        formatNumber(score.changes),
      ]),
    ],
    [false, true, true, true, true, true, true, true],
  );
}

function aspirationText({ aspiration, worst }: ObjectiveResult): string {
  if (aspiration === null) return "";
  return `, aspiration ${formatPercent(aspiration)} ${worst !== null && worst >= aspiration - 1e-12 ? "reached" : "not reached"}`;
}

/** The scores worth a line, as label and value. */
function scoreRows(report: SimulationReport): [string, string][] {
  const { score, settings } = report;
  const rows: [string, string][] = [
    ["cost", `${formatNumber(score.costUnitHours, 1)} unit-hours`],
    ["money", score.cost === null ? "no price declared" : formatMoney(score.cost, score.currency)],
    ["time above the ceiling", formatPercent(score.timeAboveCeilingRatio)],
    ["longest above the ceiling", formatSpan(score.longestAboveCeilingMs)],
    ["load beyond capacity", formatPercent(score.requestsBeyondCapacityRatio)],
    ["mean utilisation", formatPercent(score.meanUtilisation)],
    ["p95 latency", score.p95LatencyMs === null ? "no service time declared" : formatLatency(score.p95LatencyMs)],
    ["steps; reversed within 10 min", `${formatNumber(score.changes)}; ${formatNumber(score.reversals)}`],
    ["too little: depth; time", `${formatPercent(score.thetaU)}; ${formatPercent(score.tauU)}`],
    ["too much: depth; time", `${formatPercent(score.thetaO)}; ${formatPercent(score.tauO)}`],
  ];
  if (score.saturatedRatio > 0)
    rows.push(["short at max", `${formatPercent(score.saturatedRatio)} of time: the peak needs ${formatNumber(settings.peakUnits)} units`]);
  return rows;
}

/** Several runs side by side; with two, the difference of the second from the first. */
export function comparisonText(reports: readonly SimulationReport[], labels: readonly string[]): string {
  const first = reports[0] as SimulationReport;
  const rows = scoreRows(first).map(([label]) => [label, ...reports.map((report) => scoreRows(report).find(([other]) => other === label)?.[1] ?? "")]);
  const header = ["", ...labels];
  if (reports.length === 2) {
    const differences = scoreDifferences(first, reports[1] as SimulationReport);
    header.push("difference");
    for (const row of rows) row.push(differences[row[0] as string] ?? "");
  }
  return table(
    [header, ...rows],
    header.map((_, i) => i > 0),
  );
}

/** How the second run differs, by the labels of {@link scoreRows}. */
function scoreDifferences(a: SimulationReport, b: SimulationReport): Record<string, string> {
  const relative = (before: number, after: number): string => (before === 0 ? "" : `${after >= before ? "+" : ""}${((after / before - 1) * 100).toFixed(1)} %`);
  const points = (before: number, after: number): string => `${after >= before ? "+" : ""}${((after - before) * 100).toFixed(2)} points`;
  return {
    cost: relative(a.score.costUnitHours, b.score.costUnitHours),
    money: a.score.cost === null || b.score.cost === null ? "" : relative(a.score.cost, b.score.cost),
    "time above the ceiling": points(a.score.timeAboveCeilingRatio, b.score.timeAboveCeilingRatio),
    "load beyond capacity": points(a.score.requestsBeyondCapacityRatio, b.score.requestsBeyondCapacityRatio),
    "mean utilisation": points(a.score.meanUtilisation, b.score.meanUtilisation),
    "p95 latency": a.score.p95LatencyMs === null || b.score.p95LatencyMs === null ? "" : relative(a.score.p95LatencyMs, b.score.p95LatencyMs),
    "steps; reversed within 10 min": relative(a.score.changes, b.score.changes),
  };
}

/** A summary for a pull request. */
export function reportMarkdown(reports: readonly SimulationReport[], labels: readonly string[]): string {
  const first = reports[0] as SimulationReport;
  const cells = reports.map((report) => new Map(scoreRows(report)));
  const lines = [
    `### Capacity of ${first.workload}`,
    "",
    `Replayed \`${first.trace.file}\` (${formatSpan(first.trace.bins * first.trace.binSeconds * 1_000)}, peak ${formatNumber(first.settings.peakUnits)} units at ${formatPercent(first.settings.ceiling)}).`,
    "",
    `| | ${labels.join(" | ")} |`,
    `| --- | ${labels.map(() => "---:").join(" | ")} |`,
    ...scoreRows(first).map(([label]) => `| ${label} | ${cells.map((cell) => cell.get(label) ?? "").join(" | ")} |`),
  ];
  for (const [i, report] of reports.entries()) {
    for (const { name, objective } of allObjectives(report)) {
      lines.push(
        "",
        `${objective.state === "missed" ? "**Missed**" : objective.state === "met" ? "Met" : objective.state === "at_risk" ? "At risk" : "Unknown"}: ${labels[i]}, ${name}${objective.good === null ? ` (${objective.note})` : `, ${formatPercent(objective.good)} good of ${formatPercent(objective.minimum)} required`}.`,
      );
    }
  }
  return lines.join("\n");
}
