import { writeFileSync } from "node:fs";
import { PathError, systemErrorCode } from "../lib/system-error.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Writes a file and says so, or standard output when there is none (or it is `-`). An existing file stays unless `force` is set.
 * @param option what names the file on the command line
 * @throws UsageError for an existing file   @throws PathError when it cannot be written
 */
export function writeNew(text: string, { out, force }: { readonly out?: string; readonly force?: boolean }, option = "--out"): void {
  if (out === undefined || out === "-") {
    process.stdout.write(text);
    return;
  }
  createNew(text, { out, ...(force !== undefined && { force }) }, option);
  process.stdout.write(`wrote ${out}\n`);
}

/** Writes a file. An existing one stays unless `force` is set. @throws UsageError for an existing file   @throws PathError when it cannot be written */
export function createNew(text: string, { out, force }: { readonly out: string; readonly force?: boolean }, option = "--out"): void {
  try {
    writeFileSync(out, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") throw new UsageError(`"${out}" exists already; --force replaces it, ${option} names another`);
    throw new PathError("cannot write", out, error);
  }
}
