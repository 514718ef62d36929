import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteStore } from "../ledger/sqlite/sqlite-store.ts";
import type { Store } from "../ledger/store.ts";
import type { VerifyOptions } from "../ledger/verify.ts";
import { verifyStore } from "../ledger/verify-store.ts";
import { FileError } from "../lib/file-error.ts";
import { placeNew, syncPath } from "../lib/place-file.ts";
import { PathError } from "../lib/system-error.ts";
import { readStored, storeErrorCode } from "./store.ts";

// Copies of a store, made beside a controller that writes.

/** What is in a copy of a store. */
export interface StoreSummary {
  readonly bytes: number;
  /** The last entry, and when it was written; 0 and undefined when there is none. */
  readonly seq: number;
  readonly lastAt: string | undefined;
  /** Of these, entries at the end that no checkpoint covers yet. */
  readonly unsigned: number;
  /** Public keys that signed, base64; `signer` is the one that signed last. */
  readonly keys: readonly string[];
  readonly signer: string | undefined;
}

/**
 * Writes a copy of the store in a data folder as it is at one instant: whole, verified, synced and for its owner alone, or not
 * at all. The key is not in it.
 * @param replaces whether a file that is there may go
 * @throws PathError also when the file is there and may not go   @throws FileError when what was copied does not verify
 */
export async function backupLedger(data: string, file: string, replaces: boolean): Promise<StoreSummary> {
  const store = readStored(data);
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    // For its owner alone from the first byte on.
    closeSync(openSync(unfinished, "wx", 0o600));
    store.copyTo(unfinished);
    syncPath(unfinished);
    const summary = await summaryOf(unfinished, file);
    if (replaces) renameSync(unfinished, file);
    else placeNew(unfinished, file);
    syncPath(dirname(file));
    return summary;
  } catch (error) {
    throw asPathError("cannot write", file, error);
  } finally {
    rmSync(unfinished, { force: true });
    await store.close();
  }
}

async function summaryOf(path: string, name: string): Promise<StoreSummary> {
  const store = openCopy(path, name);
  try {
    return { bytes: statSync(path).size, ...(await verifyCopy(store, name)) };
  } finally {
    await store.close();
  }
}

/** Opens a copy for reading. @throws PathError   @throws FileError */
export function openCopy(path: string, name = path): SqliteStore {
  try {
    statSync(path);
    return SqliteStore.readFile(path, name);
  } catch (error) {
    if (error instanceof Error && error.name === "StoreTooNew") throw error;
    throw asPathError("cannot read", name, error, "EDAMAGED");
  }
}

/** Reads and verifies all of a copy. @throws FileError with what is wrong */
export async function verifyCopy(store: SqliteStore, name: string, options: VerifyOptions = {}): Promise<Omit<StoreSummary, "bytes">> {
  const damage = store.damage();
  if (damage !== undefined) throw notWhole(name, [damage]);
  const { problems, keys, unsigned, lastAt } = await verifyStore(store, options);
  // Nothing was ever written, or nothing signed yet: little, and whole.
  const wrong = problems.filter(({ code }) => code !== "empty");
  if (wrong.length > 0)
    throw notWhole(
      name,
      wrong.map(({ message }) => message),
    );
  return { seq: await entriesIn(store), keys, signer: (await store.lastCheckpoint())?.key, unsigned, lastAt };
}

async function entriesIn(store: Store): Promise<number> {
  let all = 0;
  for (const shard of await store.shards()) all += (await store.head(shard)).seq;
  return all;
}

function notWhole(file: string, messages: readonly string[]): FileError {
  return new FileError(
    file,
    messages.map((message) => ({
      severity: "error",
      code: "ledger_damaged",
      message,
      hint: "this is not the ledger as it was written: take an older backup, and keep this one to find out",
    })),
  );
}

/** A failure of the system or of SQLite as one of a path. */
export function asPathError(what: string, path: string, error: unknown, otherwise?: string): unknown {
  if (error instanceof PathError || error instanceof FileError) return error;
  const code = storeErrorCode(error) ?? otherwise;
  return code === undefined ? error : new PathError(what, path, Object.assign(new Error(code, { cause: error }), { code }));
}
