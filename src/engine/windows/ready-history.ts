import { REAL_ZERO } from "../../lib/real.ts";
import { grown, RING_BEGINS_WITH } from "./grown.ts";

const CHANGES = 64;

/** Plain JSON of a {@link ReadyHistory}. */
export interface ReadyHistoryState {
  readonly atMs: readonly number[];
  readonly earliestMs: readonly number[];
  readonly units: readonly number[];
  readonly lookedAtMs: number;
}

/**
 * How many units were ready, when. A reading is a mean over a past window; multiplied by the units ready *then* it
 * gives the load that was carried, multiplied by the units ready *now* it would count new units as busy before they
 * were there and ask for more again.
 */
export class ReadyHistory {
  #atMs = new Float64Array(RING_BEGINS_WITH);
  /** When the change may have happened at the earliest: growth that is seen at one tick came some time after the last. */
  #earliestMs = new Float64Array(RING_BEGINS_WITH);
  #lookedAtMs = -Number.MAX_VALUE;
  #units = new Float64Array(RING_BEGINS_WITH);
  #lastAtMs = REAL_ZERO;
  #lastEarliestMs = REAL_ZERO;
  #lastUnits = 0;
  #newest = -1;
  #size = 0;

  record(nowMs: number, ready: number): void {
    const lookedAtMs = this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    if (this.#size > 0 && this.#lastUnits === ready) return;
    const isGrowth = this.#size > 0 && ready > this.#lastUnits;
    this.#lastAtMs = nowMs;
    this.#lastEarliestMs = isGrowth ? lookedAtMs : nowMs;
    this.#lastUnits = ready;
    if (this.#size === this.#atMs.length && this.#size < CHANGES) this.#grow();
    this.#newest = (this.#newest + 1) % this.#atMs.length;
    this.#atMs[this.#newest] = nowMs;
    this.#earliestMs[this.#newest] = this.#lastEarliestMs;
    this.#units[this.#newest] = ready;
    if (this.#size < this.#atMs.length) this.#size++;
  }

  /** Mean number of ready units over [fromMs, toMs] with changes when they were seen, exact while fewer than 64 are that young. */
  mean(fromMs: number, toMs: number): number {
    // Almost always nothing changed since the window began.
    return this.#lastAtMs <= fromMs || this.#size === 1 ? this.#lastUnits : this.#meanOf(this.#atMs, fromMs, toMs);
  }

  /** The most units that may have been ready on average: growth as early as it can have come. What a proof has to assume. */
  mostMean(fromMs: number, toMs: number): number {
    return this.#lastAtMs <= fromMs || this.#size === 1 ? this.#lastUnits : this.#meanOf(this.#earliestMs, fromMs, toMs);
  }

  #meanOf(times: Float64Array, fromMs: number, toMs: number): number {
    const length = times.length;
    let at = this.#newest;
    let endMs = toMs;
    let unitMs = 0;
    for (let i = 0; i < this.#size; i++) {
      const sinceMs = times[at] as number;
      const units = this.#units[at] as number;
      if (sinceMs < endMs) {
        const beginMs = sinceMs > fromMs ? sinceMs : fromMs;
        unitMs += units * (endMs - beginMs);
        endMs = beginMs;
        if (sinceMs <= fromMs) return toMs > fromMs ? unitMs / (toMs - fromMs) : units;
      } else if (toMs <= fromMs && sinceMs <= toMs) {
        return units;
      }
      at = (at + length - 1) % length;
    }
    // Older than anything remembered: the oldest known number stands for it.
    const oldest = this.#units[(at + 1) % length] as number;
    if (toMs <= fromMs) return oldest;
    return (unitMs + oldest * (endMs - fromMs)) / (toMs - fromMs);
  }

  state(): ReadyHistoryState {
    const atMs: number[] = [];
    const earliestMs: number[] = [];
    const units: number[] = [];
    for (let i = this.#size - 1; i >= 0; i--) {
      const at = (this.#newest + this.#atMs.length - i) % this.#atMs.length;
      atMs.push(this.#atMs[at] as number);
      earliestMs.push(this.#earliestMs[at] as number);
      units.push(this.#units[at] as number);
    }
    return { atMs, earliestMs, units, lookedAtMs: this.#lookedAtMs };
  }

  restore(state: ReadyHistoryState): void {
    this.#newest = -1;
    this.#size = 0;
    while (this.#atMs.length < Math.min(CHANGES, state.atMs.length)) this.#grow();
    for (const [i, atMs] of state.atMs.slice(-CHANGES).entries()) {
      this.#newest = i;
      this.#size++;
      this.#atMs[i] = atMs;
      this.#earliestMs[i] = state.earliestMs[i] as number;
      this.#units[i] = state.units[i] as number;
      this.#lastAtMs = atMs;
      this.#lastEarliestMs = state.earliestMs[i] as number;
      this.#lastUnits = state.units[i] as number;
    }
    this.#lookedAtMs = state.lookedAtMs;
  }

  #grow(): void {
    // The oldest stands right after the newest.
    const head = this.#size === 0 ? 0 : (this.#newest + 1) % this.#atMs.length;
    this.#atMs = grown(this.#atMs, head);
    this.#earliestMs = grown(this.#earliestMs, head);
    this.#units = grown(this.#units, head);
    this.#newest = this.#size - 1;
  }
}
