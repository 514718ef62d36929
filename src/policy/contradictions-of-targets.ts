import type { Problem } from "../lib/file-error.ts";
import { isRecord, asRecord as record } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { PortRange } from "./quantities.ts";
import { workloadId } from "./resolve.ts";
import type { WorkloadEntry } from "./templates.ts";

/** What can be asked of a source of units. */
const UNIT_QUERIES = ["cpu", "memory", "ready", "count"] as const;

type Say = (path: Path, code: string, message: string, hint: string) => void;

/** Contradictions in processes as targets, and in what is read of them. */
export function checkTargets(
  document: PolicyDocument,
  settings: Record<string, unknown>,
  entries: readonly WorkloadEntry[],
  add: (problem: Problem) => void,
): void {
  const before: { readonly id: string; readonly ports: PortRange | undefined; readonly file: unknown }[] = [];
  for (const { id, value, origin } of entries) {
    const say: Say = (path, code, message, hint) =>
      add({ severity: "error", code, path: ["workloads", id, ...path].join("."), ...document.locate(origin(path), "value"), message, hint });
    const workload = record(value);
    checkReadings(workload, record(settings["sources"]), say);
    const target = record(workload["target"]);
    if (target["type"] !== "process") continue;
    const ports = PortRange.safeParse(target["ports"]).data;
    checkPorts(workload, target, ports, say);
    const { file } = record(target["endpoints"]);
    for (const other of before) {
      if (ports !== undefined && other.ports !== undefined && ports.from <= other.ports.to && other.ports.from <= ports.to)
        say(["target", "ports"], "ports_shared", `${workloadId(id)} and ${other.id} take ports of the same range`, "give each ports of its own");
      if (typeof file === "string" && file === other.file)
        say(["target", "endpoints", "file"], "endpoints_shared", `${workloadId(id)} and ${other.id} write the same file`, "give each its own");
    }
    before.push({ id: workloadId(id), ports, file });
  }
}

function checkPorts(workload: Record<string, unknown>, target: Record<string, unknown>, ports: PortRange | undefined, say: Say): void {
  const { command } = target;
  const usesPort = Array.isArray(command) && command.slice(1).some((argument) => typeof argument === "string" && argument.includes("{port}"));
  if (target["ports"] === undefined) {
    const needs = usesPort ? "command" : ["ready", "endpoints"].find((name) => target[name] !== undefined);
    if (needs !== undefined)
      say(
        ["target", needs],
        "ports_missing",
        needs === "command" ? "the command asks for a {port}, and there are no ports" : `${needs} needs a port for each unit, and there are none`,
        "add ports, for example 9000-9099",
      );
    return;
  }
  if (Array.isArray(command) && !usesPort)
    say(
      ["target", "command"],
      "ports_unused",
      "units get ports, and the command does not ask for one: no argument holds {port}",
      'add it, for example --port "{port}"',
    );
  if (ports === undefined) return;
  const room = ports.to - ports.from + 1;
  const bounds = record(workload["bounds"]);
  const tooMany = (max: unknown, path: Path): void => {
    if (typeof max === "number" && max > room)
      say(
        path,
        "ports_too_few",
        `max (${max}) is above the number of ports, ${room} from ${ports.from} to ${ports.to}`,
        ports.from + max - 1 > 65_535 ? "lower max, or begin target.ports lower" : `lower max, or widen target.ports to ${ports.from}-${ports.from + max - 1}`,
      );
  };
  tooMany(bounds["max"], ["bounds", "max"]);
  if (Array.isArray(bounds["schedule"]))
    for (const [index, window] of bounds["schedule"].entries()) tooMany(record(window)["max"], ["bounds", "schedule", index, "max"]);
}

function checkReadings(workload: Record<string, unknown>, sources: Record<string, unknown>, say: Say): void {
  for (const [name, metric] of Object.entries(record(workload["metrics"]))) {
    const { source, query } = record(metric);
    if (typeof source !== "string" || !isRecord(sources[source]) || sources[source]["type"] !== "units") continue;
    if (record(workload["target"])["type"] !== "process")
      say(
        ["metrics", name, "source"],
        "units_without_process",
        `${source} reads processes, and the target is none`,
        "add target: {type: process, command: [...]}",
      );
    if (typeof query !== "string" || UNIT_QUERIES.some((known) => known === query)) continue;
    const near = nearest(query, UNIT_QUERIES);
    say(
      ["metrics", name, "query"],
      "unknown_reference",
      `found "${query.slice(0, 60)}", expected one of ${UNIT_QUERIES.join(", ")}`,
      near === undefined ? "cpu is the mean of cores that a ready unit uses" : `did you mean "${near}"?`,
    );
  }
}
