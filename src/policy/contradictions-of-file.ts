import type { Problem } from "../lib/file-error.ts";
import { asRecord as record } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import type { PolicyDocument } from "./document.ts";
import { Duration } from "./quantities.ts";
import type { WorkloadEntry } from "./templates.ts";

/** Contradictions in what stands outside the workloads: dependencies and the simulation. */
export function checkFile(
  document: PolicyDocument,
  settings: Record<string, unknown>,
  entries: readonly WorkloadEntry[],
  add: (problem: Problem) => void,
): void {
  checkDependencies(document, settings, add);
  checkFaults(document, settings, entries, add);
  checkInitialUnits(document, settings, entries, add);
}

function checkDependencies(document: PolicyDocument, settings: Record<string, unknown>, add: (problem: Problem) => void): void {
  for (const [name, dependency] of Object.entries(record(settings["dependencies"]))) {
    if (record(dependency)["knee"] === undefined || record(dependency)["rate"] !== undefined) continue;
    add({
      severity: "error",
      code: "knee_without_rate",
      path: `dependencies.${name}.knee`,
      ...document.locate(["dependencies", name, "knee"], "value"),
      message: "a knee needs to know what the dependency serves before it",
      hint: "add rate, for example 900/s",
    });
  }
}

/** A run cannot begin with more units than any workload may have. */
function checkInitialUnits(
  document: PolicyDocument,
  settings: Record<string, unknown>,
  entries: readonly WorkloadEntry[],
  add: (problem: Problem) => void,
): void {
  const initial = record(settings["simulation"])["initialUnits"];
  const most = entries.reduce((max, entry) => Math.max(max, Number(record(record(entry.value)["bounds"])["max"]) || 0), 0);
  if (typeof initial !== "number" || initial <= most) return;
  add({
    severity: "error",
    code: "initial_above_max",
    path: "simulation.initialUnits",
    ...document.locate(["simulation", "initialUnits"], "value"),
    message: `${initial} units at the start, the highest max is ${most}`,
    hint: "begin inside the bounds",
  });
}

function checkFaults(document: PolicyDocument, settings: Record<string, unknown>, entries: readonly WorkloadEntry[], add: (problem: Problem) => void): void {
  const faults = record(settings["simulation"])["faults"];
  if (!Array.isArray(faults)) return;
  const names = entries.flatMap((entry) => Object.keys(record(record(entry.value)["metrics"])));
  for (const [index, fault] of faults.entries()) {
    const { metric, from, to } = record(fault);
    const path = ["simulation", "faults", index];
    if (typeof metric === "string" && metric !== "*" && !names.includes(metric)) {
      const near = nearest(metric, names);
      add({
        severity: "error",
        code: "unknown_reference",
        path: [...path, "metric"].join("."),
        ...document.locate([...path, "metric"], "value"),
        message: `there is no metric "${metric}"`,
        hint: near === undefined ? "name a metric of a workload, or * for all" : `did you mean "${near}"?`,
      });
    }
    const fromMs = Duration.safeParse(from);
    const toMs = Duration.safeParse(to);
    if (fromMs.success && toMs.success && fromMs.data >= toMs.data) {
      add({
        severity: "error",
        code: "fault_empty",
        path: path.join("."),
        ...document.locate(path, "value"),
        message: `the fault from ${from} to ${to} never happens`,
        hint: "from must be before to",
      });
    }
  }
}
