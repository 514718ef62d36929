import { createEngine, type EngineSpec, loadManifests, loadPolicy, sweepOf } from "../app.ts";
import { UNITS_MAX } from "../capacity/units.ts";
import type { HpaManifest, ManifestOptions } from "../formats/hpa-manifest.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { saysLatency } from "../policy/resolve-unit.ts";
import { recordingsIn } from "../read-trace.ts";
import type { ComparisonRow, ComparisonSweep, TraceComparison } from "../sim/compare.ts";
import { ISO_VIOLATIONS, readIso } from "../sim/iso-violation.ts";
import type { RunSettings } from "../sim/run.ts";
import { settleScale } from "../sim/scale.ts";
import { scoredLoad } from "../sim/scored-load.ts";
import { settleStepMs } from "../sim/steps.ts";
import type { Timeline } from "../sim/timeline.ts";
import type { Trace } from "../sim/trace.ts";
import { engineContext, type Job, type Outcome, type ReferenceOutcome, type RunOutcome } from "../simulation-job.ts";
import { gaugeColumns, type PreparedRun, prepareRun, type RunOptions } from "./run-options.ts";
import { doJobs } from "./simulation-pool.ts";
import { Progress } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** What to compare, as the command line gives it. */
export interface ComparisonRequest {
  readonly policies: readonly string[];
  /** Names of engines; the usual ones when empty. */
  readonly engines: readonly string[];
  /** Files with HPA manifests. */
  readonly peers: readonly string[];
  /** Recordings and folders of recordings; the policy's own when empty. */
  readonly traces: readonly string[];
  /** Further options of a run; trace and engine are set here. */
  readonly options: Omit<RunOptions, "engine" | "trace">;
  readonly manifestOptions: ManifestOptions;
  /** Whether each engine also runs at every setting of its knob. */
  readonly sweep: boolean;
  readonly threads?: number | undefined;
  /** Points of a timeline for each row; none when absent. */
  readonly timelinePoints?: number | undefined;
}

/** A comparison, with its rows over time when they were asked for. */
export interface ComparedTrace extends TraceComparison {
  readonly timelines?: { readonly optimum: Timeline; readonly rows: readonly Timeline[] };
}

/** One of the compared: an engine, with the workload it decides for. All share one plant. */
interface Entrant {
  readonly engine: string;
  readonly config: string;
  readonly workload: ResolvedWorkload;
  readonly spec: EngineSpec;
  readonly bounds: { readonly min: number; readonly max: number };
}

interface Plan {
  readonly entrants: readonly Entrant[];
  /** Each setting with the job that runs it; engines that differ in their setting alone share them. */
  readonly sweeps: readonly {
    readonly entrant: Entrant;
    readonly knob: string;
    readonly settings: readonly { readonly setting: string; readonly job: number }[];
  }[];
  readonly warnings: readonly string[];
  /** The references, then each entrant, then what the sweeps need besides. */
  readonly jobs: readonly Job[];
  readonly steps: number;
}

const DEFAULT_ENGINES = ["hpa-v2@70", "hpa-v2", "doubling", "schedule", "static-peak"];
/** Lower bound of a fleet of which nothing is known but its peak. */
const FREE_BOUNDS = (peakUnits: number) => ({ min: 1, max: Math.min(UNITS_MAX, 4 * peakUnits) });

/** Runs everything that was asked for side by side; one comparison for each recording, in their order. */
export async function compareAll(request: ComparisonRequest): Promise<ComparedTrace[]> {
  const manifests = request.peers.flatMap((path) => labelled(path, loadManifests(path, request.manifestOptions)));
  const read = new Set(manifests.flatMap(({ manifest }) => manifest.config.metrics.map((metric) => metric.name.replace(/#\d+$/, ""))));
  for (const name of request.manifestOptions.measures?.keys() ?? [])
    if (!read.has(name)) throw new UsageError(`--measures: no manifest has a metric "${name}"; there are ${[...read].join(", ") || "none, without --peer"}`);
  const policies = request.policies.length > 0 ? request.policies : [{ name: "defaults", text: defaultPolicy(Number(request.options.peakUnits), manifests) }];
  const recordings = request.traces.length === 0 ? [undefined] : request.traces.flatMap(recordingsAt);
  const gauges = [
    ...manifests.flatMap(({ manifest }) => manifest.config.metrics.filter((metric) => metric.measures === "gauge").map((metric) => metric.name)),
    ...request.policies.flatMap((path) => loadPolicy(path).workloads.flatMap((workload) => gaugeColumns(workload.resolved))),
  ];
  const cache = new Map<string, Promise<Trace>>();
  const plans: Plan[] = [];
  const reading = new Progress("reading recordings");
  for (const [i, recording] of recordings.entries()) {
    reading.update(i / recordings.length);
    const options: RunOptions = { ...request.options, engine: "vernier", ...(recording !== undefined && { trace: recording }) };
    const prepared: PreparedRun[] = [];
    for (const policy of policies) prepared.push(await prepareRun(policy, options, { traces: cache, columns: gauges }));
    plans.push(planOf(prepared, manifests, request));
  }
  reading.end();
  const progress = new Progress("comparing");
  const outcomes = await doJobs(
    plans.flatMap((plan) => plan.jobs),
    plans.reduce((sum, plan) => sum + plan.steps * plan.jobs.length, 0),
    { threads: request.threads, onDone: (done, of) => progress.update(done / of) },
  );
  progress.end();
  let from = 0;
  return plans.map((plan) => {
    const part = outcomes.slice(from, from + plan.jobs.length);
    from += plan.jobs.length;
    return gather(plan, part);
  });
}

interface Labelled {
  readonly label: string;
  readonly manifest: HpaManifest;
}

/** Each manifest by what tells it apart: its file, its name where the file has several, a number where even names repeat. */
function labelled(path: string, manifests: readonly HpaManifest[]): Labelled[] {
  const seen = new Map<string, number>();
  return manifests.map((manifest) => {
    const name = manifests.length === 1 ? path : `${path} ${manifest.name}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return { label: times === 1 ? name : `${name} #${times}`, manifest };
  });
}

/** What a comparison without a policy runs on: our defaults, as `vernier init web` writes them, in the bounds of the manifests. */
function defaultPolicy(peakUnits: number, manifests: readonly Labelled[]): string {
  const bounds =
    manifests.length === 0
      ? FREE_BOUNDS(peakUnits)
      : {
          min: Math.max(1, Math.min(...manifests.map(({ manifest }) => manifest.config.min))),
          max: Math.max(...manifests.map(({ manifest }) => manifest.config.max)),
        };
  return `version: 1
workloads:
  default/compare:
    kind: stateless
    bounds: {min: ${bounds.min}, max: ${bounds.max}}
    metrics: {cpu: {measures: utilisation}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;
}

function recordingsAt(path: string): string[] {
  const found = recordingsIn(path);
  if (found.length === 0) throw new UsageError(`--trace: no .csv or .csv.gz in the folder ${path}`);
  return found;
}

function planOf(prepared: readonly PreparedRun[], manifests: readonly Labelled[], request: ComparisonRequest): Plan {
  const first = prepared[0] as PreparedRun;
  const { trace, workload: plant } = first;
  const warnings: string[] = [];
  const entrants: Entrant[] = prepared.map((one) => policyEntrant(one, first, warnings));
  for (const one of manifests) entrants.push(manifestEntrant(one, plant, trace, warnings));
  for (const spec of request.engines.length > 0 ? request.engines : request.peers.length > 0 ? DEFAULT_ENGINES.slice(1) : DEFAULT_ENGINES)
    entrants.push({ engine: spec, config: spec, workload: plant, spec, bounds: plant.bounds });
  if (plant.boundsSchedule !== undefined && entrants.some(({ engine }) => engine !== "vernier"))
    warnings.push(`${first.policy.file}: its bounds by the calendar are its own; other engines have ${plant.bounds.min} to ${plant.bounds.max} all the time`);
  // One plant for all: one scale, one step, one beginning, and references that no bound of a contender keeps from the best.
  const scale = settleScale(trace, plant, plant.ceiling, first.settings.peakUnits);
  const context = engineContext({ trace, workload: plant, settings: { ...first.settings, scale } });
  const called = first.settings.system?.called ?? [];
  let tickMs = Math.min(Number.POSITIVE_INFINITY, ...called.map(({ intervalMs }) => intervalMs));
  if (called.length > 0)
    warnings.push(
      `${called.map(({ id }) => id).join(", ")} ${called.length === 1 ? "follows its" : "follow their"} policy in ${first.policy.file} in every run; the table is of ${plant.id} alone, and the optimum is not held back by what it calls`,
    );
  for (const { spec, workload } of entrants) {
    const engine = createEngine(spec, workload, context);
    if (typeof engine === "string") throw new UsageError(`--engine: ${engine}`);
    tickMs = Math.min(tickMs, engine.intervalMs);
  }
  const min = Math.min(...entrants.map(({ bounds }) => bounds.min));
  const max = Math.max(...entrants.map(({ bounds }) => bounds.max));
  if (entrants.some(({ bounds }) => bounds.min !== min || bounds.max !== max))
    warnings.push(`bounds differ: ${boundsText(entrants)}; the optimum may have ${min} to ${max}`);
  const short = entrants.filter(({ bounds }) => scale.peakUnits > bounds.max);
  if (short.length > 0)
    warnings.push(
      `the peak needs ${scale.peakUnits} units, more than some may have (${boundsText(short)}): they are short there; lower --peak-units or raise the bound`,
    );
  const widest = { ...plant, bounds: { min, max } };
  const begin = scoredLoad(trace, widest, { ...first.settings, scale, tickMs });
  if (scale.peakUnits > begin.servable)
    warnings.push(
      `the peak needs ${scale.peakUnits} units, the dependencies let ${Math.floor(begin.servable)} serve: nobody can keep to the ceiling there, the optimum included`,
    );
  const settings: RunSettings = { ...first.settings, scale, tickMs, initialUnits: first.settings.initialUnits ?? Math.max(1, begin.needed[0] as number) };
  const timeline = request.timelinePoints === undefined ? {} : { timelinePoints: request.timelinePoints };
  const jobs: Job[] = [{ kind: "references", trace, workload: widest, settings, budgets: [], noise: [], ...timeline }];
  for (const { spec, workload } of entrants) jobs.push({ kind: "run", trace, workload, settings, engine: spec, ...timeline });
  const sweeps: { entrant: Entrant; knob: string; settings: { setting: string; job: number }[] }[] = [];
  const known = new Map<string, number>(entrants.map(({ spec, workload }, i) => [jobKey(spec, workload), 1 + i]));
  for (const entrant of request.sweep ? entrants : []) {
    const sweep = sweepOf(entrant.spec, entrant.workload, context.needs);
    if (sweep === undefined) continue;
    const runs = sweep.settings.map(({ setting: value, spec }) => {
      const key = jobKey(spec, entrant.workload);
      let job = known.get(key);
      if (job === undefined) {
        job = jobs.push({ kind: "run", trace, workload: entrant.workload, settings, engine: spec }) - 1;
        known.set(key, job);
      }
      return { setting: value, job };
    });
    sweeps.push({ entrant, knob: sweep.knob, settings: runs });
  }
  return { entrants, sweeps, warnings, jobs, steps: (trace.load.length * trace.binMs) / settleStepMs(trace.binMs, tickMs) };
}

/** A policy, on the first policy's plant; what of its own does not count there is said. */
function policyEntrant({ policy, workload, settings }: PreparedRun, first: PreparedRun, warnings: string[]): Entrant {
  const plant = first.workload;
  const entrant = { engine: "vernier", config: policy.file, spec: "vernier", bounds: widestBounds(workload) };
  const named = Object.entries(settings)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(first.settings[name as keyof RunSettings]))
    .map(([name]) => name);
  if (named.length > 0) warnings.push(`${policy.file}: its simulation settings (${named.join(", ")}) are those of ${first.policy.file}`);
  if (JSON.stringify([workload.unit, workload.uses, workload.ceiling]) === JSON.stringify([plant.unit, plant.uses, plant.ceiling]))
    return { ...entrant, workload };
  const measures = (name: string) => workload.metrics.find((metric) => metric.name === name)?.measures;
  const hasRate = workload.strategies.some((strategy) => strategy.type === "targetTracking" && measures(strategy.metric) === "rate");
  if (hasRate && workload.unit.serves?.rate !== plant.unit.serves?.rate)
    throw new UsageError(
      `${policy.file}: its target is a rate for one of its units, and on the units of ${first.policy.file} that means something else; give both the same unit.serves`,
    );
  warnings.push(`${policy.file}: its unit, ceiling and dependencies are those of ${first.policy.file}, so that one plant serves all`);
  return { ...entrant, workload: { ...workload, unit: plant.unit, uses: plant.uses, ceiling: plant.ceiling } };
}

/** An HPA without what neither the plant nor the recording can show it. */
function manifestEntrant({ label, manifest }: Labelled, plant: ResolvedWorkload, trace: Trace, warnings: string[]): Entrant {
  const { config, guesses } = manifest;
  const why = ({ name, measures }: (typeof config.metrics)[number]): string | undefined => {
    if (measures === "gauge" && !trace.columns.has(name)) return `the recording has no column "${name}"`;
    if (measures === "latency" && !saysLatency(plant.unit)) return "latency is unknown without unit.serviceTime in a policy";
    return undefined;
  };
  const metrics = config.metrics.filter((metric) => why(metric) === undefined);
  const left = config.metrics.filter((metric) => why(metric) !== undefined);
  if (metrics.length === 0)
    throw new UsageError(`${label}: none of its metrics can be replayed: ${left.map((metric) => `${metric.name} (${why(metric)})`).join(", ")}`);
  for (const metric of left) warnings.push(`${label}: ${metric.name} is left out: ${why(metric)}`);
  for (const metric of metrics)
    if (metric.measures === "gauge")
      warnings.push(`${label}: ${metric.name} is replayed as recorded: it does not change with the units, as it would in a cluster`);
  if (plant.unit.serves === undefined && metrics.some((metric) => metric.measures === "rate"))
    warnings.push(`${label}: its target is in requests per second as recorded, whatever --peak-units says a unit carries of them`);
  for (const guess of guesses) warnings.push(`${label}: assumed: ${guess}`);
  return {
    engine: "hpa-v2",
    config: label,
    workload: plant,
    spec: { name: "hpa-v2", hpa: { ...config, metrics } },
    bounds: { min: config.min, max: config.max },
  };
}

/** The lowest and the highest that a calendar ever allows. */
function widestBounds({ bounds, boundsSchedule = [] }: ResolvedWorkload): { readonly min: number; readonly max: number } {
  return {
    min: Math.min(bounds.min, ...boundsSchedule.map(({ min = bounds.min }) => min)),
    max: Math.max(bounds.max, ...boundsSchedule.map(({ max = bounds.max }) => max)),
  };
}

function boundsText(entrants: readonly Entrant[]): string {
  const by = new Map<string, string[]>();
  for (const { config, bounds } of entrants) {
    const text = `${bounds.min} to ${bounds.max}`;
    by.set(text, [...(by.get(text) ?? []), config]);
  }
  return [...by].map(([text, configs]) => `${text} for ${configs.slice(0, 3).join(", ")}${configs.length > 3 ? " and others" : ""}`).join("; ");
}

function jobKey(spec: EngineSpec, workload: ResolvedWorkload): string {
  return JSON.stringify([spec, workload]);
}

function gather(plan: Plan, outcomes: readonly Outcome[]): ComparedTrace {
  const references = outcomes[0] as ReferenceOutcome;
  const runs = outcomes.slice(1) as RunOutcome[];
  const optimum = references.optimum.costUnitHours;
  const toOptimum = (cost: number | null): number | null => (cost === null || optimum <= 0 ? null : cost / optimum);
  const own = runs.slice(0, plan.entrants.length);
  const rows = plan.entrants.map(({ engine, config }, i): ComparisonRow => {
    const { score, pipeline } = (own[i] as RunOutcome).report;
    return { engine, config, pipeline, score, costToOptimum: toOptimum(score.costUnitHours) };
  });
  const sweeps = plan.sweeps.map(({ entrant, knob, settings }): ComparisonSweep => {
    const points = settings.map(({ setting, job }) => {
      const { costUnitHours, timeAboveCeilingRatio, requestsBeyondCapacityRatio } = (outcomes[job] as RunOutcome).report.score;
      return { setting, costUnitHours, timeAboveCeilingRatio, requestsBeyondCapacityRatio, costToOptimum: toOptimum(costUnitHours) };
    });
    const isoViolation = ISO_VIOLATIONS.map((share) => {
      // Where nothing was scored, nothing was kept either.
      const reading = readIso(optimum > 0 ? points : [], share);
      return { ...reading, costToOptimum: toOptimum(reading.costUnitHours) };
    });
    return { row: plan.entrants.indexOf(entrant), engine: entrant.engine, config: entrant.config, knob, points, isoViolation };
  });
  const report = (own[0] as RunOutcome).report;
  const timelines = own.flatMap((run) => run.timeline ?? []);
  return {
    trace: report.trace,
    settings: report.settings,
    warnings: [...new Set([...plan.warnings, ...own.flatMap((run) => run.report.warnings)])],
    optimum: references.optimum,
    rows,
    ...(sweeps.length > 0 && { sweeps }),
    ...(references.timeline !== undefined && { timelines: { optimum: references.timeline, rows: timelines } }),
  };
}
