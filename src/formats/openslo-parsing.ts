import type { z } from "zod";
import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";

/** A field that OpenSLO does not know is no reason to refuse a file. */
export const UNKNOWN = { severity: "warning", code: "unknown_field", message: "OpenSLO v1 has no such field here; it is not read" } as const;

/** Parses with a strict schema, but fields that it does not know are warnings: they are passed over, and the rest is judged. */
export function parseKeeping(
  schema: z.ZodType,
  value: unknown,
  problemsOfIssues: (value: unknown, issues: readonly z.core.$ZodIssue[]) => Problem[],
): { data: { data: unknown } | undefined; problems: Problem[] } {
  let result = schema.safeParse(value);
  const problems: Problem[] = [];
  const unknown = result.success ? [] : result.error.issues.filter((issue) => issue.code === "unrecognized_keys");
  if (unknown.length > 0) {
    for (const problem of problemsOfIssues(value, unknown)) problems.push({ ...problem, ...UNKNOWN });
    const rest: unknown = structuredClone(value);
    for (const issue of unknown) {
      let at = rest;
      // The schema walked this path.
      for (const step of issue.path) at = (at as Record<PropertyKey, unknown>)[step];
      for (const key of issue.keys) delete (at as Record<string, unknown>)[key];
    }
    result = schema.safeParse(rest);
  }
  if (result.success) return { data: { data: result.data }, problems };
  problems.push(...problemsOfIssues(value, result.error.issues));
  return { data: undefined, problems };
}

/** What messages may show of a value: connections and queries can hold keys and passwords. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isRecord(value)) return value;
  const hide = (key: string, part: unknown): unknown =>
    key === "connectionDetails" ? "…" : key === "metricSource" && isRecord(part) && part["spec"] !== undefined ? { ...part, spec: "…" } : withoutSecrets(part);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, hide(key, part)]));
}
