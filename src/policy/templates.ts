import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { readNamed } from "./beside.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { Each } from "./schema.ts";

/** What parsing needs from outside. */
export interface ParseOptions {
  /**
   * Reads a file that a template or a calendar names, relative to the policy; `undefined` when it cannot be read. May
   * throw a FileError for one that is too large or no text.
   */
  readonly readFile?: (path: string, bytesMax?: number) => string | undefined;
}

const WORKLOADS_MAX = 50_000;

/** One workload as plain values, and where its parts stand in the document. */
export interface WorkloadEntry {
  readonly id: string;
  readonly value: unknown;
  /** Document path of a path inside the workload. */
  readonly origin: (path: Path) => Path;
}

/** Turns the entries under `workloads` into workloads: templates (`each`) become one for each value, with overrides laid over. */
export function expandTemplates(written: Record<string, unknown>, document: PolicyDocument, problems: Problem[], options: ParseOptions): WorkloadEntry[] {
  const entries: WorkloadEntry[] = [];
  for (const [id, value] of Object.entries(written)) {
    const plain: WorkloadEntry = { id, value, origin: (path) => ["workloads", id, ...path] };
    if (!isRecord(value) || value["each"] === undefined) {
      entries.push(plain);
      continue;
    }
    const each = Each.safeParse(value["each"]);
    if (!each.success) {
      // The schema of the workload reports what is wrong with it.
      entries.push(plain);
      continue;
    }
    const at = (path: Path) => document.locate(["workloads", id, ...path], "value");
    const placeholder = `\${${each.data.label}}`;
    if (!id.includes(placeholder)) {
      problems.push({
        severity: "error",
        code: "placeholder_missing",
        path: `workloads.${id}`,
        ...document.locate(["workloads", id], "key"),
        message: `the id does not contain ${placeholder}, so all its workloads would have the same id`,
        hint: `write it as "${id}-${placeholder}"`,
      });
      continue;
    }
    const values = templateValues(each.data.from, options, (problem) =>
      problems.push({ severity: "error", path: `workloads.${id}.each.from`, ...at(["each", "from"]), ...problem }),
    );
    if (values.length + entries.length > WORKLOADS_MAX) {
      problems.push({
        severity: "error",
        code: "too_many_workloads",
        path: `workloads.${id}.each`,
        ...at(["each"]),
        message: `more than ${WORKLOADS_MAX} workloads`,
        hint: "split the file",
      });
      continue;
    }
    const { each: _, ...template } = value;
    const overrides = each.data.overrides ?? {};
    for (const name of Object.keys(overrides)) {
      if (values.includes(name) || values.length === 0) continue;
      problems.push({
        severity: "error",
        code: "override_unused",
        path: `workloads.${id}.each.overrides.${name}`,
        ...document.locate(["workloads", id, "each", "overrides", name], "key"),
        message: `"${name}" is none of the values`,
        hint: "remove it, or add the value",
      });
    }
    for (const name of new Set(values)) {
      const override = overrides[name];
      const merged = override === undefined ? template : mergeOver(template, override);
      entries.push({
        id: id.replaceAll(placeholder, name),
        value: fillIn(merged, placeholder, name),
        origin: (path) => (override !== undefined && has(override, path) ? ["workloads", id, "each", "overrides", name, ...path] : ["workloads", id, ...path]),
      });
    }
  }
  return entries;
}

function templateValues(
  from: { values: string[] } | { file: string } | { query: string },
  options: ParseOptions,
  fail: (problem: Pick<Problem, "code" | "message" | "hint">) => void,
): readonly string[] {
  if ("values" in from) return from.values;
  if ("query" in from) {
    fail({
      code: "query_unavailable",
      message: "workloads from a query need a live source, which is not available yet",
      hint: "list them: from: {values: [a, b]} or {file: names.txt}",
    });
    return [];
  }
  const read = readNamed(options, from.file);
  if (!("text" in read)) {
    fail(read);
    return [];
  }
  const names = read.text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const odd = names.findIndex((name) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name));
  if (odd < 0 && names.length > 0) return names;
  if (names.length === 0) {
    fail({ code: "file_empty", message: `"${from.file}" has no names, so there would be no workload`, hint: "one name on each line" });
    return [];
  }
  // What the file says is not shown: it may be any file.
  fail({ code: "invalid_value", message: `entry ${odd + 1} of "${from.file}" is no name`, hint: "one name on each line: lower-case letters, digits and '-'" });
  return [];
}

/** Fields of `over` replace those of `under`; mappings are merged, everything else is replaced. */
function mergeOver(under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isRecord(below) && isRecord(value) ? mergeOver(below, value) : value;
  }
  return merged;
}

function fillIn(value: unknown, placeholder: string, name: string): unknown {
  if (typeof value === "string") return value.replaceAll(placeholder, name);
  if (Array.isArray(value)) return value.map((item) => fillIn(item, placeholder, name));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, placeholder, name)]));
  return value;
}

function has(value: unknown, path: Path): boolean {
  let here = value;
  for (const step of path) {
    if ((!isRecord(here) && !Array.isArray(here)) || !(step in here)) return false;
    here = (here as Record<string | number, unknown>)[step];
  }
  return path.length > 0;
}
