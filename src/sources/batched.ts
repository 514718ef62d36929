import { messageOf } from "../lib/system-error.ts";
import type { MetricQuery, Source, SourceReading } from "./source.ts";

/** How a source answered last. Wall times, ms; undefined: never. */
export interface LastAnswer {
  askedMs: number | undefined;
  /** When every query last had a value. */
  wholeMs: number | undefined;
  tookMs: number | undefined;
  /** Of the last time it was asked. */
  queries: number;
  values: number;
  /** Why the first of those without a value has none. */
  trouble: string | undefined;
}

interface Batch {
  readonly queries: MetricQuery[];
  readonly readings: Promise<readonly SourceReading[]>;
}

/**
 * A source that is asked once for all that is wanted of it at the same moment with the same deadline, however many workloads ask:
 * what is asked twice is then known to be, and limits on requests are limits for all.
 */
export class BatchedSource implements Source {
  readonly #source: Source;
  readonly #batches = new Map<AbortSignal, Batch>();
  readonly #wallMs: () => number;
  readonly last: LastAnswer = { askedMs: undefined, wholeMs: undefined, tookMs: undefined, queries: 0, values: 0, trouble: undefined };

  constructor(source: Source, wallMs: () => number) {
    this.#source = source;
    this.#wallMs = wallMs;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const batch = this.#batches.get(signal) ?? this.#begin(signal);
    const from = batch.queries.length;
    batch.queries.push(...queries);
    const readings = await batch.readings;
    return readings.slice(from, from + queries.length);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  #begin(signal: AbortSignal): Batch {
    const queries: MetricQuery[] = [];
    // Whoever asks in this turn of the event loop has asked by then.
    const readings = new Promise((resolve) => setImmediate(resolve)).then(async () => {
      this.#batches.delete(signal);
      return await this.#ask(queries, signal);
    });
    const batch = { queries, readings };
    this.#batches.set(signal, batch);
    return batch;
  }

  async #ask(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const { last } = this;
    const askedMs = this.#wallMs();
    last.askedMs = askedMs;
    last.queries = queries.length;
    try {
      const readings = await this.#source.read(queries, signal);
      last.values = readings.reduce((sum, { status }) => sum + (status === "value" ? 1 : 0), 0);
      last.trouble = readings.find(({ status }) => status !== "value")?.reason;
      return readings;
    } catch (error) {
      last.values = 0;
      last.trouble = signal.aborted ? "no answer in time" : messageOf(error);
      throw error;
    } finally {
      const nowMs = this.#wallMs();
      last.tookMs = nowMs - askedMs;
      if (last.values === last.queries) last.wholeMs = nowMs;
    }
  }
}
