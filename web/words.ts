import type { ObjectiveView, WorkloadAbout } from "../src/api/contract.ts";
import { formatMoney, formatNumber, formatOperand, formatPercent } from "../src/lib/format.ts";

// Numbers in words, the same everywhere.

/** 64 %, without digits that nobody reads. */
export function percent(ratio: number | null | undefined): string {
  return ratio == null ? "–" : `${formatNumber(100 * ratio, Math.abs(ratio) < 0.1 && ratio !== 0 ? 1 : 0)} %`;
}

/** A share of time or of requests, of which small ones count. */
export const share = formatPercent;

export function units(count: number | null | undefined): string {
  return count == null ? "–" : formatNumber(count);
}

export function perHour(amount: number | null, currency: string | null): string {
  return amount === null ? "–" : `${formatMoney(amount, currency)}`;
}

/** Seconds as people say them. */
export function latency(seconds: number | null | undefined): string {
  if (seconds == null) return "–";
  if (seconds >= 1) return `${formatNumber(seconds, seconds >= 10 ? 1 : 2)} s`;
  return `${formatNumber(1_000 * seconds, seconds < 0.01 && seconds > 0 ? 1 : 0)} ms`;
}

/** A value of a metric in its own unit. */
export function valueText(measures: string, value: number | null | undefined): string {
  if (value == null) return "–";
  switch (measures) {
    case "utilisation":
      return percent(value);
    case "latency":
      return latency(value);
    case "rate":
    case "throughput":
      return `${formatOperand(value)}/s`;
    default:
      return formatOperand(value);
  }
}

/** What an objective asks for. */
export function objectiveText({ kind, metric, op = "lte", limit, from, to, minimum }: ObjectiveView, about: WorkloadAbout): string {
  const measures = about.metrics.find(({ name }) => name === metric)?.measures ?? "";
  const least = `${formatOperand(100 * minimum)} % of the time`;
  if (kind === "threshold") return `${metric} ${{ lte: "at most", lt: "below", gte: "at least", gt: "above" }[op]} ${valueText(measures, limit)}, ${least}`;
  if (kind === "band") return `${metric} from ${valueText(measures, from)} to ${valueText(measures, to)}, ${least}`;
  return `${formatOperand(100 * minimum)} % good, by ${metric}`;
}
