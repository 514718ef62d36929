/** Plain JSON of a {@link SizeHold}. */
export interface SizeHoldState {
  readonly cap: number;
  readonly capUntilMs: number;
  readonly doubtUntilMs: number;
  readonly holds: number;
  readonly wasFutile: boolean;
  readonly wrongs: number;
  readonly blamelessUntilMs: number;
}

const HOLD_MAX_MS = 6 * 3_600_000;
/** Holds that follow each other double up to here; beyond, they are as long as they get. */
const DOUBLINGS_MAX = 16;
/** Earlier than anything, and plain JSON. */
const NEVER_MS = -Number.MAX_VALUE;

/** A size that growth may not exceed for a while, for it did not help; then it is doubted for as long again. Twice as long each time. */
export class SizeHold {
  readonly #firstMs: number = 0;
  cap = 0;
  #capUntilMs = NEVER_MS;
  /** Until then the size is doubted, though it may be tried again. */
  #doubtUntilMs = NEVER_MS;
  #holds = 0;
  wasFutile = false;
  /** Times that growth was blamed in vain. */
  #wrongs = 0;
  /** Until then no growth is blamed. */
  #blamelessUntilMs = NEVER_MS;

  /** @param firstMs how long the first one lasts */
  constructor(firstMs: number) {
    this.#firstMs = firstMs;
  }

  /** Whether no size is blamed, or one beyond it has shown its worth since. */
  get isOver(): boolean {
    return this.#holds === 0;
  }

  /** Units that may not be exceeded now; infinite when nothing is known against more. */
  capAt(nowMs: number): number {
    return nowMs < this.#capUntilMs ? this.cap : Number.POSITIVE_INFINITY;
  }

  /** Beyond this size growth did not help when it was tried last; infinite when it always has. */
  doubtfulAt(nowMs: number): number {
    return nowMs < this.#doubtUntilMs ? this.cap : Number.POSITIVE_INFINITY;
  }

  /** Time until more may be tried, ms. */
  remainingMs(nowMs: number): number {
    return this.#capUntilMs - nowMs;
  }

  /** Whether growth may be blamed: not soon after it was in vain. */
  mayBlameAt(nowMs: number): boolean {
    return nowMs >= this.#blamelessUntilMs;
  }

  /** Growth beyond so many units did not help. @returns until when that size is doubted */
  begin(cap: number, nowMs: number, isFutile: boolean): number {
    const holdMs = this.#lasting(this.#holds);
    this.cap = cap;
    this.wasFutile = isFutile;
    this.#capUntilMs = nowMs + holdMs;
    this.#doubtUntilMs = this.#capUntilMs + holdMs;
    this.#holds = Math.min(this.#holds + 1, DOUBLINGS_MAX);
    return this.#doubtUntilMs;
  }

  /** A size beyond it has shown its worth. */
  clear(): void {
    this.#holds = 0;
    this.#doubtUntilMs = NEVER_MS;
  }

  /** Growth has been of use. */
  wasRight(): void {
    this.#wrongs = 0;
  }

  /** Something else was the cause. */
  wasWrong(nowMs: number): void {
    this.#capUntilMs = NEVER_MS;
    this.#doubtUntilMs = NEVER_MS;
    this.#blamelessUntilMs = nowMs + this.#lasting(this.#wrongs);
    this.#wrongs = Math.min(this.#wrongs + 1, DOUBLINGS_MAX);
    this.#holds--;
  }

  #lasting(times: number): number {
    return Math.min(HOLD_MAX_MS, this.#firstMs * 2 ** times);
  }

  state(): SizeHoldState {
    return {
      cap: this.cap,
      capUntilMs: this.#capUntilMs,
      doubtUntilMs: this.#doubtUntilMs,
      holds: this.#holds,
      wasFutile: this.wasFutile,
      wrongs: this.#wrongs,
      blamelessUntilMs: this.#blamelessUntilMs,
    };
  }

  restore(state: SizeHoldState): void {
    this.cap = state.cap;
    this.#capUntilMs = state.capUntilMs;
    this.#doubtUntilMs = state.doubtUntilMs;
    this.#holds = state.holds;
    this.wasFutile = state.wasFutile;
    this.#wrongs = state.wrongs;
    this.#blamelessUntilMs = state.blamelessUntilMs;
  }
}
