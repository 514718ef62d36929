import { grown, RING_BEGINS_WITH } from "./grown.ts";

/** Changes closer together than a 64th of the longest period share an event; events fill a ring of twice that. */
const BUCKETS = 64;
const RING = 2 * BUCKETS;

/** Plain JSON of a {@link ChangeWindow}. */
export interface ChangeWindowState {
  readonly atMs: readonly number[];
  readonly units: readonly number[];
  readonly bucketEndMs: number;
}

/**
 * How many units changed in the last while, for rate limits and the blast radius: events with an age strictly
 * below the period count (as in the HPA's scaling policies). Events that share an entry keep the newer time,
 * so rounding can only count a change a little longer, never shorter.
 */
export class ChangeWindow {
  readonly #longestMs: number = 0;
  #atMs = new Float64Array(RING_BEGINS_WITH);
  #units = new Float64Array(RING_BEGINS_WITH);
  #mask = RING_BEGINS_WITH - 1;
  #head = 0;
  #size = 0;
  /** End of the bucket that the newest event began. */
  #bucketEndMs = -Number.MAX_VALUE;

  constructor(longestPeriodMs: number) {
    this.#longestMs = longestPeriodMs;
  }

  add(nowMs: number, units: number): void {
    while (this.#size > 0 && nowMs - (this.#atMs[this.#head] as number) >= this.#longestMs) {
      this.#head = (this.#head + 1) & this.#mask;
      this.#size--;
    }
    if (this.#size > 0 && nowMs < this.#bucketEndMs) {
      const last = (this.#head + this.#size - 1) & this.#mask;
      this.#atMs[last] = nowMs;
      this.#units[last] = (this.#units[last] as number) + units;
      return;
    }
    if (this.#size > this.#mask) this.#grow();
    const next = (this.#head + this.#size) & this.#mask;
    this.#atMs[next] = nowMs;
    this.#units[next] = units;
    this.#bucketEndMs = nowMs + this.#longestMs / BUCKETS;
    this.#size++;
  }

  /** Units changed with an age strictly below `periodMs`, which is at most the longest period. */
  sum(nowMs: number, periodMs: number): number {
    let total = 0;
    for (let i = this.#size - 1; i >= 0; i--) {
      const at = (this.#head + i) & this.#mask;
      if (nowMs - (this.#atMs[at] as number) >= periodMs) break;
      total += this.#units[at] as number;
    }
    return total;
  }

  state(): ChangeWindowState {
    const atMs: number[] = [];
    const units: number[] = [];
    for (let i = 0; i < this.#size; i++) {
      const at = (this.#head + i) & this.#mask;
      atMs.push(this.#atMs[at] as number);
      units.push(this.#units[at] as number);
    }
    return { atMs, units, bucketEndMs: this.#bucketEndMs };
  }

  restore(state: ChangeWindowState): void {
    this.#head = 0;
    this.#size = 0;
    while (this.#mask + 1 < Math.min(RING, state.atMs.length)) this.#grow();
    for (const [i, atMs] of state.atMs.slice(-RING).entries()) {
      this.#atMs[i] = atMs;
      this.#units[i] = state.units[i] as number;
      this.#size++;
    }
    this.#bucketEndMs = state.bucketEndMs;
  }

  #grow(): void {
    this.#atMs = grown(this.#atMs, this.#head);
    this.#units = grown(this.#units, this.#head);
    this.#mask = this.#atMs.length - 1;
    this.#head = 0;
  }
}
