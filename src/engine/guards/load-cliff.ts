import type { ResolvedGuards } from "../../policy/resolve.ts";
import { ExtremeWindow, type ExtremeWindowState } from "../windows/extreme-window.ts";

type CliffParams = Exclude<ResolvedGuards["cliff"], "off">;

const RECENT_MS = 120_000;
const EARLIER_MS = 300_000;
/** A cliff is clearly below the lowest load of the time that counts as habit. */
const BELOW_HABIT = 0.8;
/** Deviations of a Poisson count that noise alone practically never reaches. */
const DEVIATIONS = 6;

/** Plain JSON of a {@link LoadCliff}. */
export interface LoadCliffState {
  readonly bucketBeginMs: number;
  readonly sum: number;
  readonly count: number;
  readonly lastMs: number;
  readonly means: readonly number[];
  readonly next: number;
  readonly recentSum: number;
  readonly earlierSum: number;
  readonly cliffAtMs: number;
  readonly holdUntilMs: number;
  readonly blockSum: number;
  readonly blockCount: number;
  readonly habit: ExtremeWindowState;
}

/**
 * Notices load that vanishes: the mean of the last 2 min below a share of the mean of the 5 min before it, the
 * deficit over 6 standard deviations of a Poisson count, and clearly below the lowest 2 min of the last hours (`habit`). Demand that
 * disappears like this is more often an upstream fault than people leaving, and it comes back with a surge (scenarios:
 * traffic cliff then recovery surge). A surge that ends falls back to where load was before. What happens during a hold
 * does not become a habit, so that a fault that comes again is a cliff again.
 * Holes in the data teach nothing: after more than a minute without a sample it starts over.
 */
export class LoadCliff {
  readonly #params: CliffParams;
  readonly #bucketMs: number;
  readonly #recent: number;
  readonly #earlier: number;
  /** What one unit of load per second counts as in requests; NaN when unknown, then the share alone decides. */
  readonly #countPerLoad: number;
  /** A ring of bucket means; `#next` is the oldest once it is full. */
  readonly #means: Float64Array;
  #next = 0;
  #filled = 0;
  /** Sums over the recent and the earlier part of the ring, kept up to date; made anew at each wrap against drift. */
  #recentSum = 0;
  #earlierSum = 0;
  #bucketBeginMs = 0;
  #sum = 0;
  #count = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cliffAtMs = Number.NEGATIVE_INFINITY;
  #holdUntilMs = Number.NEGATIVE_INFINITY;
  /** Means of 2 min that have left the ring, the lowest of the last hours. */
  readonly #habit: ExtremeWindow;
  #blockSum = 0;
  #blockCount = 0;
  recentMean = 0;
  earlierMean = 0;

  constructor(params: CliffParams, intervalMs: number, countPerLoad: number) {
    this.#params = params;
    this.#bucketMs = Math.max(15_000, intervalMs);
    this.#recent = Math.max(1, Math.round(RECENT_MS / this.#bucketMs));
    this.#earlier = Math.max(1, Math.round(EARLIER_MS / this.#bucketMs));
    this.#countPerLoad = countPerLoad;
    this.#habit = new ExtremeWindow(params.habitMs, "lowest");
    this.#means = new Float64Array(this.#recent + this.#earlier);
  }

  /** Takes one sample of the load. Returns true when this sample completes a cliff. */
  record(nowMs: number, load: number): boolean {
    if (nowMs - this.#lastMs > 60_000 + 2 * this.#bucketMs) {
      this.#forget();
    }
    this.#lastMs = nowMs;
    if (this.#count === 0) {
      this.#bucketBeginMs = nowMs;
      this.#sum = 0;
    }
    this.#sum += load;
    this.#count++;
    // The next sample is a whole bucket away when the interval is: close now rather than one tick late.
    if (nowMs - this.#bucketBeginMs + this.#bucketMs / this.#count < this.#bucketMs) return false;
    this.#close(this.#sum / this.#count, nowMs);
    this.#count = 0;
    return this.#filled === this.#means.length && this.#isCliff(nowMs);
  }

  /** An error ratio above the limit during a hold makes it the longer one. */
  recordErrors(nowMs: number, errorRatio: number): void {
    if (nowMs >= this.#holdUntilMs || errorRatio <= this.#params.errorsAbove) return;
    this.#holdUntilMs = Math.max(this.#holdUntilMs, this.#cliffAtMs + this.#params.holdWithErrorsMs);
  }

  /** Milliseconds that scale-in is still held; 0 when it is not. */
  remainingMs(nowMs: number): number {
    return nowMs < this.#holdUntilMs ? this.#holdUntilMs - nowMs : 0;
  }

  #close(mean: number, nowMs: number): void {
    const length = this.#means.length;
    if (this.#filled === length) {
      this.#leave(this.#means[this.#next] as number, nowMs);
      const turning = this.#next + this.#earlier;
      const middle = this.#means[turning < length ? turning : turning - length] as number;
      this.#earlierSum += middle - (this.#means[this.#next] as number);
      this.#recentSum += mean - middle;
    } else this.#filled++;
    this.#means[this.#next] = mean;
    if (++this.#next < length) return;
    this.#next = 0;
    if (this.#filled === length) this.#sumUp();
  }

  /** A bucket leaves the ring. Those of a hold are no habit: they left the present as long ago as the ring is long. */
  #leave(mean: number, nowMs: number): void {
    this.#blockSum += mean;
    if (++this.#blockCount < this.#recent) return;
    const isPresent = nowMs - this.#means.length * this.#bucketMs < this.#holdUntilMs;
    if (this.#params.habitMs > 0 && !isPresent) this.#habit.push(nowMs, this.#blockSum / this.#blockCount);
    this.#blockSum = 0;
    this.#blockCount = 0;
  }

  /** The ring is full and begins at 0. */
  #sumUp(): void {
    this.#earlierSum = 0;
    this.#recentSum = 0;
    for (let i = 0; i < this.#earlier; i++) this.#earlierSum += this.#means[i] as number;
    for (let i = this.#earlier; i < this.#means.length; i++) this.#recentSum += this.#means[i] as number;
  }

  #forget(): void {
    this.#filled = 0;
    this.#next = 0;
    this.#count = 0;
    this.#recentSum = 0;
    this.#earlierSum = 0;
    this.#blockSum = 0;
    this.#blockCount = 0;
  }

  #isCliff(nowMs: number): boolean {
    // Products, not means: on whole numbers they are exact, and a tie is no cliff.
    if (this.#recentSum * this.#earlier >= this.#params.below * this.#earlierSum * this.#recent) return false;
    this.earlierMean = this.#earlierSum / this.#earlier;
    this.recentMean = this.#recentSum / this.#recent;
    const expected = this.earlierMean * this.#countPerLoad * (RECENT_MS / 1_000);
    const deficit = (this.earlierMean - this.recentMean) * this.#countPerLoad * (RECENT_MS / 1_000);
    if (deficit <= DEVIATIONS * Math.sqrt(expected)) return false;
    if (this.#params.habitMs > 0 && !this.#habit.isEmpty(nowMs) && this.recentMean >= BELOW_HABIT * this.#habit.extreme) return false;
    if (nowMs >= this.#holdUntilMs) this.#cliffAtMs = nowMs;
    this.#holdUntilMs = Math.max(this.#holdUntilMs, nowMs + this.#params.holdMs);
    return true;
  }

  state(): LoadCliffState {
    // JSON has no infinities; "never" is the most negative double.
    return {
      bucketBeginMs: this.#bucketBeginMs,
      sum: this.#sum,
      count: this.#count,
      lastMs: Math.max(this.#lastMs, -Number.MAX_VALUE),
      means: [...this.#means.subarray(0, this.#filled)],
      next: this.#next,
      recentSum: this.#recentSum,
      earlierSum: this.#earlierSum,
      cliffAtMs: Math.max(this.#cliffAtMs, -Number.MAX_VALUE),
      holdUntilMs: Math.max(this.#holdUntilMs, -Number.MAX_VALUE),
      blockSum: this.#blockSum,
      blockCount: this.#blockCount,
      habit: this.#habit.state(),
    };
  }

  #restoreMeans(state: LoadCliffState): void {
    this.#forget();
    // Another interval cuts time differently: what was learnt at the old one does not fit, and seven minutes bring it back.
    if (state.means.length > this.#means.length || (state.next === 0 && state.means.length > 0 && state.means.length < this.#means.length)) return;
    this.#means.set(state.means);
    this.#filled = state.means.length;
    this.#next = state.next;
    this.#recentSum = state.recentSum;
    this.#earlierSum = state.earlierSum;
    this.#blockSum = state.blockSum;
    this.#blockCount = state.blockCount;
  }

  restore(state: LoadCliffState): void {
    this.#bucketBeginMs = state.bucketBeginMs;
    this.#sum = state.sum;
    this.#count = state.count;
    this.#lastMs = state.lastMs;
    this.#restoreMeans(state);
    this.#habit.restore(state.habit);
    this.#cliffAtMs = state.cliffAtMs;
    this.#holdUntilMs = state.holdUntilMs;
  }
}
