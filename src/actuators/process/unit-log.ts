import { closeSync, copyFileSync, fstatSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { oneLine } from "../../lib/one-line.ts";
import { systemErrorCode } from "../../lib/system-error.ts";

/** A log that is longer is put aside, in the place of the one before. */
const BYTES_MAX = 8 << 20;
const TAIL_BYTES = 2_048;

/** Where a unit prints to; the same for all processes that take its place. */
export function logOf(folder: string, unit: number): string {
  return join(folder, `unit-${unit}.log`);
}

/**
 * Puts a log aside when it has grown too long. Its writers always write at the end, so they go on at the new beginning; what they
 * write between the copy and the cut is lost. @throws what the file system says
 */
export function trimLog(path: string): void {
  if (sizeOf(path) <= BYTES_MAX) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last line that was printed since the log was so long; empty when there is none. */
export function lastLine(path: string, fromByte: number): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const from = Math.max(size < fromByte ? 0 : fromByte, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - from);
    readSync(file, bytes, 0, bytes.length, from);
    return oneLine(bytes.toString("utf8").trim().split("\n").at(-1) ?? "").slice(-200);
  } finally {
    closeSync(file);
  }
}
