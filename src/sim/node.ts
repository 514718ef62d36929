import { unitsNeeded } from "../capacity/needed.ts";
import { type Usl, uslConcurrency } from "../capacity/usl.ts";
import type { CapacityReport, Engine, Observation, Orders, Reading } from "../engine/model.ts";
import { UNLIMITED } from "../engine/model.ts";
import type { SharedLimits } from "../engine/shared-limits.ts";
import { REAL_ZERO } from "../lib/real.ts";
import type { Rng } from "../lib/rng.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { MetricFault, WorldEvent } from "../policy/schema-simulation.ts";
import { SimulationColumns } from "./columns.ts";
import type { SimulationObserver } from "./kernel.ts";
import { LatencyModel } from "./latency-model.ts";
import { MetricPipeline } from "./metric-pipeline.ts";
import { Plant } from "./plant.ts";
import { Probe, probeOf, silence } from "./probes.ts";
import type { Trace } from "./trace.ts";
import { World } from "./world.ts";

/** One workload in a simulation. Plain JSON, so that it can run in a worker or elsewhere. */
export interface SimulationNode {
  readonly workload: ResolvedWorkload;
  /** What one unit serves per second at 100 %, in the unit of the load. */
  readonly perUnit: number;
  readonly initialUnits?: number;
  readonly faults: readonly MetricFault[];
  readonly events?: readonly WorldEvent[];
}

export interface NodeContext {
  readonly trace: Trace;
  readonly stepMs: number;
  readonly steps: number;
  /** Load per second in every step, where it comes from outside; without it, others call. */
  readonly load?: Float64Array;
  /** Load per second in the first step. */
  readonly firstLoad: number;
  readonly isCaller: boolean;
  readonly rng: Rng;
  /** What it shares with the others; absent where it is alone. */
  readonly shared?: SharedLimits;
}

/** What the engine of a node sees; one object, filled anew at each tick. */
class NodeObservation implements Observation {
  readonly capacity: CapacityReport = { readable: true, requested: 0, starting: 0, ready: 0, draining: 0 };
  readonly readings: Reading[];
  orders: Orders | undefined = undefined;

  constructor(readings: Reading[]) {
    this.readings = readings;
  }
}

/** A workload at work: its plant, its engine, and the metric pipelines between them. Keeps what happened in columns. */
export class SimulatedNode {
  readonly plant: Plant;
  readonly engine: Engine;
  readonly columns: SimulationColumns;
  /** Mean response time in the last step, ms; 0 when unknown. */
  meanLatencyMs = REAL_ZERO;
  readonly #perUnit: number = REAL_ZERO;
  readonly #startMs: number = REAL_ZERO;
  readonly #stepMs: number = 0;
  readonly #world: World | undefined;
  readonly #latency: LatencyModel | undefined;
  readonly #needsLatency: boolean;
  readonly #isCaller: boolean;
  readonly #shared: SharedLimits | undefined;
  readonly #isCalled: boolean;
  readonly #pipelines: readonly MetricPipeline[];
  readonly #probes: readonly (Probe | Float64Array)[];
  readonly #capacity: CapacityReport;
  readonly #observation: NodeObservation;
  /** Requests that a unit serves side by side. */
  readonly #slots: number = REAL_ZERO;
  readonly #usl: Usl | undefined;
  readonly #binSteps: number = 0;
  #nextTickMs: number = REAL_ZERO;
  #arrived = REAL_ZERO;
  #allowed = Number.POSITIVE_INFINITY;

  constructor({ workload, perUnit, initialUnits, faults, events }: SimulationNode, engine: Engine, context: NodeContext) {
    const { trace, stepMs, steps, load, firstLoad, isCaller, rng } = context;
    const { unit } = workload;
    const min = Math.max(1, workload.bounds.min);
    const units = initialUnits ?? Math.min(workload.bounds.max, unitsNeeded({ load: firstLoad, perUnit, ceiling: workload.ceiling, min }));
    this.engine = engine;
    this.plant = new Plant({ unit, uses: workload.uses, perUnit, initialUnits: units }, rng);
    this.#perUnit = perUnit;
    this.#startMs = trace.startMs ?? 0;
    this.#stepMs = stepMs;
    this.#nextTickMs = this.#startMs;
    this.#binSteps = trace.binMs / stepMs;
    this.#slots = unit.serviceTimeMs === undefined ? 1 : (perUnit * unit.serviceTimeMs) / 1_000;
    if (unit.latency !== undefined && "usl" in unit.latency && unit.serviceTimeMs !== undefined)
      this.#usl = { serviceTime: unit.serviceTimeMs / 1_000, ...unit.latency.usl };
    this.#isCaller = isCaller;
    this.#shared = context.shared;
    this.#isCalled = load === undefined;
    this.#latency = LatencyModel.of(unit, perUnit);
    this.#pipelines = engine.metrics.map((metric) => new MetricPipeline(metric, faults, this.#startMs, stepMs));
    this.#probes = engine.metrics.map((metric) => probeOf(metric, trace, this.#latency !== undefined));
    this.#needsLatency = this.#probes.includes(Probe.Latency);
    const readings: Reading[] = this.#pipelines.map((pipeline) => pipeline.reading);
    this.#observation = new NodeObservation(readings);
    this.#capacity = this.#observation.capacity;
    this.columns = new SimulationColumns({ stepMs, startMs: this.#startMs, steps, load, hasRetries: unit.retry !== undefined, isCaller });
    this.#world = events === undefined || events.length === 0 ? undefined : new World(events, this.plant, engine);
  }

  /** Metrics of the engine that have no reading at all, with why. */
  get silentMetrics(): string[] {
    return this.engine.metrics.flatMap((metric, i) => silence(metric, this.#probes[i] as Probe | Float64Array));
  }

  /** Lets happen what is due, and the engine decide when its tick has come. */
  advance(nowMs: number, observer: SimulationObserver | undefined): void {
    this.plant.advance(nowMs);
    this.#world?.advance(nowMs - this.#startMs, nowMs);
    if (nowMs >= this.#nextTickMs) this.#tick(nowMs, observer);
  }

  #tick(nowMs: number, observer: SimulationObserver | undefined): void {
    const { engine, plant } = this;
    const { intervalMs } = engine;
    this.#nextTickMs += intervalMs;
    if (this.#nextTickMs <= nowMs) this.#nextTickMs += intervalMs * Math.ceil((nowMs - this.#nextTickMs + 1) / intervalMs);
    const capacity = this.#capacity;
    capacity.requested = plant.requested;
    capacity.starting = plant.starting;
    capacity.ready = plant.ready;
    capacity.draining = plant.draining;
    if (this.#world !== undefined) {
      this.#world.report(capacity, nowMs - this.#startMs);
      this.#observation.orders = this.#world.orders(nowMs - this.#startMs);
    }
    for (const pipeline of this.#pipelines) pipeline.read(nowMs, this.#startMs);
    engine.propose(this.#observation, nowMs);
    const shared = this.#shared;
    if (shared !== undefined) shared.note(engine.workload, plant.requested);
    const decision = engine.settle(shared === undefined ? UNLIMITED : shared.allowances(engine.workload));
    if (shared !== undefined) shared.note(engine.workload, Math.max(plant.requested, decision.requested));
    if (observer !== undefined) {
      observer.onTick?.(decision);
      const { explainAtMs } = observer;
      if (explainAtMs !== undefined && nowMs <= explainAtMs && this.#nextTickMs > explainAtMs) observer.onExplain?.(decision, this.#observation);
      if (decision.requested !== decision.from) observer.onChange?.(decision);
    }
    if (decision.requested !== decision.from) plant.request(decision.requested, nowMs);
  }

  /**
   * Serves one step; the plant has been prepared.
   * @param allowed what those it calls let it serve, per second   @param narrowest which of them allows the least; 0 for none
   */
  serve(step: number, fresh: number, seconds: number, nowMs: number, allowed: number, narrowest: number): void {
    const { plant, columns } = this;
    plant.serve(fresh, seconds, nowMs, allowed);
    this.#keep(step);
    if (columns.allowedRate !== undefined) {
      (columns.allowedRate as Float64Array)[step] = allowed;
      (columns.narrowest as Uint16Array)[step] = narrowest;
    }
    this.#allowed = allowed;
    // What a load balancer sees: fresh requests and those that come again.
    this.#arrived = fresh * seconds;
    if (plant.retries > 0) {
      (columns.retries as Float32Array)[step] = plant.retries;
      this.#arrived += plant.retries;
    }
  }

  /**
   * Answers `answered` of the `tried` calls per second in one step: never more than the plant, prepared, can. Its load is what
   * was tried when it is short itself; when others are, they hold what would come.
   */
  answer(step: number, tried: number, answered: number, seconds: number, nowMs: number): void {
    const { capacityRate } = this.plant;
    const isShort = answered >= capacityRate * (1 - 1e-9);
    const load = isShort ? Math.max(tried, answered) : answered;
    this.plant.serve(Math.min(answered, capacityRate), seconds, nowMs, Number.POSITIVE_INFINITY);
    this.columns.load[step] = load;
    (this.columns.answeredRate as Float64Array)[step] = answered;
    this.#arrived = load * seconds;
    this.#keep(step);
  }

  /** Requests being worked on: those in busy slots, or as many as the law of the unit says. */
  #inService(): number {
    const { plant } = this;
    if (this.#usl === undefined) return plant.busy * this.#slots;
    return plant.ready === 0 ? 0 : plant.ready * uslConcurrency(this.#usl, (plant.busy * this.#perUnit) / plant.ready);
  }

  #keep(step: number): void {
    const { plant, columns } = this;
    columns.requested[step] = plant.requested;
    columns.ready[step] = plant.ready;
    columns.billed[step] = plant.billed;
    if (plant.backlog > 0) columns.backlog[step] = plant.backlog;
    if (plant.failed > 0) columns.failed[step] = plant.failed;
  }

  /** Feeds the pipelines with the step that was served. `dependencyMs` is what requests wait for answers of others. */
  measure(step: number, seconds: number, nowMs: number, dependencyMs: number): void {
    const { plant } = this;
    const fresh = this.columns.load[step] as number;
    const arrived = this.#arrived;
    const latency = this.#latency;
    if (this.#isCaller) (this.columns.dependencyMs as Float32Array)[step] = dependencyMs;
    if (latency !== undefined && (this.#needsLatency || this.#isCalled)) {
      // How busy it is itself: what it may not pass on does not keep it busy.
      const { capacityRate } = plant;
      latency.prepare(capacityRate > 0 ? Math.min(fresh, this.#allowed) / capacityRate : 1, capacityRate / this.#perUnit, plant.backlogMs + dependencyMs);
      if (this.#isCalled) this.meanLatencyMs = latency.meanMs;
    }
    const endMs = nowMs + this.#stepMs;
    const pipelines = this.#pipelines;
    const probes = this.#probes;
    for (let i = 0; i < pipelines.length; i++) {
      const pipeline = pipelines[i] as MetricPipeline;
      const isTotal = pipeline.isTotal;
      const probe = probes[i] as Probe | Float64Array;
      if (probe === Probe.Rate) pipeline.record(arrived, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Utilisation) pipeline.record(plant.busy * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Throughput) pipeline.record(plant.served, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Up) pipeline.record(seconds, seconds, endMs);
      else if (probe === Probe.Errors) pipeline.record(plant.failed, Math.max(plant.failed, arrived, 1e-9), endMs);
      else if (probe === Probe.Backlog) pipeline.record(plant.backlog * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Concurrency) pipeline.record((plant.backlog + this.#inService()) * seconds, isTotal ? seconds : plant.ready * seconds, endMs);
      else if (probe === Probe.Latency) {
        // A probe request now and then keeps latency known while nobody comes.
        const requests = Math.max(plant.served, 1e-9);
        pipeline.record(((latency as LatencyModel).quantileMs(pipeline.metric.quantile) / 1_000) * requests, requests, endMs);
      } else if (probe instanceof Float64Array) {
        const value = probe[Math.floor(step / this.#binSteps)] as number;
        pipeline.record(Number.isNaN(value) ? 0 : value * seconds, Number.isNaN(value) ? 0 : seconds, endMs);
      } else {
        pipeline.record(0, 0, endMs);
      }
    }
  }
}
