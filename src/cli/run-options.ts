import { dirname, isAbsolute, join } from "node:path";
import { createEngine, loadPolicy } from "../app.ts";
import { UNITS_MAX } from "../capacity/units.ts";
import type { Engine } from "../engine/model.ts";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import { nearest } from "../lib/nearest.ts";
import { parseTimestamp } from "../lib/timestamp.ts";
import { type Policy, type PolicyWorkload, parsePolicy } from "../policy/parse.ts";
import { type ResolvedWorkload, resolveWorkload, workloadId } from "../policy/resolve.ts";
import type { MetricFault } from "../policy/schema-simulation.ts";
import { notCalled, systemOf } from "../policy/system.ts";
import { readTrace } from "../read-trace.ts";
import type { RunSettings } from "../sim/run.ts";
import { settleStepMs } from "../sim/steps.ts";
import type { Trace } from "../sim/trace.ts";
import { SEMANTICS, type Semantics } from "../sim/trace-meta.ts";
import { engineContext, enginesFor } from "../simulation-job.ts";
import { Progress } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** The shared options of simulate and explain as the command line gives them. */
export interface RunOptions {
  readonly workload?: string;
  readonly trace?: string;
  readonly peakUnits?: string;
  readonly ceiling?: string;
  readonly startup?: string;
  readonly interval?: string;
  readonly warmUp?: string;
  readonly seed?: string;
  readonly interpolate?: boolean;
  readonly fault: readonly string[];
  readonly engine: string;
  readonly semantics?: string;
  readonly bin?: string;
  readonly start?: string;
}

/** The options by their flags, to repeat a command with what it was given. */
export const RUN_OPTIONS = [
  ["--workload", "workload"],
  ["--trace", "trace"],
  ["--peak-units", "peakUnits"],
  ["--ceiling", "ceiling"],
  ["--startup", "startup"],
  ["--interval", "interval"],
  ["--warm-up", "warmUp"],
  ["--seed", "seed"],
  ["--interpolate", "interpolate"],
  ["--fault", "fault"],
  ["--engine", "engine"],
  ["--semantics", "semantics"],
  ["--bin", "bin"],
  ["--start", "start"],
] as const satisfies readonly (readonly [string, keyof RunOptions])[];

/** Plant steps that a run may take: memory is bounded, and beyond this a slip in a unit is likelier than a wish. */
const STEPS_MAX = 20_000_000;

/** Everything a run needs, from a policy file and the options. */
export interface PreparedRun {
  readonly policy: Policy;
  readonly workload: ResolvedWorkload;
  readonly trace: Trace;
  readonly settings: RunSettings;
  /** Fresh engines, of the workload and of those it calls; a run spends them. */
  engines(): [Engine, ...Engine[]];
}

/** Recordings that several policies share, and further columns to read of them. */
interface Reading {
  readonly traces: Map<string, Promise<Trace>>;
  readonly columns: readonly string[];
}

/** Reads policy and trace and lays the options over the policy's own settings. */
export async function prepareRun(
  source: string | { readonly name: string; readonly text: string },
  options: RunOptions,
  { traces, columns }: Reading = { traces: new Map(), columns: [] },
): Promise<PreparedRun> {
  const given = parseOptions(options);
  const policy = typeof source === "string" ? loadPolicy(source) : parsePolicy(source.text, source.name);
  const chosen = chooseWorkload(policy, options.workload);
  const { simulation } = policy.settings;
  const workload = withOverrides(policy, chosen, given);
  const tracePath = options.trace ?? (simulation.trace === undefined ? undefined : besidePolicy(policy.file, simulation.trace));
  if (tracePath === undefined) throw new UsageError(`no recording: name one with --trace FILE, or in ${policy.file} under simulation.trace`);
  const key = `${tracePath} ${workload.metrics.map((metric) => metric.column).join(" ")}`;
  let reading = traces.get(key);
  if (reading === undefined) {
    reading = read(tracePath, [...columns, ...gaugeColumns(workload)], given);
    traces.set(key, reading);
  }
  const trace = await reading;
  const faults = [...(simulation.faults ?? []), ...given.faults];
  for (const fault of given.faults) {
    if (fault.metric === "*" || workload.metrics.some((metric) => metric.name === fault.metric)) continue;
    throw new UsageError(`--fault: ${workload.id} has no metric "${fault.metric}"; it has ${workload.metrics.map((metric) => metric.name).join(", ")}`);
  }
  const system = systemOf(
    workload,
    policy.workloads.map(({ resolved }) => resolved),
  );
  const stepMs = settleStepMs(trace.binMs, Math.min(...[workload, ...system.called].map(({ intervalMs }) => intervalMs)));
  const steps = ((trace.load.length * trace.binMs) / stepMs) * (1 + system.called.length);
  if (steps > STEPS_MAX) {
    throw new UsageError(
      `${tracePath} takes ${Math.round(steps / 1e6)} million steps of ${formatDuration(stepMs)}, at most ${STEPS_MAX / 1e6} million are simulated; use a longer --interval, or cut the recording`,
    );
  }
  const traceMs = trace.load.length * trace.binMs;
  for (const fault of given.faults) {
    if (fault.from >= traceMs) throw new UsageError(`--fault: begins at ${formatDuration(fault.from)}, the recording lasts ${formatDuration(traceMs)}`);
  }
  const settings: RunSettings = {
    peakUnits: given.peakUnits ?? simulation.peakUnits,
    warmUpMs: given.warmUpMs ?? simulation.warmUp,
    seed: given.seed ?? simulation.seed,
    interpolate: options.interpolate ?? simulation.interpolate,
    initialUnits: simulation.initialUnits,
    faults,
    events: simulation.events,
    ...(system.edges.length > 0 && { system }),
  };
  const engine = createEngine(options.engine, workload, engineContext({ trace, workload, settings }));
  if (typeof engine === "string") throw new UsageError(`--engine: ${engine}`);
  return {
    policy,
    workload,
    trace,
    settings,
    engines: () => enginesFor(options.engine, { trace, workload, settings }),
  };
}

/** Paths inside a policy are relative to it; shown relative to where one stands, never as a path of this machine. */
function besidePolicy(policyFile: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(policyFile), path);
}

interface ParsedOptions {
  readonly peakUnits?: number;
  readonly ceiling?: number;
  readonly startupMs?: number;
  readonly intervalMs?: number;
  readonly warmUpMs?: number;
  readonly seed?: number;
  readonly semantics?: Semantics;
  readonly binMs?: number;
  readonly startMs?: number;
  readonly faults: readonly MetricFault[];
}

function parseOptions(options: RunOptions): ParsedOptions {
  const duration = (name: string, text: string | undefined, least: number): number | undefined => {
    if (text === undefined) return undefined;
    const ms = text === "0" ? 0 : parseDuration(text);
    if (ms === undefined || ms < least)
      throw new UsageError(`--${name}: found "${text}", expected a duration${least > 0 ? ` of at least ${formatDuration(least)}` : ""} such as 60s or 1h30m`);
    return ms;
  };
  const whole = (name: string, text: string | undefined, least: number, most: number): number | undefined =>
    text === undefined ? undefined : parseWhole(name, text, least, most);
  const ceiling = options.ceiling === undefined ? undefined : parsePercent("ceiling", options.ceiling);
  if (ceiling === 0) throw new UsageError("--ceiling: found 0, expected a percentage above it such as 80%");
  if (options.semantics !== undefined && !SEMANTICS.some((semantics) => semantics === options.semantics)) {
    throw new UsageError(`--semantics: found "${options.semantics}", expected one of ${SEMANTICS.join(", ")}`);
  }
  const start = options.start === undefined ? undefined : parseTimestamp(options.start);
  if (options.start !== undefined && start === undefined)
    throw new UsageError(`--start: found "${options.start}", expected a time such as 2026-11-23T00:00:00Z`);
  const parsed = {
    peakUnits: whole("peak-units", options.peakUnits, 1, UNITS_MAX),
    ceiling,
    startupMs: duration("startup", options.startup, 0),
    intervalMs: duration("interval", options.interval, 1_000),
    warmUpMs: duration("warm-up", options.warmUp, 0),
    seed: whole("seed", options.seed, 0, 4_294_967_295),
    semantics: options.semantics as Semantics | undefined,
    binMs: duration("bin", options.bin, 1),
    startMs: start?.atMs,
  };
  const stated = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined)) as Omit<ParsedOptions, "faults">;
  return { ...stated, faults: options.fault.map(parseFault) };
}

export function parseWhole(name: string, text: string, least = 1, most = UNITS_MAX): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`--${name}: found "${text}", expected a whole number from ${least} to ${most}`);
  return value;
}

/** A duration such as `30s`, in ms. */
export function parseSpan(name: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new UsageError(`--${name}: found "${text}", expected a duration such as 30s`);
  return ms;
}

/** `80%`, or `0.8`, as a ratio up to `most`. */
export function parsePercent(name: string, text: string, most = 1): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const number = Number(match?.[1]);
  const ratio = match === null ? Number.NaN : match[2] === "%" ? number / 100 : number;
  if (!(ratio >= 0 && ratio <= most)) throw new UsageError(`--${name}: found "${text}", expected a percentage up to ${100 * most}% such as 80%`);
  return ratio;
}

const DEFAULT_LAG_MS = 60_000;

function parseFault(spec: string): MetricFault {
  const match = /^([A-Za-z0-9_.-]+|\*):(drop|zero|nan|infinite|negative|stale|partial|scale=\d+(?:\.\d+)?|lag=[0-9a-z.]+)@([0-9a-z.]+)\.\.([0-9a-z.]+)$/.exec(
    spec,
  );
  const from = match?.[3] === "0" ? 0 : parseDuration(match?.[3] ?? "");
  const to = parseDuration(match?.[4] ?? "");
  if (match === null || from === undefined || to === undefined || from >= to) {
    throw new UsageError(
      `--fault: found "${spec}", expected <metric|*>:<drop|zero|nan|infinite|negative|stale|partial|scale=K|lag=T>@<from>..<to> such as cpu:drop@10m..25m`,
    );
  }
  const [kind, more] = (match[2] as string).split("=") as [MetricFault["kind"], string | undefined];
  const by = kind === "lag" ? parseDuration(more ?? "") : DEFAULT_LAG_MS;
  if (by === undefined || by <= 0) throw new UsageError(`--fault: found "${spec}", expected a duration after lag= such as lag=2m`);
  return { metric: match[1] as string, kind, from, to, by, factor: kind === "scale" && more !== undefined ? Number(more) : 1 };
}

/** The workload that is meant: the named one, or the only one that no other calls. */
function chooseWorkload(policy: Policy, wanted: string | undefined): PolicyWorkload {
  const ids = policy.workloads.map((workload) => workload.id);
  if (wanted === undefined) {
    const [first, ...further] = notCalled(policy.workloads);
    if (first !== undefined && further.length === 0) return first;
    throw new UsageError(
      `${policy.file} has ${ids.length} workloads; choose one with --workload: ${ids.slice(0, 10).join(", ")}${ids.length > 10 ? ", …" : ""}`,
    );
  }
  const found = policy.workloads.find((workload) => workload.id === workloadId(wanted));
  if (found !== undefined) return found;
  const near = nearest(workloadId(wanted), ids);
  throw new UsageError(
    `${policy.file} has no workload "${wanted}"; ${near === undefined ? `it has ${ids.slice(0, 10).join(", ")}` : `did you mean "${near}"?`}`,
  );
}

/** The workload as if the policy said what the options say. */
function withOverrides(policy: Policy, { id, written }: PolicyWorkload, given: ParsedOptions): ResolvedWorkload {
  const startup =
    given.startupMs === undefined
      ? written.unit.startup
      : typeof written.unit.startup === "number"
        ? given.startupMs
        : { ...written.unit.startup, mean: given.startupMs };
  return resolveWorkload(
    id,
    {
      ...written,
      ...(given.ceiling !== undefined && { ceiling: given.ceiling }),
      ...(given.intervalMs !== undefined && { interval: given.intervalMs }),
      unit: { ...written.unit, startup },
    },
    policy.settings,
    policy.calendars,
  );
}

/** Columns of a recording that a workload reads besides the load. */
export function gaugeColumns(workload: ResolvedWorkload): string[] {
  return workload.metrics.filter((metric) => metric.measures === "gauge").map((metric) => metric.column);
}

async function read(path: string, further: readonly string[], given: ParsedOptions): Promise<Trace> {
  const progress = new Progress(`reading ${path}`);
  try {
    return await readTrace(path, {
      further: [...new Set(further)],
      semantics: given.semantics,
      binMs: given.binMs,
      startMs: given.startMs,
      onBytes: (bytes) => progress.update(`${Math.round(bytes / 1e6)} MB`),
    });
  } finally {
    progress.end();
  }
}
