import { REAL_ZERO } from "../lib/real.ts";
import { evaluateFormula, type Formula, metricsOf } from "../policy/formula.ts";
import { metricsReadBy, type ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { Reading } from "./model.ts";
import type { ReasonLog } from "./reason-log.ts";
import { REASON } from "./reasons.ts";
import { EPSILON } from "./strategies/step-units.ts";
import type { ReadyHistory } from "./windows/ready-history.ts";

/** Loads saturate here, so that sums and products of a few of them stay finite. */
const LOAD_MAX = 1e300;

/** Beyond the age at which they are stale, readings may still be a reason to grow for so long. */
const LATE_MS = 600_000;

/** Plain JSON of a {@link MetricSlot}. */
export interface MetricSlotState {
  readonly lastLoad: number;
  readonly zeros: number;
  readonly zeroSampledAtMs: number;
}

/** What is known of one metric at this tick, and what scale-in has to prove about it. */
export class MetricSlot {
  readonly metric: ResolvedMetric;
  readonly index: number = 0;
  /** Whether a strategy or an objective reads it; only those decide the posture. */
  readonly isUsed: boolean;
  /** Whether it comes from the units themselves, and is silent while there are none. */
  readonly isOfUnits: boolean;
  /** Whether it is worth judging: used, or an error ratio, which makes a cliff of load worse. */
  readonly isRead: boolean;
  /** Most load one unit may carry after a scale-in; infinite when nothing limits it. */
  readonly limitPerUnit: number = REAL_ZERO;
  /** Highest reading that still allows scale-in, for what does not depend on the number of units; infinite when none. */
  readonly limitAsMeasured: number = REAL_ZERO;
  /** Units of load that one unit carries at 100 %; NaN when not declared. */
  readonly perUnit: number = REAL_ZERO;
  isUsable = false;
  /** Whether the reading is too old or too incomplete to be used, and may still be a reason to grow. */
  mayOnlyAdd = false;
  value = REAL_ZERO;
  /** Load over all units in the metric's own unit (for utilisation: busy units). Only for rate and utilisation. */
  load = REAL_ZERO;

  /** Whether readings say how much work the units carry. */
  readonly carriesLoad: boolean;
  /** What one unit carries as far as is known: at 100 %, or else at its target; NaN when neither is declared. */
  readonly #worthPerUnit: number = REAL_ZERO;
  readonly #isPerUnit: boolean;
  readonly #mayBeNegative: boolean;
  readonly #zeroGuard: ResolvedWorkload["guards"]["implausibleZero"];
  readonly #staleAfterMs: number = 0;
  readonly #intervalMs: number = 0;
  /** Whether the reading was a zero that is not believed yet. */
  isDoubted = false;
  /** Window of the reading. */
  fromMs = REAL_ZERO;
  toMs = REAL_ZERO;
  /** Mean units ready in it, where a reading is of one unit; NaN where it is of all. */
  unitsMean = Number.NaN;
  readonly #computed: Reading;
  readonly #operands = new Map<string, MetricSlot>();
  readonly #valueOf = (name: string): number => (this.#operands.get(name) as MetricSlot).value;
  /** Of the last reading above zero. */
  #lastLoad = REAL_ZERO;
  #zeros = 0;
  #zeroSampledAtMs = -Number.MAX_VALUE;

  constructor(policy: ResolvedWorkload, index: number) {
    const metric = policy.metrics[index] as ResolvedMetric;
    this.metric = metric;
    this.index = index;
    this.carriesLoad = carriesLoad(policy, metric);
    this.perUnit = metric.measures === "utilisation" ? 1 : metric.measures === "rate" ? (policy.unit.serves?.rate ?? Number.NaN) : Number.NaN;
    this.limitPerUnit = limitPerUnit(policy, metric);
    this.limitAsMeasured = limitAsMeasured(policy, metric);
    this.#worthPerUnit = Number.isNaN(this.perUnit) && Number.isFinite(this.limitPerUnit) ? this.limitPerUnit : this.perUnit;
    this.isUsed =
      policy.activation?.metric === metric.name ||
      policy.strategies.some((strategy) => metricsReadBy(strategy).includes(metric.name)) ||
      Number.isFinite(this.limitPerUnit) ||
      Number.isFinite(this.limitAsMeasured);
    this.isOfUnits = metric.scope === "unit" || metric.measures === "utilisation" || metric.measures === "latency" || metric.measures === "errors";
    const isOperand = policy.metrics.some(({ formula }) => formula !== undefined && metricsOf(formula).includes(metric.name));
    this.isRead = isOperand || this.isUsed || metric.measures === "errors" || metric.measures === "up" || metric.measures === "throughput";
    this.#isPerUnit = metric.scope === "unit";
    this.#mayBeNegative = metric.measures === "gauge" && !this.carriesLoad;
    this.#zeroGuard = this.carriesLoad ? policy.guards.implausibleZero : "off";
    this.#intervalMs = policy.intervalMs;
    this.#computed = { metric: metric.name, status: "value", value: 0, sampledAtMs: 0, windowMs: 0, partial: false };
    this.#staleAfterMs = policy.guards.staleAfterMs + metric.lagMs;
  }

  /** Decides whether the reading can be used; says why not. */
  judge(reading: Reading | undefined, nowMs: number, ready: ReadyHistory, log: ReasonLog, units: number, isSourceUp: boolean): void {
    this.isUsable = false;
    this.mayOnlyAdd = false;
    this.isDoubted = false;
    if (reading === undefined || reading.status === "absent") {
      log.add(REASON.reading_absent, units, units, this.index);
      return;
    }
    const value = reading.value;
    if (reading.status === "invalid" || !Number.isFinite(value) || (value < 0 && !this.#mayBeNegative)) {
      log.add(REASON.reading_invalid, units, units, this.index, value);
      return;
    }
    const ageMs = nowMs - reading.sampledAtMs;
    // No time at all, or one that has not come yet: whatever wrote it does not know when it looked.
    if (!Number.isFinite(reading.windowMs) || !(ageMs >= -this.#intervalMs)) {
      log.add(REASON.reading_invalid, units, units, this.index, value);
      return;
    }
    if (ageMs > this.#staleAfterMs) {
      log.add(REASON.reading_stale, units, units, this.index, ageMs, this.#staleAfterMs);
      if (this.carriesLoad && ageMs - this.#staleAfterMs <= LATE_MS && !reading.partial) this.#takeDoubtful(reading, ready);
      return;
    }
    if (reading.partial) {
      log.add(REASON.reading_partial, units, units, this.index);
      if (this.carriesLoad) this.#takeDoubtful(reading, ready);
      return;
    }
    this.value = value;
    this.fromMs = reading.sampledAtMs - reading.windowMs;
    this.toMs = reading.sampledAtMs;
    if (this.carriesLoad) {
      if (this.#isPerUnit) this.unitsMean = ready.mean(this.fromMs, this.toMs);
      const load = this.#isPerUnit ? value * this.unitsMean : value;
      this.load = load < LOAD_MAX ? load : LOAD_MAX;
      if (this.#isImplausibleZero(reading, log, units, isSourceUp)) return;
    }
    this.isUsable = true;
  }

  /** Keeps what an old or incomplete reading says. */
  #takeDoubtful(reading: Reading, ready: ReadyHistory): void {
    this.mayOnlyAdd = true;
    const load = this.#isPerUnit ? reading.value * ready.mean(reading.sampledAtMs - reading.windowMs, reading.sampledAtMs) : reading.value;
    this.load = Math.min(load, LOAD_MAX);
  }

  /** Says where the metrics are that this one is computed from. */
  bind(slots: readonly MetricSlot[]): void {
    for (const slot of slots)
      if (this.metric.formula !== undefined && metricsOf(this.metric.formula).includes(slot.metric.name)) this.#operands.set(slot.metric.name, slot);
  }

  /** Computes it from others instead of reading it. */
  compute(nowMs: number, ready: ReadyHistory, log: ReasonLog, units: number, isSourceUp: boolean): void {
    const reading = this.#computed;
    reading.sampledAtMs = Number.POSITIVE_INFINITY;
    let fromMs = Number.POSITIVE_INFINITY;
    for (const operand of this.#operands.values()) {
      if (!operand.isUsable) {
        this.isUsable = false;
        this.isDoubted = false;
        log.add(REASON.formula_unknown, units, units, this.index, operand.index);
        return;
      }
      reading.sampledAtMs = Math.min(reading.sampledAtMs, operand.toMs);
      fromMs = Math.min(fromMs, operand.fromMs);
    }
    reading.windowMs = Math.max(0, reading.sampledAtMs - fromMs);
    reading.value = evaluateFormula(this.metric.formula as Formula, this.#valueOf);
    this.judge(reading, nowMs, ready, log, units, isSourceUp);
  }

  /** Units' worth of the load, NaN when a unit's worth is not known. */
  get worth(): number {
    return this.load / this.#worthPerUnit;
  }

  /** Whether it reads zero after a load worth this many units. */
  hasVanished(worth: number): boolean {
    return this.value === 0 && this.#lastLoad / this.#worthPerUnit >= worth;
  }

  /** Takes the reading back: something else says that it cannot be. */
  disbelieve(): void {
    this.isUsable = false;
    this.isDoubted = true;
  }

  /** Fewest serving units that keep this metric inside its limits, by the most load that the reading can mean. */
  provenUnits(ready: ReadyHistory): number {
    const load = this.#isPerUnit ? Math.min(LOAD_MAX, this.value * ready.mostMean(this.fromMs, this.toMs)) : this.load;
    return Math.ceil(load / this.limitPerUnit - EPSILON);
  }

  #isImplausibleZero(reading: Reading, log: ReasonLog, units: number, isSourceUp: boolean): boolean {
    if (this.#zeroGuard === "off") return false;
    if (this.value > 0) {
      this.#lastLoad = this.load;
      this.#zeros = 0;
      return false;
    }
    if (isSourceUp) return false;
    const worth = Number.isNaN(this.#worthPerUnit) ? this.#lastLoad : this.#lastLoad / this.#worthPerUnit;
    if (worth < this.#zeroGuard.worth) return false;
    if (reading.sampledAtMs !== this.#zeroSampledAtMs) {
      this.#zeros++;
      this.#zeroSampledAtMs = reading.sampledAtMs;
    }
    if (this.#zeros > this.#zeroGuard.samples) return false;
    this.isDoubted = true;
    log.add(REASON.implausible_zero, units, units, this.index, worth, this.#zeros);
    return true;
  }

  state(): MetricSlotState {
    return { lastLoad: this.#lastLoad, zeros: this.#zeros, zeroSampledAtMs: this.#zeroSampledAtMs };
  }

  restore(state: MetricSlotState): void {
    this.#lastLoad = state.lastLoad;
    this.#zeros = state.zeros;
    this.#zeroSampledAtMs = state.zeroSampledAtMs;
  }
}

/** Whether readings say how much work the units carry: rates and utilisations, and what is counted and tracked. */
function carriesLoad(policy: ResolvedWorkload, metric: ResolvedMetric): boolean {
  if (metric.measures === "rate" || metric.measures === "utilisation") return true;
  return policy.strategies.some((strategy) => strategy.type === "targetTracking" && strategy.metric === metric.name);
}

function limitPerUnit(policy: ResolvedWorkload, metric: ResolvedMetric): number {
  if (!carriesLoad(policy, metric)) return Number.POSITIVE_INFINITY;
  const limits: number[] = [];
  for (const strategy of policy.strategies) {
    if (strategy.type === "schedule" || strategy.type === "sloBurn" || strategy.metric !== metric.name) continue;
    if (strategy.type === "targetTracking") limits.push(strategy.targetPerUnit * (1 + strategy.toleranceUp));
    else if (strategy.type === "queue") limits.push(strategy.perUnit);
    // A hair under the lowest rung going up: exactly on it, what was taken away would be added straight back.
    else if (strategy.up[0] !== undefined) limits.push(strategy.up[0].at * (1 - 1e-6));
  }
  for (const objective of policy.objectives) {
    if (objective.kind === "band" && objective.metric === metric.name) limits.push(objective.to);
    // What is summed over all units does not change with their number.
    if (objective.kind === "threshold" && objective.metric === metric.name && isUpperBound(objective.op) && !isTotal(metric)) limits.push(objective.value);
  }
  return Math.min(...limits, Number.POSITIVE_INFINITY);
}

function isTotal(metric: ResolvedMetric): boolean {
  return metric.measures !== "utilisation" && metric.scope === "total";
}

function limitAsMeasured(policy: ResolvedWorkload, metric: ResolvedMetric): number {
  if (carriesLoad(policy, metric) && !isTotal(metric)) return Number.POSITIVE_INFINITY;
  const limits: number[] = [];
  for (const objective of policy.objectives) {
    if (objective.kind === "threshold" && objective.metric === metric.name && isUpperBound(objective.op)) limits.push(objective.value);
    if (objective.kind === "ratio" && objective.bad === metric.name && metric.measures === "errors") limits.push(1 - objective.minimum);
  }
  return Math.min(...limits, Number.POSITIVE_INFINITY);
}

function isUpperBound(op: "lte" | "lt" | "gte" | "gt"): boolean {
  return op === "lte" || op === "lt";
}
