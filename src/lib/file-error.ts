/** One thing wrong with a file that a person gave us. Lines and columns count from 1. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** Stable, `snake_case`. */
  readonly code: string;
  /** Where inside the document, for example `workloads.web.bounds.min`. */
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  /** What was found and what is allowed. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

/** A file (policy, trace, manifest) that cannot be used: the person who wrote it must act. Carries every problem found. */
export class FileError extends Error {
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join("\n"));
    this.name = "FileError";
    this.file = file;
    this.problems = problems;
  }
}

/** `vernier.yaml:12:7 error workloads.web.bounds.max: …` with the hint on a line of its own. */
export function formatProblem(file: string, problem: Problem): string {
  const place = [file, problem.line, problem.line === undefined ? undefined : problem.column].filter((part) => part !== undefined).join(":");
  const path = problem.path === undefined || problem.path === "" ? "" : `${problem.path}: `;
  const hint = problem.hint === undefined ? "" : `\n    ${problem.hint}`;
  return printable(`${place} ${problem.severity} ${path}${problem.message} [${problem.code}]`) + printable(hint, "\n");
}

/** Text from a file, safe to show on a terminal: control characters and marks that turn the direction of writing are escaped. */
function printable(text: string, except = ""): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === except ? character : `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`,
  );
}
