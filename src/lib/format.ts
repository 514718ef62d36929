import { formatDuration } from "./duration.ts";

/** `1,234.5`: thousands separated, `digits` after the point. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A duration in at most two units: `3d4h`, `2m30s`. */
export function formatSpan(ms: number): string {
  const unit = ms >= 86_400_000 ? 3_600_000 : ms >= 3_600_000 ? 60_000 : ms >= 60_000 ? 1_000 : 1;
  return formatDuration(Math.round(ms / unit) * unit);
}

/** A number for an operand: up to four significant digits, never exponent for everyday sizes. */
export function formatOperand(value: number): string {
  if (Number.isInteger(value)) return formatNumber(value);
  if (Math.abs(value) >= 1_000) return formatNumber(value);
  return String(Number(value.toPrecision(4)));
}

/** A ratio as a percentage, with enough digits to tell small ones from none. */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "< 0.01 %";
  return `${percent.toFixed(percent < 10 ? 2 : 1)} %`;
}

/** Money with its currency, or without when the policy names none. */
export function formatMoney(amount: number, currency: string | null): string {
  return `${formatNumber(amount, 2)}${currency === null ? "" : ` ${currency}`}`;
}

/** Milliseconds of latency with three significant digits. */
export function formatLatency(ms: number): string {
  if (ms >= 10_000) return `${formatNumber(ms / 1_000, 1)} s`;
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))} ms`;
}
