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

/** The metrics of one workload, read from their sources, in the time of the engine. */
export class WorkloadReadings implements ReadingsOf {
  readonly #bySource = new Map<Source, { readonly query: MetricQuery; readonly reading: Reading }[]>();
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
    this.#readings = metrics.map(({ metric, from }) => {
      const reading: Reading = { metric: metric.name, status: "absent", value: 0, sampledAtMs: 0, windowMs: metric.windowMs, partial: false };
      if (from !== undefined) {
        const all = this.#bySource.get(from.source) ?? [];
        this.#bySource.set(from.source, all);
        all.push({ query: { workload, metric: metric.name, query: from.query, select: from.select }, reading });
      }
      return reading;
    });
  }

  async read(signal: AbortSignal): Promise<readonly Reading[]> {
    // What has no answer by the time we decide is absent, whatever it said before.
    for (const reading of this.#readings) reading.status = "absent";
    await Promise.all([...this.#bySource].map(([source, wanted]) => this.#readFrom(source, wanted, signal)));
    return this.#readings;
  }

  async #readFrom(source: Source, wanted: readonly { readonly query: MetricQuery; readonly reading: Reading }[], signal: AbortSignal): Promise<void> {
    let found: readonly SourceReading[];
    try {
      found = await source.read(
        wanted.map(({ query }) => query),
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (signal.aborted) {
      for (const { reading } of wanted) this.#say(reading.metric, { reason: "no answer in time", isPartial: false });
      return;
    }
    // Wall time of others, in the time of the engine.
    const aheadMs = this.#clock.engineMs() - this.#clock.wallMs();
    for (const [i, { reading }] of wanted.entries()) {
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
