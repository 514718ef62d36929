import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "../../lib/is-record.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";

/**
 * Where a unit is.
 *
 *   waiting -> starting -> ready <-> unready
 *      ^          |          |          |
 *      +- ended --+----------+----------+-> draining -> gone
 *
 * `waiting`: there is no process, and there will be one: after a while when the last one ended by itself, or when a port is free.
 * `unready`: it was ready, and does not answer any more.
 */
export type UnitState = "waiting" | "starting" | "ready" | "unready" | "draining";

/** What is kept of one unit, in a file of its own, written before what it says is done. */
export interface UnitRecord {
  /** From 1, the lowest that is free. It stays when a process ends and another takes its place. */
  readonly unit: number;
  readonly state: UnitState;
  /** Of one process: it is in its environment, and in those of all that it starts. New with each start. */
  readonly nonce: string;
  readonly boot: string;
  readonly port?: number;
  /** Wall time. */
  readonly startedAtMs: number;
  /** Absent until the process is known; with `start` and `boot`, its identity. */
  readonly pid?: number;
  readonly start?: string;
  /** With `draining`: when it was told to end, wall time. */
  readonly signalledAtMs?: number;
  /** Starts in a row that came to nothing. */
  readonly failures: number;
  /** How the last process ended, and what the next waits for. */
  readonly why?: string;
  /** With `waiting`: wall time of the next attempt. */
  readonly retryAtMs?: number;
}

const FILE = /^unit-(\d{1,9})\.json$/;
const fileOf = (folder: string, unit: number): string => join(folder, `unit-${unit}.json`);

/** All records of a folder, by unit. @throws PathError, also for one that is damaged */
export function readUnitRecords(folder: string): UnitRecord[] {
  return namesIn(folder)
    .flatMap((name) => {
      const unit = Number(FILE.exec(name)?.[1] ?? 0);
      return unit === 0 ? [] : (readRecord(join(folder, name), unit) ?? []);
    })
    .sort((a, b) => a.unit - b.unit);
}

/** Durable when it returns. @throws PathError */
export function writeUnitRecord(folder: string, record: UnitRecord): void {
  replaceFile(fileOf(folder, record.unit), [`${JSON.stringify(record)}\n`], 0o600);
}

export function removeUnitRecord(folder: string, unit: number): void {
  rmSync(fileOf(folder, unit), { force: true });
}

/** Removes what a crash left of files that were being written. */
export function removeUnfinished(folder: string): void {
  for (const name of namesIn(folder)) if (name.endsWith(".tmp")) rmSync(join(folder, name), { force: true });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw new PathError("cannot read", folder, error);
  }
}

function readRecord(path: string, unit: number): UnitRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    // Gone between the listing and now.
    if (systemErrorCode(error) === "ENOENT") return undefined;
    if (systemErrorCode(error) !== undefined) throw new PathError("cannot read", path, error);
  }
  if (
    isRecord(value) &&
    value["unit"] === unit &&
    typeof value["nonce"] === "string" &&
    typeof value["boot"] === "string" &&
    typeof value["state"] === "string"
  )
    return value as unknown as UnitRecord;
  throw new PathError("cannot use", path, Object.assign(new Error("damaged"), { code: "EBADUNIT" }));
}
