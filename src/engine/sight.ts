import type { ResolvedGuards } from "../policy/resolve-guards.ts";
import type { MetricSlot } from "./metric-slot.ts";
import type { Reading } from "./model.ts";
import type { ReasonLog } from "./reason-log.ts";
import { REASON } from "./reasons.ts";
import type { ReadyHistory } from "./windows/ready-history.ts";

/** Share of the targets that have to answer their source for its readings to count. */
const UP_LEAST = 0.5;

/** What readings are worth: each for itself, and all together. */
export class Sight {
  readonly #zeroGuard: ResolvedGuards["implausibleZero"];
  readonly #readyHistory: ReadyHistory;
  readonly #log: ReasonLog;
  /** Those that are used, and those whose readings are judged here. */
  readonly #usedSlots: readonly MetricSlot[];
  readonly #judgedSlots: readonly MetricSlot[];
  /** Slots that say how much work there is, and those that say whether their source works. */
  readonly #loadSlots: readonly MetricSlot[];
  readonly #upSlots: readonly MetricSlot[];
  /** Each after what it is computed from. */
  readonly #computedSlots: readonly MetricSlot[];
  /** Metrics that count for the posture. */
  used = 0;

  constructor(slots: readonly MetricSlot[], zeroGuard: ResolvedGuards["implausibleZero"], readyHistory: ReadyHistory, log: ReasonLog) {
    this.#zeroGuard = zeroGuard;
    this.#readyHistory = readyHistory;
    this.#log = log;
    for (const slot of slots) slot.bind(slots);
    // What is computed is as trustworthy as what it is computed from.
    this.#computedSlots = slots.filter((slot) => slot.metric.formula !== undefined);
    this.#loadSlots = slots.filter((slot) => slot.isRead && slot.carriesLoad && slot.metric.formula === undefined);
    this.#upSlots = slots.filter((slot) => slot.metric.measures === "up");
    this.#usedSlots = slots.filter((slot) => slot.isUsed);
    this.#judgedSlots = slots.filter((slot) => slot.isRead && slot.metric.measures !== "up" && slot.metric.formula === undefined);
  }

  /**
   * Judges every reading; returns how many used metrics are unusable.
   * @param isAsleep whether there are no units, and rightly: what comes from them is silent then
   */
  observe(readings: readonly Reading[], current: number, nowMs: number, isAsleep: boolean): number {
    const isUp = this.#upSlots.length > 0 && this.#isSourceUp(readings, current, nowMs);
    for (let i = 0; i < this.#judgedSlots.length; i++) this.#judgeSlot(this.#judgedSlots[i] as MetricSlot, readings, current, nowMs, isUp);
    if (this.#loadSlots.length > 1 || this.#upSlots.length > 0) this.#seekAgreement(current);
    if (this.#computedSlots.length > 0) this.#compute(current, nowMs, isUp);
    let unusable = 0;
    this.used = this.#usedSlots.length;
    for (let i = 0; i < this.#usedSlots.length; i++) {
      const slot = this.#usedSlots[i] as MetricSlot;
      if (isAsleep && slot.isOfUnits) this.used--;
      else if (!slot.isUsable) unusable++;
    }
    return unusable;
  }

  /** Whether enough of the targets answer, by every metric that says so. */
  #isSourceUp(readings: readonly Reading[], current: number, nowMs: number): boolean {
    let isUp = true;
    for (const slot of this.#upSlots) {
      this.#judgeSlot(slot, readings, current, nowMs, false);
      isUp &&= slot.isUsable && slot.value >= UP_LEAST;
    }
    return isUp;
  }

  #compute(current: number, nowMs: number, isUp: boolean): void {
    for (const slot of this.#computedSlots) if (slot.isRead) slot.compute(nowMs, this.#readyHistory, this.#log, current, isUp);
  }

  #judgeSlot(slot: MetricSlot, readings: readonly Reading[], current: number, nowMs: number, isSourceUp: boolean): void {
    const name = slot.metric.name;
    let reading = readings[slot.index];
    if (reading === undefined || reading.metric !== name) reading = readings.find((candidate) => candidate.metric === name);
    slot.judge(reading, nowMs, this.#readyHistory, this.#log, current, isSourceUp);
  }

  /** What other readings contradict is not believed, however often it comes. */
  #seekAgreement(current: number): void {
    const zeroGuard = this.#zeroGuard;
    if (zeroGuard === "off") return;
    const down = this.#upSlots.find((slot) => slot.isUsable && slot.value < UP_LEAST);
    for (const slot of this.#loadSlots) {
      if (!slot.isUsable) continue;
      if (down !== undefined) {
        this.#log.add(REASON.source_down, current, current, slot.index, down.index, down.value);
        slot.disbelieve();
        continue;
      }
      if (!slot.hasVanished(zeroGuard.worth)) continue;
      const other = this.#loadSlots.find((candidate) => candidate.isUsable && candidate.worth >= zeroGuard.worth);
      if (other === undefined) continue;
      this.#log.add(REASON.metrics_disagree, current, current, slot.index, other.index, other.worth);
      slot.disbelieve();
    }
  }
}
