import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CheckpointKey } from "./ledger/checkpoint.ts";
import { SqliteStore } from "./ledger/sqlite/sqlite-store.ts";
import type { Store } from "./ledger/store.ts";
import { messageOf, PathError, systemErrorCode } from "./lib/system-error.ts";
import { formatTimestamp } from "./lib/timestamp.ts";

// What the live loop keeps in its data folder, opened, with what is wrong with it in our words.

/** The store in a folder, for reading, also beside a controller. @throws PathError when there is none */
export function readLedger(data: string): Store {
  if (!existsSync(join(data, "ledger.db"))) throw new PathError("cannot read ledger", data, Object.assign(new Error("none"), { code: "ENOENT" }));
  try {
    return SqliteStore.read(data);
  } catch (error) {
    if (error instanceof Error && error.name === "StoreTooNew") throw error;
    throw storeError(data, error);
  }
}

/** What SQLite says, in our words. */
function storeError(data: string, error: unknown): PathError {
  const said = messageOf(error);
  const code = /full/i.test(said) ? "ENOSPC" : /readonly|read-only/i.test(said) ? "EROFS" : /unable to open/i.test(said) ? "EACCES" : "EDAMAGED";
  return new PathError("cannot open ledger", data, systemErrorCode(error) === undefined ? Object.assign(new Error(said), { code }) : error);
}

/** The store in a folder, for writing. @throws StoreHeld   @throws PathError */
export function openStore(data: string): SqliteStore {
  try {
    return SqliteStore.open(data, formatTimestamp(Date.now()));
  } catch (error) {
    if (error instanceof Error && ["StoreHeld", "StoreTooNew"].includes(error.name)) throw error;
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
