import type { Arrivals } from "./arrivals.ts";
import { type Exchange, HttpOrigin, requestBytes } from "./http-origin.ts";
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
  /** From when it is sent; then a request has failed, also one whose answer comes later. */
  readonly timeoutMs: number;
  readonly headers?: readonly (readonly [string, string])[];
  /** Requests under way, or waiting for a connection, beyond which none is sent. */
  readonly underWayMax?: number;
  /** Called about once a second with that second, and what it counted. */
  readonly onSecond?: (report: LoadReport, parts: TallyParts) => void;
}

/** A target, ready to be sent to. */
interface Aim {
  readonly origin: string;
  readonly http: HttpOrigin;
  readonly bytes: Buffer;
}

const UNDER_WAY_MAX = 20_000;
const SECOND_MS = 1_000;
/** Requests sent before others have their turn. */
const BURST = 256;
/** Timers are so exact; what is due sooner is waited for awake. */
const TIMER_MS = 2;
/** After the end, for so long what is overdue is sent still. */
const GIVE_UP_MS = 1_000;
/** What the generator lacks, and not the service. */
const OURS: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);
/** Answers that come after the last request are waited for so long. */
const TAIL_MS = 10_000;

/**
 * Sends requests when they are due, whatever became of those before (open loop), and counts latency from when each was *due*: a service that
 * stalls is charged for everyone who would have come meanwhile. Sending early never happens; being late is counted as lateness.
 */
export class LoadPlayer {
  readonly #options: PlayerOptions;
  readonly #origins = new Map<string, HttpOrigin>();
  readonly #aims = new Map<Target, Aim>();
  /** Of targets that have gone: what is under way to them is answered. */
  readonly #gone = new Set<HttpOrigin>();
  readonly #total = new Tally();
  #second = new Tally();
  #beganMs = 0;
  #secondFromMs = 0;
  #underWay = 0;
  /** When the last answer came. */
  #answeredMs = 0;
  #turn = 0;
  /** In the order they were sent; also those that were answered since the last look. */
  #waiting: Request[] = [];

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
      const playedMs = this.nowMs();
      while (this.#underWay > 0 && this.nowMs() - playedMs < Math.min(TAIL_MS, 2 * timeoutMs) && !signal.aborted) await letOthers(TIMER_MS);
      for (const http of this.#allOrigins()) http.leaveWaiting();
      this.#endSecond();
      return { report: this.#total.report(0, Math.max(playedMs, this.#answeredMs), this.#underWay), parts: this.#total.parts() };
    } finally {
      clearInterval(ticking);
      clearInterval(looking);
      for (const http of this.#allOrigins()) http.destroy();
    }
  }

  /** Since the beginning. */
  nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  async #sendWhenDue(arrivals: Arrivals, durationMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = this.nowMs();
      for (let i = 0; i < BURST && arrivals.nextMs <= nowMs && arrivals.nextMs < durationMs; i++) {
        this.send(new Request(this, undefined), arrivals.nextMs);
        arrivals.advance();
      }
      // So far behind that there is no catching up: what is left of it was not sent.
      if (nowMs > durationMs + GIVE_UP_MS) {
        for (; arrivals.nextMs < durationMs && this.nowMs() < durationMs + 2 * GIVE_UP_MS; arrivals.advance()) this.#second.leave("too_late");
        return;
      }
      const nextMs = Math.min(arrivals.nextMs, durationMs);
      if (nextMs >= durationMs && this.nowMs() >= durationMs) return;
      await letOthers(Math.min(nextMs - this.nowMs(), SECOND_MS));
    }
  }

  async #sendAsFastAsPossible(durationMs: number, signal: AbortSignal): Promise<void> {
    const lanes = this.#options.connections * Math.max(1, this.#options.targets().length);
    const again = (request: Request): void => {
      if (signal.aborted || this.nowMs() >= durationMs) return;
      // With nobody to send to, whoever may come.
      if (!this.send(request, this.nowMs())) setTimeout(again, 10, request);
    };
    for (let i = 0; i < lanes; i++) again(new Request(this, again));
    while (!signal.aborted && this.nowMs() < durationMs) await letOthers(Math.min(durationMs - this.nowMs(), 100));
  }

  /** @returns whether it was sent */
  send(request: Request, dueMs: number): boolean {
    const { targets, underWayMax = UNDER_WAY_MAX } = this.#options;
    const all = targets();
    const target = all[this.#turn++ % Math.max(1, all.length)];
    if (target === undefined || this.#underWay >= underWayMax) {
      this.#second.leave(target === undefined ? "nobody" : "too_many");
      return false;
    }
    const aim = this.#aims.get(target) ?? this.#aimAt(target);
    this.#underWay++;
    request.aimAt(aim, dueMs);
    aim.http.send(request);
    return true;
  }

  /** A request is on its way. Until then it waits for a connection of ours, and that is lateness of ours. @returns when, ms from the beginning */
  began(request: Request, dueMs: number): number {
    const nowMs = this.nowMs();
    this.#second.wasSent(nowMs - dueMs);
    this.#waiting.push(request);
    return nowMs;
  }

  /** What came of a request. @param sentMs undefined: it was never sent   @param status 0: no answer */
  take(status: number, reason: string, dueMs: number, sentMs: number | undefined): void {
    this.#underWay--;
    const nowMs = this.nowMs();
    if (sentMs === undefined) this.#second.leave(reason === "aborted" ? "no_connection" : reason);
    else if (status === 0 && OURS.has(reason)) {
      this.#second.sent--;
      this.#second.leave(reason);
    } else if (nowMs - sentMs > this.#options.timeoutMs) this.#second.fail("timeout");
    else if (status === 0) this.#second.fail(reason);
    else if (status >= 500) this.#second.fail(String(status));
    else {
      this.#answeredMs = nowMs;
      this.#second.took(nowMs - dueMs);
    }
  }

  #allOrigins(): HttpOrigin[] {
    return [...this.#origins.values(), ...this.#gone];
  }

  /** Ends what has waited for too long: all wait equally long, so the oldest first. */
  #endLate(): void {
    const beforeMs = this.nowMs() - this.#options.timeoutMs;
    let gone = 0;
    for (; gone < this.#waiting.length; gone++) {
      const request = this.#waiting[gone] as Request;
      // One that was sent again since has a later place, too.
      if (!request.isOpen || request.places > 1) {
        request.places--;
        continue;
      }
      if (request.sentMs > beforeMs) break;
      request.places--;
      request.abort();
    }
    if (gone > 0) this.#waiting = this.#waiting.slice(gone);
  }

  #aimAt(target: Target): Aim {
    const { origin } = new URL(target);
    let http = this.#origins.get(origin);
    if (http === undefined) {
      http = new HttpOrigin(origin, this.#options.connections);
      this.#origins.set(origin, http);
    }
    const aim = { origin, http, bytes: requestBytes(target, this.#options.headers) };
    this.#aims.set(target, aim);
    return aim;
  }

  #endSecond(): void {
    const nowMs = this.nowMs();
    this.#total.add(this.#second);
    if (this.#second.sent + this.#second.answered + this.#second.failed + this.#second.notSent > 0 || nowMs - this.#secondFromMs >= SECOND_MS / 2)
      this.#options.onSecond?.(this.#second.report(this.#secondFromMs, nowMs, this.#underWay), this.#second.parts());
    this.#secondFromMs = nowMs;
    this.#second = new Tally();
    this.#closeForsaken();
  }

  /** Connections to targets that are no longer there. */
  #closeForsaken(): void {
    if (this.#aims.size < 2) return;
    const targets = new Set(this.#options.targets());
    for (const target of this.#aims.keys()) if (!targets.has(target)) this.#aims.delete(target);
    const origins = new Set([...this.#aims.values()].map(({ origin }) => origin));
    for (const [origin, http] of this.#origins) {
      if (origins.has(origin)) continue;
      this.#origins.delete(origin);
      this.#gone.add(http);
      // What is under way is answered.
      http.close();
    }
  }
}

/** One request at a time; the same object again for whoever sends the next when one has ended. */
class Request implements Exchange {
  readonly #player: LoadPlayer;
  readonly #again: ((request: Request) => void) | undefined;
  #aim: Aim | undefined;
  #dueMs = 0;
  #sentMs: number | undefined;
  isOpen = false;
  /** Times that it is in the list of those that may be late. */
  places = 0;

  constructor(player: LoadPlayer, again: ((request: Request) => void) | undefined) {
    this.#player = player;
    this.#again = again;
  }

  get bytes(): Buffer {
    return (this.#aim as Aim).bytes;
  }

  get sentMs(): number {
    return this.#sentMs ?? Number.POSITIVE_INFINITY;
  }

  aimAt(aim: Aim, dueMs: number): void {
    this.#aim = aim;
    this.#dueMs = dueMs;
    this.#sentMs = undefined;
    this.isOpen = true;
  }

  began(): void {
    this.places++;
    this.#sentMs = this.#player.began(this, this.#dueMs);
  }

  abort(): void {
    this.#aim?.http.abort(this);
  }

  ended(status: number, reason = "closed"): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#player.take(status, reason, this.#dueMs, this.#sentMs);
    this.#again?.(this);
  }
}

function letOthers(waitMs: number): Promise<void> {
  return new Promise((go) => {
    if (waitMs >= TIMER_MS) setTimeout(go, Math.floor(waitMs - 1));
    else setImmediate(go);
  });
}
