import type { Measures } from "../../policy/schema.ts";
import type { ScalingRules } from "./behaviour.ts";

/** What a metric of an HPA is compared with. Milli-units are 1/1000 of the metric's own unit (of a core for CPU). */
export type HpaTarget =
  /** Percent of the request; resources only. */
  | { readonly type: "utilisation"; readonly percent: number }
  /** The mean over pods. */
  | { readonly type: "averageValue"; readonly milli: number }
  /** The total; object and external metrics only. */
  | { readonly type: "value"; readonly milli: number };

/** One metric of an HPA, and how it is read. */
export interface HpaMetricSpec {
  readonly source: "resource" | "pods" | "object" | "external";
  readonly name: string;
  readonly target: HpaTarget;
  readonly measures: Measures;
  /** Milli-units that a pod shows at 100 % utilisation, for a resource with an average value. */
  readonly fullMilli?: number;
}

/** What an HPA object and its cluster say, with the defaults of Kubernetes (API defaulting and controller flags). */
export interface HpaConfig {
  readonly metrics: readonly HpaMetricSpec[];
  /** Relative bands in which nothing changes. */
  readonly toleranceUp: number;
  readonly toleranceDown: number;
  /** Absent: the rules of an HPA without a behaviour block. */
  readonly behaviour?: { readonly up: ScalingRules; readonly down: ScalingRules };
  /** The object's own bounds; those of the workload when absent. */
  readonly min?: number;
  readonly max?: number;
  /** An adapter that turns "no data" into 0 instead of an error. */
  readonly absentIsZero: boolean;
  /** From 1.16 until 1.21 a metric that could not be fetched kept no other from scaling in (kubernetes #105187). */
  readonly passesOverBroken?: boolean;
  /** Until 2026 a wish beyond the largest int32 became the smallest (kubernetes #126892). */
  readonly wraps?: boolean;
}

/** Controller flag --horizontal-pod-autoscaler-tolerance. */
export const HPA_TOLERANCE = 0.1;
/** Target when an HPA names no metric, percent of the CPU request. */
export const HPA_CPU_PERCENT = 80;

/** Growth and reduction as the API fills them in where a `behavior` block leaves them out. */
export const HPA_DEFAULT_BEHAVIOUR = {
  up: {
    select: "Max",
    stabilizationMs: 0,
    policies: [
      { type: "Pods", value: 4, periodMs: 15_000 },
      { type: "Percent", value: 100, periodMs: 15_000 },
    ],
  },
  down: { select: "Max", stabilizationMs: 300_000, policies: [{ type: "Percent", value: 100, periodMs: 15_000 }] },
} as const satisfies { up: ScalingRules; down: ScalingRules };

/** CPU in percent of its request, as most HPAs have it. */
export function cpuMetric(percent: number): HpaMetricSpec {
  return { source: "resource", name: "cpu", target: { type: "utilisation", percent }, measures: "utilisation" };
}

/** How each metric reaches the controller. Documented in docs/compare.md. */
export const HPA_PIPELINE = {
  /** metrics-server: usage over the last 30 s, 15 s late. */
  resource: { windowMs: 30_000, lagMs: 15_000, scrapeMs: 15_000 },
  /** An adapter over Prometheus: rates over a minute, sampled every 15 s, 15 s late. */
  rate: { windowMs: 60_000, lagMs: 15_000, scrapeMs: 15_000 },
  /** An adapter over Prometheus: what the last sample said. */
  gauge: { windowMs: 15_000, lagMs: 15_000, scrapeMs: 15_000 },
} as const;
