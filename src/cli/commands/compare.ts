import { type ComparisonRow, optimumOfRun, summarise, type TraceComparison } from "../../sim/compare.ts";
import { type Run, runSimulation } from "../../sim/run.ts";
import type { Trace } from "../../sim/trace.ts";
import { formatNumber, formatPercent, formatSpan, table } from "../format.ts";
import { prepareRun, type RunOptions } from "../run-options.ts";
import { Progress, terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface CompareOptions extends Omit<RunOptions, "engine" | "trace"> {
  readonly engine: readonly string[];
  readonly trace: readonly string[];
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** What a comparison without a policy runs on: our defaults, as `vernier init web` would write them. */
const WITHOUT_POLICY = (peakUnits: number): string => `version: 1
workloads:
  default/compare:
    kind: stateless
    bounds: {min: 1, max: ${4 * peakUnits}}
    metrics: {cpu: {measures: utilisation}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

export async function runCompare(policies: readonly string[], options: CompareOptions): Promise<void> {
  if (options.json && options.markdown) throw new UsageError("--json and --markdown exclude each other");
  if (policies.length === 0 && options.peakUnits === undefined)
    throw new UsageError("without a policy the size of the fleet is unknown: say --peak-units N, or name a policy");
  if (policies.length === 0 && options.trace.length === 0) throw new UsageError("without a policy there is no recording: say --trace FILE");
  const engines = options.engine.length > 0 ? options.engine : ["hpa-v2@70", "hpa-v2", "doubling", "static-peak"];
  const { trace: _, ...shared } = options;
  const cache = new Map<string, Promise<Trace>>();
  const comparisons: TraceComparison[] = [];
  const recordings: (string | undefined)[] = options.trace.length === 0 ? [undefined] : [...options.trace];
  const progress = new Progress("comparing");
  for (const [done, recording] of recordings.entries()) {
    const runOptions: RunOptions = { ...shared, engine: "vernier", ...(recording !== undefined && { trace: recording }) };
    const sources = policies.length === 0 ? [{ name: "defaults", text: WITHOUT_POLICY(Number(options.peakUnits)) }] : policies;
    const rows: ComparisonRow[] = [];
    let optimum: { run: Run; costUnitHours: number } | undefined;
    for (const [i, source] of sources.entries()) {
      const prepared = await prepareRun(source, runOptions, cache);
      // Engines other than ours are bound by the first policy's plant and bounds.
      for (const spec of i === 0 ? ["vernier", ...engines] : ["vernier"]) {
        progress.update((done + rows.length / (sources.length + engines.length)) / recordings.length);
        const run = runSimulation(prepared.workload, prepared.engine(spec), prepared.trace, prepared.settings);
        optimum ??= { run, costUnitHours: optimumOfRun(run, prepared.workload) };
        const { score, engine, pipeline } = run.report;
        const config = spec === "vernier" ? prepared.policy.file : spec;
        rows.push({ engine, config, pipeline, score, costToOptimum: optimum.costUnitHours > 0 ? score.costUnitHours / optimum.costUnitHours : null });
      }
    }
    if (optimum === undefined) continue;
    const { trace, settings } = optimum.run.report;
    comparisons.push({ trace, settings, optimum: { costUnitHours: optimum.costUnitHours }, rows });
  }
  progress.end();
  if (options.json) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, traces: comparisons, summary: summarise(comparisons) }, null, 2)}\n`);
  else process.stdout.write(`${options.markdown ? markdown(comparisons) : text(comparisons)}\n`);
}

const HEADER = ["", "unit-hours", "to optimum", "above ceiling", "beyond capacity", "utilisation", "steps"];

function cells(comparison: TraceComparison): string[][] {
  const { optimum, rows } = comparison;
  return [
    ["optimum", formatNumber(optimum.costUnitHours, 1), "1.000", "0 %", "0 %", "", ""],
    ...rows.map(({ engine, config, score, costToOptimum }) => [
      engine === "vernier" ? `vernier ${config}` : engine,
      formatNumber(score.costUnitHours, 1),
      costToOptimum === null ? "" : costToOptimum.toFixed(3),
      formatPercent(score.timeAboveCeilingRatio),
      formatPercent(score.requestsBeyondCapacityRatio),
      formatPercent(score.meanUtilisation),
      formatNumber(score.changes),
    ]),
  ];
}

function heading({ trace, settings, rows }: TraceComparison): string {
  const hours = rows[0]?.score.scoredHours ?? 0;
  return `${trace.file}: ${formatSpan(hours * 3_600_000)} scored, peak ${formatNumber(settings.peakUnits)} units at ${formatPercent(settings.ceiling)}, start-up ${formatSpan(settings.startupSeconds * 1_000)}`;
}

function text(comparisons: readonly TraceComparison[]): string {
  const { paint } = terminalOf(process.stdout);
  const right = HEADER.map((_, i) => i > 0);
  const lines: string[] = [];
  for (const comparison of comparisons) {
    lines.push(
      paint("bold", heading(comparison)),
      ...comparison.trace.guesses.map((guess) => paint("yellow", `guessed: ${guess}`)),
      table([HEADER, ...cells(comparison)], right),
      "",
    );
  }
  const pipelines = new Map(comparisons[0]?.rows.map((row) => [row.engine, row.pipeline]));
  lines.push("each engine reads through its own pipeline:");
  for (const [engine, pipeline] of pipelines) {
    const reads = pipeline.map((metric) => `${metric.metric} over ${formatSpan(metric.windowSeconds * 1_000)}, ${formatSpan(metric.lagSeconds * 1_000)} late`);
    lines.push(`  ${engine}: ${reads.length === 0 ? "reads nothing" : reads.join("; ")}`);
  }
  if (comparisons.length > 1) {
    const rows = summarise(comparisons).map((row) => [
      row.engine === "vernier" ? `vernier ${row.config}` : row.engine,
      row.costToOptimum === null ? "" : row.costToOptimum.toFixed(3),
      formatPercent(row.medianTimeAboveCeilingRatio),
      formatPercent(row.maxTimeAboveCeilingRatio),
    ]);
    lines.push(
      "",
      paint("bold", `over ${comparisons.length} recordings`),
      table([["", "to optimum (geometric mean)", "above ceiling (median)", "(max)"], ...rows], [false, true, true, true]),
    );
  }
  return lines.join("\n");
}

function markdown(comparisons: readonly TraceComparison[]): string {
  return comparisons
    .map((comparison) =>
      [
        `### ${heading(comparison)}`,
        "",
        `| ${HEADER.join(" | ")} |`,
        `| --- |${" ---: |".repeat(HEADER.length - 1)}`,
        ...cells(comparison).map((row) => `| ${row.join(" | ")} |`),
      ].join("\n"),
    )
    .join("\n\n");
}
