import { existsSync } from "node:fs";
import { formatDuration } from "../../lib/duration.ts";
import { formatPercent, formatSpan } from "../../lib/format.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { type FetchedHistory, fetchHistory } from "../history.ts";
import type { HistoryOptions } from "../history-options.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface FetchOptions extends HistoryOptions {
  readonly url?: string;
  readonly measures?: string;
  readonly json?: boolean;
}

/** Where a history goes when nobody says; the same name again, so that a second attempt finds the first. */
const OUT = "history.csv";

export async function runFetchPrometheus(options: FetchOptions): Promise<void> {
  if (options.url === undefined) throw new UsageError("--url: say where Prometheus is, such as --url http://localhost:9090");
  if (options.measures !== undefined && options.measures !== "rate" && options.measures !== "utilisation")
    throw new UsageError(`--measures: found "${options.measures}", expected rate or utilisation`);
  if (options.measures === "utilisation" && options.readyQuery === undefined)
    throw new UsageError("--measures utilisation needs --ready-query: the load is utilisation times ready units; a fixed fleet is --ready-query 'vector(10)'");
  if (options.measures === "rate" && options.readyQuery !== undefined)
    throw new UsageError("--ready-query is for --measures utilisation; for a further column say --column ready_units=QUERY");
  const fetched = await fetchHistory(options.url, { ...options, out: options.out ?? OUT });
  process.stdout.write(options.json ? `${JSON.stringify(asJson(fetched), null, 2)}\n` : `${text(fetched)}\n`);
}

function asJson({ path, trace, provenance, missing, requests, resumed, notes }: FetchedHistory) {
  const beginMs = trace.startMs ?? 0;
  return {
    schemaVersion: 1,
    trace: path,
    meta: `${path}.meta.json`,
    sha256: trace.sha256 ?? null,
    semantics: trace.semantics,
    begins: formatTimestamp(beginMs),
    ends: formatTimestamp(beginMs + trace.load.length * trace.binMs),
    binSeconds: trace.binMs / 1_000,
    bins: trace.load.length,
    missingBins: missing,
    censoredBins: trace.censoredBins,
    requests,
    resumedBins: resumed,
    notes,
    provenance,
  };
}

function text({ path, trace, missing, notes }: FetchedHistory): string {
  const { paint } = terminalOf(process.stdout);
  const beginMs = trace.startMs ?? 0;
  const spanMs = trace.load.length * trace.binMs;
  const gaps = missing === 0 ? "nothing missing" : `${missing} missing (${formatPercent(missing / trace.load.length)})`;
  return [
    `wrote ${paint("bold", path)} and ${path}.meta.json`,
    `${trace.load.length} bins of ${formatDuration(trace.binMs)} from ${formatTimestamp(beginMs)} to ${formatTimestamp(beginMs + spanMs)} (${formatSpan(spanMs)}), ${gaps}`,
    ...notes.map((note) => `note: ${note}`),
    "Next:",
    existsSync("vernier.yaml") ? `  vernier simulate --trace ${path}` : `  vernier init --from-trace ${path}`,
  ].join("\n");
}
