import type { MetricQuery, Source, SourceReading } from "./source.ts";

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

  constructor(source: Source) {
    this.#source = source;
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
      return await this.#source.read(queries, signal);
    });
    const batch = { queries, readings };
    this.#batches.set(signal, batch);
    return batch;
  }
}
