import { REAL_ZERO } from "../../lib/real.ts";
import { grown, RING_BEGINS_WITH } from "./grown.ts";

const COHORTS = 64;

/** Plain JSON of {@link InFlight}. */
export interface InFlightState {
  readonly atMs: readonly number[];
  readonly units: readonly number[];
}

/**
 * Units that were requested and are not ready yet, by the time they went missing. Seen from outside only
 * (requested minus ready), so it also covers units that crashed, rollouts, and growth that others asked for.
 * Units missing longer than the expiry no longer count as on their way: their start failed.
 */
export class InFlight {
  readonly expiryMs: number = 0;
  #atMs = new Float64Array(RING_BEGINS_WITH);
  #units = new Float64Array(RING_BEGINS_WITH);
  #size = 0;
  #total = REAL_ZERO;

  constructor(expiryMs: number) {
    this.expiryMs = expiryMs;
  }

  /**
   * @param gap requested minus ready, >= 0
   * @param arrived units that became ready since the last time: the oldest of those on their way, so that in a long rise,
   * where new requests follow arrivals, nobody seems to wait for ever
   */
  record(nowMs: number, gap: number, arrived: number): void {
    this.#takeOldest(Math.min(arrived, this.#total));
    if (gap < this.#total) this.#takeOldest(this.#total - gap);
    if (gap <= this.#total) return;
    if (this.#size === COHORTS) {
      // Merge the two oldest; the later time keeps them counted as on their way a little longer.
      this.#units[1] = (this.#units[1] as number) + (this.#units[0] as number);
      this.#atMs.copyWithin(0, 1, this.#size);
      this.#units.copyWithin(0, 1, this.#size);
      this.#size--;
    }
    if (this.#size === this.#atMs.length) this.#grow();
    this.#atMs[this.#size] = nowMs;
    this.#units[this.#size] = gap - this.#total;
    this.#size++;
    this.#total = gap;
  }

  #takeOldest(units: number): void {
    let left = units;
    while (left > 0) {
      const oldest = this.#units[0] as number;
      const gone = Math.min(oldest, left);
      left -= gone;
      this.#total -= gone;
      if (gone < oldest) {
        this.#units[0] = oldest - gone;
        return;
      }
      this.#atMs.copyWithin(0, 1, this.#size);
      this.#units.copyWithin(0, 1, this.#size);
      this.#size--;
    }
  }

  /** Units still expected to become ready. */
  live(nowMs: number): number {
    let units = 0;
    for (let i = this.#size - 1; i >= 0 && nowMs - (this.#atMs[i] as number) <= this.expiryMs; i--) units += this.#units[i] as number;
    return units;
  }

  get total(): number {
    return this.#total;
  }

  state(): InFlightState {
    return { atMs: [...this.#atMs.subarray(0, this.#size)], units: [...this.#units.subarray(0, this.#size)] };
  }

  restore(state: InFlightState): void {
    this.#size = state.atMs.length;
    while (this.#atMs.length < this.#size) this.#grow();
    this.#total = 0;
    for (const [i, atMs] of state.atMs.entries()) {
      this.#atMs[i] = atMs;
      this.#units[i] = state.units[i] as number;
      this.#total += state.units[i] as number;
    }
  }

  #grow(): void {
    this.#atMs = grown(this.#atMs, 0);
    this.#units = grown(this.#units, 0);
  }
}
