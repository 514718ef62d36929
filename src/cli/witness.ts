import { readFileSync } from "node:fs";
import { FileError } from "../lib/file-error.ts";
import { PathError, systemErrorCode } from "../lib/system-error.ts";

/** Checkpoints that were kept elsewhere, one a line. */
export function readWitness(path: string): string[] {
  try {
    const lines = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    if (lines.length === 0)
      throw new FileError(path, [
        { severity: "error", code: "witness_empty", message: "holds no checkpoint", hint: "it should hold those of checkpoints.ndjson, one a line" },
      ]);
    return lines;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new PathError("cannot read", path, error);
  }
}
