const SEGMENT = 1 << 16;

/** Doubles appended one by one, without the copies of a doubling array. */
export class GrowableFloats {
  #full: Float64Array[] = [];
  #current = new Float64Array(SEGMENT);
  #used = 0;

  push(value: number): void {
    if (this.#used === SEGMENT) {
      this.#full.push(this.#current);
      this.#current = new Float64Array(SEGMENT);
      this.#used = 0;
    }
    this.#current[this.#used++] = value;
  }

  get length(): number {
    return this.#full.length * SEGMENT + this.#used;
  }

  /** All values in one array; frees the segments as it copies them. */
  take(): Float64Array {
    const all = new Float64Array(this.length);
    let at = 0;
    for (let segment = this.#full.shift(); segment !== undefined; segment = this.#full.shift()) {
      all.set(segment, at);
      at += SEGMENT;
    }
    all.set(this.#current.subarray(0, this.#used), at);
    this.#used = 0;
    return all;
  }
}
