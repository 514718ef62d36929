import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { StandingOrders } from "../../control/orders.ts";
import { formatBytes } from "../../lib/bytes.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { backupLedger, type StoreSummary } from "../../live/backup.ts";
import { type Restored, restoreLedger } from "../../live/restore.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { readWitness } from "../witness.ts";

interface BackupOptions {
  readonly data: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Copies the store of a data folder into one file. */
export async function runLedgerBackup(file: string, { data, force = false, json }: BackupOptions): Promise<void> {
  if (!force && existsSync(file)) throw new UsageError(`"${file}" exists already; --force replaces it`);
  const summary = await backupLedger(data, file, force);
  if (json) {
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, file, ...summary }, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `${file}: ${formatBytes(summary.bytes)}, verified, ${upToText(summary)}\nthe private key is not in it, nor the token of the API: without checkpoint.key the ledger goes on with another key\n`,
  );
}

interface RestoreOptions {
  readonly data: string;
  readonly who?: string;
  readonly witness: readonly string[];
  readonly json?: boolean;
}

/** Puts a copy into a data folder, and says what a person has to look at before a controller runs. */
export async function runLedgerRestore(file: string, { data, who, witness, json }: RestoreOptions): Promise<void> {
  const restored = await restoreLedger(file, data, {
    who: who ?? `${userInfo().username}@${hostname()}`,
    nowMs: Date.now(),
    witnessed: witness.flatMap((path) => readWitness(path)),
  });
  process.stdout.write(json ? `${JSON.stringify({ schemaVersion: 1, data, ...restored }, null, 2)}\n` : restoredText(restored, file, data));
}

function upToText({ seq, lastAt, unsigned }: Pick<StoreSummary, "seq" | "lastAt" | "unsigned">): string {
  if (seq === 0) return "without an entry";
  return `up to entry ${seq} of ${lastAt}${unsigned === 0 ? "" : `, the last ${unsigned} not signed yet`}`;
}

function restoredText(restored: Restored, file: string, data: string): string {
  const { lostToSeq, witnessMovedTo, signer, orders, openIntents, seq } = restored;
  const { paint } = terminalOf(process.stdout);
  const lines = [`${data}: restored from ${file}, verified, ${upToText(restored)}`];
  if (lostToSeq !== undefined)
    lines.push(
      paint("yellow", `entries ${seq + 1} to ${lostToSeq} were written after this copy and are gone: checkpoints that were kept elsewhere speak of them`),
      ...(witnessMovedTo === undefined ? [] : [`those checkpoints are kept in ${witnessMovedTo}; from here on the chain is another one`]),
    );
  lines.push(keyText(restored.key, signer));
  for (const { workload, standing } of orders) for (const order of ordersText(standing)) lines.push(`${paint("yellow", "stands")}  ${workload}  ${order}`);
  if (orders.length > 0) lines.push("these orders count from the first tick on: take back what is out of date (vernier resume, vernier release)");
  for (const { workload, do: step, expect } of openIntents) lines.push(`${paint("yellow", "open")}  ${workload}  ${expect.units} -> ${step.units} units`);
  if (openIntents.length > 0) lines.push("nobody knows what came of these steps: the next controller looks at what is there before it does anything");
  return `${lines.join("\n")}\n`;
}

function keyText(key: Restored["key"], signer: string | undefined): string {
  const old = signer === undefined ? "" : `; it was signed with ${signer}`;
  switch (key) {
    case "same":
      return "the key of this folder is the one that signed it: the ledger goes on with it";
    case "other":
      return `the key of this folder is another one: the chain goes on, new checkpoints are signed with it, and verify shows both keys${old}`;
    case "none":
      return `no checkpoint.key is here: put the old one back, or the next start makes another; the chain goes on then, and verify shows both keys${old}`;
  }
}

function ordersText({ pause, holdIn, set, approval }: StandingOrders): string[] {
  const said = (what: string, order: { readonly who: string; readonly why: string; readonly untilMs?: number } | undefined): string[] =>
    order === undefined
      ? []
      : [`${what}, by ${order.who}: ${order.why} (${order.untilMs === undefined ? "until it is taken back" : `until ${formatTimestamp(order.untilMs)}`})`];
  return [...said("paused", pause), ...said("loses no units", holdIn), ...said(`set to ${set?.units} units`, set), ...said("a step is approved", approval)];
}
