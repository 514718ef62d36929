import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { StoreHeld } from "../store.ts";

/** The only right to write in a folder. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a folder, or fails at once. The lock is one of the operating system on a database of its own: it goes with
 * the process, however that ends, and leaves nothing that someone would have to remove.
 * @param now wall time in ISO 8601
 * @throws StoreHeld with who has it
 */
export function lockFolder(folder: string, now: string): Lock {
  const about = join(folder, "lock.json");
  const database = new DatabaseSync(join(folder, "lock.db"));
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!/locked|busy/i.test((error as Error).message)) throw error;
    throw new StoreHeld(folder, holderOf(about));
  }
  writeFileSync(about, `${JSON.stringify({ pid: process.pid, host: hostname(), since: now })}\n`, { mode: 0o600 });
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

function holderOf(about: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(about, "utf8")) as { pid: number; host: string; since: string };
    return `the controller with process id ${pid} on ${host}, since ${since}`;
  } catch {
    return "another controller";
  }
}
