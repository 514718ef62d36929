import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describeReason } from "../../engine/describe-reason.ts";
import { FileError } from "../../lib/file-error.ts";
import { PathError } from "../../lib/system-error.ts";
import { escapeHtml } from "../page.ts";
import { loadTests, runTest, type TestOutcome } from "../policy-tests.ts";
import { parsePercent, parseWhole } from "../run-options.ts";
import { Progress, type Terminal, terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { writeResult } from "../write-result.ts";

interface CommandOptions {
  readonly json?: boolean;
  readonly junit?: string;
  readonly update?: boolean;
  readonly seed?: string;
  readonly jitter?: string;
  readonly draws?: string;
  readonly filter?: string;
  readonly changes?: boolean;
}

/** Files of tests in a folder are told by their end. */
const NAMES = /\.test\.ya?ml$/;

export async function runTests(paths: readonly string[], options: CommandOptions): Promise<void> {
  const jitter = options.jitter === undefined ? 0 : parsePercent("jitter", options.jitter, 0.9);
  const draws = options.draws === undefined ? (jitter > 0 ? 20 : 0) : parseWhole("draws", options.draws, 1, 10_000);
  if (draws > 0 && jitter === 0) throw new UsageError("--draws needs --jitter, such as --jitter 30%");
  const settings = {
    seed: options.seed === undefined ? 1 : parseWhole("seed", options.seed, 0, 4_294_967_295),
    jitter,
    draws,
    update: options.update === true,
  };
  const files = paths.flatMap(testFilesAt);
  if (files.length === 0) throw new UsageError(`no test files in ${paths.join(", ")}: their names end in .test.yaml`);
  const outcomes: TestOutcome[] = [];
  const problems: FileError[] = [];
  const progress = new Progress("testing");
  for (const [i, file] of files.entries()) {
    progress.update(i / files.length);
    // One file that cannot be read hides no other.
    try {
      const { tests } = await loadTests(file);
      for (const test of tests) if (options.filter === undefined || test.test.name.includes(options.filter)) outcomes.push(...runTest(file, test, settings));
    } catch (error) {
      if (error instanceof FileError) problems.push(error);
      else if (error instanceof PathError) problems.push(new FileError(file, [{ severity: "error", code: "cannot_open", message: error.message }]));
      else throw error;
    }
  }
  progress.end();
  if (outcomes.length === 0 && problems.length === 0)
    throw new UsageError(options.filter === undefined ? "there are no tests" : `no test has "${options.filter}" in its name`);
  const isOk = outcomes.every((outcome) => outcome.ok) && problems.length === 0;
  if (options.json) {
    const broken = problems.map((problem) => ({ file: problem.file, problems: problem.problems }));
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ok: isOk, outcomes, broken }, null, 2)}\n`);
  } else if (outcomes.length > 0) process.stdout.write(`${text(outcomes, terminalOf(process.stdout), options.changes === true).join("\n")}\n`);
  for (const problem of problems) process.stderr.write(`${problem.message}\n`);
  if (!isOk) process.exitCode = 1;
  if (options.junit !== undefined) writeResult(options.junit, junit(outcomes, problems));
}

function testFilesAt(path: string): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw new PathError("cannot read tests", path, error);
  }
  if (!isFolder) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => NAMES.test(name) && !name.split(/[/\\]/).includes("node_modules"))
    .toSorted()
    .map((name) => join(path, name));
}

function text(outcomes: readonly TestOutcome[], { paint }: Terminal, showsChanges: boolean): string[] {
  const lines: string[] = [];
  let file = "";
  for (const outcome of outcomes) {
    if (outcome.file !== file) {
      file = outcome.file;
      lines.push(paint("bold", file));
    }
    const name = outcome.engine === "vernier" && outcome.expected === "passes" ? outcome.name : `${outcome.name} (${outcome.engine} ${outcome.expected})`;
    const draws = outcome.draws === undefined ? "" : paint("dim", `  ${outcome.draws.of - outcome.draws.failed} of ${outcome.draws.of} draws`);
    lines.push(`  ${outcome.ok ? paint("green", "ok    ") : paint("red", "FAILED")}  ${name}${draws}`);
    if (outcome.ok && outcome.expected === "fails") lines.push(paint("dim", `          as expected: ${describe(outcome.failures[0])}`));
    if (!outcome.ok && outcome.expected === "fails") lines.push(`          expected to fail, and met everything`);
    if (!outcome.ok && outcome.expected === "passes") {
      for (const failure of outcome.failures) {
        lines.push(`          ${describe(failure)}`);
        for (const reason of failure.because ?? []) lines.push(paint("dim", `            ${reason.code}: ${describeReason(reason)}`));
      }
    }
    if (showsChanges) for (const change of outcome.changes) lines.push(`          ${change}`);
  }
  const failed = outcomes.filter((outcome) => !outcome.ok).length;
  lines.push("", failed === 0 ? paint("green", `${outcomes.length} as expected`) : paint("red", `${failed} of ${outcomes.length} not as expected`));
  return lines;
}

function describe(failure: TestOutcome["failures"][number] | undefined): string {
  if (failure === undefined) return "";
  const { where, at, what, expected, found } = failure;
  return `${where}${at === undefined ? "" : `, at ${at}`}: ${what}: expected ${expected}, found ${found}`;
}

/** The form that continuous integration systems read (JUnit XML). */
function junit(outcomes: readonly TestOutcome[], problems: readonly FileError[]): string {
  const cases = outcomes.map((outcome) => {
    const head = `    <testcase classname="${escapeXml(outcome.file)}" name="${escapeXml(`${outcome.name} (${outcome.engine} ${outcome.expected})`)}" time="${outcome.seconds.toFixed(3)}"`;
    if (outcome.ok) return `${head}/>`;
    const details = outcome.failures.map(describe).join("\n") || "expected to fail, and met everything";
    return `${head}><failure message="${escapeXml(details.split("\n")[0] as string)}">${escapeXml(details)}</failure></testcase>`;
  });
  const broken = problems.map(
    (problem) =>
      `    <testcase classname="${escapeXml(problem.file)}" name="can be read"><error message="${escapeXml(problem.message.split("\n")[0] as string)}">${escapeXml(problem.message)}</error></testcase>`,
  );
  const failed = outcomes.filter((outcome) => !outcome.ok).length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="vernier" tests="${outcomes.length + broken.length}" failures="${failed}" errors="${broken.length}">
${[...cases, ...broken].join("\n")}
  </testsuite>
</testsuites>
`;
}

function escapeXml(text: string): string {
  // Characters that XML 1.0 does not know are left out.
  return escapeHtml(text.replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, ""));
}
