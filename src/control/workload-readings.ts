import type { Reading } from "../engine/model.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { MetricQuery, Source, SourceReading } from "../sources/source.ts";
import type { Clock } from "./clock.ts";
import type { ReadingsOf } from "./controller.ts";

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

  constructor(workload: string, metrics: readonly MetricSource[], clock: Clock) {
    this.#clock = clock;
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
    if (signal.aborted) return;
    // Wall time of others, in the time of the engine.
    const aheadMs = this.#clock.engineMs() - this.#clock.wallMs();
    for (const [i, { reading }] of wanted.entries()) {
      const { status, value, sampledAtMs, partial } = found[i] as SourceReading;
      reading.status = status;
      reading.value = value;
      reading.sampledAtMs = sampledAtMs + aheadMs;
      reading.partial = partial;
    }
  }
}
