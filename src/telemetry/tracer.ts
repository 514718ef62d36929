import { randomBytes } from "node:crypto";
import type { TickStages } from "../control/ports.ts";
import { post } from "../lib/post.ts";
import type { TraceSettings } from "./settings.ts";
import { otlpJson, type Span } from "./spans.ts";

const WAITING_MAX = 2_048;
const BATCH_MAX = 512;
/** Spans go out so long after the first of a batch. */
const DELAY_MS = 5_000;
const DEADLINE_MS = 10_000;
const GOODBYE_MS = 2_000;

/** Sends a trace of every tick to a collector, in batches. What it does not take is dropped: nobody waits, and nothing is kept for it. */
export class Tracer {
  readonly #settings: TraceSettings;
  readonly #version: string;
  readonly #warn: (message: string) => void;
  #spans: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  readonly #ended = new AbortController();
  #isAway = false;
  #dropped = 0;

  /** @param warn what to say, once when the collector goes away and once when it is back */
  constructor(settings: TraceSettings, version: string, warn: (message: string) => void) {
    this.#settings = settings;
    this.#version = version;
    this.#warn = warn;
  }

  /** @param aheadMs how far the clock that others' spans are in is ahead of that of the stages */
  tick(stages: TickStages, aheadMs: number): void {
    const { workloads, intents } = stages;
    const [beganMs, observedMs, decidedMs, committedMs, actedMs] = [
      stages.beganMs,
      stages.observedMs,
      stages.decidedMs,
      stages.committedMs,
      stages.actedMs,
    ].map((ms) => ms + aheadMs) as [number, number, number, number, number];
    const traceId = randomBytes(16).toString("hex");
    const root = randomBytes(8).toString("hex");
    const child = (name: string, from: number, to: number): Span => ({
      ...{ traceId, spanId: randomBytes(8).toString("hex"), parentSpanId: root },
      ...{ name, beganMs: from, endedMs: to, attributes: {} },
    });
    const spans: Span[] = [
      {
        ...{ traceId, spanId: root, name: "tick", beganMs, endedMs: actedMs },
        attributes: { "vernier.workloads": workloads, "vernier.intents": intents },
      },
      child("observe", beganMs, observedMs),
      child("decide", observedMs, decidedMs),
      child("commit", decidedMs, committedMs),
      ...(intents > 0 ? [child("act", committedMs, actedMs)] : []),
    ];
    if (this.#spans.length + spans.length > WAITING_MAX) {
      this.#dropped += spans.length;
      return;
    }
    this.#spans.push(...spans);
    this.#timer ??= setTimeout(() => void this.#flush(), DELAY_MS).unref();
  }

  /** Sends what there is, once, within a short time. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const giveUp = setTimeout(() => this.#ended.abort(), GOODBYE_MS);
    await this.#flush();
    clearTimeout(giveUp);
  }

  async #flush(): Promise<void> {
    await this.#sending;
    this.#timer = undefined;
    const spans = this.#spans;
    this.#spans = [];
    this.#sending = this.#send(spans);
    await this.#sending;
  }

  async #send(spans: readonly Span[]): Promise<void> {
    const { url, headers, resource } = this.#settings;
    for (let i = 0; i < spans.length; i += BATCH_MAX) {
      const batch = spans.slice(i, i + BATCH_MAX);
      const message = { headers: { ...headers, "content-type": "application/json" }, body: otlpJson(batch, resource, this.#version) };
      const posted = await post(url, message, { deadlineMs: DEADLINE_MS, signal: this.#ended.signal });
      if (this.#ended.signal.aborted) return;
      const isTaken = posted.kind === "answered" && posted.status >= 200 && posted.status < 300;
      if (!isTaken) this.#dropped += batch.length;
      if (isTaken !== this.#isAway) continue;
      this.#isAway = !isTaken;
      this.#warn(
        isTaken
          ? `traces are taken again; ${this.#dropped} spans were dropped`
          : `traces are dropped until the collector takes them: ${posted.kind === "answered" ? `answered ${posted.status}` : posted.why}`,
      );
      if (isTaken) this.#dropped = 0;
    }
  }
}
