import { type Dispatcher, Pool } from "undici";
import type { Arrivals } from "./arrivals.ts";
import { type LoadReport, Tally, type TallyParts } from "./tally.ts";

/** Where requests go. The path counts; each origin gets connections of its own. */
export type Target = string;

export interface PlayerOptions {
  /** When requests are due; undefined sends the next whenever a connection is free, as a benchmark does (closed loop). */
  readonly arrivals: Arrivals | undefined;
  /** How long to go on, ms. */
  readonly durationMs: number;
  /** Asked before each request: targets may come and go. One after the other gets a request. */
  readonly targets: () => readonly Target[];
  /** To each origin. */
  readonly connections: number;
  /** From when it is sent; then a request has failed. */
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests under way beyond which none is sent. */
  readonly underWayMax?: number;
  /** Called about once a second with that second, and what it counted. */
  readonly onSecond?: (report: LoadReport, parts: TallyParts) => void;
}

interface UnderWay {
  readonly sentMs: number;
  controller: Dispatcher.DispatchController | undefined;
  state: "open" | "ended";
  readonly end: (isAnswered: boolean) => void;
}

const UNDER_WAY_MAX = 20_000;
const SECOND_MS = 1_000;
/** Requests sent before others have their turn. */
const BURST = 256;
/** Timers are so exact; what is due sooner is waited for awake. */
const TIMER_MS = 2;
/** Answers that come after the last request are waited for so long. */
const TAIL_MS = 10_000;

/**
 * Sends requests when they are due, whatever became of those before (open loop), and counts latency from when each was *due*: a service that
 * stalls is charged for everyone who would have come meanwhile. Sending early never happens; being late is counted as lateness.
 */
export class LoadPlayer {
  readonly #options: PlayerOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #total = new Tally();
  #second = new Tally();
  #beganMs = 0;
  #secondFromMs = 0;
  #underWay = 0;
  #turn = 0;
  /** In the order they were sent; also those that were answered since the last look. */
  #waiting: UnderWay[] = [];

  constructor(options: PlayerOptions) {
    this.#options = options;
  }

  /** Plays to the end, or until the signal; then waits for what is under way, ten seconds at most. */
  async run(signal: AbortSignal): Promise<{ readonly report: LoadReport; readonly parts: TallyParts }> {
    const { arrivals, durationMs, timeoutMs } = this.#options;
    this.#beganMs = performance.now();
    const ticking = setInterval(() => this.#endSecond(), SECOND_MS);
    const looking = setInterval(() => this.#endLate(), Math.max(10, Math.min(100, timeoutMs / 10)));
    try {
      if (arrivals === undefined) await this.#sendAsFastAsPossible(durationMs, signal);
      else await this.#sendWhenDue(arrivals, durationMs, signal);
      const playedMs = this.#nowMs();
      while (this.#underWay > 0 && this.#nowMs() - playedMs < Math.min(TAIL_MS, 2 * timeoutMs) && !signal.aborted) await letOthers(TIMER_MS);
      this.#endSecond();
      return { report: this.#total.report(0, playedMs, this.#underWay), parts: this.#total.parts() };
    } finally {
      clearInterval(ticking);
      clearInterval(looking);
      await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
    }
  }

  #nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  async #sendWhenDue(arrivals: Arrivals, durationMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = this.#nowMs();
      for (let i = 0; i < BURST && arrivals.nextMs <= nowMs && arrivals.nextMs < durationMs; i++) {
        void this.#send(arrivals.nextMs);
        arrivals.advance();
      }
      const nextMs = Math.min(arrivals.nextMs, durationMs);
      if (nextMs >= durationMs && this.#nowMs() >= durationMs) return;
      await letOthers(Math.min(nextMs - this.#nowMs(), SECOND_MS));
    }
  }

  async #sendAsFastAsPossible(durationMs: number, signal: AbortSignal): Promise<void> {
    const lanes = this.#options.connections * Math.max(1, this.#options.targets().length);
    const lane = async (): Promise<void> => {
      while (!signal.aborted && this.#nowMs() < durationMs) if (!(await this.#send(this.#nowMs()))) await letOthers(10);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** @returns whether it was sent and answered */
  #send(dueMs: number): Promise<boolean> | boolean {
    const { targets, underWayMax = UNDER_WAY_MAX, headers } = this.#options;
    const all = targets();
    const target = all[this.#turn++ % Math.max(1, all.length)];
    if (target === undefined || this.#underWay >= underWayMax) {
      this.#second.notSent++;
      return false;
    }
    const origin = originOf(target);
    const nowMs = this.#nowMs();
    this.#second.wasSent(nowMs - dueMs);
    this.#underWay++;
    return new Promise((resolve) => {
      let status = 0;
      const request: UnderWay = {
        sentMs: nowMs,
        controller: undefined,
        state: "open",
        end: (isAnswered) => {
          if (request.state === "ended") return;
          request.state = "ended";
          this.#underWay--;
          const tookMs = this.#nowMs() - dueMs;
          if (isAnswered && status < 500) this.#second.took(tookMs);
          else this.#second.failed++;
          resolve(isAnswered);
        },
      };
      this.#waiting.push(request);
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: (controller) => {
          request.controller = controller;
          // It waited for a connection for too long.
          if (request.state === "ended") controller.abort(new Error("too late"));
        },
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: () => {},
        onResponseEnd: () => request.end(true),
        onResponseError: () => request.end(false),
      };
      const path = target.slice(origin.length) || "/";
      this.#poolOf(origin).dispatch({ path, method: "GET", headers: headers ?? {}, headersTimeout: 0, bodyTimeout: 0 }, handler);
    });
  }

  /** Ends what has waited for too long: all wait equally long, so the oldest first. */
  #endLate(): void {
    const beforeMs = this.#nowMs() - this.#options.timeoutMs;
    let gone = 0;
    for (; gone < this.#waiting.length; gone++) {
      const request = this.#waiting[gone] as UnderWay;
      if (request.state === "ended") continue;
      if (request.sentMs > beforeMs) break;
      request.controller?.abort(new Error("too late"));
      request.end(false);
    }
    if (gone > 0) this.#waiting = this.#waiting.slice(gone);
  }

  #poolOf(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, { connections: this.#options.connections, pipelining: 1, connect: { timeout: this.#options.timeoutMs } });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  #endSecond(): void {
    const nowMs = this.#nowMs();
    this.#total.add(this.#second);
    if (this.#second.sent + this.#second.answered + this.#second.failed + this.#second.notSent > 0 || nowMs - this.#secondFromMs >= SECOND_MS / 2)
      this.#options.onSecond?.(this.#second.report(this.#secondFromMs, nowMs, this.#underWay), this.#second.parts());
    this.#secondFromMs = nowMs;
    this.#second = new Tally();
    this.#closeForsaken();
  }

  /** Connections to targets that are no longer there. */
  #closeForsaken(): void {
    if (this.#pools.size < 2) return;
    const origins = new Set(this.#options.targets().map(originOf));
    for (const [origin, pool] of this.#pools) {
      if (origins.has(origin)) continue;
      this.#pools.delete(origin);
      // What is under way is answered.
      pool.close().catch(() => {});
    }
  }
}

/** `http://host:port` of an address. */
function originOf(target: Target): string {
  const slash = target.indexOf("/", target.indexOf("//") + 2);
  return slash < 0 ? target : target.slice(0, slash);
}

function letOthers(waitMs: number): Promise<void> {
  return new Promise((go) => {
    if (waitMs >= TIMER_MS) setTimeout(go, Math.floor(waitMs - 1));
    else setImmediate(go);
  });
}
