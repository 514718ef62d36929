/** Plain JSON of a {@link Drift}. */
export interface DriftState {
  readonly seen: number;
  readonly expected: number;
  readonly stepFrom: number;
  readonly stepTo: number;
  readonly stepAtMs: number;
  readonly isApplied: boolean;
  readonly flips: number;
  readonly flippedAtMs: number;
  readonly restoreTo: number;
  readonly restoredAtMs: number;
  readonly heldUntilMs: number;
}

/** A change back within so long of our step undoes it. */
const UNDONE_WITHIN_MS = 900_000;
/** Steps of ours that are undone before the other is taken for a robot. */
const FLIPS = 2;
/** A flip is forgotten, and a drop restored once more, after so long. */
const MEMORY_MS = 3_600_000;
const HOLD_MS = 1_800_000;
const NEVER_MS = -Number.MAX_VALUE;

/**
 * Capacity that others change. Whoever changes it knows something, and is yielded to: the next step goes from there. A drop beyond what may go
 * at once is no such thing; it is put back once. Whoever undoes two steps of ours is a robot: then nobody is helped by two of them.
 */
export class Drift {
  /** Capacity at the last look; -1 before the first. */
  #seen = -1;
  /** What it should be by now. */
  #expected = -1;
  #stepFrom = 0;
  #stepTo = 0;
  #stepAtMs = NEVER_MS;
  /** Whether our last step was seen to have come into effect. */
  #isApplied = false;
  #flips = 0;
  #flippedAtMs = NEVER_MS;
  /** Capacity to put back at this tick; -1 when there is none. */
  #restoreTo = -1;
  #restoredAtMs = NEVER_MS;
  #heldUntilMs = NEVER_MS;

  /** Capacity to put back; -1 when there is none. */
  get restoreTo(): number {
    return this.#restoreTo;
  }

  /** Capacity before the last change by others. */
  get before(): number {
    return this.#seen;
  }

  /** Whether another robot sets capacity, which is not fought. */
  isFought(nowMs: number): boolean {
    return nowMs < this.#heldUntilMs && this.#flips >= FLIPS;
  }

  /** Time in which nothing is taken away, ms; not above 0 when there is none. */
  heldForMs(nowMs: number): number {
    return this.#heldUntilMs - nowMs;
  }

  /** Whether capacity is what it was, and what it should be: then there is nothing to look at. */
  isQuiet(current: number): boolean {
    return current === this.#expected && current === this.#seen && this.#restoreTo < 0;
  }

  /** Looks at capacity. @param allowedDrop units that may go at once   @returns whether it was changed by someone who is yielded to; `before` is updated by {@link Drift.took} */
  observe(nowMs: number, current: number, allowedDrop: number): boolean {
    if (this.#restoreTo >= 0 && current >= this.#restoreTo) this.#restoreTo = -1;
    if (current === this.#expected && this.#expected !== this.#seen) this.#isApplied = true;
    if (this.#seen < 0 || current === this.#expected || current === this.#seen) return false;
    // A drop beyond what may go at once is put back first, whoever it was.
    if (this.#seen - current > allowedDrop && nowMs - this.#restoredAtMs >= MEMORY_MS) {
      this.#restoreTo = this.#seen;
      this.#restoredAtMs = nowMs;
      this.#heldUntilMs = nowMs + HOLD_MS;
      this.#flips = 0;
      return false;
    }
    const { from, to } = { from: this.#stepFrom, to: this.#stepTo };
    const isUndone = this.#isApplied && nowMs - this.#stepAtMs <= UNDONE_WITHIN_MS && (current - to) * (to - from) < 0;
    if (isUndone) {
      this.#flips = nowMs - this.#flippedAtMs > MEMORY_MS ? 1 : this.#flips + 1;
      this.#flippedAtMs = nowMs;
      this.#isApplied = false;
      if (this.#flips >= FLIPS) {
        this.#heldUntilMs = nowMs + HOLD_MS;
        this.#restoreTo = -1;
        return false;
      }
    }
    return true;
  }

  /** Takes note of what is requested now. */
  took(nowMs: number, current: number, requested: number): void {
    this.#seen = current;
    this.#expected = requested;
    if (requested === current) return;
    this.#stepFrom = current;
    this.#stepTo = requested;
    this.#stepAtMs = nowMs;
    this.#isApplied = false;
  }

  state(): DriftState {
    return {
      seen: this.#seen,
      expected: this.#expected,
      stepFrom: this.#stepFrom,
      stepTo: this.#stepTo,
      stepAtMs: this.#stepAtMs,
      isApplied: this.#isApplied,
      flips: this.#flips,
      flippedAtMs: this.#flippedAtMs,
      restoreTo: this.#restoreTo,
      restoredAtMs: this.#restoredAtMs,
      heldUntilMs: this.#heldUntilMs,
    };
  }

  restore(state: DriftState): void {
    this.#seen = state.seen;
    this.#expected = state.expected;
    this.#stepFrom = state.stepFrom;
    this.#stepTo = state.stepTo;
    this.#stepAtMs = state.stepAtMs;
    this.#isApplied = state.isApplied;
    this.#flips = state.flips;
    this.#flippedAtMs = state.flippedAtMs;
    this.#restoreTo = state.restoreTo;
    this.#restoredAtMs = state.restoredAtMs;
    this.#heldUntilMs = state.heldUntilMs;
  }
}
