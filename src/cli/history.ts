import { createHash } from "node:crypto";
import { mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalJson } from "../lib/canonical-json.ts";
import { formatDuration } from "../lib/duration.ts";
import { FileError } from "../lib/file-error.ts";
import { createRng } from "../lib/rng.ts";
import { PathError, systemErrorCode } from "../lib/system-error.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { readTrace } from "../read-trace.ts";
import { READY, type Trace } from "../sim/trace.ts";
import type { Provenance } from "../sim/trace-meta.ts";
import { PrometheusClient } from "../sources/prometheus/client.ts";
import { PartialFile } from "../sources/prometheus/partial-file.ts";
import { type History, readHistory } from "../sources/prometheus/read-history.ts";
import { SourceError } from "../sources/source-error.ts";
import { recordingAt, type TraceTable, writeTrace } from "../write-trace.ts";
import { type HistoryOptions, type HistoryRequest, parseHistoryOptions, refuseHistoryOptions } from "./history-options.ts";
import { Progress } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** A history that lies in a file now, as a recording. */
export interface FetchedHistory {
  readonly path: string;
  readonly trace: Trace;
  readonly provenance: Provenance;
  /** Bins without a load inside the recording. */
  readonly missing: number;
  /** Requests sent; 0 when what was there already served. */
  readonly requests: number;
  /** Bins, of all queries, that an attempt before had read. */
  readonly resumed: number;
  readonly notes: readonly string[];
}

/** What was begun with `now` is gone on with for so long; after that "the last seven days" are others. */
const RELATIVE_KEPT_MS = 86_400_000;

/**
 * Reads a history from Prometheus into a recording; without `--out` into a file of the cache, told by what was asked for.
 * What is worth knowing meanwhile goes to standard error.
 */
export async function fetchHistory(address: string, options: HistoryOptions): Promise<FetchedHistory> {
  const nowMs = Date.now();
  const request = parseHistoryOptions(address, options, nowMs);
  const key = keyOf(request, options);
  const path = settlePath(options.out, key);
  const there = recordingAt(path);
  if (there === "other" && options.force !== true)
    throw new UsageError(`"${path}" exists and was not fetched from a source; --force replaces it, --out names another`);
  if (options.out === undefined && typeof there === "object" && !request.isRelative && Date.parse(there.fetchedAt) >= endMs(request)) {
    say(`read before, at ${there.fetchedAt}: ${path} (delete it to read again)`);
    const trace = await readTrace(path);
    return { path, trace, provenance: there, missing: missingIn(trace), requests: 0, resumed: 0, notes: trace.guesses };
  }
  for (const warning of request.warnings) say(`warning: ${warning}`);
  const partial = openPartial(`${path}.partial`, key, request, nowMs);
  try {
    return await fetchInto(path, partial, request);
  } finally {
    partial.close();
  }
}

/** The recording that `--prometheus` means, fetched; undefined without it. */
export async function fetchedTrace(options: HistoryOptions & { readonly prometheus?: string }): Promise<string | undefined> {
  if (options.prometheus === undefined) {
    refuseHistoryOptions(options);
    return undefined;
  }
  const { path, requests, notes } = await fetchHistory(options.prometheus, options);
  if (requests > 0) say(`the recording is kept in ${path}`);
  // What the recording says of itself the report says too.
  for (const note of notes) if (/^nothing|NaN/.test(note)) say(`note: ${note}`);
  return path;
}

async function fetchInto(path: string, partial: PartialFile, request: HistoryRequest): Promise<FetchedHistory> {
  const { fromMs, stepMs, bins } = partial.head;
  const range = { fromMs, stepMs, bins };
  const progress = new Progress(`reading ${request.connection.url.host}`);
  const client = new PrometheusClient(request.connection, {
    nowMs: Date.now,
    backoff: {
      attempts: 6,
      baseMs: 500,
      mostMs: 20_000,
      askedMostMs: 120_000,
      random: createRng(Date.now()).next,
      sleep: (ms) => sleep(ms),
      onWait: (why, ms) => {
        progress.end();
        say(`${why.split("\n")[0]}; again in ${(ms / 1_000).toFixed(1)} s`);
      },
    },
  });
  let kept = partial.finished.length;
  const resumed = partial.finished.reduce((sum, chunk) => sum + chunk.values.length, 0);
  if (resumed > 0) say(`going on with ${partial.path}: ${percent(resumed, bins * request.queries.length)} were read before`);
  const checkpoint = {
    finished: partial.finished,
    append: (chunk: PartialFile["finished"][number]): void => {
      partial.append(chunk);
      kept++;
    },
  };
  const onInterrupt = (): void => {
    progress.end();
    if (kept > 0) say(`stopped; the same command goes on from what ${partial.path} holds`);
    process.kill(process.pid, "SIGINT");
  };
  process.once("SIGINT", onInterrupt);
  let version: string | undefined;
  let history: History;
  let trim: ReturnType<typeof trimmed>;
  try {
    version = await client.version();
    history = await readHistory(client, request.queries, range, checkpoint, (share) => progress.update(share));
    trim = trimmed(history, range, client.source);
  } catch (error) {
    progress.end();
    if (kept === 0 || isOfTheQuery(error)) partial.remove();
    else if (error instanceof SourceError) say(`what was read is kept in ${partial.path}; the same command goes on from there`);
    throw error;
  } finally {
    process.removeListener("SIGINT", onInterrupt);
  }
  progress.end();
  for (const warning of history.warnings) say(`warning: ${client.source}: ${warning}`);
  const { table, notes } = trim;
  const provenance = provenanceOf(request, partial, history, client.source, version);
  const ratios = table.columns[0]?.values ?? new Float64Array();
  writeTrace(path, table, {
    semantics: request.isUtilisation ? "utilisation" : "rate",
    unit: request.isUtilisation ? (ratios.some((value) => value > 1.5) ? "percent" : "ratio") : "requests per second",
    ...(request.isUtilisation && { ready: READY }),
    provenance,
  });
  // What was written is read as any recording is: what it says of itself is what a simulation will say.
  const trace = await readTrace(path);
  partial.remove();
  if (request.isUtilisation && ratios.some((value) => value > 1.5)) notes.push("the utilisation exceeds 150 %, so it is in percent");
  return { path, trace, provenance, missing: missingIn(trace), requests: client.requests, resumed, notes: [...notes, ...trace.guesses] };
}

/** Whether what was read is of no use, as the query has to become another. A strange answer may be a better one next time. */
function isOfTheQuery(error: unknown): boolean {
  return error instanceof FileError && !error.problems.some(({ code }) => code.startsWith("answer_"));
}

function openPartial(path: string, key: string, { range, isRelative }: HistoryRequest, nowMs: number): PartialFile {
  const head = { format: "vernier-prometheus-partial", version: 1, key, ...range, begunAtMs: nowMs } as const;
  const { file, replaced } = PartialFile.open(path, head, (begun) =>
    isRelative ? Math.abs(nowMs - begun.begunAtMs) <= RELATIVE_KEPT_MS : begun.fromMs === range.fromMs && begun.bins === range.bins,
  );
  if (replaced) say(`${path} was of another reading: begun anew`);
  else if (file.head.begunAtMs !== nowMs && isRelative)
    say(`the range is that of the attempt at ${formatTimestamp(file.head.begunAtMs)}; delete ${path} to begin anew`);
  return file;
}

/** The part of a history between the first and the last load, and what to say of it. */
function trimmed(
  history: History,
  { fromMs, stepMs, bins }: { fromMs: number; stepMs: number; bins: number },
  place: string,
): { table: TraceTable; notes: string[] } {
  const notes: string[] = [];
  const needed = history.columns.filter((column, i) => i === 0 || column.name === READY);
  const isThere = (bin: number): boolean => needed.every(({ values }) => !Number.isNaN(values[bin]));
  let first = 0;
  while (first < bins && !isThere(first)) first++;
  if (first === bins)
    throw new FileError(place, [
      {
        severity: "error",
        code: "no_values",
        message: `no bin has a value of ${needed.map(({ name }) => name).join(" and of ")}`,
        hint: "are they NaN (a division by zero?), or at different times?",
      },
    ]);
  let last = bins - 1;
  while (!isThere(last)) last--;
  if (first > 0) notes.push(`nothing before ${formatTimestamp(fromMs + first * stepMs)}: the recording begins there`);
  if (last < bins - 1) notes.push(`nothing after ${formatTimestamp(fromMs + (last + 1) * stepMs)}: the recording ends there`);
  for (const { name, notFinite } of history.columns) if (notFinite > 0) notes.push(`${notFinite} values of ${name} are NaN or infinite: taken as missing`);
  const columns = history.columns.map(({ name, values }) => ({ name, values: values.slice(first, last + 1) }));
  return { table: { fromMs: fromMs + first * stepMs, stepMs, columns }, notes };
}

function provenanceOf({ queries }: HistoryRequest, { head }: PartialFile, { warnings }: History, url: string, version: string | undefined): Provenance {
  const ready = queries.find((query) => query.column === READY);
  const further = queries.filter((query, i) => i > 0 && query !== ready);
  return {
    source: "prometheus",
    url,
    query: queries[0]?.text ?? "",
    ...(ready !== undefined && { readyQuery: ready.text }),
    ...(further.length > 0 && { columns: Object.fromEntries(further.map(({ column, text }) => [column, text])) }),
    from: formatTimestamp(head.fromMs),
    to: formatTimestamp(head.fromMs + head.bins * head.stepMs),
    step: formatDuration(head.stepMs),
    fetchedAt: formatTimestamp(Math.floor(Date.now() / 1_000) * 1_000),
    warnings: [...warnings],
    ...(version !== undefined && { prometheusVersion: version }),
  };
}

/** What tells one reading from another: as it was asked for, since `now` moves while it is tried again. */
function keyOf({ connection, queries, range, isRelative }: HistoryRequest, options: HistoryOptions): string {
  const asked = {
    url: connection.url.href,
    who: whoAsks(connection),
    queries: queries.map(({ column, text }) => [column, text]),
    range: isRelative ? [options.from, options.to ?? "now", options.step] : [range.fromMs, range.bins, range.stepMs],
  };
  return createHash("sha256").update(canonicalJson(asked)).digest("hex");
}

/** Another tenant sees other data. Of headers that may be secrets only the names tell them apart. */
function whoAsks({ credentials: { headers, bearerFile, basic } }: HistoryRequest["connection"]): unknown {
  const shown = Object.entries(headers).map(([name, value]) => (/scope|tenant|org|account|project/.test(name) ? `${name}: ${value}` : name));
  return [shown, bearerFile ?? null, basic?.user ?? null];
}

function settlePath(out: string | undefined, key: string): string {
  if (out === "-" || out?.endsWith("/") || (out !== undefined && statSync(out, { throwIfNoEntry: false })?.isDirectory()))
    throw new UsageError("--out: a recording needs a file, as its description goes beside it");
  if (out?.endsWith(".gz")) throw new UsageError(`--out: recordings are written as plain CSV; leave the .gz away`);
  if (out !== undefined) return out;
  const folder =
    process.env["XDG_CACHE_HOME"] ??
    (process.platform === "darwin"
      ? join(homedir(), "Library", "Caches")
      : process.platform === "win32"
        ? (process.env["LOCALAPPDATA"] ?? homedir())
        : join(homedir(), ".cache"));
  const path = join(folder, "vernier", `prometheus-${key.slice(0, 16)}.csv`);
  // One after the other: Node's recursive mkdir goes round for ever below /proc.
  for (const part of [folder, dirname(path)]) {
    try {
      mkdirSync(part, { mode: 0o700 });
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw new PathError("cannot write", part, error);
    }
  }
  return path;
}

function endMs({ range }: HistoryRequest): number {
  return range.fromMs + range.bins * range.stepMs;
}

function missingIn({ masks, binMs }: Trace): number {
  return Math.round(masks.reduce((sum, mask) => sum + mask.toMs - mask.fromMs, 0) / binMs);
}

function percent(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 100)} %`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
