import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { replay } from "../../control/replay.ts";
import { exportLines } from "../../ledger/export.ts";
import { type LedgerReport, LedgerVerifier } from "../../ledger/verify.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import { formatTimestamp, parseTimestamp } from "../../lib/timestamp.ts";
import { recordedEngine } from "../../live/live.ts";
import { readLedger } from "../../live/store.ts";
import { parseWhole } from "../run-options.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { readWitness } from "../witness.ts";
import { writeResult } from "../write-result.ts";

interface VerifyOptions {
  readonly data: string;
  readonly key: readonly string[];
  readonly witness: readonly string[];
  readonly json?: boolean;
}

/** Verifies an export, or the ledger in the data folder. */
export async function runLedgerVerify(file: string | undefined, { data, key, witness, json }: VerifyOptions): Promise<void> {
  const witnessed = witness.flatMap((path) => readWitness(path));
  const verifier = new LedgerVerifier({ witnessed, ...(key.length > 0 && { keys: key }) });
  for await (const line of file === undefined ? ledgerLines(data) : fileLines(file)) verifier.push(line);
  const report = verifier.finish();
  if (report.problems.length > 0) process.exitCode = 1;
  if (file === undefined && !json) await sayNewer(data, report);
  process.stdout.write(json ? `${JSON.stringify({ schemaVersion: 1, ...report }, null, 2)}\n` : `${reportText(report, file ?? data)}\n`);
}

/** Entries that no checkpoint covers yet: at most half a minute of them, while a controller runs. */
async function sayNewer(data: string, { entries }: LedgerReport): Promise<void> {
  const store = readLedger(data);
  try {
    let all = 0;
    for (const shard of await store.shards()) all += (await store.head(shard)).seq;
    if (all > entries)
      process.stdout.write(`${all - entries} newer entr${all - entries === 1 ? "y is" : "ies are"} covered by no checkpoint yet, and not verified\n`);
  } finally {
    await store.close();
  }
}

export async function runLedgerExport({ data, out }: { readonly data: string; readonly out?: string }): Promise<void> {
  const lines: string[] = [];
  for await (const line of ledgerLines(data)) {
    if (out === undefined) process.stdout.write(`${line}\n`);
    else lines.push(line);
  }
  if (out !== undefined) writeResult(out, lines.map((line) => `${line}\n`).join(""));
}

export async function runLedgerReplay({
  data,
  from,
  to,
  json,
}: {
  readonly data: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}): Promise<void> {
  const store = readLedger(data);
  try {
    const report = await replay(store, { fromMs: instant("from", from), toMs: instant("to", to) }, recordedEngine);
    if (report.differences.length > 0) process.exitCode = 1;
    if (json) {
      process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...report }, null, 2)}\n`);
      return;
    }
    const { paint } = terminalOf(process.stdout);
    for (const { workload, engineMs, recorded, replayed } of report.differences)
      process.stdout.write(
        `${paint("red", "differs")} ${workload} ${formatTimestamp(engineMs)}\n  recorded ${recorded ?? "no change"}\n  replayed ${replayed ?? "no change"}\n`,
      );
    const { ticks, sessions, decisions, fromMs, toMs, beyondRetention } = report;
    const range = fromMs === undefined || toMs === undefined ? "nothing to replay" : `${formatTimestamp(fromMs)} to ${formatTimestamp(toMs)}`;
    process.stdout.write(
      `${range}: ${ticks} ticks after ${sessions} start${sessions === 1 ? "" : "s"}, ${decisions} changes ${report.differences.length === 0 ? paint("green", "as recorded, byte for byte") : paint("red", "not all as recorded")}${beyondRetention > 0 ? `; ${beyondRetention} older ones cannot be replayed, their observations are no longer kept` : ""}\n`,
    );
  } finally {
    await store.close();
  }
}

function instant(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = parseTimestamp(text);
  if (found === undefined) throw new UsageError(`--${name}: found "${text}", expected an instant such as 2026-11-23T04:00:00Z`);
  return found.atMs;
}

export async function runLedgerTail({ data, count, json }: { readonly data: string; readonly count: string; readonly json?: boolean }): Promise<void> {
  const store = readLedger(data);
  try {
    for (const shard of await store.shards())
      for (const text of (await store.tail(shard, parseWhole("count", count, 1, 10_000))).toReversed()) {
        if (json) process.stdout.write(`${text}\n`);
        else process.stdout.write(`${entryText(JSON.parse(text) as Parameters<typeof entryText>[0])}\n`);
      }
  } finally {
    await store.close();
  }
}

function entryText({ seq, at, body }: { readonly seq: number; readonly at: string; readonly body: Readonly<Record<string, unknown>> }): string {
  const { kind, workload = "", ...rest } = body;
  const said: Readonly<Record<string, () => string>> = {
    decision: () => `${rest["from"]} -> ${rest["requested"]} (${rest["mode"]}): ${(rest["reasons"] as { code: string }[]).map(({ code }) => code).join(", ")}`,
    posture: () => `${rest["from"] ?? "new"} -> ${rest["to"]}`,
    intent: () => `${(rest["expect"] as { units: number }).units} -> ${(rest["do"] as { units: number }).units}, ${String(rest["id"]).slice(0, 8)}`,
    outcome: () => `${rest["outcome"]}, ${String(rest["intentId"]).slice(0, 8)}${rest["message"] === undefined ? "" : `: ${rest["message"]}`}`,
  };
  return `${String(seq).padStart(6)}  ${at}  ${String(kind).padEnd(8)}  ${workload}  ${said[String(kind)]?.() ?? JSON.stringify(rest)}`;
}

async function* ledgerLines(data: string): AsyncGenerator<string> {
  const store = readLedger(data);
  try {
    yield* exportLines(store);
  } finally {
    await store.close();
  }
}

async function* fileLines(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path), crlfDelay: 0 });
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new PathError("cannot read", path, error);
  }
}

function reportText({ entries, shards, checkpoints, keys, firstAt, lastAt, problems }: LedgerReport, what: string): string {
  const { paint } = terminalOf(process.stdout);
  const lines = problems.map(({ line, code, message }) => `${what}${line === undefined ? "" : `:${line}`} ${paint("red", "error")} ${message} [${code}]`);
  const about = `${entries} entries in ${shards} chain${shards === 1 ? "" : "s"}${firstAt === undefined ? "" : `, ${firstAt} to ${lastAt}`}, ${checkpoints} signed checkpoint${checkpoints === 1 ? "" : "s"}`;
  return [
    ...lines,
    `${what}: ${problems.length === 0 ? paint("green", "whole") : paint("red", "not whole")}; ${about}`,
    ...keys.map((key) => `signed with ${key}`),
  ].join("\n");
}
