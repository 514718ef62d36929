import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { PathError, systemErrorCode } from "./system-error.ts";

/**
 * Writes a file whole or not at all: under another name first, then in the place of what was there. Durable when
 * this returns.
 * @param mode permissions of the new file; those that the process gives when absent
 * @throws PathError when it cannot be written
 */
export function replaceFile(path: string, parts: Iterable<string>, mode?: number): void {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(unfinished, "w");
    try {
      for (const part of parts) {
        let bytes = Buffer.from(part);
        while (bytes.length > 0) bytes = bytes.subarray(writeSync(file, bytes));
      }
      if (mode !== undefined) fchmodSync(file, mode);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new PathError("cannot write", path, error);
  }
}

/** The name of a file is durable when its folder is. One that may not be read cannot be synced, and what stands in it is there all the same. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
}
