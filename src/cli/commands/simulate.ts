import { closeSync, openSync, writeSync } from "node:fs";
import { formatSpan } from "../../lib/format.ts";
import { nearest } from "../../lib/nearest.ts";
import { PathError } from "../../lib/system-error.ts";
import { type DecisionRecord, type Run, runSimulation } from "../../sim/run.ts";
import type { Trace } from "../../sim/trace.ts";
import { fetchedTrace } from "../history.ts";
import type { HistoryOptions } from "../history-options.ts";
import { allObjectives, comparisonText, reportMarkdown, reportText } from "../report-text.ts";
import { type PreparedRun, parseWhole, prepareRun, RUN_OPTIONS, type RunOptions } from "../run-options.ts";
import { playSeasons, seasonGate, seasonText } from "../season.ts";
import { Progress, terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface SimulateOptions extends RunOptions, HistoryOptions {
  readonly prometheus?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly decisions?: string;
  readonly gate?: boolean;
  readonly season?: string;
  readonly draws?: string;
}

/** Seasons that are drawn when nobody says how many. */
const DRAWS_DEFAULT = 20;

export async function runSimulate(policies: readonly string[], given: SimulateOptions): Promise<void> {
  if (given.json && given.markdown) throw new UsageError("--json and --markdown exclude each other");
  if (given.decisions === "-" && (given.json || given.markdown)) throw new UsageError("--decisions - and --json or --markdown both write to standard output");
  if (given.season !== undefined && (given.markdown || given.decisions !== undefined)) throw new UsageError("--season prints text or --json");
  if (given.draws !== undefined && given.season === undefined) throw new UsageError("--draws is of --season");
  if (given.prometheus !== undefined && given.trace !== undefined) throw new UsageError("--trace and --prometheus exclude each other");
  const fetched = await fetchedTrace(given);
  const options = fetched === undefined ? given : { ...given, trace: fetched };
  const traces = new Map<string, Promise<Trace>>();
  const prepared: PreparedRun[] = [];
  for (const path of policies) prepared.push(await prepareRun(path, options, { traces, columns: [] }));
  if (options.season !== undefined) return playSeason(prepared, options.season, options);
  const decisions = openDecisions(options.decisions);
  const runs: Run[] = [];
  try {
    for (const run of prepared) {
      const progress = new Progress(`simulating ${run.workload.id}`);
      runs.push(
        runSimulation(run.workload, run.engines(), run.trace, run.settings, {
          onProgress: (done) => progress.update(done),
          ...(decisions !== undefined && { onChange: (record) => decisions.write(record()) }),
        }),
      );
      progress.end();
    }
  } finally {
    decisions?.close();
  }
  if (options.gate) gate(runs);
  const reports = runs.map((run) => run.report);
  const labels = prepared.map((run) => run.policy.file);
  if (options.json) process.stdout.write(`${JSON.stringify(reports.length === 1 ? reports[0] : { schemaVersion: 1, runs: reports }, null, 2)}\n`);
  else if (options.markdown) process.stdout.write(`${reportMarkdown(reports, labels)}\n`);
  else if (options.decisions !== "-") {
    const terminal = terminalOf(process.stdout);
    for (const run of runs) process.stdout.write(`${reportText(run, terminal)}\n\n`);
    if (runs.length > 1) process.stdout.write(`${comparisonText(reports, labels)}\n\n`);
    process.stdout.write(`${nextSteps(prepared[0] as PreparedRun, policies[0] as string, options)}\n`);
  }
}

async function playSeason(prepared: readonly PreparedRun[], name: string, options: SimulateOptions): Promise<void> {
  const [run, ...further] = prepared as [PreparedRun, ...PreparedRun[]];
  if (further.length > 0) throw new UsageError("--season takes one policy");
  const { seasons } = run.policy.settings;
  const season = Object.hasOwn(seasons, name) ? seasons[name] : undefined;
  if (season === undefined) {
    const names = Object.keys(seasons);
    const near = nearest(name, names);
    throw new UsageError(
      `--season: ${run.policy.file} has no season "${name}"; ${near !== undefined ? `did you mean "${near}"?` : names.length > 0 ? `it has ${names.join(", ")}` : `declare it, for example seasons: {${name}: {p50: 2, p90: 3}}`}`,
    );
  }
  const draws = options.draws === undefined ? DRAWS_DEFAULT : parseWhole("draws", options.draws, 1, 1_000);
  const report = await playSeasons(run, { name, season, draws, engine: options.engine });
  if (options.gate) {
    const { passes, says } = seasonGate(report);
    for (const one of says) process.stderr.write(`gate: ${one}\n`);
    if (!passes) process.exitCode = 1;
  }
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${seasonText(report, run.workload.bounds.max, terminalOf(process.stdout))}\n`);
}

/** What to try next, as commands that work as they stand. */
function nextSteps(run: PreparedRun, path: string, options: SimulateOptions): string {
  const metric = run.workload.metrics[0]?.name ?? "*";
  const traceMs = run.trace.load.length * run.trace.binMs;
  const fault = `${metric}:drop@${formatSpan(traceMs * 0.5)}..${formatSpan(traceMs * 0.6)}`;
  const same = RUN_OPTIONS.flatMap(([flag, key]) => {
    const value = options[key];
    if (value === undefined || value === false || (key === "engine" && value === "vernier")) return [];
    return value === true ? [flag] : typeof value === "string" ? [flag, quote(value)] : value.flatMap((item) => [flag, quote(item)]);
  });
  const given = path === "vernier.yaml" ? [] : [quote(path)];
  const trace = options.trace === undefined ? [] : ["--trace", quote(options.trace)];
  return [
    "Next:",
    `  ${["vernier", "explain", "--at", "worst", ...given.flatMap((file) => ["--policy", file]), ...same].join(" ")}`,
    `  ${["vernier", "simulate", ...given, ...same, "--fault", quote(fault)].join(" ")}`,
    `  ${["vernier", "check", ...given, ...trace].join(" ")}`,
  ].join("\n");
}

/** For a shell, only where it needs it. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function gate(runs: readonly Run[]): void {
  for (const run of runs) {
    if (run.report.score.scoredHours === 0) {
      process.stderr.write(`gate: ${run.report.workload}: nothing was scored, so nothing is proven\n`);
      process.exitCode = 1;
    }
    const objectives = allObjectives(run.report);
    for (const { name, objective } of objectives) {
      if (objective.state === "met") continue;
      const share =
        objective.worst === null
          ? objective.note
          : `${(objective.worst * 100).toFixed(3)} % good, minimum ${Number((objective.minimum * 100).toPrecision(12))} %`;
      const verdict = { missed: "misses", at_risk: "only just keeps", unknown: "cannot tell" }[objective.state];
      process.stderr.write(`gate: ${run.report.workload} ${verdict} ${name}: ${share}\n`);
      if (objective.state === "missed") process.exitCode = 1;
    }
    if (objectives.length === 0) process.stderr.write(`gate: ${run.report.workload} declares no objectives, so nothing can be missed\n`);
  }
}

interface DecisionWriter {
  write(record: DecisionRecord): void;
  close(): void;
}

function openDecisions(path: string | undefined): DecisionWriter | undefined {
  if (path === undefined) return undefined;
  let file: number;
  try {
    file = path === "-" ? process.stdout.fd : openSync(path, "w");
  } catch (error) {
    throw new PathError("cannot write", path, error);
  }
  let buffer = "";
  const flush = (): void => {
    let bytes: Uint8Array = Buffer.from(buffer);
    buffer = "";
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(file, bytes));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === "EPIPE") process.exit(0);
        if (code !== "EAGAIN") throw new PathError("cannot write", path, error);
        // A pipe that is full: wait a moment for its reader.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  };
  return {
    write: (record) => {
      buffer += `${JSON.stringify(record)}\n`;
      if (buffer.length > 65_536) flush();
    },
    close: () => {
      flush();
      if (path !== "-") closeSync(file);
    },
  };
}
