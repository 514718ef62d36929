import { FileError } from "../../lib/file-error.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { SourceError } from "../source-error.ts";
import type { RangeAnswer } from "./answer.ts";
import { type BinRange, type Chunk, chunkAt, POINTS_MAX, SPLIT_LEAST } from "./chunks.ts";

/** A query that becomes a column. */
export interface HistoryQuery {
  readonly column: string;
  readonly text: string;
  /** Loads and numbers of units: below zero or beyond 2^53 they are a slip in the query. */
  readonly isAmount: boolean;
}

/** A finished chunk of one query. */
export interface FinishedChunk {
  /** Index of the query. */
  readonly query: number;
  readonly first: number;
  /** Null where there is no finite value. */
  readonly values: readonly (number | null)[];
  readonly series: string | null;
  readonly notFinite: number;
  readonly warnings: readonly string[];
}

/** The part of a client that reading needs. */
export interface RangeReader {
  readonly source: string;
  range(query: string, bins: BinRange, chunk: Chunk): Promise<RangeAnswer>;
}

/** Where finished chunks are kept, and what was kept before. */
export interface Checkpoint {
  readonly finished: readonly FinishedChunk[];
  append(chunk: FinishedChunk): void;
}

export interface HistoryColumn {
  readonly name: string;
  /** Length = bins of the range; NaN where Prometheus has nothing. */
  readonly values: Float64Array;
  readonly notFinite: number;
}

/** What Prometheus knew. Columns in the order of the queries. */
export interface History {
  readonly columns: readonly HistoryColumn[];
  readonly warnings: readonly string[];
}

const VALUE_MAX = 2 ** 53;

/**
 * Reads queries over a range, chunk after chunk, each once; a chunk that is too much for the server is halved.
 * @param onProgress gets the share read, 0..1
 * @throws SourceError when it cannot be asked   @throws FileError when it answers what makes no column
 */
export async function readHistory(
  client: RangeReader,
  queries: readonly HistoryQuery[],
  range: BinRange,
  checkpoint: Checkpoint,
  onProgress: (share: number) => void = () => {},
): Promise<History> {
  const columns: HistoryColumn[] = [];
  const warnings = new Set<string>();
  let pointsMax = POINTS_MAX;
  for (const [index, query] of queries.entries()) {
    const values = new Float64Array(range.bins).fill(Number.NaN);
    let series: string | null = null;
    let notFinite = 0;
    let next = 0;
    const take = (chunk: FinishedChunk): void => {
      if (series !== null && chunk.series !== null && chunk.series !== series) failChanged(client.source, query, series, chunk.series, at(range, chunk.first));
      series ??= chunk.series;
      for (const [i, value] of chunk.values.entries()) values[chunk.first + i] = value ?? Number.NaN;
      notFinite += chunk.notFinite;
      for (const warning of chunk.warnings) warnings.add(warning);
      next = chunk.first + chunk.values.length;
    };
    for (const chunk of checkpoint.finished) if (chunk.query === index) take(chunk);
    while (next < range.bins) {
      onProgress((index + next / range.bins) / queries.length);
      const chunk = chunkAt(range.bins, next, pointsMax);
      let answer: RangeAnswer;
      try {
        answer = await client.range(query.text, range, chunk);
      } catch (error) {
        if (!(error instanceof SourceError) || error.code !== "query_limited" || chunk.count <= SPLIT_LEAST) throw error;
        pointsMax = Math.ceil(chunk.count / 2);
        continue;
      }
      if (query.isAmount) checkAmounts(client.source, query, answer.values, (bin) => at(range, next + bin));
      const finished: FinishedChunk = {
        query: index,
        first: next,
        values: Array.from(answer.values, (value) => (Number.isNaN(value) ? null : value)),
        series: answer.series ?? null,
        notFinite: answer.notFinite,
        warnings: answer.warnings,
      };
      // A series that changed is not kept: the query will be another.
      take(finished);
      checkpoint.append(finished);
    }
    if (series === null) failEmpty(client.source, query, range);
    columns.push({ name: query.column, values, notFinite });
  }
  onProgress(1);
  return { columns, warnings: [...warnings] };
}

function at({ fromMs, stepMs }: BinRange, bin: number): string {
  return formatTimestamp(fromMs + (bin + 1) * stepMs);
}

function checkAmounts(source: string, query: HistoryQuery, values: Float64Array, when: (bin: number) => string): void {
  const bin = values.findIndex((value) => value < 0 || value > VALUE_MAX);
  if (bin < 0) return;
  const value = values[bin] as number;
  fail(source, query, {
    code: value < 0 ? "value_negative" : "value_gigantic",
    message: `${value} at ${when(bin)}`,
    hint:
      value < 0
        ? "a load and a number of units are 0 or more: is it a difference, a deriv() or a delta()?"
        : "beyond 2^53 no amount is exact: what does the query count?",
  });
}

function failChanged(source: string, query: HistoryQuery, before: string, after: string, when: string): never {
  fail(source, query, {
    code: "series_changed",
    message: `the series was ${before.slice(0, 160)}, and from ${when} on it is ${after.slice(0, 160)}`,
    hint: "one series over the whole range is needed: add them up with sum(…)",
  });
}

function failEmpty(source: string, query: HistoryQuery, range: BinRange): never {
  fail(source, query, {
    code: "no_series",
    message: `nothing from ${formatTimestamp(range.fromMs)} to ${formatTimestamp(range.fromMs + range.bins * range.stepMs)}`,
    hint: "is the metric's name right, are its labels, and does the retention of Prometheus reach back that far?",
  });
}

function fail(source: string, query: HistoryQuery, problem: { readonly code: string; readonly message: string; readonly hint: string }): never {
  throw new FileError(source, [{ severity: "error", ...problem, message: `${query.column}, ${JSON.stringify(query.text.slice(0, 160))}: ${problem.message}` }]);
}
