import type { Notice, Notifier, Sent } from "./notifier.ts";

/** What a courier needs of the world. */
export interface CourierPorts {
  /** Never goes back, ms. */
  readonly nowMs: () => number;
  /** Ends early, without an error, when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What the people who run it should know: once when a target stops taking notices, once when it takes them again. */
  readonly warn: (message: string) => void;
}

const WAITING_MAX = 100;
/** A notice that could not be delivered for so long is given up. */
const LIFETIME_MS = 900_000;
const FIRST_WAIT_MS = 1_000;
const WAIT_MAX_MS = 60_000;
/** The longest that a target can ask us to wait. */
const ASKED_MAX_MS = 3_600_000;
/** A target that takes a notice at the second or third attempt is no news. */
const SAID_AFTER = 3;
/** At the end, what waits has so long to go out. */
const GOODBYE_MS = 2_000;

interface Waiting {
  readonly notice: Omit<Notice, "dropped">;
  readonly sinceMs: number;
}

/**
 * Takes notices to one target, one after the other, and tries again until they are delivered or too old. Whoever hands one over
 * never waits and never hears of failures.
 */
export class Courier {
  readonly #name: string;
  readonly #notifier: Notifier;
  readonly #ports: CourierPorts;
  readonly #waiting: Waiting[] = [];
  readonly #ended = new AbortController();
  /** Not told to the target yet. */
  #dropped = 0;
  /** Since it was last said here. */
  #lost = 0;
  #isDelivering = false;
  #running: Promise<void> | undefined;
  /** Nothing goes out before. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  /** Attempts in a row. */
  #failures = 0;

  constructor(name: string, notifier: Notifier, ports: CourierPorts) {
    this.#name = name;
    this.#notifier = notifier;
    this.#ports = ports;
  }

  /** Of many that wait the oldest go: what is true now matters most. */
  take(notice: Omit<Notice, "dropped">): void {
    this.#waiting.push({ notice, sinceMs: this.#ports.nowMs() });
    if (this.#waiting.length > WAITING_MAX) {
      if (this.#lost === 0) this.#ports.warn(`notify ${this.#name}: more than ${WAITING_MAX} notices wait; the oldest are given up`);
      this.#waiting.shift();
      this.#lose();
    }
    this.#running ??= this.#run();
  }

  /** Waits a little for what is still to be delivered. */
  async close(): Promise<void> {
    const { sleep, warn } = this.#ports;
    const delivered = new AbortController();
    const running = (this.#running ?? Promise.resolve()).then(() => delivered.abort());
    await Promise.race([running, sleep(GOODBYE_MS, delivered.signal)]);
    if (this.#running !== undefined) {
      warn(`notify ${this.#name}: ended with ${this.#waiting.length + Number(this.#isDelivering)} notices not delivered`);
      this.#ended.abort();
    }
    await running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    try {
      for (let next = this.#waiting.shift(); next !== undefined && !signal.aborted; next = this.#waiting.shift()) {
        const dropped = this.#dropped;
        this.#dropped = 0;
        this.#isDelivering = true;
        if (!(await this.#deliver({ ...next.notice, dropped }, next.sinceMs))) {
          this.#dropped += dropped;
          this.#lose();
        }
        this.#isDelivering = false;
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** @returns whether it got there */
  async #deliver(notice: Notice, sinceMs: number): Promise<boolean> {
    const { nowMs, sleep, random } = this.#ports;
    const { signal } = this.#ended;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(WAIT_MAX_MS, 2 * waitMs)) {
      if (this.#notBeforeMs - nowMs() > 0) await sleep(this.#notBeforeMs - nowMs(), signal);
      if (signal.aborted || nowMs() - sinceMs >= LIFETIME_MS) return false;
      const sent = await this.#attempt(notice);
      if (sent.kind === "delivered") {
        this.#failures = 0;
        this.#say(undefined);
        return true;
      }
      if (signal.aborted) return false;
      if (++this.#failures >= SAID_AFTER || !sent.mayHeal) this.#say(sent.message);
      const askedMs = Math.min(ASKED_MAX_MS, sent.afterMs ?? 0);
      if (sent.mayHeal) this.#notBeforeMs = nowMs() + Math.max(askedMs, Math.round(waitMs * (0.5 + random() / 2)));
      else return false;
    }
  }

  async #attempt(notice: Notice): Promise<Sent> {
    try {
      return await this.#notifier.send(notice, this.#ended.signal);
    } catch (error) {
      // Adapters answer with values; one that rejects has a bug, which must not end the controller. Its message may hold an address.
      return { kind: "failed", message: `${error instanceof Error ? error.name : "something"} was thrown, which is a mistake of ours`, mayHeal: false };
    }
  }

  #lose(): void {
    this.#dropped++;
    this.#lost++;
  }

  #say(failure: string | undefined): void {
    if (this.#isAway === (failure !== undefined)) return;
    this.#isAway = failure !== undefined;
    const lost = this.#lost === 0 ? "" : `; ${this.#lost} were given up`;
    this.#lost = 0;
    this.#ports.warn(`notify ${this.#name}: ${failure === undefined ? `notices are delivered again${lost}` : `a notice was not delivered: ${failure}`}`);
  }
}
