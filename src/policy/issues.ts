import type { z } from "zod";
import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import type { Path, PolicyDocument } from "./document.ts";

/** Where a value that did not fit its schema stands, and which keys may have been meant. */
export interface IssueContext {
  readonly document: PolicyDocument;
  readonly value: unknown;
  /** In front of every path: as shown, and in the document. */
  readonly shown: Path;
  readonly at: Path;
  readonly keys: readonly string[];
}

/** Issues of a schema as problems with their place, what was found and what is allowed. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], context: IssueContext): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, context));
}

function problemsOfIssue(issue: z.core.$ZodIssue, { document, value, shown, at, keys }: IssueContext): Problem[] {
  const path = issue.path as (string | number)[];
  const place = (more: Path, what: "key" | "value") => document.locate([...at, ...path, ...more], what);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const near = nearest(key, keys);
      return {
        severity: "error",
        code: "unknown_field",
        path: [...shown, ...path, key].join("."),
        ...place([key], "key"),
        message: "there is no such field here",
        ...(near !== undefined && { hint: `did you mean "${near}"?` }),
      };
    });
  }
  let found: unknown = value;
  for (const step of path) found = isRecord(found) || Array.isArray(found) ? (found as Record<string | number, unknown>)[step] : undefined;
  const isMissing = found === undefined;
  const message = isMissing
    ? issue.message.startsWith("required")
      ? issue.message
      : `required${issue.message.startsWith("expected") ? `: ${issue.message}` : ""}`
    : `found ${(JSON.stringify(found) ?? "").slice(0, 80)}, ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`;
  return [{ severity: "error", code: isMissing ? "required" : "invalid_value", path: [...shown, ...path].join("."), ...place([], "value"), message }];
}
