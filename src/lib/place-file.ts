import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync } from "node:fs";
import { systemErrorCode } from "./system-error.ts";

/** Waits until a file, or the names in a folder, are on the disk. */
export function syncPath(path: string): void {
  const opened = openSync(path, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/** Gives a file a name that nothing has yet; it may keep the old one. @throws `EEXIST` and other errors of the system */
export function placeNew(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    // Some file systems know no second name; then there is a moment in which somebody else's file could be replaced.
    if (systemErrorCode(error) === "EEXIST" || existsSync(to)) throw error;
    renameSync(from, to);
  }
}
