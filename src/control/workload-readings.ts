import type { Reading } from "../engine/model.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { MetricQuery, Source, SourceReading } from "../sources/source.ts";
import type { Clock } from "./clock.ts";
import type { ReadingsOf } from "./ports.ts";

/** Where one metric of a workload is read. */
export interface MetricSource {
  readonly metric: ResolvedMetric;
  /** Absent where the policy names no source or query: the metric is absent then. */
  readonly from?: { readonly source: Source; readonly query: string };
}

/** The metrics of one workload, read from their sources, in the time of the engine. */
export class WorkloadReadings implements ReadingsOf {
  readonly #bySource = new Map<Source, { readonly query: MetricQuery; readonly reading: Reading }[]>();
  readonly #readings: readonly Reading[];
  readonly #clock: Clock;
  readonly #onChange: (metric: string, reason: string | undefined) => void;
  /** Why there is no value, by metric; as it was said last. */
  readonly #reasons = new Map<string, string>();

  /** @param onChange told when a metric cannot be read, with why, and when it can again */
  constructor(workload: string, metrics: readonly MetricSource[], clock: Clock, onChange: (metric: string, reason: string | undefined) => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#readings = metrics.map(({ metric, from }) => {
      const reading: Reading = { metric: metric.name, status: "absent", value: 0, sampledAtMs: 0, windowMs: metric.windowMs, partial: false };
      if (from !== undefined) {
        const all = this.#bySource.get(from.source) ?? [];
        this.#bySource.set(from.source, all);
        all.push({ query: { workload, metric: metric.name, query: from.query }, reading });
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
      for (const { reading } of wanted) this.#say(reading.metric, "no answer in time");
      return;
    }
    // Wall time of others, in the time of the engine.
    const aheadMs = this.#clock.engineMs() - this.#clock.wallMs();
    for (const [i, { reading }] of wanted.entries()) {
      const { status, value, sampledAtMs, partial, reason } = found[i] as SourceReading;
      this.#say(reading.metric, status === "value" ? undefined : (reason ?? status));
      reading.status = status;
      reading.value = value;
      reading.sampledAtMs = sampledAtMs + aheadMs;
      reading.partial = partial;
    }
  }

  #say(metric: string, reason: string | undefined): void {
    if (this.#reasons.get(metric) === reason) return;
    if (reason === undefined) this.#reasons.delete(metric);
    else this.#reasons.set(metric, reason);
    this.#onChange(metric, reason);
  }
}
