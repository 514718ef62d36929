import { FileError, type Problem } from "../lib/file-error.ts";
import type { ParseOptions } from "./templates.ts";

/** The text of a file that a policy names, or what keeps it from being read. */
export function readNamed(options: ParseOptions, file: string, bytesMax?: number): { readonly text: string } | Pick<Problem, "code" | "message" | "hint"> {
  try {
    const text = options.readFile?.(file, bytesMax);
    if (text !== undefined) return { text };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const [problem] = error.problems;
    if (problem !== undefined)
      return { code: problem.code, message: `"${file}": ${problem.message}`, ...(problem.hint !== undefined && { hint: problem.hint }) };
  }
  return { code: "file_missing", message: `cannot read "${file}"`, hint: "the path is relative to the policy file" };
}
