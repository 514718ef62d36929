import type { CounterfactualAnswer } from "../api/contract.ts";
import { createEngine } from "../app.ts";
import type { Past } from "../control/past.ts";
import { paidUnits } from "../control/shortage.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { RunSettings } from "../sim/run.ts";
import { maskedBins, type Scale } from "../sim/scale.ts";
import type { Timeline } from "../sim/timeline.ts";
import type { Mask, Trace } from "../sim/trace.ts";
import { engineContext, type Job, type Outcome } from "../simulation-job.ts";

// What others would have done with the load that was observed, by the simulator.

/** Who else is asked, and what it is called. */
const OTHERS = [["hpa-v2@70", "HPA at 70 %"]] as const;

interface Window {
  readonly toMs: number;
  readonly points: number;
}

/** Runs jobs somewhere else than in the thread that has to tick. */
export type RunJobs = (jobs: readonly Job[]) => Promise<readonly Outcome[]>;

/** @returns a sentence when the observations cannot be replayed */
export async function counterfactual(
  workload: ResolvedWorkload,
  seen: readonly Past[],
  { toMs, points }: Window,
  runJobs: RunJobs,
): Promise<Omit<CounterfactualAnswer, "schemaVersion"> | string> {
  const load = loadOf(workload, seen, toMs);
  if (typeof load === "string") return load;
  const { trace, scale, initialUnits, notes } = load;
  const settings: RunSettings = { scale, initialUnits, warmUpMs: 0, tickMs: workload.intervalMs };
  const jobs: Job[] = [{ kind: "references", trace, workload, settings, budgets: [], noise: [], timelinePoints: points }];
  const names: string[] = [];
  for (const [spec, name] of OTHERS) {
    const engine = createEngine(spec, workload, engineContext({ trace, workload, settings }));
    if (typeof engine === "string") notes.push(`${name} is left out: ${engine}`);
    else {
      names.push(name);
      jobs.push({ kind: "run", trace, workload, settings, engine: spec, timelinePoints: points });
    }
  }
  if ((workload.uses ?? []).length > 0) notes.push("what it calls is not simulated with it");
  const outcomes = await runJobs(jobs);
  const rows: CounterfactualAnswer["rows"][number][] = [];
  let stepMs = trace.binMs;
  const unitsOf = (timeline: Timeline | undefined): readonly number[] => {
    if (timeline !== undefined) stepMs = timeline.stepSeconds * 1_000;
    return timeline?.units ?? [];
  };
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.kind === "references")
      rows.push({ name: "optimum", units: unitsOf(outcome.timeline), unitHours: outcome.optimum.costUnitHours, aboveCeiling: null });
    else {
      const { costUnitHours, timeAboveCeilingRatio } = outcome.report.score;
      rows.push({ name: names[i - 1] as string, units: unitsOf(outcome.timeline), unitHours: costUnitHours, aboveCeiling: timeAboveCeilingRatio });
      notes.push(...outcome.report.warnings);
    }
  }
  const length = Math.max(...rows.map(({ units }) => units.length));
  return {
    timesMs: Array.from({ length }, (_, i) => (trace.startMs ?? 0) + i * stepMs),
    notes: [...new Set(notes)],
    rows: [{ name: "as it ran", units: [], ...asItRan(trace, scale, workload.ceiling, seen) }, ...rows],
  };
}

/** What truly ran: paid for, and above the ceiling of what was ready; of the same stretches that the others are judged by. */
function asItRan(trace: Trace, { perUnit, loadFactor }: Scale, ceiling: number, seen: readonly Past[]): { unitHours: number; aboveCeiling: number } {
  const startMs = trace.startMs ?? 0;
  const paid: number[] = [];
  const ready: number[] = [];
  for (const { atMs, observation } of seen) {
    const { capacity } = observation;
    const bin = Math.round((atMs - startMs) / trace.binMs);
    if (!capacity.readable || bin < 0 || bin >= trace.load.length) continue;
    paid[bin] = paidUnits(capacity);
    ready[bin] = capacity.ready;
  }
  const isMasked = maskedBins(trace);
  let [units, above, bins, lastPaid, lastReady] = [0, 0, 0, 0, 0];
  for (let bin = 0; bin < trace.load.length; bin++) {
    lastPaid = paid[bin] ?? lastPaid;
    lastReady = ready[bin] ?? lastReady;
    if (isMasked[bin] === 1) continue;
    bins++;
    units += lastPaid;
    if ((trace.load[bin] as number) * loadFactor > ceiling * perUnit * lastReady) above++;
  }
  return { unitHours: (units * trace.binMs) / 3_600_000, aboveCeiling: bins === 0 ? 0 : above / bins };
}

/** The load that was observed, as a recording. */
function loadOf(
  { id, metrics, unit: { serves }, ceiling, intervalMs }: ResolvedWorkload,
  seen: readonly Past[],
  toMs: number,
): { readonly trace: Trace; readonly scale: Scale; readonly initialUnits: number; readonly notes: string[] } | string {
  const rate = serves === undefined ? undefined : metrics.find(({ measures }) => measures === "rate");
  const metric = rate ?? metrics.find(({ measures }) => measures === "utilisation");
  if (metric === undefined) return "there is no load to replay: it needs a utilisation, or a rate and unit.serves";
  const first = seen.find(({ observation }) => observation.capacity.readable);
  if (first === undefined) return "nothing was observed in this time";
  // As far apart as they were kept, or were asked for.
  const apart = seen.slice(1).map(({ atMs }, i) => atMs - (seen[i] as Past).atMs);
  const binMs = intervalMs * Math.max(1, Math.round((apart.sort((a, b) => a - b)[apart.length >> 1] ?? 0) / intervalMs));
  const startMs = first.atMs;
  const bins = Math.max(1, Math.round((Math.min(toMs, (seen.at(-1) as Past).atMs) - startMs) / binMs) + 1);
  const load = new Float64Array(bins).fill(Number.NaN);
  for (const { atMs, observation } of seen) {
    const reading = observation.readings.find((one) => one.metric === metric.name);
    const { readable, ready } = observation.capacity;
    // The nearest: ticks are a few milliseconds early or late.
    const bin = Math.round((atMs - startMs) / binMs);
    if (reading?.status !== "value" || bin < 0 || bin >= bins) continue;
    const isOfUnit = metric.scope === "unit" || metric.measures === "utilisation";
    if (isOfUnit && !readable) continue;
    load[bin] = isOfUnit ? reading.value * ready : reading.value;
  }
  const masks = fillHoles(load, binMs);
  if (masks.length === 1 && masks[0]?.toMs === bins * binMs && masks[0].fromMs === 0) return `${metric.name} had no value in this time`;
  let peak = 0;
  for (const value of load) peak = Math.max(peak, value);
  const perUnit = rate === undefined ? 1 : (serves?.rate as number);
  const isBusyUnits = rate === undefined;
  const notes = [`load is ${isBusyUnits ? `${metric.name} times the units that were ready` : metric.name}, as it was read`];
  if (isBusyUnits && serves !== undefined) notes.push("units as busy as they were");
  if (masks.length > 0) notes.push(`${masks.length === 1 ? "a hole is" : `${masks.length} holes are`} held at the last value, and not counted`);
  return {
    trace: {
      name: id,
      semantics: isBusyUnits ? "utilisation" : "rate",
      isBusyUnits,
      binMs,
      startMs,
      load,
      columns: new Map(),
      masks,
      censoredBins: 0,
      guesses: [],
    },
    scale: {
      loadFactor: isBusyUnits ? (serves?.rate ?? 1) : 1,
      perUnit: isBusyUnits ? (serves?.rate ?? 1) : perUnit,
      peakUnits: Math.ceil(peak / (ceiling * perUnit) - 1e-9),
      guesses: [],
    },
    initialUnits: first.observation.capacity.requested,
    notes,
  };
}

/** Holds what is missing at the value before, or at the first there is. @returns where more than one value in a row was missing */
function fillHoles(load: Float64Array, binMs: number): Mask[] {
  const masks: Mask[] = [];
  let last = load.find((value) => !Number.isNaN(value)) ?? 0;
  for (let bin = 0; bin < load.length; bin++) {
    if (!Number.isNaN(load[bin])) {
      last = load[bin] as number;
      continue;
    }
    let end = bin + 1;
    while (end < load.length && Number.isNaN(load[end])) end++;
    load.fill(last, bin, end);
    if (end - bin > 1) masks.push({ fromMs: bin * binMs, toMs: end * binMs, note: "nothing was observed" });
    bin = end - 1;
  }
  return masks;
}
