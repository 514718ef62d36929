import type { Engine } from "../engine/model.ts";
import type { Reason } from "../engine/reasons.ts";
import { formatDuration } from "../lib/duration.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { type ResolvedWorkload, workloadId } from "../policy/resolve.ts";
import { saysLatency } from "../policy/resolve-unit.ts";
import type { MetricFault, WorldEvent } from "../policy/schema-simulation.ts";
import type { System } from "../policy/system.ts";
import type { SimulationColumns } from "./columns.ts";
import { type SimulationObserver, type SimulationResult, simulate } from "./kernel.ts";
import type { SimulationNode } from "./node.ts";
import { type Scale, settleScale } from "./scale.ts";
import { defaultWarmUpMs, type Score, scoredSteps, scoreRun } from "./score.ts";
import type { Trace } from "./trace.ts";

const SCHEMA_VERSION = 1;

/** What may be chosen for a run; everything else comes from the policy. */
export interface RunSettings {
  readonly peakUnits?: number | undefined;
  readonly warmUpMs?: number | undefined;
  readonly seed?: number | undefined;
  readonly interpolate?: boolean | undefined;
  readonly initialUnits?: number | undefined;
  readonly faults?: readonly MetricFault[] | undefined;
  readonly events?: readonly WorldEvent[] | undefined;
  /** How the recording meets the units, when several engines share it; settled from the workload when absent. */
  readonly scale?: Scale | undefined;
  /** What the workload calls, simulated with it; absent when it calls none. */
  readonly system?: System | undefined;
  /** Shortest tick of all engines that are compared; decides the plant step. */
  readonly tickMs?: number | undefined;
}

/** Capacity at a border. */
export interface Capacity {
  readonly units: number;
  readonly size?: string;
}

/** One change of capacity, as `--decisions` writes it. */
export interface DecisionRecord {
  /** ISO 8601. A recording that does not say when it began counts from 1970-01-01. */
  readonly at: string;
  readonly offsetSeconds: number;
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly posture: string;
  readonly from: Capacity;
  readonly desired: Capacity;
  readonly requested: Capacity;
  readonly ready: Capacity;
  readonly reasons: readonly Reason[];
}

/** Result of one run, as `--json` prints it. Ratios are 0..1. */
export interface SimulationReport {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly trace: {
    readonly file: string;
    readonly sha256: string | null;
    readonly semantics: string;
    readonly binSeconds: number;
    readonly bins: number;
    readonly start: string | null;
    readonly maskedSeconds: number;
    readonly censoredBins: number;
    readonly guesses: readonly string[];
  };
  readonly settings: {
    readonly ceiling: number;
    readonly peakUnits: number;
    readonly perUnit: number;
    readonly loadFactor: number;
    readonly startupSeconds: number;
    readonly intervalSeconds: number;
    readonly stepSeconds: number;
    readonly warmUpSeconds: number;
    readonly seed: number;
    readonly interpolate: boolean;
  };
  /** How the engine saw the world: its metrics with window and lag. */
  readonly pipeline: readonly {
    readonly metric: string;
    readonly measures: string;
    readonly scrapeSeconds: number;
    readonly windowSeconds: number;
    readonly lagSeconds: number;
  }[];
  readonly warnings: readonly string[];
  readonly score: Score;
  /** How the workloads did that it calls, each under its own policy; empty when it calls none. */
  readonly called: readonly {
    readonly workload: string;
    readonly engine: string;
    readonly policyHash: string;
    /** Share of the scored time in which it was what the load waited for. */
    readonly limitingRatio: number;
    readonly score: Score;
  }[];
}

export interface Run {
  readonly report: SimulationReport;
  readonly columns: SimulationColumns;
  readonly isScored: Uint8Array;
  readonly ceiling: number;
  readonly perUnit: number;
}

/**
 * Replays a trace through one engine and scores it.
 * @param engines the engine of `workload`, then one for each of `settings.system.called`
 */
export function runSimulation(
  workload: ResolvedWorkload,
  engines: Engine | readonly [Engine, ...Engine[]],
  trace: Trace,
  settings: RunSettings,
  observer: Omit<SimulationObserver, "onChange"> & { onChange?(record: () => DecisionRecord): void } = {},
): Run {
  const [engine, ...others] = "propose" in engines ? [engines] : engines;
  const { called, edges, outside }: System = settings.system ?? { called: [], edges: [], outside: [] };
  const ceiling = workload.ceiling;
  const scale = settings.scale ?? settleScale(trace, workload, ceiling, settings.peakUnits);
  const seed = settings.seed ?? 1;
  const interpolate = settings.interpolate ?? false;
  const startMs = trace.startMs ?? 0;
  const { onChange, ...rest } = observer;
  const perUnits = [scale.perUnit, ...called.map(({ unit }) => unit.serves?.rate ?? 1)];
  const nodeOf = (node: ResolvedWorkload, i: number): SimulationNode => ({
    workload: node,
    perUnit: perUnits[i] as number,
    faults: (settings.faults ?? []).filter((fault) => fault.workload === undefined || workloadId(fault.workload) === node.id),
    events: (settings.events ?? []).filter((event) => (event.workload === undefined ? i === 0 : workloadId(event.workload) === node.id)),
    ...(i === 0 && settings.initialUnits !== undefined && { initialUnits: settings.initialUnits }),
  });
  const [result, ...resultsOfCalled] = simulate(
    {
      nodes: [nodeOf(workload, 0), ...called.map((node, i) => nodeOf(node, i + 1))],
      edges,
      loadFactor: scale.loadFactor,
      seed,
      interpolate,
      ...(settings.tickMs !== undefined && { tickMs: settings.tickMs }),
    },
    trace,
    [engine, ...others],
    onChange === undefined
      ? rest
      : {
          ...rest,
          onChange: (decision) =>
            onChange(() => ({
              at: formatTimestamp(decision.atMs),
              offsetSeconds: (decision.atMs - startMs) / 1_000,
              workload: decision.workload,
              engine: decision.engine,
              policyHash: decision.policyHash,
              posture: decision.posture,
              from: { units: decision.from },
              desired: { units: decision.desired },
              requested: { units: decision.requested },
              ready: { units: decision.ready },
              reasons: decision.reasons(),
            })),
        },
  );
  const { columns, silentMetrics } = result as SimulationResult;
  const traceMs = columns.load.length * columns.stepMs;
  const warmUpMs = settings.warmUpMs ?? defaultWarmUpMs(traceMs);
  const scoring = { workload, perUnit: scale.perUnit, ceiling, warmUpMs, masks: trace.masks };
  const isScored = scoredSteps(columns, scoring);
  const score = scoreRun(columns, scoring, isScored);
  const warnings = [...silentMetrics];
  for (const node of called)
    if (saysLatency(workload.unit) && !saysLatency(node.unit)) warnings.push(`latency is without that of ${node.id}, which declares no unit.serviceTime`);
  for (const one of outside) warnings.push(`${one.workload} calls ${one.calls} too, and gets no load here`);
  const hasCalendar =
    workload.boundsSchedule !== undefined || workload.guards.freeze.length > 0 || workload.strategies.some((strategy) => strategy.type === "schedule");
  if (hasCalendar && trace.startMs === undefined)
    warnings.push("the recording does not say when it began: calendars run from Thursday 1970-01-01, 00:00 UTC; --start says otherwise");
  if (score.scoredHours === 0)
    warnings.push(`nothing is scored: the warm-up of ${formatDuration(warmUpMs)} and the masks cover the whole trace of ${formatDuration(traceMs)}`);
  let masked = 0;
  for (let step = Math.ceil(warmUpMs / columns.stepMs); step < isScored.length; step++) if (isScored[step] === 0) masked++;
  return {
    columns,
    isScored,
    ceiling,
    perUnit: scale.perUnit,
    report: {
      schemaVersion: SCHEMA_VERSION,
      workload: workload.id,
      engine: engine.engine,
      policyHash: engine.policyHash,
      trace: {
        file: trace.name,
        sha256: trace.sha256 ?? null,
        semantics: trace.semantics,
        binSeconds: trace.binMs / 1_000,
        bins: trace.load.length,
        start: trace.startMs === undefined ? null : formatTimestamp(trace.startMs),
        maskedSeconds: (masked * columns.stepMs) / 1_000,
        censoredBins: trace.censoredBins,
        guesses: [...trace.guesses, ...scale.guesses],
      },
      settings: {
        ceiling,
        peakUnits: scale.peakUnits,
        perUnit: scale.perUnit,
        loadFactor: scale.loadFactor,
        startupSeconds: workload.unit.startup.meanMs / 1_000,
        intervalSeconds: engine.intervalMs / 1_000,
        stepSeconds: columns.stepMs / 1_000,
        warmUpSeconds: warmUpMs / 1_000,
        seed,
        interpolate,
      },
      pipeline: engine.metrics.map((metric) => ({
        metric: metric.name,
        measures: metric.measures,
        scrapeSeconds: metric.scrapeMs / 1_000,
        windowSeconds: metric.windowMs / 1_000,
        lagSeconds: metric.lagMs / 1_000,
      })),
      warnings,
      score,
      called: resultsOfCalled.map(({ columns }, i) => {
        const node = called[i] as ResolvedWorkload;
        const { engine, policyHash } = others[i] as Engine;
        return {
          workload: node.id,
          engine,
          policyHash,
          limitingRatio: limitingRatio(result as SimulationResult, i + 1, isScored),
          score: scoreRun(columns, { workload: node, perUnit: perUnits[i + 1] as number, ceiling: node.ceiling, warmUpMs, masks: trace.masks }, isScored),
        };
      }),
    },
  };
}

/** Share of the scored steps in which a node allowed less than there was to do, and less than the first could do itself. */
function limitingRatio({ columns }: SimulationResult, node: number, isScored: Uint8Array): number {
  const { load, backlog, stepMs, allowedRate, narrowest } = columns;
  if (allowedRate === undefined || narrowest === undefined) return 0;
  let limiting = 0;
  let scored = 0;
  for (let step = 0; step < load.length; step++) {
    if (isScored[step] === 0) continue;
    scored++;
    const waited = step === 0 ? 0 : ((backlog[step - 1] as number) * 1_000) / stepMs;
    if (narrowest[step] === node && (load[step] as number) + waited > (allowedRate[step] as number)) limiting++;
  }
  return scored === 0 ? 0 : limiting / scored;
}
