import { REAL_ZERO } from "../../lib/real.ts";
import { StepSample, type StepSampleState } from "./sample.ts";
import { SizeHold, type SizeHoldState } from "./size-hold.ts";

/** What readings say of the last steps up. */
export type GrowthVerdict = "none" | "validated" | "retrograde" | "futile" | "not_the_step";

/** Plain JSON of a {@link Growth}. */
export interface GrowthState extends SizeHoldState {
  readonly base: StepSampleState;
  readonly best: StepSampleState;
  readonly last: StepSampleState;
  readonly useful: number;
  readonly falls: number;
  readonly fellAtMs: number;
  readonly strikes: number;
  readonly struckAtMs: number;
  readonly serialUntilMs: number;
  readonly isVerifying: boolean;
  readonly enough: number;
}

/** Any growth that a mean over a window can show. */
const MORE = 0.25;
/** Units have to have grown by this share for their worth to show. */
const GROWN = 0.05;
/** So much less than before is a fall, not noise. */
const FALL = 0.05;
/** Of what growth should have brought, less than this is as good as nothing, */
const NOTHING = 0.25;
/** and less than this a reason to look after every step. */
const LITTLE = 0.5;
/** Falls in a row, each by a reading of its own, before a step is taken back, */
const FALLS = 2;
/** and so long: what slows everything down for a moment is no effect of a step. */
const FALLEN_FOR_MS = 60_000;
/** Steps in a row that bring nothing before they are taken back. */
const STRIKES = 2;
/** Readings further apart are of different times. */
const KNOWN_FOR_MS = 600_000;
/** Earlier than anything, and plain JSON. */
const NEVER_MS = -Number.MAX_VALUE;

/**
 * Whether more units do more work. Work done at one size is compared with that at another: while units fall short of what
 * is asked of them, work done is all they can do, whatever load does meanwhile, so no change of load is taken for an
 * effect of the step. When a smaller size did more, growth is retrograde; when growth twice brought less than a quarter of its share, it
 * is futile. Both are taken back, and that size is not exceeded for a while. When that does not bring back what there
 * was, something else had happened, and the size is free again.
 */
export class Growth {
  readonly #hold: SizeHold;
  readonly #holdMs: number = 0;
  readonly #warmUpMs: number = 0;
  readonly #windowMs: number = 0;
  /** At the size that is known to be worth its units. */
  #base = new StepSample();
  /** Most work done since. */
  #best = this.#base;
  #last = this.#base;
  /** One more than are ever kept, so that each reading that is judged goes into one that nobody refers to. */
  readonly #pool = [this.#base, new StepSample(), new StepSample(), new StepSample()];
  /** Units that would do what is done at the base. */
  #useful = REAL_ZERO;
  readonly #nothing = new StepSample();
  #falls = 0;
  #fellAtMs = NEVER_MS;
  #strikes = 0;
  #struckAtMs = NEVER_MS;
  #serialUntilMs = NEVER_MS;
  #isVerifying = false;
  /** Work that has to be done at the smaller size for the step to have been the cause. */
  #enough = REAL_ZERO;
  /** Of the last verdict: work done then and now. */
  servedBefore = REAL_ZERO;
  servedNow = REAL_ZERO;

  /**
   * @param holdMs after growth that did not help, nothing beyond its size for so long; twice as long each time
   * @param warmUpMs after which a unit does all that it can
   * @param windowMs that readings of work are means over: readings closer together share most of what they saw
   */
  constructor(holdMs: number, warmUpMs: number, windowMs: number) {
    this.#holdMs = holdMs;
    this.#hold = new SizeHold(holdMs);
    this.#warmUpMs = warmUpMs;
    this.#windowMs = windowMs;
  }

  /** Whether each step has to show its worth before the next. */
  isSerialAt(nowMs: number): boolean {
    return nowMs < this.#serialUntilMs;
  }

  /** Units that growth may not exceed now; infinite when nothing is known against it. */
  capAt(nowMs: number): number {
    return this.#hold.capAt(nowMs);
  }

  /** Beyond this size growth did not help when it was tried last; infinite when it always has. */
  doubtfulAt(nowMs: number): number {
    return this.#hold.doubtfulAt(nowMs);
  }

  /** Units by which growth beyond the doubtful size is tried again: one where too many did harm, as many as show their worth where they did nothing. */
  get probe(): number {
    return this.#hold.wasFutile ? Math.max(1, Math.ceil(GROWN * this.#hold.cap)) : 1;
  }

  /** Time until growth is tried again, ms. */
  remainingMs(nowMs: number): number {
    return this.#hold.remainingMs(nowMs);
  }

  /** Whether the last reading was wholly of this size, and nothing speaks against it so far. */
  hasSettledAt(units: number): boolean {
    return this.#falls === 0 && this.#strikes === 0 && Math.abs(this.#last.units - units) < 1e-6;
  }

  /** Units that are known to be worth having, as a mean over a window. */
  get worthHaving(): number {
    return this.#base.units;
  }

  /** Whether there is nothing to judge but the effect of steps of ours. */
  get isIdle(): boolean {
    return this.#hold.isOver && !this.#isVerifying;
  }

  /**
   * Where the next reading goes. While nothing is judged, all readings go to one place: what is done now is what the next step is
   * compared with.
   */
  next(isJudged: boolean): StepSample {
    const last = this.#last;
    if (!isJudged && last === this.#base && last === this.#best) return last;
    for (const free of this.#pool) if (free !== this.#base && free !== this.#best && free !== last) return free;
    throw new Error("more samples are kept than there are");
  }

  /** Engine time of the end of the last reading's window; NaN before the first. */
  get readToMs(): number {
    return this.#last.atMs;
  }

  /** Takes a newer reading that is not judged, from where {@link Growth.next} said. */
  keep(sample: StepSample): void {
    // Filled anew in its place, it is what was compared with already.
    if (sample === this.#last) {
      this.#useful = sample.units;
      return;
    }
    this.#last = sample;
    this.#accept(sample, sample.units);
  }

  /** Judges a newer reading. @param isOurs whether growth is the effect of steps of ours, which may be blamed   @param isWarm whether units do all that they can */
  record(sample: StepSample, nowMs: number, isOurs: boolean, isWarm: boolean): GrowthVerdict {
    if (sample.atMs - this.#last.atMs > KNOWN_FOR_MS) this.forget();
    this.#last = sample;
    return this.#judge(sample, nowMs, isOurs, isWarm);
  }

  #judge(sample: StepSample, nowMs: number, isOurs: boolean, isWarm: boolean): GrowthVerdict {
    if (this.#isVerifying) return this.#verify(sample, nowMs);
    // Where too many did harm, one more that does none clears the size; where they did nothing, their worth has to show.
    const hold = this.#hold;
    if (!hold.wasFutile && this.#falls === 0 && !hold.isOver && sample.units >= hold.cap + 1 - 1e-6) this.#trust();
    const base = this.#base;
    const best = this.#best;
    if (!isOurs || !(base.units >= 1) || sample.units <= base.units) {
      this.#accept(sample, sample.units);
      return "none";
    }
    // Too little more to tell; were it compared with next, small steps would never be told.
    if (sample.units < base.units + MORE) return "none";
    if (sample.served >= best.served || sample.units < best.units + MORE) {
      this.#best = sample;
      this.#falls = 0;
    } else if (sample.served < (1 - FALL) * best.served && sample.isShort(best)) {
      if (this.#falls++ === 0) this.#fellAtMs = sample.atMs;
      return this.#falls >= FALLS && sample.atMs - this.#fellAtMs >= Math.max(FALLEN_FOR_MS, this.#windowMs) && this.#hold.mayBlameAt(nowMs)
        ? this.#blame("retrograde", best, best.units, sample, nowMs)
        : "none";
    } else {
      this.#falls = 0;
    }
    return this.#weigh(base, sample, nowMs, isWarm);
  }

  /** What growth since the base was worth. */
  #weigh(base: StepSample, sample: StepSample, nowMs: number, isWarm: boolean): GrowthVerdict {
    const grown = sample.units / base.units - 1;
    if (!(grown >= GROWN)) return "none";
    if (!sample.isShort(base)) {
      this.#accept(sample, sample.units);
      this.#serialUntilMs = NEVER_MS;
      this.#clear(sample);
      return "validated";
    }
    // The old size had more to give: how much is not known.
    if (!base.isShort()) {
      this.#accept(sample, sample.units);
      return "none";
    }
    const worth = base.served > 0 ? (sample.served / base.served - 1) / grown : sample.served > 0 ? 1 : 0;
    const useful = this.#useful + (sample.units - base.units) * Math.max(0, Math.min(1, worth));
    if (worth >= NOTHING) {
      const isLittle = worth < LITTLE;
      // Cold units do little, and will do more.
      if (isLittle && !isWarm) return "none";
      this.#serialUntilMs = isLittle ? nowMs + this.#holdMs : NEVER_MS;
      this.#accept(sample, isLittle ? useful : sample.units);
      if (!isLittle) this.#clear(sample);
      return "validated";
    }
    if (!isWarm) return "none";
    // Again: after a time in which what was slow to begin has begun.
    if (this.#strikes > 0 && sample.atMs - this.#struckAtMs < Math.max(this.#warmUpMs, this.#windowMs)) return "none";
    this.#strikes++;
    this.#struckAtMs = sample.atMs;
    this.#serialUntilMs = nowMs + this.#holdMs;
    if (this.#strikes < STRIKES || !this.#hold.mayBlameAt(nowMs)) return "none";
    return this.#blame("futile", base, useful, sample, nowMs);
  }

  /** A size beyond the doubtful one has shown its worth. */
  #clear(sample: StepSample): void {
    if (sample.units > this.#hold.cap) this.#trust();
    this.#hold.wasRight();
  }

  /** Nothing speaks against any size. */
  #trust(): void {
    this.#hold.clear();
    this.#serialUntilMs = NEVER_MS;
  }

  /** Growth is taken back to here, which may be more than was blamed. */
  takenBackTo(units: number): void {
    this.#hold.cap = Math.max(this.#hold.cap, units);
  }

  /** @param useful units that would do as much, as far as is known */
  #accept(sample: StepSample, useful: number): void {
    this.#useful = useful;
    this.#base = sample;
    this.#best = sample;
    this.#falls = 0;
    this.#strikes = 0;
  }

  #blame(verdict: "retrograde" | "futile", better: StepSample, units: number, now: StepSample, nowMs: number): GrowthVerdict {
    this.servedBefore = better.served;
    this.servedNow = now.served;
    this.#enough = verdict === "retrograde" ? (better.served + now.served) / 2 : (1 - 2 * FALL) * now.served;
    this.#serialUntilMs = this.#hold.begin(Math.max(1, Math.ceil(units - 1e-6)), nowMs, verdict === "futile");
    this.#isVerifying = true;
    this.#accept(better, units);
    return verdict;
  }

  /** Whether taking it back brought back what there was. */
  #verify(sample: StepSample, nowMs: number): GrowthVerdict {
    // Not yet a reading of the smaller size alone.
    if (sample.units > this.#hold.cap + 1e-6) return "none";
    this.#isVerifying = false;
    this.#accept(sample, sample.units);
    if (sample.served >= this.#enough || !sample.isShort()) return "none";
    this.#hold.wasWrong(nowMs);
    this.#serialUntilMs = NEVER_MS;
    return "not_the_step";
  }

  /** What was known is of another time, or of changes that others made. */
  forget(): void {
    // Nothing is compared with it any more.
    this.#base = this.#nothing;
    this.#best = this.#nothing;
    this.#falls = 0;
    this.#strikes = 0;
    this.#isVerifying = false;
  }

  state(): GrowthState {
    return {
      base: this.#base.state(),
      best: this.#best.state(),
      last: this.#last.state(),
      useful: this.#useful,
      falls: this.#falls,
      fellAtMs: this.#fellAtMs,
      strikes: this.#strikes,
      struckAtMs: this.#struckAtMs,
      serialUntilMs: this.#serialUntilMs,
      isVerifying: this.#isVerifying,
      enough: this.#enough,
      ...this.#hold.state(),
    };
  }

  restore(state: GrowthState): void {
    const [base, best, last] = this.#pool as [StepSample, StepSample, StepSample, StepSample];
    base.restore(state.base);
    best.restore(state.best);
    last.restore(state.last);
    this.#base = base;
    this.#best = best;
    this.#last = last;
    this.#useful = state.useful;
    this.#falls = state.falls;
    this.#fellAtMs = state.fellAtMs;
    this.#strikes = state.strikes;
    this.#struckAtMs = state.struckAtMs;
    this.#serialUntilMs = state.serialUntilMs;
    this.#isVerifying = state.isVerifying;
    this.#enough = state.enough;
    this.#hold.restore(state);
  }
}
