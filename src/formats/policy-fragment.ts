import { Document, isMap, isScalar, isSeq, type Node, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { oneLine } from "../lib/one-line.ts";
import { readDocument } from "../policy/document.ts";
import { workloadId } from "../policy/resolve.ts";
import type { ImportedService } from "./openslo-import.ts";
import { freeName } from "./policy-name.ts";

const LAYOUT = { lineWidth: 0, flowCollectionPadding: false } as const;

/** The parts of a policy that a service makes: `sources` as at the top of a policy, `metrics` and `objectives` as inside a workload. */
export function fragmentText({ service, sources, metrics, objectives }: ImportedService): string {
  const document = new Document({});
  document.commentBefore = ` What ${oneLine(service)} makes of a policy: sources stand at its top, metrics and objectives inside a workload.`;
  if (Object.keys(sources).length > 0) document.set("sources", mapOf(document, sources));
  if (Object.keys(metrics).length > 0) document.set("metrics", mapOf(document, metrics));
  if (objectives.length > 0) {
    const list = document.createNode([]) as YAMLSeq;
    for (const objective of objectives) list.add(objectiveNode(document, objective));
    document.set("objectives", list);
  }
  return document.toString(LAYOUT);
}

/** Where a service goes. */
export interface Destination {
  /** The text of a policy without mistakes. */
  readonly text: string;
  readonly workload: string;
}

/**
 * A policy with the sources, metrics and objectives of a service added to one of its workloads; comments stay. What is there
 * already is not added twice; what is there under the same name and means something else is a problem.
 */
export function addToPolicy(service: ImportedService, { text, workload }: Destination): { text?: string; problems: readonly Problem[]; notes: string[] } {
  const { document: places, problems } = readDocument(text);
  if (places === undefined || !isRecord(places.value)) return { problems, notes: [] };
  const notes: string[] = [];
  const workloads = isRecord(places.value["workloads"]) ? places.value["workloads"] : {};
  const id = Object.keys(workloads).find((key) => key === workload) ?? Object.keys(workloads).find((key) => workloadId(key) === workloadId(workload));
  const clash = (path: readonly (string | number)[], message: string): void => {
    problems.push({
      severity: "error",
      code: "name_taken",
      path: path.join("."),
      ...places.locate(path, "key"),
      message,
      hint: "rename or remove it, then import again",
    });
  };
  if (id === undefined) {
    problems.push({
      severity: "error",
      code: "workload_unknown",
      path: "workloads",
      ...places.locate(["workloads"], "value"),
      message: `there is no workload "${workload}"; there are ${Object.keys(workloads).slice(0, 10).join(", ")}`,
    });
    return { problems, notes };
  }
  const document = parseDocument(text);
  const before = isRecord(workloads[id]) ? workloads[id] : {};
  const addSource = section(document, ["sources"]);
  for (const [name, source] of Object.entries(service.sources)) {
    const there = isRecord(places.value["sources"]) ? places.value["sources"][name] : undefined;
    if (there === undefined) addSource().set(name, flow(document, source));
    else if (canonicalJson(there) !== canonicalJson(source)) clash(["sources", name], "this source exists already, with another address or secret");
  }
  const known = isRecord(before["metrics"]) ? before["metrics"] : {};
  const taken = new Set([...Object.keys(known), ...Object.keys(service.metrics)]);
  const renamed = new Map<string, string>();
  const addMetric = section(document, ["workloads", id, "metrics"]);
  for (const [name, metric] of Object.entries(service.metrics)) {
    const there = Object.hasOwn(known, name) ? known[name] : undefined;
    if (there !== undefined && canonicalJson(there) === canonicalJson(metric)) continue;
    const free = there === undefined ? name : freeName(name, taken);
    taken.add(free);
    if (free !== name) {
      renamed.set(name, free);
      notes.push(`the metric ${name} is ${free}, as ${name} means something else in ${id}`);
    }
    addMetric().set(free, flow(document, metric));
  }
  const others = Array.isArray(before["objectives"]) ? (before["objectives"] as unknown[]) : [];
  const addObjective = section(document, ["workloads", id, "objectives"], true);
  for (const objective of service.objectives) {
    const fields = rename(objective.fields, renamed);
    if (others.some((other) => canonicalJson(other) === canonicalJson(fields))) {
      notes.push(`the objective ${String(fields["name"] ?? "without a name")} is in ${id} already`);
      continue;
    }
    const same = others.findIndex((other) => fields["name"] !== undefined && isRecord(other) && other["name"] === fields["name"]);
    if (same >= 0) clash(["workloads", id, "objectives", same, "name"], `an objective "${String(fields["name"])}" exists already, and means something else`);
    else (addObjective() as unknown as YAMLSeq).add(objectiveNode(document, { ...objective, fields }));
  }
  return problems.length > 0 ? { problems, notes } : { text: document.toString(LAYOUT), problems, notes };
}

/** Gives the mapping (or list) at a path, made when it is first asked for. */
function section(document: Document, path: readonly string[], isList = false): () => YAMLMap {
  return () => {
    const there = document.getIn(path);
    if (isMap(there) || isSeq(there)) {
      // What gets longer no longer fits one line.
      there.flow = false;
      return there as YAMLMap;
    }
    const made = document.createNode(isList ? [] : {}) as unknown as YAMLMap;
    const root = document.contents;
    if (path.length > 1 || !isMap(root)) document.setIn(path, made);
    else {
      // What workloads refer to stands above them.
      const at = root.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === "workloads");
      root.items.splice(at < 0 ? root.items.length : at, 0, document.createPair(path[0], made));
    }
    return made;
  };
}

/** An objective with metrics under their new names. */
function rename(fields: Readonly<Record<string, unknown>>, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const parts = ["threshold", "ratio", "band"] as const;
  const changed = parts.flatMap((part) => {
    const { [part]: value } = fields;
    if (!isRecord(value)) return [];
    const metrics = Object.entries(value).map(([key, name]) =>
      ["metric", "good", "bad", "total"].includes(key) ? [key, names.get(String(name)) ?? name] : [key, name],
    );
    return [[part, Object.fromEntries(metrics)]];
  });
  return { ...fields, ...Object.fromEntries(changed) };
}

function mapOf(document: Document, entries: Readonly<Record<string, unknown>>): Node {
  const map = document.createNode({}) as unknown as YAMLMap;
  for (const [name, fields] of Object.entries(entries)) map.set(name, flow(document, fields));
  return map;
}

function objectiveNode(document: Document, { fields, comment }: ImportedService["objectives"][number]): Node {
  const node = flow(document, fields);
  if (comment !== undefined) node.commentBefore = ` ${oneLine(comment)}`;
  return node;
}

function flow(document: Document, value: unknown): Node {
  return document.createNode(value, { flow: true, aliasDuplicateObjects: false }) as Node;
}
