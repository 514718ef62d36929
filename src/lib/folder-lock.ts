import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";

/** The only right to write in a folder. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a folder, or says at once who has it. The lock is one of the operating system on a database of its own: it
 * goes with the process, however that ends, and leaves nothing that someone would have to remove.
 * @param who what others are told, for example "the controller"
 * @param now wall time in ISO 8601
 */
export function lockFolder(folder: string, who: string, now: string): Lock | { readonly heldBy: string } {
  const about = join(folder, "lock.json");
  const database = new DatabaseSync(join(folder, "lock.db"));
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!/locked|busy/i.test((error as Error).message)) throw error;
    return { heldBy: holderOf(about) };
  }
  writeFileSync(about, `${JSON.stringify({ who, pid: process.pid, host: hostname(), since: now })}\n`, { mode: 0o600 });
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

function holderOf(about: string): string {
  try {
    const { who, pid, host, since } = JSON.parse(readFileSync(about, "utf8")) as { who: string; pid: number; host: string; since: string };
    return `${who} with process id ${pid} on ${host}, since ${since}`;
  } catch {
    return "another process";
  }
}
