import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { PathError } from "./system-error.ts";

/**
 * Writes a file whole or not at all: under another name first, then in the place of what was there.
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
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new PathError("cannot write", path, error);
  }
}
