import { unitsNeeded } from "../capacity/needed.ts";
import type { Decision, Engine, Observation, Reading } from "../engine/model.ts";
import { UNLIMITED } from "../engine/model.ts";
import { createRng } from "../lib/rng.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { MetricFault, WorldEvent } from "../policy/schema-simulation.ts";
import { LatencyModel } from "./latency-model.ts";
import { MetricPipeline } from "./metric-pipeline.ts";
import { Plant } from "./plant.ts";
import { loadBySteps, settleStepMs } from "./steps.ts";
import type { Trace } from "./trace.ts";
import { World } from "./world.ts";

/** One workload in a simulation. Plain JSON but for the trace, so that it can run in a worker or elsewhere. */
export interface SimulationNode {
  readonly workload: ResolvedWorkload;
  readonly loadFactor: number;
  readonly perUnit: number;
  readonly initialUnits?: number;
  readonly faults: readonly MetricFault[];
  readonly events?: readonly WorldEvent[];
}

/** What to simulate. One node today; edges will carry load from node to node. */
export interface SimulationRequest {
  readonly nodes: readonly SimulationNode[];
  readonly edges: readonly never[];
  readonly ceiling: number;
  readonly seed: number;
  readonly interpolate: boolean;
  /** Shortest tick of all engines that are compared on this plant; the engine's own when it runs alone. */
  readonly tickMs?: number;
}

/** What happened, in columns of one entry for each plant step. */
export interface SimulationColumns {
  readonly stepMs: number;
  readonly startMs: number;
  /** Fresh load during the step, scaled. */
  readonly load: Float64Array;
  readonly requested: Int32Array;
  readonly ready: Int32Array;
  readonly billed: Int32Array;
  /** Requests waiting at the end of the step. */
  readonly backlog: Float32Array;
  /** Requests that failed during the step. */
  readonly failed: Float32Array;
  /** Requests that had failed before and came again; only where callers do that. */
  readonly retries?: Float32Array;
}

export interface SimulationResult {
  readonly columns: SimulationColumns;
  /** Metrics of the engine that had no reading at all, with why. */
  readonly silentMetrics: readonly string[];
}

export interface SimulationObserver {
  /** Called with every decision. Read it at once: the object is reused. */
  onTick?(decision: Decision): void;
  /** Called with every decision that changes capacity. Read it at once: the object is reused. */
  onChange?(decision: Decision): void;
  /** Called with the last decision at or before this engine time, whatever it decided. */
  readonly explainAtMs?: number;
  onExplain?(decision: Decision, observation: Observation): void;
  /** Called now and then with the share that is done, 0..1. */
  onProgress?(done: number): void;
}

/**
 * Runs `engine` against the plant over the trace. Deterministic: same inputs, same bytes. O(steps); per step nothing is
 * allocated. An engine at time t has seen only steps that ended by t, each through its own metric pipeline.
 */
export function simulate(request: SimulationRequest, trace: Trace, engine: Engine, observer: SimulationObserver = {}): SimulationResult {
  const node = request.nodes[0] as SimulationNode;
  const { workload, perUnit } = node;
  const startMs = trace.startMs ?? 0;
  const stepMs = settleStepMs(trace.binMs, Math.min(engine.intervalMs, request.tickMs ?? engine.intervalMs));
  const seconds = stepMs / 1_000;
  const load = loadBySteps(trace, stepMs, node.loadFactor, request.interpolate);
  const steps = load.length;
  const initialUnits =
    node.initialUnits ??
    Math.min(workload.bounds.max, unitsNeeded({ load: load[0] as number, perUnit, ceiling: request.ceiling, min: Math.max(1, workload.bounds.min) }));
  const plant = new Plant({ unit: workload.unit, uses: workload.uses, perUnit, initialUnits }, createRng(request.seed));
  const latency =
    workload.unit.serviceTimeMs === undefined
      ? undefined
      : new LatencyModel({ serviceTimeMs: workload.unit.serviceTimeMs, discipline: workload.unit.discipline, perUnit });
  const pipelines = engine.metrics.map((metric) => new MetricPipeline(metric, node.faults, startMs, stepMs));
  const probes = engine.metrics.map((metric) => probeOf(metric, trace, latency !== undefined));
  const readings: Reading[] = pipelines.map((pipeline) => pipeline.reading);
  const capacity = { readable: true, requested: initialUnits, starting: 0, ready: initialUnits, draining: 0 };
  const observation: Observation = { capacity, readings };
  const columns: SimulationColumns = {
    stepMs,
    startMs,
    load,
    requested: new Int32Array(steps),
    ready: new Int32Array(steps),
    billed: new Int32Array(steps),
    backlog: new Float32Array(steps),
    failed: new Float32Array(steps),
    ...(workload.unit.retry !== undefined && { retries: new Float32Array(steps) }),
  };
  const { requested, ready, billed, backlog, failed, retries } = columns;
  const world = node.events === undefined || node.events.length === 0 ? undefined : new World(node.events, plant, engine);
  const needsLatency = probes.includes(Probe.Latency);
  const slots = workload.unit.serviceTimeMs === undefined ? 1 : (perUnit * workload.unit.serviceTimeMs) / 1_000;
  const binSteps = trace.binMs / stepMs;
  const intervalMs = engine.intervalMs;
  const explainAtMs = observer.explainAtMs;
  let nextTickMs = startMs;
  let nextProgress = 0;

  for (let step = 0; step < steps; step++) {
    const nowMs = startMs + step * stepMs;
    plant.advance(nowMs);
    world?.advance(nowMs - startMs, nowMs);
    if (nowMs >= nextTickMs) {
      nextTickMs += intervalMs;
      if (nextTickMs <= nowMs) nextTickMs += intervalMs * Math.ceil((nowMs - nextTickMs + 1) / intervalMs);
      capacity.requested = plant.requested;
      capacity.starting = plant.starting;
      capacity.ready = plant.ready;
      capacity.draining = plant.draining;
      world?.report(capacity, nowMs - startMs);
      for (let i = 0; i < pipelines.length; i++) (pipelines[i] as MetricPipeline).read(nowMs, startMs);
      engine.propose(observation, nowMs);
      const decision = engine.settle(UNLIMITED);
      observer.onTick?.(decision);
      if (explainAtMs !== undefined && nowMs <= explainAtMs && nextTickMs > explainAtMs) observer.onExplain?.(decision, observation);
      if (decision.requested !== decision.from) {
        observer.onChange?.(decision);
        plant.request(decision.requested, nowMs);
      }
    }
    const fresh = load[step] as number;
    plant.serve(fresh, seconds, nowMs);
    requested[step] = plant.requested;
    ready[step] = plant.ready;
    billed[step] = plant.billed;
    if (plant.backlog > 0) backlog[step] = plant.backlog;
    if (plant.failed > 0) failed[step] = plant.failed;
    // What a load balancer sees: fresh requests and those that come again.
    let arrived = fresh * seconds;
    if (retries !== undefined && plant.retries > 0) {
      retries[step] = plant.retries;
      arrived += plant.retries;
    }
    if (needsLatency) latency?.prepare(plant.capacityUnits > 0 ? fresh / (plant.capacityUnits * perUnit) : 1, plant.capacityUnits, plant.backlogMs);
    const endMs = nowMs + stepMs;
    for (let i = 0; i < pipelines.length; i++) {
      const pipeline = pipelines[i] as MetricPipeline;
      const isTotal = pipeline.isTotal;
      const probe = probes[i] as Probe | Float64Array;
      if (probe === Probe.Rate) pipeline.record(arrived, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Utilisation) pipeline.record(plant.busy * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Up) pipeline.record(seconds, seconds, endMs);
      else if (probe === Probe.Errors) pipeline.record(plant.failed, Math.max(plant.failed, arrived, 1e-9), endMs);
      else if (probe === Probe.Backlog) pipeline.record(plant.backlog * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Concurrency) pipeline.record((plant.backlog + plant.busy * slots) * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Latency) {
        // A probe request now and then keeps latency known while nobody comes.
        const requests = Math.max(plant.served, 1e-9);
        pipeline.record(((latency as LatencyModel).quantileMs(pipeline.metric.quantile) / 1_000) * requests, requests, endMs);
      } else if (probe instanceof Float64Array) {
        const value = probe[Math.floor(step / binSteps)] as number;
        pipeline.record(Number.isNaN(value) ? 0 : value * seconds, Number.isNaN(value) ? 0 : seconds, endMs);
      } else {
        pipeline.record(0, 0, endMs);
      }
    }
    if (step >= nextProgress) {
      observer.onProgress?.(step / steps);
      nextProgress = step + 262_144;
    }
  }
  return { columns, silentMetrics: engine.metrics.flatMap((metric, i) => silence(metric, probes[i] as Probe | Float64Array)) };
}

/** What the plant synthesises for a metric; a column of the trace for a gauge. */
const Probe = { None: 0, Rate: 1, Utilisation: 2, Errors: 3, Backlog: 4, Concurrency: 5, Latency: 6, Up: 7 } as const;
type Probe = (typeof Probe)[keyof typeof Probe];

function probeOf(metric: ResolvedMetric, trace: Trace, hasLatency: boolean): Probe | Float64Array {
  switch (metric.measures) {
    case "rate":
      return Probe.Rate;
    case "utilisation":
      return Probe.Utilisation;
    case "up":
      return Probe.Up;
    case "errors":
      return Probe.Errors;
    case "backlog":
      return Probe.Backlog;
    case "concurrency":
      return Probe.Concurrency;
    case "latency":
      return hasLatency ? Probe.Latency : Probe.None;
    case "gauge":
      return trace.columns.get(metric.column) ?? Probe.None;
  }
}

function silence(metric: ResolvedMetric, probe: Probe | Float64Array): string[] {
  if (probe !== Probe.None) return [];
  return metric.measures === "latency"
    ? [`${metric.name}: no readings, because unit.serviceTime is not declared`]
    : [`${metric.name}: no readings, because the recording has no column "${metric.column}"`];
}
