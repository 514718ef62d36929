import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { doJobs } from "../../src/cli/simulation-pool.ts";
import { FileError } from "../../src/lib/file-error.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import type { ResolvedWorkload } from "../../src/policy/resolve.ts";
import { readTrace } from "../../src/read-trace.ts";
import { coarsen } from "../../src/sim/coarsen.ts";
import { ISO_VIOLATIONS, type IsoReading, readIso, type SweepPoint } from "../../src/sim/iso-violation.ts";
import type { RunSettings } from "../../src/sim/run.ts";
import type { Score } from "../../src/sim/score.ts";
import { scoredLoad } from "../../src/sim/scored-load.ts";
import type { Trace } from "../../src/sim/trace.ts";
import type { Job, ReferenceJob, ReferenceOutcome, RunOutcome } from "../../src/simulation-job.ts";

// How policies are judged: every recording scaled so that its peak needs 100 units at a ceiling of 80 %, steps of 15 s,
// start-up 60 s, billing from the request, gaps and a warm-up of 24 h (10 % of a shorter recording) masked.

export const PEAK_UNITS = 100;
const SETTINGS: RunSettings = { peakUnits: PEAK_UNITS };
const STEP_MS = 15_000;
export const TARGETS = [20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80];
/** A recording is smooth when even one who knows its ten-minute mean pays at most this over the optimum, at 1 % violation. */
export const SMOOTH_UP_TO = 1.2;
const NOISE_SHARE = 0.01;

/** The same in words, for the page. */
export const PROTOCOL = `Every recording is scaled so that its peak needs ${PEAK_UNITS} units at a ceiling of 80 %, in steps of 15 s (finer recordings are averaged
to 15 s), start-up 60 s, billed from the request. Gaps, imputed stretches and a warm-up of 24 h (10 % of a shorter recording)
are not scored. Each engine reads through its own pipeline. \`vernier\` is our default: target tracking at 70 % under all guards,
nothing learnt. \`hpa-v2\` has its own default of 80 % CPU, which breaks the ceiling by design; \`lcp\`, \`delayed-off\` and
\`schedule\` are references that see the load itself. A recording is smooth when even one who knows its ten-minute mean pays at
most ${SMOOTH_UP_TO} times the optimum to be above the ceiling 1 % of the time. The load is held constant inside a bin, which overstates
steps in coarse recordings: bins of five minutes and more say little about reactions within one. Replay is open loop: nobody goes
away from a slow service.`;

/** Rows of the table by their names; the first is ours. */
export const ROWS = ["vernier", "hpa-v2@70", "hpa-v2", "lcp", "delayed-off", "schedule", "static-peak"] as const;
/** Rows that are also set against the optimum at their own violation. */
const BUDGETED = 3;
export const SWEPT = ["vernier", "hpa-v2"] as const;

export interface EvaluatedRow {
  readonly engine: string;
  readonly score: Score;
  readonly costToOptimum: number;
  /** Cost over the least that was possible at this row's own time above the ceiling; for the first few rows. */
  readonly costToOptimumAtSameViolation: number | null;
}

export interface EvaluatedTrace {
  readonly file: string;
  readonly sha256: string | null;
  /** Recordings of one source are not independent. */
  readonly family: string;
  readonly isSmooth: boolean;
  readonly binSeconds: number;
  readonly scoredHours: number;
  readonly meanNeeded: number;
  readonly optimumUnitHours: number;
  /** Cost over the optimum of one who knows the ten-minute mean, at 1 % violation; null when no margin reaches it. */
  readonly noiseReference: number | null;
  readonly rows: readonly EvaluatedRow[];
  /** Settings of each swept engine, in the order of {@link TARGETS}, and readings at equal violation. */
  readonly sweeps: Readonly<Record<string, { readonly points: readonly SweepPoint[]; readonly iso: readonly IsoReading[] }>>;
}

/** Our defaults on a stateless service: target tracking at 70 % under all guards. */
export function defaultWorkload(guards = "{}", peakUnits = PEAK_UNITS): ResolvedWorkload {
  const text = `version: 1
workloads:
  default/evaluation:
    kind: stateless
    bounds: {min: 1, max: ${4 * peakUnits}}
    metrics: {cpu: {measures: utilisation}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
    guards: ${guards}
`;
  const [first] = parsePolicy(text, "defaults").workloads;
  if (first === undefined) throw new Error("no workload");
  return first.resolved;
}

/** Reads recordings in the steps of the protocol; those of which nothing would be scored are left out, and said. */
export async function readRecordings(paths: readonly string[], say: (message: string) => void = () => {}): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const path of paths) {
    let trace: Trace;
    try {
      trace = coarsen(await readTrace(path), STEP_MS);
    } catch (error) {
      // One recording that cannot be read hides no other.
      if (!(error instanceof FileError)) throw error;
      say(`${path} is left out: ${error.message.split("\n")[0]}`);
      continue;
    }
    const load = trace.load.length === 0 ? undefined : scoredLoad(trace, defaultWorkload(), SETTINGS);
    const isScored = load?.isScored.includes(1) && load.busy.some((busy, step) => busy > 0 && load.isScored[step] === 1);
    if (isScored) traces.push(trace);
    else say(`${path} is left out: it has no load that would be scored`);
  }
  return traces;
}

/** Plant steps of a recording, to judge whether threads pay. */
export function stepsOf(trace: Trace): number {
  return (trace.load.length * trace.binMs) / STEP_MS;
}

export async function evaluate(traces: readonly Trace[], onDone?: (done: number, of: number) => void): Promise<EvaluatedTrace[]> {
  const workload = defaultWorkload();
  const engines = [...ROWS, ...SWEPT.flatMap((engine) => TARGETS.map((target) => `${engine}@${target}`))];
  const jobs: Job[] = traces.flatMap((trace) => [
    ...engines.map((engine): Job => ({ kind: "run", trace, workload, settings: SETTINGS, engine })),
    { kind: "references", trace, workload, settings: SETTINGS, budgets: [], noise: [NOISE_SHARE] } satisfies Job,
  ]);
  const steps = traces.reduce((sum, trace) => sum + stepsOf(trace), 0) * engines.length;
  const outcomes = await doJobs(jobs, steps, onDone === undefined ? {} : { onDone });
  const width = engines.length + 1;
  const scoresOf = (i: number): Score[] => outcomes.slice(i * width, i * width + engines.length).map((outcome) => (outcome as RunOutcome).report.score);
  // Each row's own violation is known only now.
  const budgeted = (await doJobs(
    traces.map(
      (trace, i): ReferenceJob => ({
        kind: "references",
        trace,
        workload,
        settings: SETTINGS,
        noise: [],
        budgets: scoresOf(i)
          .slice(0, BUDGETED)
          .map((score) => score.timeAboveCeilingRatio),
      }),
    ),
    steps,
  )) as ReferenceOutcome[];
  return traces.map((trace, i) => {
    const references = outcomes[(i + 1) * width - 1] as ReferenceOutcome;
    const optimum = references.optimum.costUnitHours;
    const scores = scoresOf(i);
    const noise = references.noiseUnitHours[0] ?? null;
    const load = scoredLoad(trace, workload, SETTINGS);
    let needed = 0;
    let scored = 0;
    for (let step = 0; step < load.needed.length; step++) {
      needed += (load.needed[step] as number) * (load.isScored[step] as number);
      scored += load.isScored[step] as number;
    }
    const sweeps = SWEPT.map((engine, at) => {
      const points = TARGETS.map((target, k): SweepPoint => {
        const { costUnitHours, timeAboveCeilingRatio, requestsBeyondCapacityRatio } = scores[ROWS.length + at * TARGETS.length + k] as Score;
        return { setting: String(target), costUnitHours, timeAboveCeilingRatio, requestsBeyondCapacityRatio };
      });
      return [engine, { points, iso: ISO_VIOLATIONS.map((share) => readIso(points, share)) }] as const;
    });
    return {
      file: basename(trace.name),
      sha256: trace.sha256 ?? null,
      family: familyOf(trace.name),
      isSmooth: noise !== null && noise <= SMOOTH_UP_TO * optimum,
      binSeconds: trace.binMs / 1_000,
      scoredHours: (scores[0] as Score).scoredHours,
      meanNeeded: needed / scored,
      optimumUnitHours: optimum,
      noiseReference: noise === null ? null : noise / optimum,
      rows: ROWS.map((engine, at) => {
        const score = scores[at] as Score;
        return {
          engine,
          score,
          costToOptimum: score.costUnitHours / optimum,
          costToOptimumAtSameViolation: at < BUDGETED ? score.costUnitHours / ((budgeted[i] as ReferenceOutcome).budgetedUnitHours[at] as number) : null,
        };
      }),
      sweeps: Object.fromEntries(sweeps),
    };
  });
}

/** What a manifest beside the recording says, else the first word of its name. */
function familyOf(path: string): string {
  const own = /^[a-z]+/i.exec(basename(path))?.[0].toLowerCase() ?? basename(path);
  try {
    const manifest = JSON.parse(readFileSync(join(dirname(path), "manifest.json"), "utf8")) as { traces?: { file?: string; family?: string }[] };
    return manifest.traces?.find((entry) => entry.file === basename(path))?.family ?? own;
  } catch {
    return own;
  }
}
