import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { mayAct } from "../control/decision.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { FileError, type Problem } from "../lib/file-error.ts";
import type { Policy, PolicyWorkload } from "../policy/parse.ts";

// What is wrong with policies that are fine to simulate, and are to act.

/** @throws FileError */
export function refuseForLive(policies: readonly Policy[]): void {
  for (const policy of policies) refuseUnreadable(policy);
  refuseShared(policies);
}

/** What is one in each file is not one in all: the same workload twice, or one target for two. */
function refuseShared(policies: readonly Policy[]): void {
  const ids = new Map<string, string>();
  const targets = new Map<string, string>();
  for (const { file, workloads, document } of policies)
    for (const { id, written, pathInDocument } of workloads) {
      const refuse = (code: string, path: readonly (string | number)[], message: string, hint: string): never => {
        throw new FileError(file, [
          { severity: "error", code, path: ["workloads", id, ...path].join("."), ...document.locate(pathInDocument(path), "key"), message, hint },
        ]);
      };
      const other = ids.get(id);
      if (other !== undefined) refuse("id_duplicate", [], `${id} is in ${other} too`, "a workload has one policy");
      ids.set(id, file);
      if (mayAct(written.mode) && written.target === undefined)
        refuse(
          "target_missing",
          [],
          `${id} may act, and does not say what its capacity is set on`,
          "add target, for example {type: exec, observe: [...], set: [...]}; {type: memory} to try things out",
        );
      const { target } = written;
      if (target?.type !== "file" && target?.type !== "webhook") continue;
      const path = target.type === "file" ? realPath(resolve(dirname(file), target.path)) : target.observe;
      const owner = targets.get(path);
      if (owner !== undefined)
        refuse("target_shared", ["target"], `${id} and ${owner} set capacity on the same target`, "two controllers on one target fight; give each its own");
      targets.set(path, id);
    }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A policy for live use needs to say where its metrics are. */
function refuseUnreadable({ file, workloads, document }: Policy): void {
  const problems: Problem[] = [];
  for (const { id, written, pathInDocument } of workloads) {
    for (const [name, metric] of Object.entries(written.metrics)) {
      if (metric.formula !== undefined || (metric.source !== undefined && metric.query !== undefined)) continue;
      problems.push({
        severity: "error",
        code: "source_missing",
        path: `workloads.${id}.metrics.${name}`,
        ...document.locate(pathInDocument(["metrics", name]), "key"),
        message: `"${name}" does not say where it is read: ${metric.source === undefined ? "source" : "query"} is missing`,
        hint: 'for example {measures: utilisation, source: prom, query: "avg(…)"}, with sources: {prom: {type: prometheus, url: …}}',
      });
    }
  }
  if (problems.length > 0) throw new FileError(file, problems);
}

/** Share of a minimum that may go while it runs. */
const MIN_LEFT = 0.5;

/** What may not change while a controller runs. @throws FileError */
export function refuseReload(running: ReadonlyMap<string, PolicyWorkload>, policies: readonly Policy[]): void {
  const left = new Set(running.keys());
  for (const { file, workloads, document } of policies) {
    const problems: Problem[] = [];
    for (const { id, written, pathInDocument } of workloads) {
      const problem = (code: string, path: readonly string[], message: string, hint: string): void => {
        problems.push({ severity: "error", code, path: ["workloads", id, ...path].join("."), ...document.locate(pathInDocument(path), "key"), message, hint });
      };
      const before = running.get(id);
      left.delete(id);
      if (before === undefined) problem("workload_added", [], `${id} is new`, "workloads are added by a restart");
      else if (canonicalJson(before.written.target ?? null) !== canonicalJson(written.target ?? null))
        problem("target_changed", ["target"], `${id} has another target`, "targets change by a restart");
      else if (written.target?.type === "process" && mayAct(before.written.mode) !== mayAct(written.mode))
        problem(
          "mode_changed",
          ["mode"],
          `${id} goes from ${before.written.mode} to ${written.mode}`,
          "whether processes are looked after changes by a restart",
        );
      else if (written.bounds.min < MIN_LEFT * before.written.bounds.min)
        problem(
          "min_drop",
          ["bounds", "min"],
          `min falls from ${before.written.bounds.min} to ${written.bounds.min}, by more than half`,
          "lower it in steps, or restart if that is what you want",
        );
    }
    if (problems.length > 0) throw new FileError(file, problems);
  }
  const [missing] = left;
  if (missing !== undefined)
    throw new FileError(policies[0]?.file ?? "the policies", [
      {
        severity: "error",
        code: "workload_removed",
        message: `${missing} is no longer there`,
        hint: "workloads are removed by a restart; their capacity stays",
      },
    ]);
}
