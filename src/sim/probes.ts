import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { Trace } from "./trace.ts";

/** What the plant synthesises for a metric; a column of the trace for a gauge. */
export const Probe = { None: 0, Rate: 1, Utilisation: 2, Errors: 3, Backlog: 4, Concurrency: 5, Latency: 6, Up: 7, Throughput: 8 } as const;
export type Probe = (typeof Probe)[keyof typeof Probe];

export function probeOf(metric: ResolvedMetric, trace: Trace, hasLatency: boolean): Probe | Float64Array {
  switch (metric.measures) {
    case "rate":
      return Probe.Rate;
    case "utilisation":
      return Probe.Utilisation;
    case "throughput":
      return Probe.Throughput;
    case "up":
      return Probe.Up;
    case "errors":
      return Probe.Errors;
    case "backlog":
      return Probe.Backlog;
    case "concurrency":
      return Probe.Concurrency;
    case "latency":
      return hasLatency ? Probe.Latency : Probe.None;
    case "gauge":
      return trace.columns.get(metric.column) ?? Probe.None;
  }
}

/** Why a metric has no reading at all; nothing when it has. */
export function silence(metric: ResolvedMetric, probe: Probe | Float64Array): string[] {
  if (probe !== Probe.None) return [];
  return metric.measures === "latency"
    ? [`${metric.name}: no readings, because unit.serviceTime is not declared`]
    : [`${metric.name}: no readings, because the recording has no column "${metric.column}"`];
}
