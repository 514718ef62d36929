import { REAL_ZERO } from "../../lib/real.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { MetricSlot } from "../metric-slot.ts";
import type { ReadyHistory } from "../windows/ready-history.ts";
import type { StepSample } from "./sample.ts";
import type { Health } from "./scale-in.ts";

/** Which of a workload's metrics say what a step did. */
export class StepSenses {
  /** Longest time until readings are wholly of what is now, ms. */
  readonly delayMs: number = 0;
  /** Readings of work done are means over this. */
  readonly workWindowMs: number = 0;
  readonly #perUnit: number = REAL_ZERO;
  readonly #ready: ReadyHistory;
  readonly #served: MetricSlot | undefined;
  /** Whether work done is known in busy units, not requests; read every tick. */
  readonly #isInUnits: boolean;
  readonly #arrivals: MetricSlot | undefined;
  readonly #utilisation: MetricSlot | undefined;
  readonly #backlog: MetricSlot | undefined;
  readonly #errors: readonly MetricSlot[];
  readonly #latencies: readonly MetricSlot[];
  readonly #health = { fromMs: 0, toMs: 0, errors: Number.NaN, slowness: Number.NaN, load: Number.NaN };

  constructor(policy: ResolvedWorkload, slots: readonly MetricSlot[], ready: ReadyHistory) {
    this.#ready = ready;
    this.#perUnit = policy.unit.serves?.rate ?? Number.NaN;
    // By name, so that the order of metrics in the file changes nothing.
    const named = slots.filter(({ isRead }) => isRead).sort((a, b) => (a.metric.name < b.metric.name ? -1 : 1));
    const find = (measures: string): MetricSlot | undefined => named.find(({ metric }) => metric.measures === measures);
    this.#utilisation = named.find(({ metric }) => metric.measures === "utilisation" && metric.scope === "unit");
    this.#served = find("throughput") ?? this.#utilisation;
    this.#isInUnits = this.#served?.metric.measures === "utilisation";
    this.workWindowMs = this.#served?.metric.windowMs ?? 0;
    this.#arrivals = named.find(({ metric }) => metric.measures === "rate" && metric.scope === "total");
    this.#backlog = named.find(({ metric }) => metric.measures === "backlog" && metric.scope === "total");
    this.#errors = named.filter(({ metric }) => metric.measures === "errors");
    this.#latencies = named.filter(({ metric, limitAsMeasured }) => metric.measures === "latency" && Number.isFinite(limitAsMeasured));
    const read = [...this.#errors, ...this.#latencies, ...(this.#served === undefined ? [] : [this.#served])];
    this.delayMs = Math.max(0, ...read.map(({ metric }) => metric.windowMs + metric.lagMs));
  }

  /** Whether what scale-in may harm can be seen at all. */
  get seesHealth(): boolean {
    return this.#errors.length + this.#latencies.length > 0;
  }

  /** Requests served, per second; NaN when nobody can see it. */
  servedRate(): number {
    if (this.#served?.isUsable !== true) return Number.NaN;
    return this.#isInUnits ? this.#served.load * this.#perUnit : this.#served.value;
  }

  /** Whether work done can be seen. */
  get seesWork(): boolean {
    return this.#served?.isUsable === true;
  }

  /** Whether the reading of it, which there has to be, is newer than one that ended at `readToMs`; any is newer than NaN. */
  isNewerThan(readToMs: number): boolean {
    return !((this.#served as MetricSlot).toMs <= readToMs);
  }

  /** What the units did lately; for those of which work done can be seen. */
  fill(sample: StepSample): void {
    const served = this.#served as MetricSlot;
    const isInUnits = this.#isInUnits;
    sample.atMs = served.toMs;
    sample.units = Number.isNaN(served.unitsMean) ? this.#ready.mean(served.fromMs, served.toMs) : served.unitsMean;
    sample.served = isInUnits ? served.load : served.value;
    sample.utilisation = this.#utilisation?.isUsable ? this.#utilisation.value : Number.NaN;
    // What nobody measures is written too: a sample may be of a policy that measured it.
    const scale = isInUnits ? 1 / this.#perUnit : 1;
    sample.arrived = this.#arrivals?.isUsable ? this.#arrivals.value * scale : Number.NaN;
    sample.backlog = this.#backlog?.isUsable ? this.#backlog.value * scale : Number.NaN;
    sample.errors = this.#errors.length === 0 ? Number.NaN : worst(this.#errors, errorsOf);
    sample.slowness = this.#latencies.length === 0 ? Number.NaN : worst(this.#latencies, slownessOf);
  }

  /** What may have got worse. */
  health(): Health {
    const health = this.#health;
    health.fromMs = Number.POSITIVE_INFINITY;
    health.toMs = Number.POSITIVE_INFINITY;
    for (const slots of [this.#errors, this.#latencies])
      for (const { isUsable, fromMs, toMs } of slots) {
        if (!isUsable) continue;
        health.fromMs = Math.min(health.fromMs, fromMs);
        health.toMs = Math.min(health.toMs, toMs);
      }
    if (health.toMs === Number.POSITIVE_INFINITY) health.toMs = -1;
    health.errors = worst(this.#errors, errorsOf);
    health.slowness = worst(this.#latencies, slownessOf);
    const load = this.#arrivals ?? this.#utilisation;
    health.load = load?.isUsable ? load.load : Number.NaN;
    return health;
  }
}

function errorsOf({ value }: MetricSlot): number {
  return value;
}

function slownessOf({ value, limitAsMeasured }: MetricSlot): number {
  return limitAsMeasured > 0 ? value / limitAsMeasured : Number.NaN;
}

/** The highest of what can be seen; NaN when nothing can. */
function worst(slots: readonly MetricSlot[], of: (slot: MetricSlot) => number): number {
  let highest = Number.NaN;
  for (const slot of slots) {
    if (!slot.isUsable) continue;
    const value = of(slot);
    if (!(value <= highest)) highest = value;
  }
  return highest;
}
