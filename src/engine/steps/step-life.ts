import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedSteps } from "../../policy/resolve-guards.ts";
import type { MetricSlot } from "../metric-slot.ts";
import type { ReasonLog } from "../reason-log.ts";
import { REASON } from "../reasons.ts";
import type { ReadyHistory } from "../windows/ready-history.ts";
import { Growth, type GrowthState } from "./growth.ts";
import type { StepSample } from "./sample.ts";
import { ScaleIn, type ScaleInState } from "./scale-in.ts";
import { StepSenses } from "./senses.ts";
import { Starts, type StartsState } from "./starts.ts";

/** Why a step is taken back. */
const FAILURES = {
  retrograde: REASON.retrograde,
  futile: REASON.futile,
  step_failed_errors: REASON.step_failed_errors,
  step_failed_latency: REASON.step_failed_latency,
} as const;
type StepFailure = keyof typeof FAILURES;

/** Plain JSON of a {@link StepLife}. */
export interface StepLifeState {
  readonly growth: GrowthState;
  readonly scaleIn: ScaleInState;
  readonly starts: StartsState;
  readonly goal: number;
  readonly goalUntilMs: number;
  readonly why: readonly [code: StepFailure, a: number, b: number];
  readonly grewAtMs: number;
  readonly grewFrom: number;
}

/** Share of what a dependency has that makes it saturated. */
const DEPENDENCY_SATURATED = 0.9;
/** Units whose warm-up nobody declared are warm by then. */
const WARM_MS = 120_000;
/** What is not taken back by then stays: a verdict is of its time. */
const TAKE_BACK_WITHIN_MS = 120_000;
/** A step down waits so many times its settling time for readings that say what it did. */
const PATIENCE = 4;

/** How far a step may be taken back; asked only when one is to be. */
export interface StepBounds {
  min(): number;
  /** Units that may go at once. */
  mayGo(): number;
}

/**
 * What became of the steps that were taken: whether they helped, whether they are to be taken back, and how large and how soon
 * the next may be. Steps up follow each other without waiting, until one brought little, a dependency is saturated, or nobody
 * has been at that size before; then each has to settle. Steps down always have, where there are errors or latencies to see.
 */
export class StepLife {
  readonly #guard: ResolvedSteps;
  readonly #uses: ResolvedWorkload["uses"];
  readonly #log: ReasonLog;
  readonly #growth: Growth;
  readonly #scaleIn: ScaleIn;
  readonly #starts: Starts;
  readonly #senses: StepSenses;
  readonly #bounds: StepBounds;
  readonly #settleMs: number = 0;
  /** As declared: until then a unit is known to do less. */
  readonly #warmUpMs: number = 0;
  /** Capacity to go back to; -1 when there is nothing to take back. */
  #goal = -1;
  #goalUntilMs = 0;
  #why: readonly [code: StepFailure, a: number, b: number] = ["futile", 0, 0];
  #grewAtMs = -Number.MAX_VALUE;
  /** Capacity before the first of our steps up that have not shown their worth; -1 when all have. */
  #grewFrom = -1;
  #ready = 0;

  constructor(guard: ResolvedSteps, policy: ResolvedWorkload, slots: readonly MetricSlot[], ready: ReadyHistory, bounds: StepBounds, log: ReasonLog) {
    this.#guard = guard;
    this.#bounds = bounds;
    this.#uses = policy.uses;
    this.#log = log;
    this.#senses = new StepSenses(policy, slots, ready);
    this.#settleMs = policy.intervalMs + this.#senses.delayMs;
    this.#warmUpMs = policy.unit.warmUp?.forMs ?? 0;
    this.#growth = new Growth(guard.holdMs, Math.max(WARM_MS, this.#warmUpMs), this.#senses.workWindowMs);
    this.#scaleIn = new ScaleIn(guard.errorsRise, guard.unsafeMs, PATIENCE * this.#settleMs);
    this.#starts = new Starts(guard.retryMs);
  }

  /**
   * Looks at what the last steps did.
   * @param missing units that will not come   @param arrived units that have come since the last tick
   */
  observe(current: number, ready: number, missing: number, arrived: number, nowMs: number): void {
    this.#ready = ready;
    if (this.#starts.attempts > 0) this.#starts.observe(missing, arrived);
    if (this.#senses.seesWork) this.#observeGrowth(current, nowMs);
    if (this.#scaleIn.isOpen) this.#observeScaleIn(current, nowMs);
    if (this.#goal >= 0) this.#observeGoal(current, nowMs);
  }

  #observeGoal(current: number, nowMs: number): void {
    // Reached, or overtaken by whoever else changes capacity.
    if (this.#goal === current) this.#goal = -1;
    if (this.#goal < 0 || nowMs <= this.#goalUntilMs) return;
    this.#goal = -1;
    this.#growth.forget();
  }

  /** Somebody else changed capacity: nothing that is seen now is the effect of our steps. */
  forget(): void {
    this.#growth.forget();
    this.#scaleIn.forget();
    this.#goal = -1;
    this.#grewFrom = -1;
  }

  #observeGrowth(current: number, nowMs: number): void {
    const growth = this.#growth;
    const isOurs = this.#grewFrom >= 0;
    if (!this.#senses.isNewerThan(growth.readToMs)) {
      // Capacity may be back where it was, though nothing new is read.
      if (isOurs) this.#closeGrowth(current);
      return;
    }
    const isJudged = isOurs || !growth.isIdle;
    const sample = growth.next(isJudged);
    this.#senses.fill(sample);
    if (isJudged) this.#judgeGrowth(sample, current, nowMs, isOurs);
    else growth.keep(sample);
  }

  /** Growth that has shown its worth is no longer looked after. */
  #closeGrowth(current: number): void {
    if (this.#growth.worthHaving > current - 0.25) this.#grewFrom = -1;
  }

  #judgeGrowth(sample: StepSample, current: number, nowMs: number, isOurs: boolean): void {
    const growth = this.#growth;
    const verdict = growth.record(sample, nowMs, isOurs, nowMs - this.#grewAtMs >= this.#warmUpMs);
    this.#closeGrowth(current);
    switch (verdict) {
      case "none":
        return;
      case "validated":
        this.#log.add(REASON.step_validated, current, current);
        return;
      case "not_the_step":
        this.#goal = -1;
        this.#log.add(REASON.not_the_step, current, current);
        return;
      case "retrograde":
      case "futile":
        this.#goal = Math.max(this.#bounds.min(), this.#grewFrom, growth.capAt(nowMs), current - this.#bounds.mayGo());
        growth.takenBackTo(this.#goal);
        this.#goalUntilMs = nowMs + TAKE_BACK_WITHIN_MS;
        this.#why = [verdict, growth.servedBefore, growth.servedNow];
    }
  }

  #observeScaleIn(current: number, nowMs: number): void {
    const scaleIn = this.#scaleIn;
    const health = this.#senses.health();
    const { errors } = scaleIn.before;
    const verdict = scaleIn.record(health, nowMs);
    if (verdict === "validated") this.#log.add(REASON.step_validated, current, current);
    if (verdict !== "failed") return;
    this.#goal = scaleIn.from;
    this.#goalUntilMs = nowMs + TAKE_BACK_WITHIN_MS;
    const isErrors = health.errors - errors >= this.#guard.errorsRise;
    this.#why = isErrors ? ["step_failed_errors", errors, health.errors] : ["step_failed_latency", health.slowness, 0];
  }

  /** Whether something is to be taken back. */
  get hasGoal(): boolean {
    return this.#goal >= 0;
  }

  /** Capacity after what has to be taken back. @param mayShrink whether everything can be seen and nobody forbids it */
  takeBack(wish: number, current: number, mayShrink: boolean): number {
    const goal = this.#goal;
    const [code, a, b] = this.#why;
    if (goal > current) {
      this.#goal = -1;
      this.#log.add(FAILURES[code], wish, Math.max(wish, goal), a, b);
      return Math.max(wish, goal);
    }
    const units = mayShrink ? goal : wish;
    this.#log.add(FAILURES[code], wish, units, a, b);
    return units;
  }

  /** Whether a change from `current` to `units` takes back growth that has not shown its worth. */
  isTakingBack(current: number, units: number): boolean {
    return this.#goal >= 0 && units < current && units >= this.#goal;
  }

  /** Growth that waits for the last step to show its worth; `current` when it has to. */
  serialise(wish: number, current: number, nowMs: number): number {
    const doubtful = this.#growth.doubtfulAt(nowMs);
    const tested = Math.min(this.#guard.tested, doubtful);
    if (wish > tested && current >= tested) {
      const step = this.#guard.tested <= doubtful ? 1 : this.#growth.probe;
      const units = this.#hasSettled(current, nowMs) ? Math.min(wish, current + step) : current;
      if (units < wish) this.#log.add(REASON.untested_size, wish, units, tested);
      return units;
    }
    if (this.isSerialAt(nowMs) && !this.#hasSettled(current, nowMs)) {
      this.#log.add(REASON.growth_serial, wish, current);
      return current;
    }
    if (wish <= tested) return wish;
    this.#log.add(REASON.untested_size, wish, tested, tested);
    return tested;
  }

  /** Whether steps up follow each other one by one. */
  isSerialAt(nowMs: number): boolean {
    return this.#growth.isSerialAt(nowMs) || this.#isDependencySaturated();
  }

  #isDependencySaturated(): boolean {
    const servedRate = this.#senses.servedRate();
    for (const { rate, calls = 1 } of this.#uses) if (rate !== undefined && servedRate * calls >= DEPENDENCY_SATURATED * rate) return true;
    return false;
  }

  /** Whether readings are wholly of the present size; after a long time without any, whether they had the time. */
  #hasSettled(current: number, nowMs: number): boolean {
    if (this.#ready >= current && this.#growth.hasSettledAt(this.#ready)) return true;
    return nowMs - this.#grewAtMs >= Math.max(PATIENCE * this.#settleMs, 2 * WARM_MS);
  }

  /** Growth as far as nothing is known against it. */
  limit(wanted: number, current: number, min: number, nowMs: number): number {
    const cap = Math.max(min, this.#growth.capAt(nowMs));
    let units = wanted;
    if (units > cap) {
      units = Math.max(cap, Math.min(units, current));
      this.#log.add(REASON.growth_held, wanted, units, cap, this.#growth.remainingMs(nowMs));
    }
    if (units <= current || !this.#starts.isFutile) return units;
    // What was asked for before is still asked for: one unit more shows whether units come again.
    const frozenMs = this.#starts.frozenForMs(nowMs);
    const most = frozenMs > 0 ? current : current + 1;
    if (units <= most) return units;
    this.#log.add(REASON.futile_starts, units, most, this.#starts.attempts, frozenMs);
    return most;
  }

  /** Whether nothing may be taken away for the sake of the last step down. */
  holdsScaleIn(wish: number, current: number, nowMs: number): boolean {
    const unsafeMs = this.#scaleIn.unsafeForMs(nowMs);
    if (unsafeMs > 0) this.#log.add(REASON.scale_in_unsafe, wish, current, unsafeMs);
    else if (this.#scaleIn.isOpen) this.#log.add(REASON.step_settling, wish, current);
    else return false;
    return true;
  }

  /** Takes note of the step that is taken now. */
  took(nowMs: number, from: number, to: number, missing: number): void {
    if (to > from) {
      this.#grewAtMs = nowMs;
      if (this.#grewFrom < 0) this.#grewFrom = from;
      this.#starts.ask(nowMs, missing);
    } else if (!this.isTakingBack(from, to) && this.#senses.seesHealth) {
      this.#scaleIn.begin(nowMs, from, this.#senses.health());
    }
  }

  state(): StepLifeState {
    return {
      growth: this.#growth.state(),
      scaleIn: this.#scaleIn.state(),
      starts: this.#starts.state(),
      goal: this.#goal,
      goalUntilMs: this.#goalUntilMs,
      why: this.#why,
      grewAtMs: this.#grewAtMs,
      grewFrom: this.#grewFrom,
    };
  }

  restore(state: StepLifeState): void {
    this.#growth.restore(state.growth);
    this.#scaleIn.restore(state.scaleIn);
    this.#starts.restore(state.starts);
    this.#goal = state.goal;
    this.#goalUntilMs = state.goalUntilMs;
    this.#why = state.why;
    this.#grewAtMs = state.grewAtMs;
    this.#grewFrom = state.grewFrom;
  }
}
