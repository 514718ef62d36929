import { formatNumber, formatPercent } from "../../lib/format.ts";
import { Measures } from "../../policy/schema.ts";
import { summarise, type TraceComparison } from "../../sim/compare.ts";
import { type GateFailure, type GateMargins, judgeGate } from "../../sim/gate.ts";
import { type ComparedTrace, compareAll } from "../comparison.ts";
import { comparisonPage } from "../comparison-page.ts";
import { comparisonLines, comparisonMarkdown, rowName } from "../comparison-text.ts";
import { fetchedTrace } from "../history.ts";
import type { HistoryOptions } from "../history-options.ts";
import { parsePercent, parseWhole, type RunOptions } from "../run-options.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { writeResult } from "../write-result.ts";

interface CompareOptions extends Omit<RunOptions, "engine" | "trace">, HistoryOptions {
  readonly prometheus?: string;
  readonly engine: readonly string[];
  readonly peer: readonly string[];
  readonly trace: readonly string[];
  readonly measures: readonly string[];
  readonly sweep?: boolean;
  readonly threads?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly html?: string;
  readonly gate?: boolean;
  readonly margin: string;
  readonly marginAbove: string;
}

/** Enough for a chart on a wide screen. */
const TIMELINE_POINTS = 720;

export async function runCompare(policies: readonly string[], options: CompareOptions): Promise<void> {
  if (options.json && options.markdown) throw new UsageError("--json and --markdown exclude each other");
  if (policies.length === 0 && options.peakUnits === undefined)
    throw new UsageError("without a policy the size of the fleet is unknown: say --peak-units N, the units that the peak needs, or name a policy");
  if (policies.length === 0 && options.trace.length === 0 && options.prometheus === undefined)
    throw new UsageError("without a policy there is no recording: say --trace FILE or --prometheus URL");
  if (options.html === "-" && (options.json || options.markdown)) throw new UsageError("--html - and another format cannot both go to standard output");
  if (options.gate && policies.length < 2 && options.peer.length === 0 && options.engine.length === 0)
    throw new UsageError("--gate sets the first against the second: name two policies, or one and a --peer or an --engine");
  if (options.fault.some((fault) => !fault.startsWith("*:")))
    throw new UsageError("--fault: in a comparison a fault has to hit all engines alike; write *:drop@10m..25m");
  const margins: GateMargins = { cost: parsePercent("margin", options.margin, 10), above: parsePercent("margin-above", options.marginAbove) };
  const fetched = await fetchedTrace(options);
  const { engine, peer, trace, measures, sweep, threads, ...rest } = options;
  const comparisons = await compareAll({
    policies,
    engines: engine,
    peers: peer,
    traces: fetched === undefined ? trace : [...trace, fetched],
    options: rest,
    manifestOptions: { measures: new Map(measures.map(parseMeasures)) },
    sweep: sweep === true,
    threads: threads === undefined ? undefined : parseWhole("threads", threads, 1, 256),
    timelinePoints: options.html === undefined ? undefined : TIMELINE_POINTS,
  });
  const failures = options.gate ? judgeGate(comparisons, margins) : [];
  const verdict = options.gate ? { passed: failures.length === 0, margins, failures } : undefined;
  if (options.json) process.stdout.write(`${JSON.stringify(asJson(comparisons, verdict), null, 2)}\n`);
  else if (options.markdown) process.stdout.write(`${comparisonMarkdown(comparisons)}\n`);
  else if (options.html !== "-") process.stdout.write(`${comparisonLines(comparisons, terminalOf(process.stdout)).join("\n")}\n`);
  if (options.gate) report(failures, comparisons, margins);
  // Last, so that a full disk takes no result with it.
  if (options.html === undefined) return;
  const page = comparisonPage(comparisons);
  if (options.html === "-") {
    process.stdout.write(page);
    return;
  }
  writeResult(options.html, page);
  process.stderr.write(`wrote ${options.html}\n`);
}

function asJson(comparisons: readonly ComparedTrace[], gate: object | undefined) {
  const traces = comparisons.map(({ timelines: _, ...comparison }): TraceComparison => comparison);
  return { schemaVersion: 1, traces, summary: summarise(traces), ...(gate !== undefined && { gate }) };
}

function report(failures: readonly GateFailure[], comparisons: readonly TraceComparison[], margins: GateMargins): void {
  const [first, second] = (comparisons[0] as TraceComparison).rows.map(rowName);
  for (const failure of failures) {
    if (failure.what === "nothing scored") {
      process.stderr.write(`gate: ${failure.trace}: nothing was scored, so nothing is proven\n`);
      continue;
    }
    const show = (value: number): string => (failure.what === "cost" ? `${formatNumber(value, 1)} unit-hours` : formatPercent(value));
    process.stderr.write(`gate: ${failure.trace}: ${failure.what} of ${first} is ${show(failure.first)}, of ${second} ${show(failure.second)}\n`);
  }
  if (failures.length > 0) process.exitCode = 1;
  else
    process.stderr.write(
      `gate: passed: ${first} costs at most ${formatPercent(margins.cost)} more than ${second} and is at most ${formatPercent(margins.above)} more of the time above the ceiling\n`,
    );
}

function parseMeasures(text: string): [string, Measures] {
  const at = text.lastIndexOf("=");
  const measures = Measures.safeParse(text.slice(at + 1));
  if (at <= 0 || !measures.success)
    throw new UsageError(`--measures: found "${text}", expected <metric>=<${Measures.options.join("|")}> such as jobs_waiting=backlog`);
  return [text.slice(0, at), measures.data];
}
