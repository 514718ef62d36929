import type { Problem } from "../lib/file-error.ts";
import { asRecord as record } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import { checkTargets } from "./contradictions-of-targets.ts";
import type { PolicyDocument } from "./document.ts";
import { Duration } from "./quantities.ts";
import { workloadId } from "./resolve.ts";
import type { WorkloadEntry } from "./templates.ts";

/** Contradictions in what stands outside the workloads: dependencies and the simulation. */
export function checkFile(
  document: PolicyDocument,
  settings: Record<string, unknown>,
  entries: readonly WorkloadEntry[],
  add: (problem: Problem) => void,
): void {
  checkDependencies(document, settings, entries, add);
  checkSeasons(document, settings, add);
  checkWhere(document, settings, entries, add);
  checkFaults(document, settings, entries, add);
  checkInitialUnits(document, settings, entries, add);
  checkTargets(document, settings, entries, add);
}

function checkDependencies(
  document: PolicyDocument,
  settings: Record<string, unknown>,
  entries: readonly WorkloadEntry[],
  add: (problem: Problem) => void,
): void {
  const dependencies = record(settings["dependencies"]);
  const byId = new Map(entries.map((entry) => [workloadId(entry.id), record(entry.value)]));
  for (const [name, given] of Object.entries(dependencies)) {
    const dependency = record(given);
    const error = (code: string, key: string, message: string, hint: string): void =>
      add({ severity: "error", code, path: `dependencies.${name}.${key}`, ...document.locate(["dependencies", name, key], "value"), message, hint });
    const { workload, rate, knee } = dependency;
    if (knee !== undefined && rate === undefined)
      error("knee_without_rate", "knee", "a knee needs to know what the dependency serves before it", "add rate, for example 900/s");
    if (typeof workload !== "string") continue;
    const id = workloadId(workload);
    const called = byId.get(id);
    if (called === undefined) {
      const near = nearest(id, [...byId.keys()]);
      error("unknown_reference", "workload", `there is no workload "${workload}"`, near === undefined ? "name one of this file" : `did you mean "${near}"?`);
      continue;
    }
    if (rate !== undefined) error("rate_twice", "rate", `what ${name} serves follows from the units of ${id}`, "leave out rate, or workload");
    if (record(called["unit"])["serves"] === undefined)
      error("serves_missing", "workload", `${id} does not say what one of its units serves`, "add unit.serves to it, for example {rate: 400/s}");
    for (const [user, value] of byId)
      if (name in record(value["uses"]) && record(value["unit"])["serves"] === undefined)
        error(
          "serves_missing",
          "workload",
          `${user} calls it, and does not say what one of its own units serves`,
          "add unit.serves to it: calls are counted in requests",
        );
    if (callsItself(id, byId, dependencies))
      error("dependency_circle", "workload", `${id} calls itself, directly or through others`, "leave out one of the calls under uses");
  }
}

function checkSeasons(document: PolicyDocument, settings: Record<string, unknown>, add: (problem: Problem) => void): void {
  for (const [name, season] of Object.entries(record(settings["seasons"]))) {
    const { p50, p90 } = record(season);
    if (typeof p50 !== "number" || typeof p90 !== "number" || p50 <= p90) continue;
    add({
      severity: "error",
      code: "season_not_ascending",
      path: `seasons.${name}.p90`,
      ...document.locate(["seasons", name, "p90"], "value"),
      message: `p90 (${p90}) is below p50 (${p50})`,
      hint: "of ten seasons nine stay below p90, five below p50",
    });
  }
}

/** Whether calls that begin at a workload come back to it. */
function callsItself(id: string, byId: ReadonlyMap<string, Record<string, unknown>>, dependencies: Record<string, unknown>): boolean {
  const seen = new Set<string>();
  const open = [id];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const name of Object.keys(record(byId.get(from)?.["uses"]))) {
      const { workload } = record(dependencies[name]);
      if (typeof workload !== "string") continue;
      const to = workloadId(workload);
      if (to === id) return true;
      if (!seen.has(to)) open.push(to);
      seen.add(to);
    }
  }
  return false;
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

/** Faults and events may say at which workload they happen. */
function checkWhere(document: PolicyDocument, settings: Record<string, unknown>, entries: readonly WorkloadEntry[], add: (problem: Problem) => void): void {
  const ids = entries.map(({ id }) => workloadId(id));
  for (const list of ["faults", "events"]) {
    const given = record(settings["simulation"])[list];
    if (!Array.isArray(given)) continue;
    for (const [index, one] of given.entries()) {
      const { workload } = record(one);
      if (typeof workload !== "string" || ids.includes(workloadId(workload))) continue;
      const path = ["simulation", list, index, "workload"];
      const near = nearest(workloadId(workload), ids);
      add({
        severity: "error",
        code: "unknown_reference",
        path: path.join("."),
        ...document.locate(path, "value"),
        message: `there is no workload "${workload}"`,
        hint: near === undefined ? "name one of this file" : `did you mean "${near}"?`,
      });
    }
  }
}
