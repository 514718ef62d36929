import { oneLine } from "../lib/one-line.ts";

/** One metric of one workload, as a source is asked for it. */
export interface MetricQuery {
  readonly workload: string;
  readonly metric: string;
  /** In the source's own language; the source says what that is. */
  readonly query: string;
  /** Labels of the series that is meant, where the query gives several. */
  readonly select?: Readonly<Record<string, string>> | undefined;
}

/**
 * What a source says of one metric. Absent is never zero: no series, no answer, no number are absent, with why. `invalid`:
 * there is an answer, and it is no number.
 */
export interface SourceReading {
  readonly workload: string;
  readonly metric: string;
  readonly status: "value" | "absent" | "invalid";
  readonly value: number;
  /** Wall time of what the value is of, ms since 1970. */
  readonly sampledAtMs: number;
  /** Whether the source itself said that something was missing. */
  readonly partial: boolean;
  /** Why there is no value, or what is missing of a partial one. */
  readonly reason?: string;
}

/** Reads metrics. Errors are values: every query gets a reading, whatever happens, before the signal aborts or soon after. */
export interface Source {
  read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]>;
  close(): Promise<void>;
}

/** A plain decimal number, as sources write them. */
export const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A reading with a value. */
export function present({ workload, metric }: MetricQuery, value: number, sampledAtMs: number, partial = false): SourceReading {
  return { workload, metric, status: "value", value, sampledAtMs, partial };
}

/** The number that a text is. `whoSaid` begins the sentence about a text that is none. */
export function numberIn(query: MetricQuery, text: string, whoSaid: string, sampledAtMs: number): SourceReading {
  if (!NUMBER.test(text)) return absent(query, `${whoSaid} "${oneLine(text).slice(0, 40)}", expected a number`, "invalid");
  return present(query, Number(text), sampledAtMs);
}

/** A reading without a value. */
export function absent({ workload, metric }: MetricQuery, reason: string, status: "absent" | "invalid" = "absent"): SourceReading {
  return { workload, metric, status, value: 0, sampledAtMs: 0, partial: false, reason };
}
