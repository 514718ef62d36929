import { formatNumber } from "../lib/format.ts";

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

/** Rows of cells in aligned columns; numbers to the right. */
export function table(rows: readonly (readonly string[])[], alignRight: readonly boolean[] = []): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, i) => (alignRight[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
