import { stringify } from "yaml";
import type { z } from "zod";
import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import { type Path, type PolicyDocument, readDocuments } from "../policy/document.ts";
import { problemsOf } from "../policy/issues.ts";
import { parseKeeping, UNKNOWN, withoutSecrets } from "./openslo-parsing.ts";
import {
  type AlertConditionSpec,
  type DataSourceSpec,
  FIELDS,
  type Kind,
  type Metadata,
  ObjectMetadata,
  type SliSpec,
  type SloSpec,
  SPECS,
} from "./openslo-schema.ts";

/** Far more than the objectives of a whole company. */
export const OPENSLO_BYTES_MAX = 4 * 1024 * 1024;
const API_VERSION = "openslo/v1";
const PROBLEMS_MAX = 500;
/** Names among which a misspelt one is looked for. */
const NAMES_MAX = 200;

/** An object as it was written, every field included. */
export type OpenSloObject = Readonly<Record<string, unknown>>;

/** One thing wrong with one of several files. */
export interface FileProblem {
  readonly file: string;
  readonly problem: Problem;
}

/** An object that passed its schema, and where it stands. */
export interface Entry<Spec> {
  readonly name: string;
  readonly file: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
  /** A problem of this object at a path inside it. */
  readonly problem: (path: Path, problem: Pick<Problem, "severity" | "code" | "message" | "hint">) => FileProblem;
}

/** The objects of some files, by kind, in the order of the files. */
export interface OpenSlo {
  readonly objects: readonly OpenSloObject[];
  readonly dataSources: readonly Entry<DataSourceSpec>[];
  readonly services: readonly Entry<unknown>[];
  readonly slis: ReadonlyMap<string, Entry<SliSpec>>;
  readonly slos: readonly Entry<SloSpec>[];
}

type Entries = { readonly [K in Kind]: Map<string, Entry<unknown>> };

/**
 * Reads files of `openslo/v1` objects. Every mistake is reported with its place; fields that the format does not know are
 * kept in `objects`, with a warning. Objects with an error are left out, so use the result only when no problem is one.
 */
export function readOpenSlo(files: readonly { readonly file: string; readonly text: string }[]): OpenSlo & { readonly problems: readonly FileProblem[] } {
  const found: Entries = {
    DataSource: new Map(),
    SLO: new Map(),
    SLI: new Map(),
    AlertPolicy: new Map(),
    AlertCondition: new Map(),
    AlertNotificationTarget: new Map(),
    Service: new Map(),
  };
  const objects: OpenSloObject[] = [];
  const problems: FileProblem[] = [];
  for (const { file, text } of files) {
    const { documents, problems: syntax } = readDocuments(text, OPENSLO_BYTES_MAX);
    if (syntax.length > 0 && text.includes("{{"))
      syntax.push({ severity: "error", code: "template", message: "this is a template", hint: "fill it in first; only what comes of it is read" });
    const report = (problem: Problem): void => {
      if (problems.length < PROBLEMS_MAX) problems.push({ file, problem });
    };
    syntax.forEach(report);
    let count = 0;
    for (const document of documents) {
      const isList = Array.isArray(document.value);
      for (const [index, value] of (isList ? (document.value as unknown[]) : [document.value]).entries()) {
        if (value === undefined) continue;
        count++;
        const entry = readObject(value, { file, document, at: isList ? [index] : [], report });
        if (isRecord(value)) objects.push(value);
        if (entry !== undefined) addEntry(found[entry.kind], entry.kind, entry.entry, report);
      }
    }
    if (count === 0 && syntax.length === 0)
      report({
        severity: "error",
        code: "not_openslo",
        line: 1,
        column: 1,
        message: "found no object of OpenSLO",
        hint: "vernier export openslo <policy> writes some to start from",
      });
  }
  // The schema of each kind has made these what their types say.
  const slos = [...found.SLO.values()] as Entry<SloSpec>[];
  const slis = found.SLI as Map<string, Entry<SliSpec>>;
  for (const slo of slos) problems.push(...problemsOfSlo(slo, slis));
  for (const condition of found.AlertCondition.values() as Iterable<Entry<AlertConditionSpec>>) {
    const { op } = condition.spec.condition;
    if (op === "lte" || op === "lt")
      problems.push(
        condition.problem(["spec", "condition", "op"], {
          severity: "warning",
          code: "condition_inverted",
          message: `a burn rate with op ${op} alerts while little is burnt`,
          hint: "gt or gte alerts while much is",
        }),
      );
  }
  return {
    objects,
    dataSources: [...found.DataSource.values()] as Entry<DataSourceSpec>[],
    services: [...found.Service.values()],
    slis,
    slos,
    problems: inOrder(problems, files),
  };
}

/** The objects as documents of one YAML file, with every field that they have. */
export function formatOpenSlo(objects: readonly OpenSloObject[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" })).join("---\n");
}

function inOrder(problems: readonly FileProblem[], files: readonly { readonly file: string }[]): FileProblem[] {
  const order = new Map(files.map(({ file }, index) => [file, index]));
  return problems.toSorted(
    (a, b) =>
      (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || (a.problem.line ?? 0) - (b.problem.line ?? 0) || (a.problem.column ?? 0) - (b.problem.column ?? 0),
  );
}

interface Place {
  readonly file: string;
  readonly document: PolicyDocument;
  readonly at: Path;
  readonly report: (problem: Problem) => void;
}

function readObject(value: unknown, { file, document, at, report }: Place): { kind: Kind; entry: Entry<unknown> } | undefined {
  const problemAt = (path: Path, problem: Pick<Problem, "severity" | "code" | "message" | "hint">): Problem => {
    const shown = [...at, ...path].join(".");
    return { ...problem, ...(shown !== "" && { path: shown }), ...document.locate([...at, ...path], "value") };
  };
  const fail = (path: Path, code: string, message: string, hint?: string): undefined => {
    report(problemAt(path, { severity: "error", code, message, ...(hint !== undefined && { hint }) }));
    return undefined;
  };
  if (!isRecord(value))
    return fail([], "not_openslo", `found ${JSON.stringify(value)?.slice(0, 60)}, expected a mapping with apiVersion, kind, metadata and spec`);
  const { apiVersion, kind } = value;
  if (apiVersion !== API_VERSION) {
    const isOther = typeof apiVersion === "string" && apiVersion.startsWith("openslo");
    return fail(
      ["apiVersion"],
      apiVersion === undefined ? "required" : "invalid_value",
      apiVersion === undefined ? `required: apiVersion: ${API_VERSION}` : `found ${JSON.stringify(apiVersion).slice(0, 60)}, expected ${API_VERSION}`,
      isOther ? "only v1 is read; write it anew as v1" : "files for other tools are not read",
    );
  }
  const kinds = Object.keys(SPECS);
  if (typeof kind !== "string" || !kinds.includes(kind)) {
    const near = typeof kind === "string" ? nearest(kind, kinds) : undefined;
    return fail(
      ["kind"],
      kind === undefined ? "required" : "unknown_kind",
      kind === undefined ? `required: one of ${kinds.join(", ")}` : `found the kind ${JSON.stringify(kind)?.slice(0, 60)}, expected one of ${kinds.join(", ")}`,
      near === undefined ? undefined : `did you mean "${near}"?`,
    );
  }
  for (const key of Object.keys(value))
    if (!["apiVersion", "kind", "metadata", "spec"].includes(key)) report(unknownField(problemAt([key], UNKNOWN), key, ["metadata", "spec"]));
  const part = (schema: z.ZodType, name: string): { data: unknown } | undefined => {
    const { data, problems } = parseKeeping(schema, value[name], (written, issues) =>
      problemsOf(issues, { document, value: withoutSecrets(written), shown: [...at, name], at: [...at, name], keys: FIELDS }),
    );
    problems.forEach(report);
    return data;
  };
  const metadata = part(ObjectMetadata, "metadata");
  const spec = part(SPECS[kind as Kind], "spec");
  if (metadata === undefined || spec === undefined) return undefined;
  const entry: Entry<unknown> = {
    name: (metadata.data as Metadata).name as string,
    file,
    metadata: metadata.data as Metadata,
    spec: spec.data,
    problem: (path, problem) => ({ file, problem: problemAt(path, problem) }),
  };
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(entry.name))
    report(
      entry.problem(["metadata", "name"], {
        severity: "warning",
        code: "name_unusual",
        message: `"${entry.name.slice(0, 80)}" is a name that not every tool takes`,
        hint: "lower-case letters, digits and '-', at most 63, are safe",
      }).problem,
    );
  if (kind === "SLO" && (spec.data as SloSpec).budgetingMethod === undefined)
    report(
      entry.problem(["spec"], {
        severity: "warning",
        code: "budgeting_method_missing",
        message: "budgetingMethod is required by the format; Occurrences is taken",
        hint: "add budgetingMethod: Occurrences",
      }).problem,
    );
  return { kind: kind as Kind, entry };
}

function unknownField(problem: Problem, key: string, keys: readonly string[]): Problem {
  const near = nearest(key, keys);
  return { ...problem, ...UNKNOWN, ...(near !== undefined && { hint: `did you mean "${near}"?` }) };
}

function addEntry(entries: Map<string, Entry<unknown>>, kind: Kind, entry: Entry<unknown>, report: (problem: Problem) => void): void {
  if (entries.has(entry.name))
    report(
      entry.problem(["metadata", "name"], {
        severity: "error",
        code: "name_twice",
        message: `a second ${kind} named "${entry.name}"`,
        hint: "references go by name; rename one of them",
      }).problem,
    );
  else entries.set(entry.name, entry);
}

/** The indicator of an objective: its own, or that of the SLO; with its metadata and path. Undefined when a reference leads nowhere. */
export function indicatorOf(
  slo: Entry<SloSpec>,
  index: number,
  slis: ReadonlyMap<string, Entry<SliSpec>>,
): { readonly name: string | undefined; readonly metadata: Metadata | undefined; readonly spec: SliSpec } | undefined {
  const objective = slo.spec.objectives[index];
  const owner = objective?.indicator !== undefined || objective?.indicatorRef !== undefined ? objective : slo.spec;
  if (owner.indicator !== undefined) return { name: owner.indicator.metadata?.name, metadata: owner.indicator.metadata, spec: owner.indicator.spec };
  const sli = slis.get(owner.indicatorRef ?? "");
  return sli === undefined ? undefined : { name: sli.name, metadata: sli.metadata, spec: sli.spec };
}

/** What only shows with the indicator at hand: references that lead nowhere, and thresholds that fit no metric. */
function problemsOfSlo(slo: Entry<SloSpec>, slis: ReadonlyMap<string, Entry<SliSpec>>): FileProblem[] {
  const found: FileProblem[] = [];
  const fail = (path: Path, code: string, message: string, hint?: string): void => {
    found.push(slo.problem(["spec", ...path], { severity: "error", code, message, ...(hint !== undefined && { hint }) }));
  };
  const { objectives } = slo.spec;
  let saidMissing = false;
  for (const [index, objective] of objectives.entries()) {
    const isOwn = objective.indicator !== undefined || objective.indicatorRef !== undefined;
    const indicator = indicatorOf(slo, index, slis);
    if (indicator === undefined) {
      if (saidMissing && !isOwn) continue;
      saidMissing ||= !isOwn;
      const reference = (isOwn ? objective.indicatorRef : slo.spec.indicatorRef) ?? "";
      const near = nearest(reference, [...slis.keys()].slice(0, NAMES_MAX));
      fail(
        isOwn ? ["objectives", index, "indicatorRef"] : ["indicatorRef"],
        "reference_unknown",
        `there is no SLI named "${reference}" in the files given`,
        near === undefined ? "give the file that has it too" : `did you mean "${near}"?`,
      );
      continue;
    }
    const isThreshold = indicator.spec.thresholdMetric !== undefined;
    for (const field of ["op", "value"] as const) {
      if (isThreshold && objective[field] === undefined)
        fail(["objectives", index, field], "required", `required with a thresholdMetric: ${field === "op" ? "lte, lt, gte or gt" : "a number"}`);
      if (!isThreshold && objective[field] !== undefined)
        fail(["objectives", index, field], "invalid_value", `expected no ${field} with a ratioMetric, which has no threshold`);
    }
    if (isThreshold && objective.value !== undefined && objective.value < 0)
      fail(["objectives", index, "value"], "invalid_value", `found ${objective.value}, expected a threshold of 0 or more`);
    if (isThreshold && !isOwn && index === 1)
      fail(["objectives", 1], "too_many_objectives", `found ${objectives.length} objectives, expected one with a thresholdMetric`, "write one SLO for each");
  }
  return found;
}
