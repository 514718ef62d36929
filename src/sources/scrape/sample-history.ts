/** Samples of one series, oldest first, their times ascending. */
export class SampleHistory {
  #times: number[] = [];
  #values: number[] = [];
  /** What stands before is forgotten; it goes when it is half of all. */
  #first = 0;

  get length(): number {
    return this.#times.length - this.#first;
  }

  /** ms, by the clock of whoever pushes. */
  time(index: number): number {
    return this.#times[this.#first + index] as number;
  }

  value(index: number): number {
    return this.#values[this.#first + index] as number;
  }

  /** Takes a sample, unless one as late is there already. @returns whether it was taken */
  push(atMs: number, value: number): boolean {
    if (this.length > 0 && atMs <= this.time(this.length - 1)) return false;
    this.#times.push(atMs);
    this.#values.push(value);
    return true;
  }

  /** Forgets what is not later than `atMs`, but keeps the last `keep` samples. @returns how many went */
  forgetUntil(atMs: number, keep: number): number {
    const before = this.#first;
    while (this.length > keep && this.time(0) <= atMs) this.#first++;
    if (this.#first > 32 && this.#first > this.length) {
      this.#times.splice(0, this.#first);
      this.#values.splice(0, this.#first);
      const gone = this.#first - before;
      this.#first = 0;
      return gone;
    }
    return this.#first - before;
  }

  /** Index of the first sample later than `atMs`; the length when there is none. */
  firstAfter(atMs: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time(middle) > atMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
