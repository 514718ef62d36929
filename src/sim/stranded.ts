interface Waiting {
  readonly sinceMs: number;
  readonly count: number;
}

/** What waits while nothing at all can serve it: each request for as long as it would anywhere, from when it came. */
export class Stranded {
  /** Oldest first. */
  readonly #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  clear(): void {
    this.#waiting.length = 0;
  }

  /** Those of `backlog` requests that still wait. @param before whoever came by then has given up */
  wait(backlog: number, before: number, nowMs: number): number {
    const waiting = this.#waiting;
    let known = 0;
    for (const { count } of waiting) known += count;
    if (backlog > known) {
      waiting.push({ sinceMs: nowMs, count: backlog - known });
      known = backlog;
    }
    while (waiting.length > 0 && (waiting[0] as Waiting).sinceMs <= before) known -= (waiting.shift() as Waiting).count;
    return Math.max(0, known);
  }
}
