/** When to stop asking a server that fails, and how soon to try again. */
export interface BreakerOptions {
  /** Never decreasing, in milliseconds. */
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Requests that may be under way to find out whether it is well again. Default 1. */
  readonly probesMax?: number;
}

/** One request that may be sent. It ends once, one way or the other. */
export interface Attempt {
  /** The server is well, whatever it said. */
  succeeded(): void;
  /**
   * @param afterMs what the server asked us to wait
   * @returns why there is no answer, with what comes next where that is more than asking again
   */
  failed(why: string, afterMs?: number): string;
}

/** Failures in a row until it is asked less often. */
const FAILURES_MAX = 5;
const BASE_MS = 1_000;
/** The longest that nobody asks, whoever asked for that: what has recovered is seen as soon. */
const PAUSE_MAX_MS = 30_000;

/**
 * Stands before a server that many ask. Closed: everybody may. After five failures in a row, or when the server asks for it:
 * open, nobody may, for a time that doubles with every failure and is drawn evenly from nothing to all of it ("full jitter",
 * so that many who were refused together do not come back together), 30 s at the most. Then half-open: few may; one
 * success closes it, a failure opens it again.
 *
 * A failure counts for nothing when another one has succeeded meanwhile: then the request was at fault. Nor
 * does one that began before it opened: what was under way together failed once.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #probes = 0;
  #openings = 0;
  /** While open: until when. Half-open after that. Undefined while closed. */
  #openUntilMs: number | undefined;
  #begun = 0;
  /** How many had begun when one succeeded last. */
  #begunAtSuccess = 0;
  /** Why it failed first. It stays the same until the server recovers: who tells of every change must not tell every tick. */
  #why = "";

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Leave to send one request, or why nobody asks at the moment. */
  begin(): Attempt | string {
    const { nowMs, probesMax = 1 } = this.#options;
    const isProbe = this.#openUntilMs !== undefined;
    if (this.#openUntilMs !== undefined && (nowMs() < this.#openUntilMs || this.#probes >= probesMax)) return this.#pausedText();
    if (isProbe) this.#probes++;
    const number = ++this.#begun;
    const opening = this.#openings;
    const end = (): void => {
      if (isProbe) this.#probes--;
    };
    return {
      succeeded: () => {
        end();
        this.#failures = 0;
        this.#openUntilMs = undefined;
        this.#begunAtSuccess = this.#begun;
      },
      failed: (why, afterMs = 0) => {
        end();
        if (afterMs === 0 && number <= this.#begunAtSuccess) return why;
        if (opening === this.#openings) this.#fail(why, afterMs);
        return this.#openUntilMs === undefined ? why : this.#pausedText();
      },
    };
  }

  #fail(why: string, afterMs: number): void {
    const { nowMs, random } = this.#options;
    if (this.#failures++ === 0) this.#why = why;
    const beyond = this.#failures - FAILURES_MAX;
    if (beyond < 0 && afterMs === 0) return;
    const pauseMs = beyond < 0 ? 0 : random() * Math.min(PAUSE_MAX_MS, BASE_MS * 2 ** beyond);
    this.#openings++;
    this.#openUntilMs = nowMs() + Math.min(PAUSE_MAX_MS, Math.max(pauseMs, afterMs));
  }

  #pausedText(): string {
    const why = this.#failures < FAILURES_MAX ? "asked to wait" : `failed ${FAILURES_MAX} times or more`;
    return `${this.#why}; ${why}, next attempt within ${PAUSE_MAX_MS / 1_000} s`;
  }
}
