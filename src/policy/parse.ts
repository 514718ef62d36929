import { createHash } from "node:crypto";
import type { z } from "zod";
import { canonicalJson } from "../lib/canonical-json.ts";
import { FileError, type Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import { type Calendars, readCalendars } from "./calendar-files.ts";
import { findContradictions } from "./contradictions.ts";
import { type Path, type PolicyDocument, readDocument } from "./document.ts";
import { policyJsonSchema } from "./json-schema.ts";
import { type ResolvedWorkload, resolveWorkload, workloadId } from "./resolve.ts";
import { PolicyFile, WorkloadPolicy } from "./schema.ts";
import { expandTemplates, type ParseOptions, type WorkloadEntry } from "./templates.ts";

/** A policy file that passed every check. */
export interface Policy {
  readonly file: string;
  readonly settings: Omit<PolicyFile, "workloads">;
  readonly workloads: readonly PolicyWorkload[];
  /** Events of the calendars that `settings` names. */
  readonly calendars: Calendars;
  readonly document: PolicyDocument;
}

/** One workload: as written (defaults of its own fields filled), and with every default filled in. */
export interface PolicyWorkload {
  readonly id: string;
  readonly written: WorkloadPolicy;
  readonly resolved: ResolvedWorkload;
  /** SHA-256 over the canonical JSON of `resolved`: two files that mean the same have the same hash. */
  readonly hash: string;
  /** Where a path inside the workload stands in the document. */
  readonly pathInDocument: (path: Path) => Path;
}

/** A file with more problems than this is something else; the rest is not looked for. */
const PROBLEMS_MAX = 500;

const Settings = PolicyFile.omit({ workloads: true });

/** Parses a policy and reports all its problems at once. `policy` is there only when no problem is an error. */
export function checkPolicy(text: string, file: string, options: ParseOptions = {}): { policy?: Policy; problems: readonly Problem[] } {
  const { document, problems } = readDocument(text);
  if (document === undefined) return { problems };
  if (!isRecord(document.value)) {
    problems.push({
      severity: "error",
      code: "not_a_policy",
      line: 1,
      column: 1,
      message: `expected a mapping with version and workloads, found ${describe(document.value)}`,
      hint: "vernier init web writes a policy to start from",
    });
    return { problems };
  }
  const { workloads: written, ...rest } = document.value;
  const settings = Settings.safeParse(rest);
  if (!settings.success) for (const issue of settings.error.issues) report(problems, document, issue, document.value, [], []);
  if (!isRecord(written) || Object.keys(written).length === 0) {
    problems.push({
      severity: "error",
      code: "required",
      path: "workloads",
      ...document.locate(["workloads"], "value"),
      message: "required: at least one workload by its id, for example `shop/web:`",
      hint: "vernier init web writes a policy to start from",
    });
    return { problems };
  }
  const entries = expandTemplates(written, document, problems, options);
  const parsed = new Map<WorkloadEntry, WorkloadPolicy>();
  const reported = new Set<string>();
  for (const entry of entries) {
    const result = WorkloadPolicy.safeParse(entry.value);
    if (result.success) parsed.set(entry, result.data);
    else {
      for (const issue of result.error.issues) {
        // A mistake in a template is one mistake, however many workloads it makes.
        const key = `${entry.origin(issue.path as Path).join(".")} ${issue.message} ${issue.code}`;
        if (reported.has(key)) continue;
        reported.add(key);
        report(problems, document, issue, entry.value, ["workloads", entry.id], entry.origin([]), entry.origin);
      }
    }
  }
  const calendars = readCalendars(rest, document, problems, options);
  problems.push(...findContradictions(document, rest, entries));
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  if (problems.some((problem) => problem.severity === "error") || !settings.success) return { problems };
  const workloads = entries.map((entry): PolicyWorkload => {
    const policy = parsed.get(entry) as WorkloadPolicy;
    const resolved = resolveWorkload(entry.id, policy, settings.data, calendars);
    return { id: workloadId(entry.id), written: policy, resolved, hash: policyHash(resolved), pathInDocument: entry.origin };
  });
  return { policy: { file, settings: settings.data, workloads, calendars, document }, problems };
}

/**
 * Parses a policy.
 * @throws FileError with every problem
 */
export function parsePolicy(text: string, file: string, options: ParseOptions = {}): Policy {
  const { policy, problems } = checkPolicy(text, file, options);
  if (policy === undefined) throw new FileError(file, problems);
  return policy;
}

/** Identity of what a workload's policy means. */
export function policyHash(workload: ResolvedWorkload): string {
  return createHash("sha256").update(canonicalJson(workload)).digest("hex");
}

type Issue = z.core.$ZodIssue;

/** Turns one schema issue into problems with their place, what was found and what is allowed. */
function report(
  problems: Problem[],
  document: PolicyDocument,
  issue: Issue,
  root: unknown,
  shownPrefix: Path,
  documentPrefix: Path,
  origin: (path: Path) => Path = (path) => [...documentPrefix, ...path],
): void {
  const path = issue.path as Path;
  if (problems.length >= PROBLEMS_MAX) return;
  if (issue.code === "unrecognized_keys") {
    const allowed = keysAt([...(shownPrefix.length > 0 ? ["workloads", "*"] : []), ...path], valueAt(root, path));
    // A key that is not there yet is likelier meant than one that is.
    const parent = valueAt(root, path);
    const absent = allowed.filter((name) => !isRecord(parent) || !(name in parent));
    for (const key of issue.keys.slice(0, PROBLEMS_MAX)) {
      const near = nearest(key, absent) ?? nearest(key, allowed);
      problems.push({
        severity: "error",
        code: "unknown_key",
        path: show([...shownPrefix, ...path, key]),
        ...document.locate(origin([...path, key]), "key"),
        message: `found the unknown key "${key}"${allowed.length > 0 ? `; allowed here: ${allowed.join(", ")}` : ""}`,
        ...(near !== undefined && { hint: `did you mean "${near}"?` }),
      });
    }
    return;
  }
  if (issue.code === "invalid_union") {
    const branch = nearestBranch(issue.errors);
    if (branch !== undefined) {
      for (const inner of branch) report(problems, document, { ...inner, path: [...path, ...inner.path] } as Issue, root, shownPrefix, documentPrefix, origin);
      return;
    }
  }
  const found = issue.code === "invalid_key" ? path.at(-1) : valueAt(root, path);
  const isMissing = found === undefined;
  const expectation = expected(issue);
  problems.push({
    severity: "error",
    code: isMissing ? "required" : "invalid_value",
    path: show([...shownPrefix, ...path]),
    ...document.locate(origin(path), issue.code === "invalid_key" ? "key" : "value"),
    message: messageOf(found, expectation, issue.code === "custom"),
    ...misspelt(issue, found, isMissing ? valueAt(root, path.slice(0, -1)) : undefined),
  });
}

function messageOf(found: unknown, expectation: string, isOwnRule: boolean): string {
  if (found === undefined) return expectation.startsWith("required") ? expectation : `required: ${expectation}`;
  // Rules of ours over a whole mapping name what they found themselves.
  return isOwnRule && isRecord(found) ? expectation : `found ${describe(found)}: ${expectation}`;
}

/**
 * The branch of a union that the author most likely meant: the one that knows most of the keys at the place itself, then
 * the one with the fewest issues. None when all fail at the root.
 */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const meant = branches
    .filter((issues) => issues.length > 0 && issues.every((issue) => issue.path.length > 0 || issue.code === "unrecognized_keys"))
    .toSorted((a, b) => unknownKeys(a, 0) - unknownKeys(b, 0) || a.length - b.length);
  return meant[0];
}

/** Keys that a branch does not know, at the place itself (depth 0). */
function unknownKeys(issues: readonly Issue[], depth: number): number {
  return issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" && issue.path.length === depth ? issue.keys.length : 0), 0);
}

function expected(issue: Issue): string {
  switch (issue.code) {
    case "invalid_value":
      return `expected ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(String).join(", ")}`;
    case "invalid_type":
      return issue.message.startsWith("Invalid input") ? `expected ${article(issue.expected)}` : issue.message;
    case "invalid_union":
      return "options" in issue && Array.isArray(issue.options)
        ? `expected ${issue.discriminator ?? "type"} to be one of ${issue.options.map(String).join(", ")}`
        : issue.message;
    case "too_small":
      return issue.message.startsWith("Too small")
        ? `expected ${issue.origin === "array" ? "at least" : issue.inclusive === false ? "more than" : "no less than"} ${issue.minimum}`
        : issue.message;
    case "too_big":
      return issue.message.startsWith("Too big") ? `expected at most ${issue.maximum}` : issue.message;
    case "invalid_key":
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}

function article(type: string): string {
  const names: Readonly<Record<string, string>> = {
    object: "a mapping",
    record: "a mapping",
    array: "a list",
    string: "text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
  };
  return names[type] ?? type;
}

function misspelt(issue: Issue, found: unknown, parent: unknown): { hint: string } | Record<string, never> {
  const values =
    issue.code === "invalid_value"
      ? issue.values.map(String)
      : issue.code === "invalid_union" && "options" in issue && Array.isArray(issue.options)
        ? issue.options.map(String)
        : [];
  const word = typeof found === "string" ? found : isRecord(found) && typeof found["type"] === "string" ? found["type"] : undefined;
  if (issue.code === "invalid_union" && isRecord(parent)) {
    const typo = Object.keys(parent).find((key) => nearest(key, ["type"]) !== undefined);
    if (typo !== undefined) return { hint: `did you mean "type" by "${typo}"?` };
  }
  const near = word === undefined ? undefined : nearest(word, values);
  return near === undefined ? {} : { hint: `did you mean "${near}"?` };
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isRecord(value)) return "a mapping";
  // What JSON has no word for.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function show(path: Path): string {
  return path.join(".");
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) value = isRecord(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[step] : undefined;
  return value;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

let jsonSchema: JsonSchema | undefined;

/** Keys that the language allows at a path; `*` stands for any workload id. */
function keysAt(path: Path, found: unknown): string[] {
  jsonSchema ??= policyJsonSchema("draft-2020-12") as JsonSchema;
  let schemas: JsonSchema[] = [jsonSchema];
  for (const step of path) {
    schemas = schemas.flatMap(branches).flatMap((schema) => {
      if (typeof step === "number") return schema.items === undefined ? [] : [schema.items];
      const property = schema.properties?.[step];
      if (property !== undefined) return [property];
      return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
    });
  }
  const type = isRecord(found) ? found["type"] : undefined;
  const meant = schemas
    .flatMap(branches)
    .filter((schema) => type === undefined || schema.properties?.["type"]?.const === undefined || schema.properties["type"].const === type);
  return [...new Set(meant.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

function branches(schema: JsonSchema): JsonSchema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return inner.length === 0 ? [schema] : inner.flatMap(branches);
}
