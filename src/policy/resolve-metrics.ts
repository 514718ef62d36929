import { type Formula, metricsOf, parseFormula } from "./formula.ts";
import type { Measures, WorkloadPolicy } from "./schema.ts";

/** A metric with every default filled in. */
export interface ResolvedMetric {
  readonly name: string;
  readonly measures: Measures;
  readonly scope: "total" | "unit";
  readonly quantile: number;
  readonly column: string;
  readonly windowMs: number;
  readonly lagMs: number;
  readonly scrapeMs: number;
  /** Computed from others instead of read. */
  readonly formula?: Formula;
}

/** Those that are read, then those that are computed, each after what it is computed from. Expects formulas to be valid. */
export function resolveMetrics(written: WorkloadPolicy["metrics"]): ResolvedMetric[] {
  const measured = new Map(Object.entries(written).map(([name, { measures }]) => [name, measures]));
  const metrics = Object.entries(written).map(
    ([name, metric]): ResolvedMetric => ({
      name,
      measures: metric.measures,
      scope: metric.scope ?? (metric.measures === "utilisation" ? "unit" : "total"),
      quantile: metric.quantile ?? 0.95,
      column: metric.column ?? name,
      windowMs: metric.window,
      lagMs: metric.lag,
      scrapeMs: metric.scrape,
      ...(metric.formula !== undefined && { formula: parseFormula(metric.formula, metric.measures, measured) }),
    }),
  );
  const settled = metrics.filter(({ formula }) => formula === undefined);
  const waiting = metrics.filter(({ formula }) => formula !== undefined);
  while (waiting.length > 0) {
    const at = waiting.findIndex(({ formula }) => metricsOf(formula as Formula).every((name) => settled.some((known) => known.name === name)));
    if (at < 0) throw new Error("formulas that need each other");
    const [next] = waiting.splice(at, 1) as [ResolvedMetric];
    const operands = settled.filter(({ name }) => metricsOf(next.formula as Formula).includes(name));
    // As old as the oldest of what it is computed from.
    settled.push({
      ...next,
      windowMs: Math.max(...operands.map(({ windowMs }) => windowMs)),
      lagMs: Math.max(...operands.map(({ lagMs }) => lagMs)),
      scrapeMs: Math.max(...operands.map(({ scrapeMs }) => scrapeMs)),
    });
  }
  return settled;
}
