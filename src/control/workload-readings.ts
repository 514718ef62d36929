import type { Reading } from "../engine/model.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { MetricQuery, Source, SourceReading } from "../sources/source.ts";
import type { Clock } from "./clock.ts";
import type { ReadingsOf, ReadingTrouble } from "./ports.ts";

/** Where one metric of a workload is read. */
export interface MetricSource {
  readonly metric: ResolvedMetric;
  /** Absent where the policy names no source or query: the metric is absent then. */
  readonly from?: { readonly source: Source; readonly query: string; readonly select?: Readonly<Record<string, string>> | undefined };
}

/** What one source is asked for, and where the answers go, in the same order. */
interface Asked {
  readonly source: Source;
  readonly queries: MetricQuery[];
  readonly readings: Reading[];
}

/** The metrics of one workload, read from their sources, in the time of the engine. */
export class WorkloadReadings implements ReadingsOf {
  readonly #asked: readonly Asked[];
  readonly #readings: readonly Reading[];
  readonly #clock: Clock;
  readonly #onChange: (metric: string, trouble: ReadingTrouble | undefined) => void;
  /** What is wrong, by metric; as it was said last. */
  readonly #troubles = new Map<string, ReadingTrouble>();

  /** @param onChange told when a metric cannot be read, or not wholly, with why, and when it can again */
  constructor(
    workload: string,
    metrics: readonly MetricSource[],
    clock: Clock,
    onChange: (metric: string, trouble: ReadingTrouble | undefined) => void = () => {},
  ) {
    this.#clock = clock;
    this.#onChange = onChange;
    const asked = new Map<Source, Asked>();
    this.#readings = metrics.map(({ metric, from }) => {
      const reading: Reading = { metric: metric.name, status: "absent", value: 0, sampledAtMs: 0, windowMs: metric.windowMs, partial: false };
      if (from !== undefined) {
        const all = asked.get(from.source) ?? { source: from.source, queries: [], readings: [] };
        asked.set(from.source, all);
        all.queries.push({ workload, metric: metric.name, query: from.query, select: from.select });
        all.readings.push(reading);
      }
      return reading;
    });
    this.#asked = [...asked.values()];
  }

  async read(signal: AbortSignal): Promise<readonly Reading[]> {
    // What has no answer by the time we decide is absent, whatever it said before.
    for (const reading of this.#readings) reading.status = "absent";
    const [first] = this.#asked;
    // Of thousands of workloads, most have one source.
    if (first !== undefined)
      await (this.#asked.length === 1 ? this.#readFrom(first, signal) : Promise.all(this.#asked.map((one) => this.#readFrom(one, signal))));
    return this.#readings;
  }

  async #readFrom({ source, queries, readings }: Asked, signal: AbortSignal): Promise<void> {
    let found: readonly SourceReading[];
    try {
      found = await source.read(queries, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (signal.aborted) {
      for (const reading of readings) this.#say(reading.metric, { reason: "no answer in time", isPartial: false });
      return;
    }
    // Wall time of others, in the time of the engine.
    const aheadMs = this.#clock.engineMs() - this.#clock.wallMs();
    for (const [i, reading] of readings.entries()) {
      const { status, value, sampledAtMs, partial, reason } = found[i] as SourceReading;
      const isPartial = status === "value" && partial;
      this.#say(reading.metric, status === "value" && !partial ? undefined : { reason: reason ?? (isPartial ? "its source says so" : status), isPartial });
      reading.status = status;
      reading.value = value;
      reading.sampledAtMs = sampledAtMs + aheadMs;
      reading.partial = partial;
    }
  }

  #say(metric: string, trouble: ReadingTrouble | undefined): void {
    const before = this.#troubles.get(metric);
    if (before?.reason === trouble?.reason && before?.isPartial === trouble?.isPartial) return;
    if (trouble === undefined) this.#troubles.delete(metric);
    else this.#troubles.set(metric, trouble);
    this.#onChange(metric, trouble);
  }
}
