import { writeFileSync } from "node:fs";
import { PathError } from "../lib/system-error.ts";

/** @throws PathError when the file cannot be written */
export function writeResult(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new PathError("cannot write", path, error);
  }
}
