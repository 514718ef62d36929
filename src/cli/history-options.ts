import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import type { HttpTls } from "../lib/http.ts";
import { PathError } from "../lib/system-error.ts";
import { parseTimestamp } from "../lib/timestamp.ts";
import { READY } from "../sim/trace.ts";
import { isSendable } from "../sources/credentials.ts";
import { type BinRange, wholeBins } from "../sources/prometheus/chunks.ts";
import type { Connection } from "../sources/prometheus/client.ts";
import type { HistoryQuery } from "../sources/prometheus/read-history.ts";
import { TIME } from "../write-trace.ts";
import { UsageError } from "./usage-error.ts";

/** The options that `fetch prometheus`, `simulate --prometheus` and `compare --prometheus` share, as the command line gives them. */
export interface HistoryOptions {
  readonly query?: string;
  readonly readyQuery?: string;
  readonly column?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly step?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly timeout?: string;
  readonly header?: readonly string[];
  readonly headerEnv?: readonly string[];
  readonly bearerFile?: string;
  readonly basicUser?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly insecureSkipVerify?: boolean;
}

/** What to read, and what the columns mean. */
export interface HistoryRequest {
  readonly connection: Connection;
  readonly queries: readonly HistoryQuery[];
  readonly isUtilisation: boolean;
  readonly range: BinRange;
  /** Whether the range moves with the time of asking. */
  readonly isRelative: boolean;
  /** What is worth saying before the first request. */
  readonly warnings: readonly string[];
}

/** Beyond this a slip in the step is likelier than a wish. */
const BINS_MAX = 5_000_000;
const DAY_MS = 86_400_000;
/** Up to this length the step is this: some 40,000 bins at most, until a year. */
const STEPS: readonly (readonly [number, number])[] = [
  [7 * DAY_MS, 15_000],
  [30 * DAY_MS, 60_000],
  [90 * DAY_MS, 180_000],
  [180 * DAY_MS, 300_000],
  [Number.POSITIVE_INFINITY, 900_000],
];

/** Names of the options by their flags. */
const FLAGS: readonly (readonly [keyof HistoryOptions, string])[] = [
  ["query", "--query"],
  ["readyQuery", "--ready-query"],
  ["column", "--column"],
  ["from", "--from"],
  ["to", "--to"],
  ["step", "--step"],
  ["out", "--out"],
  ["force", "--force"],
  ["timeout", "--timeout"],
  ["header", "--header"],
  ["headerEnv", "--header-env"],
  ["bearerFile", "--bearer-file"],
  ["basicUser", "--basic-user"],
  ["passwordFile", "--password-file"],
  ["ca", "--ca"],
  ["cert", "--cert"],
  ["key", "--key"],
  ["insecureSkipVerify", "--insecure-skip-verify"],
];

/** @throws UsageError for options of a history that nobody asked to read */
export function refuseHistoryOptions(options: HistoryOptions): void {
  const stray = FLAGS.find(([name]) => options[name] !== undefined && !(Array.isArray(options[name]) && options[name].length === 0));
  if (stray !== undefined) throw new UsageError(`${stray[1]} is for a history: say where it is with --prometheus URL`);
}

/** @throws UsageError   @throws PathError for a certificate or key that cannot be read */
export function parseHistoryOptions(address: string, options: HistoryOptions, nowMs: number): HistoryRequest {
  if (options.query === undefined || options.query.trim() === "")
    throw new UsageError("--query: say what the load is, such as --query 'sum(rate(http_requests_total[1m]))'");
  const isUtilisation = options.readyQuery !== undefined;
  const queries: HistoryQuery[] = [{ column: isUtilisation ? "utilisation" : "load", text: options.query, isAmount: true }];
  if (options.readyQuery !== undefined) queries.push({ column: READY, text: options.readyQuery, isAmount: true });
  for (const text of options.column ?? []) queries.push(parseColumn(text, queries));
  const connection = parseConnection(address, options);
  const { headers, bearerFile, basic } = connection.credentials;
  const hasSecret = Object.keys(headers).length > 0 || bearerFile !== undefined || basic !== undefined;
  const isNear = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(connection.url.hostname);
  const warnings: string[] = [];
  if (options.insecureSkipVerify === true) warnings.push("--insecure-skip-verify: whoever answers is believed, and gets the credentials");
  if (hasSecret && connection.url.protocol === "http:" && !isNear) warnings.push("credentials go unencrypted over http; https keeps them secret");
  return { connection, queries, isUtilisation, ...parseRange(options, nowMs), warnings };
}

function parseColumn(text: string, taken: readonly HistoryQuery[]): HistoryQuery {
  const at = text.indexOf("=");
  const column = text.slice(0, at).trim();
  const query = text.slice(at + 1).trim();
  if (at < 1 || query === "" || !/^[A-Za-z_][\w.:-]{0,99}$/.test(column))
    throw new UsageError(`--column: found "${text}", expected NAME=QUERY such as queue='sum(jobs_waiting)'`);
  if (column === TIME || column === "load" || column === READY || taken.some((other) => other.column === column))
    throw new UsageError(`--column: the name "${column}" is taken`);
  return { column, text: query, isAmount: false };
}

function parseRange(options: HistoryOptions, nowMs: number): { range: BinRange; isRelative: boolean } {
  if (options.from === undefined) throw new UsageError("--from: say where to begin, such as --from now-7d or --from 2026-11-16T00:00:00Z");
  const toText = options.to ?? "now";
  const from = parseInstant("from", options.from, nowMs);
  const to = parseInstant("to", toText, nowMs);
  if (from >= to) throw new UsageError(`--from ${options.from} is not before --to ${toText}`);
  const stepMs = options.step === undefined ? (STEPS.find(([most]) => to - from <= most) as readonly [number, number])[1] : parseDuration(options.step);
  if (stepMs === undefined || stepMs < 1_000) throw new UsageError(`--step: found "${options.step}", expected a duration of at least 1s such as 15s or 1m`);
  const range = wholeBins(from, to, stepMs);
  if (range.bins === 0) throw new UsageError(`no whole step of ${formatDuration(stepMs)} lies between --from ${options.from} and --to ${toText}`);
  if (range.bins > BINS_MAX)
    throw new UsageError(
      `${range.bins} steps of ${formatDuration(stepMs)} from ${options.from} to ${toText}, at most ${BINS_MAX} are read; say a larger --step`,
    );
  return { range, isRelative: isRelative(options.from) || isRelative(toText) };
}

const RELATIVE = /^(?:now-|-)?(\d.*)$/;

function isRelative(text: string): boolean {
  return text === "now" || (RELATIVE.test(text) && parseTimestamp(text) === undefined);
}

/** `now`, `now-7d`, `-7d`, `7d` (ago), or a time. */
function parseInstant(name: string, text: string, nowMs: number): number {
  if (text === "now") return nowMs;
  const stated = parseTimestamp(text);
  if (stated !== undefined) return stated.atMs;
  const ago = parseDuration(RELATIVE.exec(text)?.[1] ?? "");
  if (ago === undefined) throw new UsageError(`--${name}: found "${text}", expected a time such as 2026-11-16T00:00:00Z, now, or now-7d`);
  return nowMs - ago;
}

function parseConnection(address: string, options: HistoryOptions): Connection {
  const url = parseUrl(address);
  const headers: Record<string, string> = {};
  const add = (flag: string, name: string, value: string): void => {
    if (!isSendable(name, value)) throw new UsageError(`${flag}: the header "${name.slice(0, 60)}" cannot be sent; expected "Name: value" on one line`);
    headers[name.toLowerCase()] = value;
  };
  for (const text of options.header ?? []) {
    const at = text.indexOf(":");
    // Never the text itself: a token without its name is still a token.
    if (at < 1) throw new UsageError(`--header: found no name, expected "Name: value" such as "X-Scope-OrgID: team"`);
    add("--header", text.slice(0, at).trim(), text.slice(at + 1).trim());
  }
  for (const text of options.headerEnv ?? []) {
    const [, name, variable] = /^([^=]+)=(\w+)$/.exec(text) ?? [];
    if (name === undefined || variable === undefined)
      throw new UsageError("--header-env: expected the header's name and the variable that holds its value, such as X-Scope-OrgID=TENANT");
    const value = process.env[variable];
    if (value === undefined) throw new UsageError(`--header-env: the variable ${variable} is not set`);
    add("--header-env", name.trim(), value.trim());
  }
  if ((options.basicUser === undefined) !== (options.passwordFile === undefined)) throw new UsageError("--basic-user and --password-file belong together");
  if (options.basicUser?.includes(":"))
    throw new UsageError("--basic-user: a user name with a colon cannot be sent; the password belongs into --password-file");
  const ways = [headers["authorization"] !== undefined, options.bearerFile !== undefined, options.basicUser !== undefined].filter(Boolean).length;
  if (ways > 1) throw new UsageError("--bearer-file, --basic-user and an Authorization header exclude each other");
  const deadlineMs = options.timeout === undefined ? 60_000 : parseDuration(options.timeout);
  if (deadlineMs === undefined || deadlineMs < 100 || deadlineMs > 3_600_000)
    throw new UsageError(`--timeout: found "${options.timeout}", expected a duration up to 1h such as 60s`);
  return {
    url,
    credentials: {
      headers,
      bearerFile: options.bearerFile,
      basic: options.basicUser === undefined ? undefined : { user: options.basicUser, passwordFile: options.passwordFile as string },
    },
    tls: parseTls(options, url),
    deadlineMs,
  };
}

function parseUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // Before anything is printed: what does not parse may hold a password all the same.
  if (/:\/\/[^/]*@/.test(address) || (url !== undefined && (url.username !== "" || url.password !== "")))
    throw new UsageError("a user or password inside the address ends up in logs: use --basic-user U --password-file FILE");
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new UsageError(`found "${address.slice(0, 100)}" for the address of Prometheus, expected such as http://localhost:9090`);
  if (url.search !== "" || url.hash !== "")
    throw new UsageError("the address of Prometheus has no ? and no #: give it up to its path prefix, such as https://host/prometheus");
  // The address of a page, or of the API, as people copy it.
  url.pathname = url.pathname.replace(/\/(api\/v1(\/.*)?|graph|query)?\/?$/, "");
  return url;
}

function parseTls(options: HistoryOptions, url: URL): HttpTls {
  const { ca, cert, key, insecureSkipVerify } = options;
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key belong together");
  if ((ca !== undefined || cert !== undefined) && url.protocol === "http:") throw new UsageError("--ca, --cert and --key need an address with https://");
  const read = (path: string): string => {
    try {
      return readFileSync(resolve(path), "utf8");
    } catch (error) {
      throw new PathError("cannot read", path, error);
    }
  };
  return {
    ...(ca !== undefined && { ca: read(ca) }),
    ...(cert !== undefined && key !== undefined && { cert: read(cert), key: read(key) }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
  };
}
