import { setTimeout as wait } from "node:timers/promises";

/** Time as a controller knows it. */
export interface Clock {
  /** What the calendar says, ms since 1970; may jump. */
  wallMs(): number;
  /** Wall time at the start plus time that has passed since: never goes back. */
  engineMs(): number;
  /** Aborts when so much time has passed. */
  timeout(ms: number): AbortSignal;
  /** Ends early, without an error, when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The clock of this machine. */
export class SystemClock implements Clock {
  readonly #startMs: number;
  readonly #startedAt = performance.now();

  /** @param leastMs engine time goes on from here at the least: what was recorded before must not lie ahead */
  constructor(leastMs = 0) {
    this.#startMs = Math.max(leastMs, Date.now());
  }

  wallMs(): number {
    return Date.now();
  }

  engineMs(): number {
    return this.#startMs + Math.floor(performance.now() - this.#startedAt);
  }

  timeout(ms: number): AbortSignal {
    return AbortSignal.timeout(ms);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await wait(Math.max(0, ms), undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
