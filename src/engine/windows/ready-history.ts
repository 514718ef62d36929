const CHANGES = 64;

/** Plain JSON of a {@link ReadyHistory}. */
export interface ReadyHistoryState {
  readonly atMs: readonly number[];
  readonly units: readonly number[];
}

/**
 * How many units were ready, when. A reading is a mean over a past window; multiplied by the units ready *then* it
 * gives the load that was carried, multiplied by the units ready *now* it would count new units as busy before they
 * were there and ask for more again.
 */
export class ReadyHistory {
  readonly #atMs = new Float64Array(CHANGES);
  readonly #units = new Float64Array(CHANGES);
  #lastAtMs = 0;
  #lastUnits = 0;
  #newest = -1;
  #size = 0;

  record(nowMs: number, ready: number): void {
    if (this.#size > 0 && this.#lastUnits === ready) return;
    this.#lastAtMs = nowMs;
    this.#lastUnits = ready;
    this.#newest = (this.#newest + 1) % CHANGES;
    this.#atMs[this.#newest] = nowMs;
    this.#units[this.#newest] = ready;
    if (this.#size < CHANGES) this.#size++;
  }

  /** Mean number of ready units over [fromMs, toMs], exact while fewer than 64 changes are that young. */
  mean(fromMs: number, toMs: number): number {
    // Almost always nothing changed since the window began.
    if (this.#lastAtMs <= fromMs || this.#size === 1) return this.#lastUnits;
    let at = this.#newest;
    let endMs = toMs;
    let unitMs = 0;
    for (let i = 0; i < this.#size; i++) {
      const sinceMs = this.#atMs[at] as number;
      const units = this.#units[at] as number;
      if (sinceMs < endMs) {
        const beginMs = sinceMs > fromMs ? sinceMs : fromMs;
        unitMs += units * (endMs - beginMs);
        endMs = beginMs;
        if (sinceMs <= fromMs) return toMs > fromMs ? unitMs / (toMs - fromMs) : units;
      } else if (toMs <= fromMs && sinceMs <= toMs) {
        return units;
      }
      at = (at + CHANGES - 1) % CHANGES;
    }
    // Older than anything remembered: the oldest known number stands for it.
    const oldest = this.#units[(at + 1) % CHANGES] as number;
    if (toMs <= fromMs) return oldest;
    return (unitMs + oldest * (endMs - fromMs)) / (toMs - fromMs);
  }

  state(): ReadyHistoryState {
    const atMs: number[] = [];
    const units: number[] = [];
    for (let i = this.#size - 1; i >= 0; i--) {
      const at = (this.#newest + CHANGES - i) % CHANGES;
      atMs.push(this.#atMs[at] as number);
      units.push(this.#units[at] as number);
    }
    return { atMs, units };
  }

  restore(state: ReadyHistoryState): void {
    this.#newest = -1;
    this.#size = 0;
    for (const [i, atMs] of state.atMs.entries()) this.record(atMs, state.units[i] as number);
  }
}
