import { createEngine, type EngineContext, type EngineSpec } from "./app.ts";
import type { Engine } from "./engine/model.ts";
import { policyHash } from "./policy/parse.ts";
import type { ResolvedWorkload } from "./policy/resolve.ts";
import { loadNeeds } from "./sim/needs.ts";
import { budgetedUnitHours, noiseReferenceUnitHours, type OptimumOfLoad, optimumUnitHours } from "./sim/references.ts";
import { type RunSettings, runSimulation, type SimulationReport } from "./sim/run.ts";
import { scoredLoad } from "./sim/scored-load.ts";
import { type Timeline, timelineOf } from "./sim/timeline.ts";
import type { Trace } from "./sim/trace.ts";

/** A workload on a recording. Plain data: it can be sent to a worker (the load of the trace is shared, not copied). */
export interface Setting {
  readonly trace: Trace;
  readonly workload: ResolvedWorkload;
  readonly settings: RunSettings;
}

/** One engine on one setting, with so many points of a timeline, if any. */
export interface RunJob extends Setting {
  readonly kind: "run";
  readonly engine: EngineSpec;
  readonly timelinePoints?: number;
}

/** What nobody can beat, and what nobody can know, on one setting; the optimum at each share of time above the ceiling. */
export interface ReferenceJob extends Setting {
  readonly kind: "references";
  readonly budgets: readonly number[];
  readonly noise: readonly number[];
  readonly timelinePoints?: number;
}

export type Job = RunJob | ReferenceJob;

export interface RunOutcome {
  readonly kind: "run";
  readonly report: SimulationReport;
  readonly timeline?: Timeline;
}

export interface ReferenceOutcome {
  readonly kind: "references";
  readonly optimum: Omit<OptimumOfLoad, "ready">;
  readonly budgetedUnitHours: readonly number[];
  readonly noiseUnitHours: readonly (number | null)[];
  readonly timeline?: Timeline;
}

export type Outcome = RunOutcome | ReferenceOutcome;

/** Does one job. Deterministic, and the same wherever it runs. */
export function doJob(job: Job): Outcome {
  const { trace, workload, settings, timelinePoints } = job;
  if (job.kind === "run") {
    const run = runSimulation(workload, enginesFor(job.engine, job), trace, settings);
    const timeline = timelinePoints === undefined ? undefined : timelineOf(scoredLoad(trace, workload, settings), run.columns.requested, timelinePoints);
    return { kind: "run", report: run.report, ...(timeline !== undefined && { timeline }) };
  }
  const load = scoredLoad(trace, workload, settings);
  const { ready, ...of } = optimumUnitHours(load);
  return {
    kind: "references",
    optimum: of,
    budgetedUnitHours: job.budgets.map((share) => budgetedUnitHours(load, share)),
    noiseUnitHours: job.noise.map((share) => noiseReferenceUnitHours(load, share)),
    ...(timelinePoints !== undefined && { timeline: timelineOf(load, ready, timelinePoints) }),
  };
}

/** What an engine may be told of the recording it will run on. */
export function engineContext({ trace, workload, settings }: Setting): EngineContext {
  const fromMs = trace.startMs ?? 0;
  return {
    policyHash: policyHash(workload),
    fromMs,
    toMs: fromMs + trace.load.length * trace.binMs,
    needs: loadNeeds(trace, workload, settings),
  };
}

/** Fresh engines of a run: the one that is meant, and for each workload that is called Vernier's own under its own policy. */
export function enginesFor(spec: EngineSpec, { workload, trace, settings }: Setting): [Engine, ...Engine[]] {
  const make = (one: EngineSpec, node: ResolvedWorkload, nodeSettings: RunSettings): Engine => {
    const engine = createEngine(one, node, engineContext({ trace, workload: node, settings: nodeSettings }));
    if (typeof engine === "string") throw new Error(engine);
    return engine;
  };
  return [make(spec, workload, settings), ...(settings.system?.called ?? []).map((node) => make("vernier", node, { ...settings, scale: undefined }))];
}
