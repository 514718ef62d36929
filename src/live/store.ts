import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StorageLimits } from "../control/housekeeping.ts";
import { CheckpointKey } from "../ledger/checkpoint.ts";
import { SqliteStore } from "../ledger/sqlite/sqlite-store.ts";
import type { Store } from "../ledger/store.ts";
import { messageOf, PathError, systemErrorCode } from "../lib/system-error.ts";
import { formatTimestamp } from "../lib/timestamp.ts";

// What a data folder holds: the store, and the key that signs for it.

/** The store in a folder, for reading, also beside a controller. @throws PathError when there is none   @throws StoreTooNew   @throws StoreTooOld */
export function readLedger(data: string): Store {
  return reading(data, () => SqliteStore.read(data));
}

/** The same, also as an earlier version wrote it: for copies. */
export function readStored(data: string): SqliteStore {
  return reading(data, () => SqliteStore.readFile(join(data, "ledger.db"), data));
}

function reading<T>(data: string, open: () => T): T {
  if (!existsSync(join(data, "ledger.db"))) throw new PathError("cannot read ledger", data, Object.assign(new Error("none"), { code: "ENOENT" }));
  try {
    return open();
  } catch (error) {
    if (isInWords(error)) throw error;
    throw storeError(data, error);
  }
}

/** Errors of a store that say what to do. */
function isInWords(error: unknown): boolean {
  return error instanceof Error && ["StoreHeld", "StoreTooNew", "StoreTooOld"].includes(error.name);
}

/** What SQLite says about the disk under it, as a code of the system; undefined for anything else. */
export function storeErrorCode(error: unknown): string | undefined {
  const code = systemErrorCode(error);
  if (code !== undefined) return code;
  const said = messageOf(error);
  if (/is full/i.test(said)) return "ENOSPC";
  if (/readonly|read-only/i.test(said)) return "EROFS";
  // What is not told apart: a quota, a limit on the size of files, a disk that is broken.
  if (/disk I\/O/i.test(said)) return "EIO";
  return /unable to open/i.test(said) ? "EACCES" : undefined;
}

function storeError(data: string, error: unknown): PathError {
  return new PathError("cannot open ledger", data, Object.assign(new Error(messageOf(error), { cause: error }), { code: storeErrorCode(error) ?? "EDAMAGED" }));
}

/** How much a data folder may keep, and the disk that it is on. */
export function storageOf(data: string, { retentionMs, budgetBytes }: Pick<StorageLimits, "retentionMs" | "budgetBytes">): StorageLimits {
  return {
    retentionMs,
    budgetBytes,
    place: data,
    disk: async () => {
      try {
        const { bavail, blocks, bsize } = await statfs(data);
        return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
      } catch {
        return undefined;
      }
    },
  };
}

/** The store in a folder, for writing. @throws StoreHeld   @throws StoreTooNew   @throws PathError */
export function openStore(data: string): SqliteStore {
  try {
    return SqliteStore.open(data, formatTimestamp(Date.now()));
  } catch (error) {
    if (isInWords(error)) throw error;
    throw storeError(data, error);
  }
}

/** The key that signs checkpoints; made at the first start. Whoever has it can forge them: it stays in this folder, for its owner alone. */
export function checkpointKey(path: string): CheckpointKey {
  try {
    if (existsSync(path)) return new CheckpointKey(readFileSync(path, "utf8"));
    const key = new CheckpointKey();
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, key.toPem(), { mode: 0o600, flag: "wx" });
    return key;
  } catch (error) {
    throw new PathError("cannot use key", path, systemErrorCode(error) === undefined ? Object.assign(new Error("key"), { code: "EBADKEY" }) : error);
  }
}
