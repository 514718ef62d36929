import { examinePolicy } from "../../app.ts";
import { formatProblem, type Problem } from "../../lib/file-error.ts";
import type { LivePreflight } from "../../live/preflight.ts";
import { lintPolicy } from "../../policy/lint.ts";
import type { Policy } from "../../policy/parse.ts";
import { readTrace } from "../../read-trace.ts";
import { NOT_CHECKED, preflightText } from "../preflight-text.ts";
import { terminalOf } from "../terminal.ts";

interface CheckOptions {
  readonly trace?: string;
  readonly strict?: boolean;
  readonly live?: boolean;
  readonly json?: boolean;
}

export async function runCheck(paths: readonly string[], options: CheckOptions): Promise<void> {
  const trace = options.trace === undefined ? undefined : await readTrace(options.trace);
  const { paint } = terminalOf(process.stdout);
  const policies: Policy[] = [];
  const results: { file: string; workloads: number; problems: readonly Problem[] }[] = [];
  for (const path of paths) {
    const { file, policy, problems } = examinePolicy(path);
    const lints = policy === undefined ? [] : lintPolicy(policy, trace);
    if (policy !== undefined) policies.push(policy);
    results.push({ file, workloads: policy?.workloads.length ?? 0, problems: [...problems, ...lints] });
  }
  const all = results.flatMap((result) => result.problems);
  const errors = all.filter((problem) => problem.severity === "error").length;
  // Before the first byte goes out: a reader may leave early, and the exit code must be right all the same.
  if (errors > 0 || (options.strict && all.length > 0)) process.exitCode = 1;
  // A policy with mistakes is not asked about: it would not run.
  const live = options.live && errors === 0 ? await askLive(policies) : undefined;
  if (live?.workloads.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ schemaVersion: 1, files: results, ...(live !== undefined && { live: { ...live, notChecked: NOT_CHECKED } }) }, null, 2)}\n`,
    );
  else {
    for (const { file, workloads, problems } of results) {
      for (const problem of problems) {
        const text = formatProblem(file, problem);
        process.stdout.write(`${text.replace(problem.severity, paint(problem.severity === "error" ? "red" : "yellow", problem.severity))}\n`);
      }
      if (!problems.some((problem) => problem.severity === "error")) {
        process.stdout.write(
          `${file}: ${paint("green", "valid")}, ${workloads} workload${workloads === 1 ? "" : "s"}${problems.length > 0 ? `, ${problems.length} warning${problems.length === 1 ? "" : "s"}` : ""}\n`,
        );
      }
    }
    if (errors > 0) process.stdout.write(`${errors} error${errors === 1 ? "" : "s"}\n`);
    if (live !== undefined) process.stdout.write(`\n${preflightText(live, terminalOf(process.stdout))}`);
    else if (options.live) process.stdout.write("nothing was asked: a policy with errors does not run\n");
  }
}

/** Loaded only when it is wanted: the store and every adapter come with it. */
async function askLive(policies: readonly Policy[]): Promise<LivePreflight> {
  const { preflightPolicies } = await import("../../live/preflight.ts");
  return await preflightPolicies(policies, { environment: process.env, data: ".vernier" });
}
