import { REAL_ZERO } from "../../lib/real.ts";
import type { ResolvedGuards } from "../../policy/resolve-guards.ts";

type CliffParams = Exclude<ResolvedGuards["cliff"], "off">;

const RECENT_MS = 120_000;
const EARLIER_MS = 300_000;
/** Blocks that the time of a habit is cut into. */
const BLOCKS = 64;
/** Load is used to a level when it was about as low for this share of the time of a habit. */
const HABIT_SHARE = 0.25;
/** About as low: at most this much higher. */
const HABIT_LEVEL = 1.25;
/** A load that was nothing at all within this time is one that can be nothing. */
const ZERO_KNOWN_MS = 7 * 86_400_000;
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
  readonly zeroAtMs: number;
  /** What the numbers are of: another metric or interval makes them meaningless. */
  readonly of: string;
  readonly bucketMs: number;
  readonly blockSum: number;
  readonly blockCount: number;
  readonly blocks: readonly number[];
  readonly nextBlock: number;
}

export interface LoadCliffOptions {
  readonly intervalMs: number;
  /** What one unit of load counts as in requests per second; NaN when unknown, then the share alone decides. */
  readonly countPerLoad: number;
  /** Load that one unit carries at 100 %; NaN when unknown. */
  readonly perUnit: number;
  /** Names what the load is measured by, so that a state of something else is not taken for it. */
  readonly of: string;
}

/**
 * Notices load that vanishes: the mean of the last 2 min below a share of the mean of the 5 min before it, the
 * deficit over 6 standard deviations of a Poisson count, and no level that load is used to. Demand that disappears like
 * this is more often an upstream fault than people leaving, and it comes back with a surge (scenarios: traffic cliff then
 * recovery surge). A surge that ends falls back to where load was for much of the last hours: a quarter of the time that
 * counts as habit. What happens during a hold is no habit, so that a fault that comes again is a cliff again.
 * Holes in the data teach nothing: after more than a minute without a sample it starts over.
 */
export class LoadCliff {
  readonly #params: CliffParams;
  // Read every bucket: kept flat.
  readonly #below: number = REAL_ZERO;
  readonly #keepsHabit: boolean;
  /** A pause between samples longer than this is a hole in the data. */
  readonly #pauseMs: number = 0;
  /** Time that all means cover. */
  readonly #spanMs: number = 0;
  readonly #bucketMs: number = 0;
  readonly #recent: number = 0;
  readonly #earlier: number = 0;
  /** What one unit of load per second counts as in requests; NaN when unknown, then the share alone decides. */
  readonly #countPerLoad: number = REAL_ZERO;
  /** A ring of bucket means; `#next` is the oldest once it is full. */
  readonly #means: Float64Array;
  #next = 0;
  #filled = 0;
  /** Sums over the recent and the earlier part of the ring, kept up to date; made anew at each wrap, and before they decide. */
  #recentSum = REAL_ZERO;
  #earlierSum = REAL_ZERO;
  #bucketBeginMs = REAL_ZERO;
  #sum = REAL_ZERO;
  #count = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cliffAtMs = Number.NEGATIVE_INFINITY;
  #holdUntilMs = Number.NEGATIVE_INFINITY;
  /** When load was last nothing at all, and nothing was held for it. */
  #zeroAtMs = Number.NEGATIVE_INFINITY;
  readonly #perUnit: number = REAL_ZERO;
  readonly #of: string;
  readonly #intervalMs: number = 0;
  /** Means of blocks of the time of a habit, in a ring, of what has left the present. */
  readonly #blocks: number[] = [];
  readonly #blockBuckets: number = 0;
  #nextBlock = 0;
  #blockSum = REAL_ZERO;
  #blockCount = 0;
  recentMean = REAL_ZERO;
  earlierMean = REAL_ZERO;

  constructor(params: CliffParams, { intervalMs, countPerLoad, perUnit, of }: LoadCliffOptions) {
    this.#params = params;
    this.#below = params.below;
    this.#keepsHabit = params.habitMs > 0;
    this.#perUnit = perUnit;
    this.#of = of;
    this.#intervalMs = intervalMs;
    this.#bucketMs = Math.max(15_000, intervalMs);
    this.#recent = Math.max(1, Math.round(RECENT_MS / this.#bucketMs));
    this.#earlier = Math.max(1, Math.round(EARLIER_MS / this.#bucketMs));
    this.#countPerLoad = countPerLoad;
    this.#blockBuckets = Math.max(1, Math.round(params.habitMs / BLOCKS / this.#bucketMs));
    this.#means = new Float64Array(this.#recent + this.#earlier);
    this.#pauseMs = 60_000 + 2 * this.#bucketMs;
    this.#spanMs = this.#means.length * this.#bucketMs;
  }

  /** Takes one sample of the load. Returns true when this sample completes a cliff. */
  record(nowMs: number, load: number): boolean {
    if (nowMs - this.#lastMs > this.#pauseMs) this.#forget();
    this.#lastMs = nowMs;
    if (this.#count === 0) {
      this.#bucketBeginMs = nowMs;
      this.#sum = 0;
    }
    this.#sum += load;
    this.#count++;
    // The next sample would lie beyond the bucket: close now rather than one tick late.
    if (nowMs - this.#bucketBeginMs + this.#intervalMs < this.#bucketMs) return false;
    this.#close(this.#sum / this.#count, nowMs);
    this.#count = 0;
    return this.#filled === this.#means.length && this.#hasFallen() && this.#isCliff(nowMs);
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
      if (this.#keepsHabit) this.#leave(this.#means[this.#next] as number, nowMs);
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

  /** A bucket leaves the present. What was held was no habit. */
  #leave(mean: number, nowMs: number): void {
    if (nowMs - this.#spanMs < this.#holdUntilMs) return;
    if (mean === 0) this.#zeroAtMs = nowMs;
    this.#blockSum += mean;
    if (++this.#blockCount < this.#blockBuckets) return;
    this.#blocks[this.#nextBlock] = this.#blockSum / this.#blockCount;
    this.#nextBlock = this.#nextBlock + 1 === BLOCKS ? 0 : this.#nextBlock + 1;
    this.#blockSum = 0;
    this.#blockCount = 0;
  }

  /** Whether load was about as low for much of the last hours. */
  #isHabit(level: number): boolean {
    let low = 0;
    for (let i = 0; i < this.#blocks.length; i++) if ((this.#blocks[i] as number) <= HABIT_LEVEL * level) low++;
    return low > 0 && low >= HABIT_SHARE * this.#blocks.length;
  }

  /** Sums made anew from a full ring, without what rounding has left in the running ones. */
  #sumUp(): void {
    const length = this.#means.length;
    this.#earlierSum = 0;
    this.#recentSum = 0;
    for (let i = 0; i < length; i++) {
      const at = this.#next + i;
      const mean = this.#means[at < length ? at : at - length] as number;
      if (i < this.#earlier) this.#earlierSum += mean;
      else this.#recentSum += mean;
    }
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

  #hasFallen(): boolean {
    // Products, not means: on whole numbers they are exact, and a tie is no cliff.
    return this.#recentSum * this.#earlier < this.#below * this.#earlierSum * this.#recent;
  }

  #isCliff(nowMs: number): boolean {
    // Once more on exact sums: of an idle service only rounding is left.
    this.#sumUp();
    if (!this.#hasFallen()) return false;
    this.earlierMean = this.#earlierSum / this.#earlier;
    this.recentMean = this.#recentSum / this.#recent;
    const expected = this.earlierMean * this.#countPerLoad * (RECENT_MS / 1_000);
    const deficit = (this.earlierMean - this.recentMean) * this.#countPerLoad * (RECENT_MS / 1_000);
    if (deficit <= DEVIATIONS * Math.sqrt(expected)) return false;
    // Less than a unit's worth is no fault, and holds nothing worth having.
    if (this.earlierMean - this.recentMean < this.#perUnit) return false;
    if (this.#isHabit(this.recentMean)) return false;
    if (nowMs >= this.#holdUntilMs) this.#cliffAtMs = nowMs;
    // Nothing at all, of a load that is never nothing: a broken measurement looks like this, and an upstream that is down.
    const isUnheardOf = this.#recentSum === 0 && nowMs - this.#zeroAtMs > ZERO_KNOWN_MS;
    this.#holdUntilMs = Math.max(this.#holdUntilMs, nowMs + (isUnheardOf ? this.#params.holdAtZeroMs : this.#params.holdMs));
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
      zeroAtMs: Math.max(this.#zeroAtMs, -Number.MAX_VALUE),
      of: this.#of,
      bucketMs: this.#bucketMs,
      blockSum: this.#blockSum,
      blockCount: this.#blockCount,
      blocks: [...this.#blocks],
      nextBlock: this.#nextBlock,
    };
  }

  restore(state: LoadCliffState): void {
    // What runs is held, whatever it was judged by.
    this.#cliffAtMs = state.cliffAtMs;
    this.#holdUntilMs = state.holdUntilMs;
    this.#zeroAtMs = state.zeroAtMs;
    this.#forget();
    this.#blocks.length = 0;
    this.#nextBlock = 0;
    this.#lastMs = state.lastMs;
    // Another metric or interval means other numbers; seven minutes bring them back.
    if (state.of !== this.#of || state.bucketMs !== this.#bucketMs) return;
    this.#bucketBeginMs = state.bucketBeginMs;
    this.#sum = state.sum;
    this.#count = state.count;
    this.#means.set(state.means);
    this.#filled = state.means.length;
    this.#next = state.next;
    this.#recentSum = state.recentSum;
    this.#earlierSum = state.earlierSum;
    this.#blockSum = state.blockSum;
    this.#blockCount = state.blockCount;
    this.#blocks.push(...state.blocks);
    this.#nextBlock = state.nextBlock;
  }
}
