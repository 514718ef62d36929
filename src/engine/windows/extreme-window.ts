/** Entries kept at most; a longer window is cut into this many buckets. */
const BUCKETS = 64;

/** Plain JSON of an {@link ExtremeWindow}. */
export interface ExtremeWindowState {
  readonly atMs: readonly number[];
  readonly values: readonly number[];
}

/**
 * The highest (or lowest) value of the last `windowMs`: entries with an age strictly below the window count.
 * A monotonic queue, amortised O(1). Values that fall into one 64th of the window share an entry which keeps the
 * more extreme value with the newer time, so rounding can only make the window hold a little longer, never shorter.
 */
export class ExtremeWindow {
  readonly #windowMs: number;
  readonly #bucketMs: number;
  /** 1 keeps maxima, -1 minima (by negation). */
  readonly #sign: 1 | -1;
  readonly #atMs = new Float64Array(BUCKETS + 2);
  readonly #values = new Float64Array(BUCKETS + 2);
  #head = 0;
  #size = 0;

  constructor(windowMs: number, keep: "highest" | "lowest") {
    this.#windowMs = windowMs;
    this.#bucketMs = windowMs / BUCKETS;
    this.#sign = keep === "highest" ? 1 : -1;
  }

  push(nowMs: number, value: number): void {
    const signed = this.#sign * value;
    this.#expire(nowMs);
    const capacity = BUCKETS + 2;
    while (this.#size > 0) {
      const last = (this.#head + this.#size - 1) % capacity;
      if ((this.#values[last] as number) <= signed) {
        this.#size--;
        continue;
      }
      if (Math.floor((this.#atMs[last] as number) / this.#bucketMs) === Math.floor(nowMs / this.#bucketMs)) {
        this.#atMs[last] = nowMs;
        return;
      }
      break;
    }
    const next = (this.#head + this.#size) % capacity;
    this.#atMs[next] = nowMs;
    this.#values[next] = signed;
    this.#size++;
  }

  /** The extreme value, or `otherwise` when the window is empty. */
  read(nowMs: number, otherwise: number): number {
    this.#expire(nowMs);
    return this.#size === 0 ? otherwise : this.#sign * (this.#values[this.#head] as number);
  }

  state(): ExtremeWindowState {
    const atMs: number[] = [];
    const values: number[] = [];
    for (let i = 0; i < this.#size; i++) {
      const at = (this.#head + i) % (BUCKETS + 2);
      atMs.push(this.#atMs[at] as number);
      values.push(this.#sign * (this.#values[at] as number));
    }
    return { atMs, values };
  }

  /** Takes over entries, also those of a window of another length. */
  restore(state: ExtremeWindowState): void {
    this.#head = 0;
    this.#size = 0;
    for (const [i, atMs] of state.atMs.entries()) this.push(atMs, state.values[i] as number);
  }

  #expire(nowMs: number): void {
    while (this.#size > 0 && nowMs - (this.#atMs[this.#head] as number) >= this.#windowMs) {
      this.#head = (this.#head + 1) % (BUCKETS + 2);
      this.#size--;
    }
  }
}
