/**
 * What went wrong with a source. `query_refused` is for whoever wrote the query, `query_limited` passes with a shorter
 * stretch, `unavailable` heals with time; the rest is for whoever runs or permits the source.
 */
export type SourceFailure =
  | "unreachable"
  | "unavailable"
  | "denied"
  | "not_found"
  | "redirected"
  | "tls_refused"
  | "query_refused"
  | "query_limited"
  | "stopped";

/** A source of metrics that gave no usable answer. */
export class SourceError extends Error {
  /** Address without credentials. */
  readonly source: string;
  readonly code: SourceFailure;
  readonly retryable: boolean;
  /** What the source asked us to wait, in milliseconds. */
  readonly afterMs: number | undefined;

  constructor(
    source: string,
    code: SourceFailure,
    {
      message,
      hint,
      retryable = false,
      afterMs,
      cause,
    }: { message: string; hint?: string; retryable?: boolean; afterMs?: number | undefined; cause?: unknown },
  ) {
    super(`${source}: ${message}${hint === undefined ? "" : `\n    ${hint}`}`, { cause });
    this.name = "SourceError";
    this.source = source;
    this.code = code;
    this.retryable = retryable;
    this.afterMs = afterMs;
  }
}
