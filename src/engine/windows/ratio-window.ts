/** A window is cut into at most this many buckets. */
const BUCKETS = 64;

/** Plain JSON of a {@link RatioWindow}. */
export interface RatioWindowState {
  readonly bad: readonly number[];
  readonly total: readonly number[];
  /** Number of the newest bucket since the epoch of engine time; -1 before the first. */
  readonly newest: number;
}

/** Share of bad over total of the last while: two sums over a ring of buckets, the oldest of which goes as a whole. */
export class RatioWindow {
  readonly windowMs: number;
  readonly #bucketMs: number;
  readonly #bad: Float64Array;
  readonly #total: Float64Array;
  #newest = -1;

  constructor(windowMs: number, intervalMs: number) {
    this.windowMs = windowMs;
    const buckets = Math.max(1, Math.min(BUCKETS, Math.floor(windowMs / intervalMs)));
    this.#bucketMs = windowMs / buckets;
    this.#bad = new Float64Array(buckets);
    this.#total = new Float64Array(buckets);
  }

  add(nowMs: number, bad: number, total: number): void {
    const at = this.#advance(nowMs);
    this.#bad[at] = (this.#bad[at] as number) + bad;
    this.#total[at] = (this.#total[at] as number) + total;
  }

  /** Bad over total; 0 when there was nothing. */
  ratio(nowMs: number): number {
    this.#advance(nowMs);
    let bad = 0;
    let total = 0;
    for (let i = 0; i < this.#bad.length; i++) {
      bad += this.#bad[i] as number;
      total += this.#total[i] as number;
    }
    return total > 0 ? bad / total : 0;
  }

  /** Position of the bucket of now; those that were passed over are emptied. */
  #advance(nowMs: number): number {
    const length = this.#bad.length;
    const bucket = Math.floor(nowMs / this.#bucketMs);
    if (this.#newest < 0 || bucket - this.#newest >= length) {
      this.#bad.fill(0);
      this.#total.fill(0);
    } else {
      for (let passed = this.#newest + 1; passed <= bucket; passed++) {
        this.#bad[passed % length] = 0;
        this.#total[passed % length] = 0;
      }
    }
    this.#newest = Math.max(this.#newest, bucket);
    return this.#newest % length;
  }

  state(): RatioWindowState {
    return { bad: [...this.#bad], total: [...this.#total], newest: this.#newest };
  }

  /** What was learnt at another interval is cut differently, and is left. */
  restore(state: RatioWindowState): void {
    if (state.bad.length !== this.#bad.length) return;
    this.#bad.set(state.bad);
    this.#total.set(state.total);
    this.#newest = state.newest;
  }
}
