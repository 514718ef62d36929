import { UNITS_MAX } from "../capacity/units.ts";
import { REAL_ZERO } from "../lib/real.ts";
import { metricsReadBy, type ResolvedWorkload } from "../policy/resolve.ts";
import type { CompiledSchedules } from "../policy/schedule.ts";
import type { MetricSlot } from "./metric-slot.ts";
import type { ReasonLog } from "./reason-log.ts";
import { REASON } from "./reasons.ts";
import { type QueueParams, queueUnits } from "./strategies/queue.ts";
import { badShare, SloBurn, type SloBurnParams, type SloBurnState } from "./strategies/slo-burn.ts";
import { EPSILON, stepUnits } from "./strategies/step-units.ts";
import { isWithinTolerance, type TargetTrackingParams, targetRatio, targetUnits } from "./strategies/target-tracking.ts";
import { type TiersParams, tierAt, tierUnits } from "./strategies/tiers.ts";
import { Transitions } from "./transitions.ts";

/** Plain JSON of a {@link Recommender}. */
export interface RecommenderState {
  /** By strategy; null for those without memory. */
  readonly burns: readonly (SloBurnState | null)[];
}

/** Asks every strategy of a workload and takes the highest answer. */
export class Recommender {
  /** Units ready or on their way, and units that will not come; set before {@link Recommender.recommend}. */
  serving = REAL_ZERO;
  missing = REAL_ZERO;
  /** Lowest bound now. */
  min = 0;
  /** Whether the answer rests on readings. */
  isInformed = false;

  readonly #strategies: ResolvedWorkload["strategies"];
  readonly #log: ReasonLog;
  /** Slot of each strategy, by its position. */
  readonly #slotOf: MetricSlot[];
  /** What waits of a queue, or the total of a ratio, beside the metric of the strategy. */
  readonly #secondSlotOf: readonly (MetricSlot | undefined)[];
  /** By strategy; only those with a calendar are asked. */
  readonly #desired: readonly Transitions<number>[];
  /** By strategy; only those of a burn are asked. */
  readonly #burns: readonly (SloBurn | undefined)[];
  /** Whether the last opinion rests on a reading, and not on one that is late or incomplete. */
  #isMeasured = true;
  /** Strategies that read a metric. */
  readonly #measuring: number = 0;

  constructor(policy: ResolvedWorkload, slots: readonly MetricSlot[], schedules: CompiledSchedules | undefined, log: ReasonLog) {
    this.#strategies = policy.strategies;
    this.#log = log;
    const readBy = policy.strategies.map((strategy) => metricsReadBy(strategy).map((name) => slots.find((slot) => slot.metric.name === name)));
    // A strategy with a calendar reads no metric, and is never asked for one.
    this.#slotOf = readBy.map(([slot]) => slot as MetricSlot);
    this.#secondSlotOf = readBy.map(([, slot]) => slot);
    this.#desired = policy.strategies.map((_, i) => new Transitions(0, schedules?.desired[i] ?? []));
    this.#burns = policy.strategies.map((strategy) => (strategy.type === "sloBurn" ? new SloBurn(strategy.objective, policy.intervalMs) : undefined));
    this.#measuring = policy.strategies.filter((strategy) => strategy.type !== "schedule").length;
  }

  /** The highest recommendation, ties by order in the file; -1 when no strategy has an opinion. */
  recommend(current: number, nowMs: number): number {
    const strategies = this.#strategies;
    let best = -1;
    let winner = 0;
    let opinions = 0;
    let measured = 0;
    for (let i = 0; i < strategies.length; i++) {
      const units = this.#recommendOne(i, current, nowMs);
      if (units < 0) continue;
      opinions++;
      if (this.#isMeasured) measured++;
      if (units > best) {
        best = units;
        winner = i;
      }
    }
    if (opinions > 1) this.#log.add(REASON.highest_wins, best, best, winner + 1, strategies.length);
    this.isInformed = measured > 0 || this.#measuring === 0;
    return best;
  }

  /** What one strategy asks for, or -1 when it has no opinion. */
  #recommendOne(index: number, current: number, nowMs: number): number {
    const strategy = this.#strategies[index] as ResolvedWorkload["strategies"][number];
    this.#isMeasured = true;
    const slot = this.#slotOf[index] as MetricSlot;
    switch (strategy.type) {
      case "targetTracking":
        return slot.isUsable ? this.#track(strategy, slot, current) : this.#recommendLate(strategy, slot, current);
      case "tiers":
        return slot.isUsable ? this.#climb(strategy, slot, current) : this.#recommendLate(strategy, slot, current);
      case "queue":
        return this.#recommendByQueue(strategy, index, slot, current);
      case "sloBurn":
        return this.#recommendByBurn(strategy, index, current, nowMs);
      case "schedule":
        this.#isMeasured = false;
        return this.#recommendByCalendar(index, current, nowMs);
    }
  }

  /** By a reading that cannot be used: late or incomplete is better than nothing when it says that there is more to do. */
  #recommendLate(strategy: TargetTrackingParams | TiersParams, slot: MetricSlot, current: number): number {
    this.#isMeasured = false;
    if (!slot.mayOnlyAdd) {
      this.#log.add(REASON.no_opinion, current, current, slot.index);
      return -1;
    }
    const units = strategy.type === "tiers" ? this.#climb(strategy, slot, current) : this.#track(strategy, slot, current);
    // When it says less, it is nothing to go by.
    if (units <= current) {
      this.#log.add(REASON.no_opinion, current, current, slot.index);
      return -1;
    }
    this.#log.add(REASON.late_growth, current, units, slot.index);
    return units;
  }

  #climb(strategy: TiersParams, slot: MetricSlot, current: number): number {
    // Of units that will not start only a step's worth counts as lost; beyond that the platform is short, and asking does not help.
    const serving = this.serving + this.missing - this.#replaceable(current);
    if (serving <= 0) {
      this.#log.add(REASON.no_recommendation, current, current);
      return current;
    }
    const utilisation = slot.load / serving;
    const tier = tierAt(strategy, utilisation);
    const units = tierUnits(strategy, current, tier);
    if (tier > 0) this.#log.add(REASON.tier_up, current, units, slot.index, utilisation, strategy.up[tier - 1]?.at, units - current);
    else if (tier < 0) this.#log.add(REASON.tier_down, current, units, slot.index, utilisation, strategy.down[-tier - 1]?.below, current - units);
    else this.#log.add(REASON.no_tier, current, current, slot.index, utilisation);
    return units;
  }

  #track(strategy: TargetTrackingParams, slot: MetricSlot, current: number): number {
    const ratio = targetRatio(strategy, current - this.missing, slot.load);
    if (isWithinTolerance(strategy, ratio)) {
      this.#log.add(REASON.within_tolerance, current, current, slot.index, ratio, strategy.toleranceDown, strategy.toleranceUp);
      return current;
    }
    const needed = targetUnits(strategy, slot.load);
    const replaced = this.#replaceable(needed);
    const units = Math.min(UNITS_MAX, needed + replaced);
    this.#log.add(REASON.target_tracking, current, units, slot.index, slot.load, strategy.targetPerUnit, replaced);
    return units;
  }

  #recommendByBurn(strategy: SloBurnParams, index: number, current: number, nowMs: number): number {
    const burn = this.#burns[index] as SloBurn;
    const slot = this.#slotOf[index] as MetricSlot;
    if (slot.isUsable) {
      const total = this.#secondSlotOf[index];
      // Of events where they are counted, of time otherwise.
      const weight = total?.isUsable ? total.load : 1;
      burn.record(nowMs, weight * badShare(strategy.objective, slot.value), weight);
    }
    const level = burn.judge(nowMs);
    if (level === "none") return -1;
    if (level === "fast" && slot.isUsable) {
      const units = current + stepUnits(strategy.add, current);
      this.#log.add(REASON.slo_burn, current, units, slot.index, burn.longBurn, burn.shortBurn, burn.threshold, burn.budgetLeft);
      return units;
    }
    this.#log.add(REASON.slo_burn_slow, current, current, slot.index, burn.longBurn, burn.shortBurn, burn.budgetLeft);
    return current;
  }

  #recommendByQueue(strategy: QueueParams, index: number, arrivals: MetricSlot, current: number): number {
    const backlog = this.#secondSlotOf[index] as MetricSlot;
    if (!arrivals.isUsable && !backlog.isUsable) {
      this.#log.add(REASON.no_opinion, current, current, arrivals.index);
      return -1;
    }
    const comes = arrivals.isUsable ? arrivals.load : 0;
    const waits = backlog.isUsable ? backlog.value : 0;
    const needed = queueUnits(strategy, comes, waits);
    const units = Math.min(UNITS_MAX, needed + this.#replaceable(needed));
    this.#log.add(REASON.queue, current, units, arrivals.index, comes, waits, strategy.drainMs, strategy.perUnit);
    if (arrivals.isUsable && backlog.isUsable) return units;
    const held = Math.max(units, current);
    this.#log.add(REASON.queue_unseen, units, held, (arrivals.isUsable ? backlog : arrivals).index);
    return held;
  }

  #recommendByCalendar(index: number, current: number, nowMs: number): number {
    const desired = this.#desired[index] as Transitions<number>;
    desired.advance(nowMs);
    const units = Math.max(this.min, desired.value);
    if (desired.value > 0) this.#log.add(REASON.schedule_open, current, units, desired.value);
    else this.#log.add(REASON.schedule_closed, current, units, units);
    return units;
  }

  /** Failed units that are asked for once more: at most a tenth of what is needed, at least one. */
  #replaceable(needed: number): number {
    return this.missing === 0 ? 0 : Math.min(this.missing, Math.max(1, Math.ceil(0.1 * needed - EPSILON)));
  }

  state(): RecommenderState {
    return { burns: this.#burns.map((burn) => burn?.state() ?? null) };
  }

  restore(state: RecommenderState): void {
    for (const [i, burn] of this.#burns.entries()) {
      const known = state.burns[i];
      if (known != null) burn?.restore(known);
    }
  }
}
