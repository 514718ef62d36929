import { formatNumber, formatSpan } from "../lib/format.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import type { Run } from "../sim/run.ts";
import type { Terminal } from "./terminal.ts";

const ROWS = 12;

/**
 * Capacity over time as text: what the load needed at the ceiling as a shaded area, what was requested as a line, and
 * under it a mark where the load was above the ceiling. Each column shows the peak of its stretch.
 */
export function chart(run: Run, terminal: Terminal): string {
  const { columns, ceiling, perUnit, isScored } = run;
  const steps = columns.load.length;
  const labelWidth = 7;
  const width = Math.min(steps, terminal.columns - labelWidth - 2);
  if (width < 2) return "";
  const needed = new Float64Array(width);
  const requested = new Float64Array(width);
  const isShort = new Uint8Array(width);
  const isOut = new Uint8Array(width).fill(1);
  let top = 1;
  for (let column = 0; column < width; column++) {
    const begin = Math.floor((column * steps) / width);
    const end = Math.max(begin + 1, Math.floor(((column + 1) * steps) / width));
    for (let step = begin; step < end; step++) {
      const busy = (columns.load[step] as number) / perUnit;
      needed[column] = Math.max(needed[column] as number, busy / ceiling);
      requested[column] = Math.max(requested[column] as number, columns.requested[step] as number);
      if (isScored[step] === 1) {
        isOut[column] = 0;
        if (busy > ceiling * (columns.ready[step] as number) + 1e-9) isShort[column] = 1;
      }
    }
    top = Math.max(top, needed[column] as number, requested[column] as number);
  }
  const lines: string[] = [];
  const level = (value: number): number => Math.round((value / top) * ROWS * 2) / 2;
  for (let row = ROWS; row >= 1; row--) {
    const label = row === ROWS || row === Math.ceil(ROWS / 2) ? formatNumber((top * row) / ROWS, top < 10 ? 1 : 0) : "";
    let line = "";
    for (let column = 0; column < width; column++) {
      const line2 = level(requested[column] as number);
      const area = level(needed[column] as number);
      if (Math.ceil(line2) === row) line += terminal.paint("cyan", Number.isInteger(line2) ? "▀" : "▄");
      else if (area >= row) line += terminal.paint("dim", "░");
      else if (area >= row - 0.5) line += terminal.paint("dim", "░");
      else line += " ";
    }
    lines.push(`${label.padStart(labelWidth)} ${row === ROWS || row === Math.ceil(ROWS / 2) ? "┤" : "│"}${line.trimEnd()}`);
  }
  const marks = Array.from({ length: width }, (_, column) =>
    isShort[column] === 1 ? terminal.paint("red", "!") : isOut[column] === 1 ? terminal.paint("dim", "·") : "─",
  ).join("");
  lines.push(`${"0".padStart(labelWidth)} └${marks}`);
  const start = columns.startMs === 0 ? "0" : formatTimestamp(columns.startMs);
  const end = columns.startMs === 0 ? formatSpan(steps * columns.stepMs) : formatTimestamp(columns.startMs + steps * columns.stepMs);
  lines.push(`${" ".repeat(labelWidth + 2)}${start}${end.padStart(Math.max(end.length + 1, width - start.length))}`);
  const legend = [
    `${terminal.paint("cyan", "▀")} requested units`,
    `${terminal.paint("dim", "░")} needed at the ceiling`,
    `${terminal.paint("red", "!")} above the ceiling`,
  ];
  if (isOut.includes(1)) legend.push(`${terminal.paint("dim", "·")} not scored`);
  lines.push(`${" ".repeat(labelWidth + 2)}${legend.join("   ")}`);
  return lines.join("\n");
}
