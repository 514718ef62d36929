import { formatDuration, parseDuration } from "../lib/duration.ts";
import type { Problem } from "../lib/file-error.ts";
import { PROMQL_SUPPORTED, parsePromql } from "../lib/promql.ts";
import { PromqlError } from "../lib/promql-expression.ts";

/** Time between two scrapes where a workload says nothing else. */
const INTERVAL_MS = 15_000;

/**
 * What is wrong with a query for a source that scrapes: not of the part of PromQL that it knows, or with a window that no two scrapes fit in.
 * @param interval of the workload, as written
 */
export function scrapeQueryProblem(query: string, interval: unknown): Required<Pick<Problem, "code" | "message" | "hint">> | undefined {
  try {
    const { selections } = parsePromql(query);
    const intervalMs = (typeof interval === "string" ? parseDuration(interval) : undefined) ?? INTERVAL_MS;
    const short = selections.find(({ windowMs }) => windowMs > 0 && windowMs < 2 * intervalMs);
    if (short === undefined) return undefined;
    return {
      code: "query_window",
      message: `a window of ${formatDuration(short.windowMs)} does not hold two scrapes, which are ${formatDuration(intervalMs)} apart: there is one at each tick`,
      hint: `use at least [${formatDuration(2 * intervalMs)}], better [${formatDuration(4 * intervalMs)}], or a shorter interval`,
    };
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    return { code: "query", message: `${error.message}, at character ${error.at + 1} of "${query.slice(0, 80)}"`, hint: PROMQL_SUPPORTED };
  }
}
