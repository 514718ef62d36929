import { REAL_ZERO } from "../../lib/real.ts";
import { grown, RING_BEGINS_WITH } from "./grown.ts";

/** A window is cut into this many buckets; entries fill a ring of twice that, so that positions wrap with a mask. */
const BUCKETS = 64;
const RING = 2 * BUCKETS;

/** Plain JSON of an {@link ExtremeWindow}. */
export interface ExtremeWindowState {
  readonly atMs: readonly number[];
  readonly values: readonly number[];
  /** The most negative double when the next value begins a bucket of its own. */
  readonly bucketEndMs: number;
}

/**
 * The highest (or lowest) value of the last `windowMs`: entries with an age strictly below the window count.
 * A monotonic queue, amortised O(1). Values pushed within a 64th of the window of each other may share an entry, which
 * keeps the more extreme value with the newer time: rounding can only make the window hold a little longer, never shorter.
 */
export class ExtremeWindow {
  readonly #windowMs: number = 0;
  readonly #bucketMs: number = REAL_ZERO;
  /** 1 keeps maxima, -1 minima (by negation). */
  readonly #sign: 1 | -1;
  #atMs = new Float64Array(RING_BEGINS_WITH);
  #values = new Float64Array(RING_BEGINS_WITH);
  #mask = RING_BEGINS_WITH - 1;
  #head = 0;
  #size = 0;
  /** End of the bucket that the newest entry was pushed in. */
  #bucketEndMs = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number, keep: "highest" | "lowest") {
    this.#windowMs = windowMs;
    this.#bucketMs = windowMs / BUCKETS;
    this.#sign = keep === "highest" ? 1 : -1;
  }

  /** @param before what counts when nothing is known of the window before this value */
  push(nowMs: number, value: number, before = value): void {
    this.#expire(nowMs);
    if (this.#size === 0 && before !== value) this.#push(nowMs, this.#sign * before);
    this.#push(nowMs, this.#sign * value);
  }

  #push(nowMs: number, signed: number): void {
    while (this.#size > 0) {
      const last = (this.#head + this.#size - 1) & this.#mask;
      if ((this.#values[last] as number) <= signed) {
        this.#size--;
        // Whatever is newest now lies in an older bucket.
        this.#bucketEndMs = Number.NEGATIVE_INFINITY;
        continue;
      }
      if (nowMs < this.#bucketEndMs) {
        this.#atMs[last] = nowMs;
        return;
      }
      break;
    }
    if (this.#size > this.#mask) this.#grow();
    const next = (this.#head + this.#size) & this.#mask;
    this.#atMs[next] = nowMs;
    this.#values[next] = signed;
    this.#bucketEndMs = nowMs + this.#bucketMs;
    this.#size++;
  }

  /** The extreme value, or `otherwise` when the window is empty. */
  read(nowMs: number, otherwise: number): number {
    this.#expire(nowMs);
    return this.#size === 0 ? otherwise : this.#sign * (this.#values[this.#head] as number);
  }

  /** The extreme value right after a push, when the window cannot be empty. */
  get extreme(): number {
    return this.#sign * (this.#values[this.#head] as number);
  }

  state(): ExtremeWindowState {
    const atMs: number[] = [];
    const values: number[] = [];
    for (let i = 0; i < this.#size; i++) {
      const at = (this.#head + i) & this.#mask;
      atMs.push(this.#atMs[at] as number);
      values.push(this.#sign * (this.#values[at] as number));
    }
    return { atMs, values, bucketEndMs: Math.max(-Number.MAX_VALUE, this.#bucketEndMs) };
  }

  /** Takes over entries, also those of a window of another length. */
  restore(state: ExtremeWindowState): void {
    this.#head = 0;
    this.#size = 0;
    while (this.#mask + 1 < Math.min(RING, state.atMs.length)) this.#grow();
    for (const [i, atMs] of state.atMs.slice(-RING).entries()) {
      this.#atMs[i] = atMs;
      this.#values[i] = this.#sign * (state.values[i] as number);
      this.#size++;
    }
    this.#bucketEndMs = state.bucketEndMs;
  }

  #expire(nowMs: number): void {
    while (this.#size > 0 && nowMs - (this.#atMs[this.#head] as number) >= this.#windowMs) {
      this.#head = (this.#head + 1) & this.#mask;
      this.#size--;
    }
  }

  #grow(): void {
    this.#atMs = grown(this.#atMs, this.#head);
    this.#values = grown(this.#values, this.#head);
    this.#mask = this.#atMs.length - 1;
    this.#head = 0;
  }
}
