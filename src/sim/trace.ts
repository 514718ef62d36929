import { formatDuration } from "../lib/duration.ts";
import { FileError } from "../lib/file-error.ts";
import { parseTimestamp } from "../lib/timestamp.ts";
import type { Semantics, TraceMeta } from "./trace-meta.ts";
import type { ParsedTrace } from "./trace-parser.ts";

/** A stretch that is not scored: a gap or an imputed part. Times from the start of the trace. */
export interface Mask {
  readonly fromMs: number;
  readonly toMs: number;
  readonly note: string;
}

/** A recording of load in bins of equal length. */
export interface Trace {
  readonly name: string;
  /** Of the file's bytes; of nothing for a trace made in memory. */
  readonly sha256?: string;
  readonly semantics: Semantics;
  /** Whether the load is utilisation times ready units, so that it counts units. */
  readonly isBusyUnits?: boolean;
  readonly binMs: number;
  /** Engine time of the left edge of the first bin; `undefined` when the recording does not say. */
  readonly startMs: number | undefined;
  /** Load of each bin: per second for counts and rates, else in the unit recorded (utilisation as a ratio). */
  readonly load: Float64Array;
  /** Further columns by name, length = load.length; NaN where absent. */
  readonly columns: ReadonlyMap<string, Float64Array>;
  readonly masks: readonly Mask[];
  /** Bins whose utilisation was 95 % or more, so that the true load is unknown. */
  readonly censoredBins: number;
  /** What was not stated and had to be guessed, in words. */
  readonly guesses: readonly string[];
}

/** What the command line may state about a recording; stronger than the meta file. */
export interface TraceOverrides {
  readonly semantics?: Semantics | undefined;
  readonly binMs?: number | undefined;
  readonly startMs?: number | undefined;
}

/** Column of a utilisation recording that says of how many units, when nothing else does. */
export const READY = "ready";
const BINS_MAX = 20_000_000;
/** Longest bin: a year. */
const BIN_MAX_MS = 366 * 86_400_000;
/** A grid of more bins than this must hold a row in one of twenty. */
const SPARSE_FROM = 10_000;
const FILLED_LEAST = 0.05;
/** From here on a processor's queue, not the load, decides what it shows. */
const CENSORED_FROM = 0.95;

/**
 * Puts parsed rows on a grid of equal bins, and says what had to be guessed.
 * @throws FileError when the rows fit no grid
 */
export function buildTrace(file: string, parsed: ParsedTrace, meta: TraceMeta = {}, overrides: TraceOverrides = {}): Trace {
  const guesses = [...parsed.guesses];
  const statedReady = meta.ready === undefined ? undefined : parsed.further.get(meta.ready);
  if (statedReady !== undefined) maskWithoutReady(file, parsed, statedReady);
  if (parsed.values.every(Number.isNaN))
    fail(file, parsed.firstDataLine, "trace_empty", "every value is missing", "a recording has a time and a value in each row");
  const time = settleTime(file, parsed, meta, overrides, guesses);
  let { grid, holes } = fillGrid(file, parsed.values, time);
  const semantics = settleSemantics(parsed, meta, overrides, grid, guesses);
  const foundReady = statedReady === undefined && semantics === "utilisation" ? parsed.further.get(READY) : undefined;
  if (foundReady !== undefined) {
    guesses.push(`the column "${READY}" is the number of ready units`);
    maskWithoutReady(file, parsed, foundReady);
    ({ grid, holes } = fillGrid(file, parsed.values, time));
  }
  const readyName = statedReady !== undefined ? meta.ready : foundReady !== undefined ? READY : undefined;
  const masks = [...statedMasks(meta), ...holes];
  if (holes.length > 0)
    guesses.push(
      `${holes.length} missing stretch${holes.length === 1 ? "" : "es"}, ${formatDuration(holes.reduce((sum, hole) => sum + hole.toMs - hole.fromMs, 0))} in all, held at the last value, not scored`,
    );
  const columns = new Map([...parsed.further].map(([name, values]) => [name, fillGrid(file, values, time, true).grid]));
  let censoredBins = 0;
  const load = grid;
  if (semantics === "count") for (let i = 0; i < load.length; i++) load[i] = (load[i] as number) / (time.binMs / 1_000);
  if (semantics === "utilisation") {
    // A fleet at 150 % does not exist; numbers that large are percent.
    const isPercent = meta.unit !== undefined ? /percent|%/.test(meta.unit) : /percent|pct/i.test(parsed.valueColumn ?? "") || largest(load) > 1.5;
    if (meta.unit === undefined) guesses.push(`utilisation is in ${isPercent ? "percent" : "ratios"}`);
    const ready = readyName === undefined ? undefined : columns.get(readyName);
    for (let i = 0; i < load.length; i++) {
      const ratio = (load[i] as number) / (isPercent ? 100 : 1);
      if (ratio >= CENSORED_FROM) censoredBins++;
      load[i] = ratio * (ready === undefined ? 1 : Number.isNaN(ready[i]) ? 0 : (ready[i] as number));
    }
    if (censoredBins > 0) guesses.push(`${censoredBins} of ${load.length} bins show 95 % utilisation or more: the true load was higher than what is replayed`);
  }
  const isBusyUnits = semantics === "utilisation" && readyName !== undefined;
  return { name: file, semantics, isBusyUnits, binMs: time.binMs, startMs: time.startMs, load, columns, masks, censoredBins, guesses };
}

/** Where row r of the file lies on the grid. */
interface TimeGrid {
  readonly binMs: number;
  readonly startMs: number | undefined;
  /** Times in milliseconds from the first row; `undefined` when row r is bin r. */
  readonly offsetsMs: Float64Array | undefined;
  readonly firstDataLine: number;
}

function settleTime(file: string, parsed: ParsedTrace, meta: TraceMeta, overrides: TraceOverrides, guesses: string[]): TimeGrid {
  const rows = parsed.values.length;
  const isRegular = !(parsed.times instanceof Float64Array);
  const first = parsed.times instanceof Float64Array ? (parsed.times[0] as number) : parsed.times.first;
  const step = parsed.times instanceof Float64Array ? usualStep(parsed.times) : parsed.times.step;
  const { unitMs, isEpoch } = timeUnit(parsed, first, guesses);
  const statedBinMs = overrides.binMs ?? (meta.interval_seconds === undefined ? undefined : meta.interval_seconds * 1_000);
  const hasTimes = step > 0;
  if (!hasTimes && statedBinMs === undefined) {
    if (rows === 1) guesses.push("a single row: one bin of 60 s");
    else guesses.push("no times: one row for each 60 s");
  }
  const binMs = statedBinMs ?? (hasTimes ? Math.round(step * unitMs) : 60_000);
  if (!(binMs >= 1)) fail(file, parsed.firstDataLine, "bin_too_short", `bins of ${binMs} ms`, "a recording in bins of at least 1 ms is needed");
  if (binMs > BIN_MAX_MS)
    fail(file, parsed.firstDataLine, "bin_too_long", "bins of more than a year", "are the times in another unit? expected seconds, or dates");
  if (statedBinMs !== undefined && hasTimes && Math.abs(step * unitMs - statedBinMs) > statedBinMs / 2) {
    guesses.push(`bins of ${formatDuration(statedBinMs)} were stated, the rows are ${formatDuration(Math.round(step * unitMs))} apart`);
  }
  if (statedBinMs === undefined && hasTimes) guesses.push(`bins of ${formatDuration(binMs)}`);
  const stated = meta.start == null ? undefined : parseTimestamp(meta.start.replace(/\s*local$/, ""));
  if (stated?.zoneAssumed) guesses.push("the start has no time zone: taken as UTC");
  if (meta.start != null && stated === undefined)
    fail(file, undefined, "start_unreadable", `the description says it began at "${meta.start}"`, "expected a time such as 2026-11-23T00:00:00Z");
  if (parsed.zoneAssumed) guesses.push("times have no time zone: taken as UTC");
  const startMs = overrides.startMs ?? (isEpoch ? first * unitMs : stated === undefined ? undefined : stated.atMs + first * unitMs);
  const isOnGrid = isRegular && (!hasTimes || step * unitMs === binMs || rows === 1);
  let offsetsMs: Float64Array | undefined;
  if (!isOnGrid) {
    offsetsMs = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      const time = parsed.times instanceof Float64Array ? (parsed.times[row] as number) : parsed.times.first + row * parsed.times.step;
      offsetsMs[row] = (time - first) * unitMs;
    }
  }
  return { binMs, startMs, offsetsMs, firstDataLine: parsed.firstDataLine };
}

/** Median of the first thousand steps: a gap or a late row does not decide the bin. */
function usualStep(times: Float64Array): number {
  const steps: number[] = [];
  for (let i = 1; i < times.length && i <= 1_000; i++) steps.push((times[i] as number) - (times[i - 1] as number));
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
}

/** Milliseconds in one unit of the file's times, and whether they count from 1970. */
function timeUnit(parsed: ParsedTrace, first: number, guesses: string[]): { unitMs: number; isEpoch: boolean } {
  if (parsed.isCalendar) return { unitMs: 1, isEpoch: true };
  // 1e8 s is March 1973 and 1e11 s the year 5138: between them a number of seconds is a date.
  for (const [name, unitMs] of [
    ["seconds", 1_000],
    ["milliseconds", 1],
    ["microseconds", 1e-3],
    ["nanoseconds", 1e-6],
  ] as const) {
    const seconds = (first * unitMs) / 1_000;
    if (seconds >= 1e8 && seconds < 1e11) {
      guesses.push(`times are ${name} since 1970`);
      return { unitMs, isEpoch: true };
    }
  }
  return { unitMs: 1_000, isEpoch: false };
}

/** Spreads rows over bins; empty cells and missing rows hold the last value and are reported as holes. */
function fillGrid(file: string, values: Float64Array, time: TimeGrid, keepHoles = false): { grid: Float64Array; holes: Mask[] } {
  const { binMs, offsetsMs } = time;
  const rows = values.length;
  let grid = values;
  if (offsetsMs !== undefined) {
    const bins = Math.round((offsetsMs[rows - 1] as number) / binMs) + 1;
    if (bins > BINS_MAX) {
      fail(
        file,
        undefined,
        "trace_too_long",
        `${bins} bins of ${formatDuration(binMs)} between the first and the last row`,
        `at most ${BINS_MAX} fit; state the right bin, or cut the recording`,
      );
    }
    if (bins > SPARSE_FROM && rows < FILLED_LEAST * bins) {
      fail(
        file,
        undefined,
        "trace_sparse",
        `${rows} rows for ${bins} bins of ${formatDuration(binMs)}`,
        "nearly all of it would be invented; state the right bin (--bin), or cut the recording where it stops",
      );
    }
    grid = new Float64Array(bins).fill(Number.NaN);
    let previous = -1;
    for (let row = 0; row < rows; row++) {
      const bin = Math.round((offsetsMs[row] as number) / binMs);
      if (bin === previous) {
        fail(
          file,
          time.firstDataLine + row,
          "bin_taken",
          `two rows fall into the same bin of ${formatDuration(binMs)}`,
          "state the bin (--bin) or give each row a bin of its own",
        );
      }
      grid[bin] = values[row] as number;
      previous = bin;
    }
  }
  if (keepHoles) return { grid, holes: [] };
  const holes: Mask[] = [];
  let holeBegin = -1;
  let last = 0;
  for (let bin = 0; bin < grid.length; bin++) {
    const value = grid[bin] as number;
    if (!Number.isNaN(value)) {
      if (holeBegin >= 0) holes.push({ fromMs: holeBegin * binMs, toMs: bin * binMs, note: "missing in the recording" });
      holeBegin = -1;
      last = value;
      continue;
    }
    if (holeBegin < 0) holeBegin = bin;
    grid[bin] = last;
  }
  if (holeBegin >= 0) holes.push({ fromMs: holeBegin * binMs, toMs: grid.length * binMs, note: "missing in the recording" });
  return { grid, holes };
}

function settleSemantics(parsed: ParsedTrace, meta: TraceMeta, overrides: TraceOverrides, values: Float64Array, guesses: string[]): Semantics {
  const stated = overrides.semantics ?? meta.semantics;
  if (stated !== undefined) return stated;
  const name = parsed.valueColumn ?? "";
  let guess: Semantics = "count";
  if (/(^|[^a-z])(rps|qps|rate|per_?s(ec(ond)?)?)([^a-z]|$)/i.test(name)) guess = "rate";
  else if (/(^|[^a-z])(cpu|util|utili[sz]ation|percent|pct)([^a-z]|$)/i.test(name)) guess = "utilisation";
  else if (values.subarray(0, 1_000).some((value) => !Number.isInteger(value))) guess = "level";
  const meaning = { count: "counts in each bin", rate: "a rate per second", level: "a level", utilisation: "a utilisation" }[guess];
  guesses.push(`the values are ${meaning}`);
  return guess;
}

function statedMasks(meta: TraceMeta): Mask[] {
  const toMask =
    (note: string) =>
    (stretch: { from_s: number; to_s: number; note?: string | undefined }): Mask => ({
      fromMs: stretch.from_s * 1_000,
      toMs: stretch.to_s * 1_000,
      note: stretch.note ?? note,
    });
  return [...(meta.gaps ?? []).map(toMask("gap")), ...(meta.imputed ?? []).map(toMask("imputed"))];
}

/** Without the number of ready units a utilisation says nothing: such rows are missing. */
function maskWithoutReady(file: string, parsed: ParsedTrace, ready: Float64Array): void {
  for (let row = 0; row < ready.length; row++) {
    const units = ready[row] as number;
    if (units < 0) fail(file, parsed.firstDataLine + row, "value_negative", `${units} ready units`, "capacity is 0 or more");
    if (Number.isNaN(units)) {
      parsed.values[row] = Number.NaN;
      ready[row] = 0;
    }
  }
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
}

function fail(file: string, line: number | undefined, code: string, message: string, hint: string): never {
  throw new FileError(file, [{ severity: "error", code, message, hint, ...(line !== undefined && { line }) }]);
}
