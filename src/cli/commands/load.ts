import { appendFileSync } from "node:fs";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { formatLatency, formatNumber, formatPercent, formatSpan } from "../../lib/format.ts";
import { PathError } from "../../lib/system-error.ts";
import { followEndpoints } from "../../load/follow-endpoints.ts";
import { generatorLimit, type LoadRequest } from "../../load/play.ts";
import { constantShape, durationOf, type LoadShape, rampShape, rateAt, recordedShape, stepsShape } from "../../load/shape.ts";
import type { LoadReport } from "../../load/tally.ts";
import { Rate } from "../../policy/quantities.ts";
import { readTrace } from "../../read-trace.ts";
import { table } from "../format.ts";
import { playOnThreads } from "../load-threads.ts";
import { parseSpan, parseWhole } from "../run-options.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { createNew } from "../write-new.ts";

export interface LoadOptions {
  readonly endpoints?: string;
  readonly path?: string;
  readonly rate?: string;
  readonly steps?: string;
  readonly each?: string;
  readonly ramp?: string;
  readonly trace?: string;
  readonly speed?: string;
  readonly peakRate?: string;
  readonly from?: string;
  readonly to?: string;
  readonly for?: string;
  readonly connections: string;
  readonly timeout: string;
  readonly threads: string;
  readonly random?: boolean;
  readonly seed?: string;
  readonly header: readonly string[];
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** How long a load without an end of its own goes on. */
const FOR_MS = 30_000;
const FOLLOW_MS = 250;

/** Options that say something about another one, and mean nothing without it. */
const GOES_WITH = {
  path: "endpoints",
  each: "steps",
  speed: "trace",
  peakRate: "trace",
  from: "trace",
  to: "trace",
  seed: "random",
  force: "out",
} as const satisfies Partial<Record<keyof LoadOptions, keyof LoadOptions>>;

export async function runLoadPlay(targets: readonly string[], options: LoadOptions): Promise<void> {
  for (const [name, other] of Object.entries(GOES_WITH) as [keyof LoadOptions, keyof LoadOptions][])
    if (options[name] !== undefined && options[other] === undefined)
      throw new UsageError(`--${name === "peakRate" ? "peak-rate" : name} goes with --${other}, which is not there`);
  if (options.rate === "max" && options.random) throw new UsageError("--random: with --rate max there are no gaps between requests to be drawn");
  const { shape, durationMs } = await shapeOf(options);
  if ((targets.length === 0) === (options.endpoints === undefined))
    throw new UsageError("say where the load goes: addresses such as http://127.0.0.1:8080/, or --endpoints with a file that names them");
  for (const target of targets) checkTarget(target);
  const { path = "/" } = options;
  if (!path.startsWith("/")) throw new UsageError(`--path: found "${path}", expected such as /search?q=a`);
  if (options.steps !== undefined && options.for !== undefined) throw new UsageError("--for: steps end by themselves; say how long each goes on with --each");
  const connections = parseWhole("connections", options.connections, 1, 10_000);
  const threads = Math.min(parseWhole("threads", options.threads, 1, 64), connections);
  if (threads > 1 && options.endpoints !== undefined) throw new UsageError("--endpoints goes with one thread");
  const request: LoadRequest = {
    shape,
    durationMs,
    targets: targets.map((target) => new URL(target).href),
    connections,
    timeoutMs: timeoutOf(options.timeout),
    headers: options.header.map(headerOf),
    ...(options.random && { seed: parseWhole("seed", options.seed ?? "1", 0, 2 ** 31 - 1) }),
  };
  const followed = options.endpoints === undefined ? undefined : await follow(options.endpoints, path);
  const { out } = options;
  if (out === "-") throw new UsageError("--out: found -, expected a file; --json prints the whole to standard output");
  let isKept = out !== undefined;
  const keep = (line: string): void => {
    if (!isKept) return;
    try {
      appendFileSync(out as string, `${line}\n`);
    } catch (error) {
      // The load goes on: what it costs to make it again is more than a file.
      isKept = false;
      process.exitCode = 3;
      process.stderr.write(`vernier: ${new PathError("cannot write", out as string, error).message}; no more seconds are kept\n`);
    }
  };
  if (out !== undefined)
    createNew("second,due_per_second,sent,answered,failed,not_sent,under_way,p50_ms,p95_ms,p99_ms,max_ms,late_p99_ms\n", {
      out,
      ...(options.force && { force: true }),
    });
  const { paint } = terminalOf(process.stdout);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  let isHeaded = false;
  try {
    const { report, busy } = await playOnThreads(
      threads,
      request,
      (second) => {
        keep(csvOf(second, shape));
        if (options.json) return;
        if (!isHeaded) process.stdout.write(`${paint("dim", HEAD)}\n`);
        isHeaded = true;
        process.stdout.write(`${lineOf(second, shape)}\n`);
      },
      stop.signal,
      followed?.targets,
    );
    const limit = generatorLimit(report, shape === undefined ? busy : undefined);
    if (options.json) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...report, generator: { limit: limit ?? null } }, null, 2)}\n`);
    else process.stdout.write(`\n${textOf(report, shape === undefined)}\n`);
    if (limit !== undefined) process.stderr.write(`${paint("yellow", "the generator itself was the limit:")} ${limit}\n`);
    if (report.sent > 0 && report.answered === 0) process.exitCode = 1;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    followed?.close();
  }
}

async function shapeOf(options: LoadOptions): Promise<{ readonly shape: LoadShape | undefined; readonly durationMs: number }> {
  const given = (["rate", "steps", "ramp", "trace"] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1)
    throw new UsageError(
      `say one of --rate, --steps, --ramp and --trace: how many requests there are to be${given.length > 1 ? `; found ${given.map((name) => `--${name}`).join(" and ")}` : ""}`,
    );
  const forMs = options.for === undefined ? undefined : parseSpan("for", options.for);
  if (options.rate === "max") return { shape: undefined, durationMs: forMs ?? FOR_MS };
  const shape = await anyShape(options, forMs);
  if (durationOf(shape) === 0) throw new UsageError("there is no load in that stretch");
  return { shape, durationMs: Math.min(durationOf(shape), forMs ?? Number.POSITIVE_INFINITY) };
}

async function anyShape(options: LoadOptions, forMs: number | undefined): Promise<LoadShape> {
  if (options.rate !== undefined) return constantShape(rateOption("--rate", options.rate), forMs ?? FOR_MS);
  if (options.steps !== undefined) {
    const rates = options.steps.split(",").map((text) => rateOption("--steps", text.trim()));
    return stepsShape(rates, parseSpan("each", options.each ?? "30s"));
  }
  if (options.ramp !== undefined) {
    const [from, to, ...more] = options.ramp.split("..").map((text) => rateOption("--ramp", text));
    if (from === undefined || to === undefined || more.length > 0) throw new UsageError(`--ramp: found "${options.ramp}", expected such as 10/s..500/s`);
    return rampShape(from, to, forMs ?? FOR_MS);
  }
  const speed = Number(options.speed ?? "1");
  if (!(speed > 0 && speed <= 1e6)) throw new UsageError(`--speed: found "${options.speed}", expected a number such as 60`);
  return recordedShape(await readTrace(options.trace as string), {
    speed,
    ...(options.peakRate !== undefined && { peakRate: rateOption("--peak-rate", options.peakRate) }),
    ...(options.from !== undefined && { fromMs: parseSpan("from", options.from) }),
    ...(options.to !== undefined && { toMs: parseSpan("to", options.to) }),
  });
}

/** Who is there, by a file that has to be there first. */
async function follow(file: string, path: string): Promise<{ readonly targets: () => readonly string[]; close(): void }> {
  let targets: readonly string[] = [];
  const followed = followEndpoints(file, path, FOLLOW_MS, (found) => {
    targets = found.map(({ url }) => url.href);
  });
  const trouble = await followed.look();
  if (trouble === undefined) return { targets: () => targets, close: followed.close };
  followed.close();
  throw new UsageError(`--endpoints: ${trouble}`);
}

const HEAD = "   time      due     sent  answered  failed  not sent  under way      p50      p95      p99      max";

function lineOf({ fromMs, toMs, sent, answered, failed, notSent, underWay, latency }: LoadReport, shape: LoadShape | undefined): string {
  const ms = (value: number | undefined): string => (value === undefined ? "-" : formatLatency(value)).padStart(9);
  const due = shape === undefined ? "max" : `${formatNumber(rateAt(shape, (fromMs + toMs) / 2))}/s`;
  const counts = `${String(sent).padStart(9)}${String(answered).padStart(10)}${String(failed).padStart(8)}${String(notSent).padStart(10)}${String(underWay).padStart(11)}`;
  return `${`${Math.round(toMs / 1_000)} s`.padStart(7)}${due.padStart(9)}${counts}${ms(latency?.p50)}${ms(latency?.p95)}${ms(latency?.p99)}${ms(latency?.max)}`;
}

function csvOf({ fromMs, toMs, sent, answered, failed, notSent, underWay, latency, lateness }: LoadReport, shape: LoadShape | undefined): string {
  const due = shape === undefined ? "" : rateAt(shape, (fromMs + toMs) / 2).toFixed(2);
  const ms = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(3));
  const times = [latency?.p50, latency?.p95, latency?.p99, latency?.max, lateness?.p99].map(ms);
  return [(toMs / 1_000).toFixed(1), due, sent, answered, failed, notSent, underWay, ...times].join(",");
}

function textOf(report: LoadReport, isClosed: boolean): string {
  const { toMs, sent, answered, failed, notSent, underWay, latency } = report;
  const seconds = toMs / 1_000;
  const share = (count: number): string => (sent === 0 ? "" : `, ${formatPercent(count / sent)}`);
  const rows = [
    ["sent", `${formatNumber(sent)} in ${formatSpan(Math.round(seconds) * 1_000)}: ${formatNumber(sent / seconds)} a second`],
    ["answered", `${formatNumber(answered)}: ${formatNumber(answered / seconds)} a second`],
    ["failed", `${formatNumber(failed)}${share(failed)}${reasonsText(report)}`],
  ];
  if (notSent > 0) rows.push(["not sent", formatNumber(notSent)]);
  if (underWay > 0) rows.push(["no answer yet", formatNumber(underWay)]);
  if (latency !== null) {
    const { p50, p90, p95, p99, p999, max } = latency;
    rows.push([
      "latency",
      `p50 ${formatLatency(p50)}, p90 ${formatLatency(p90)}, p95 ${formatLatency(p95)}, p99 ${formatLatency(p99)}, p99.9 ${formatLatency(p999)}, max ${formatLatency(max)}`,
    ]);
    rows.push([
      "",
      isClosed ? "from when each was sent: as fast as answers came, so nobody else waited" : "from when each was due, whatever became of those before",
    ]);
  }
  return table(rows);
}

/** Why requests failed, what happened most first. */
function reasonsText({ failed, reasons }: LoadReport): string {
  if (failed === 0) return "";
  const words = Object.entries(reasons)
    .filter(([reason]) => !NOT_SENT.has(reason))
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${formatNumber(count)} ${REASONS[reason] ?? (/^\d/.test(reason) ? `status ${reason}` : reason)}`);
  return `: ${words.join(", ")}`;
}

const NOT_SENT: ReadonlySet<string> = new Set(["nobody", "too_many", "no_connection", "too_late"]);
const REASONS: Readonly<Record<string, string>> = {
  timeout: "without an answer in time",
  bad_answer: "with an answer that cannot be read",
  closed: "on a connection that was closed before an answer",
  ECONNREFUSED: "refused (ECONNREFUSED)",
  ECONNRESET: "on a connection that was reset (ECONNRESET)",
  ENOTFOUND: "to a name that nobody knows (ENOTFOUND)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "for a certificate that nobody vouches for (NODE_EXTRA_CA_CERTS)",
  SELF_SIGNED_CERT_IN_CHAIN: "for a certificate that nobody vouches for (NODE_EXTRA_CA_CERTS)",
  EPROTO: "for another protocol than TLS (EPROTO)",
};

function checkTarget(target: string): void {
  if (!/^https?:\/\/[^/]+/.test(target) || !URL.canParse(target)) throw new UsageError(`found "${target}", expected an address such as http://127.0.0.1:8080/`);
  const { username, password } = new URL(target);
  if (username !== "" || password !== "") throw new UsageError("an address with a name and a password: say them with --header 'authorization: Basic …'");
}

function timeoutOf(text: string): number {
  const ms = parseSpan("timeout", text);
  if (ms < 1) throw new UsageError(`--timeout: found "${text}", expected at least 1ms`);
  return ms;
}

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`--header: found "${text}", expected such as "X-Team: shop"`);
  const [name, value] = [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    // Beyond that a header has no meaning that all agree on.
    if (/[^\t\x20-\x7e]/.test(value)) throw new TypeError();
  } catch {
    throw new UsageError(`--header: found ${JSON.stringify(text)}, expected a name and a value in plain ASCII, such as "X-Team: shop"`);
  }
  return [name, value];
}

function rateOption(name: string, text: string): number {
  if (/^0(\/s)?$/.test(text)) return 0;
  const parsed = Rate.safeParse(text);
  if (!parsed.success) throw new UsageError(`${name}: found "${text}", expected a rate such as 100/s`);
  return parsed.data;
}
