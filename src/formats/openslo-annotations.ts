import { z } from "zod";
import { nearest } from "../lib/nearest.ts";
import { durationFrom, Percent, PositiveDuration, Share } from "../policy/quantities.ts";
import { Measures } from "../policy/schema.ts";
import type { Entry, FileProblem } from "./openslo.ts";
import type { Metadata } from "./openslo-schema.ts";
import { isPolicyName } from "./policy-name.ts";

// What a policy says and OpenSLO has no field for stands in annotations `vernier.dev/<key>`; docs/openslo.md lists them.

const PREFIX = "vernier.dev/";

/** Which part of a ratio a metric is; empty for the one metric of a threshold. */
export type Role = "" | "good-" | "bad-" | "total-";

const Name = z.string().refine(isPolicyName, { error: "expected a name of lower-case letters, digits and '-', at most 63" });

/** The unit in which OpenSLO's `value` is written. */
export const UnitOfValue = z.enum(["s", "ms", "ratio", "percent", "per-second", "number"]);
export type UnitOfValue = z.output<typeof UnitOfValue>;

const METRIC_KEYS = {
  metric: Name,
  measures: Measures,
  scope: z.enum(["total", "unit"]),
  quantile: Share,
  column: z.string(),
  "metric-window": durationFrom("1s", "7d"),
  lag: durationFrom("0s", "1d"),
  scrape: durationFrom("1s", "1d"),
} as const;
export type MetricKey = keyof typeof METRIC_KEYS;

const KEYS: Readonly<Record<string, z.ZodType>> = {
  workload: z
    .string()
    .refine((id) => id.split("/").length <= 2 && id.split("/").every(isPolicyName), { error: "expected the id of a workload, such as shop/web" }),
  objective: Name,
  window: PositiveDuration,
  minimum: Share,
  aspiration: Share,
  "band-from": Percent,
  "unit-of-value": UnitOfValue,
  tier: z.enum(["minimum", "aspirational"]),
  "aspiration-of": z.string(),
  ...Object.fromEntries(["", "good-", "bad-", "total-"].flatMap((role) => Object.entries(METRIC_KEYS).map(([key, schema]) => [role + key, schema]))),
};

/** Annotations under our prefix; undefined fields are left out, and so is an empty mapping. */
export function annotationsOf(values: Readonly<Record<string, string | undefined>>): { annotations?: Record<string, string> } {
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) if (value !== undefined) annotations[PREFIX + key] = value;
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

/** What the first of these that has the annotation says. */
export function annotation(key: string, ...owners: readonly (Metadata | undefined)[]): string | undefined {
  for (const owner of owners) {
    const annotations = owner?.annotations;
    if (annotations !== undefined && Object.hasOwn(annotations, PREFIX + key)) return annotations[PREFIX + key];
  }
  return undefined;
}

/** Our annotations on an object that say nothing we can use, at their places. */
export function annotationProblems(entry: Entry<unknown>, metadata: Metadata | undefined, path: readonly (string | number)[]): FileProblem[] {
  const problems: FileProblem[] = [];
  for (const [key, value] of Object.entries(metadata?.annotations ?? {})) {
    if (!key.startsWith(PREFIX)) continue;
    const at = [...path, "annotations", key];
    const schema = Object.hasOwn(KEYS, key.slice(PREFIX.length)) ? KEYS[key.slice(PREFIX.length)] : undefined;
    if (schema === undefined) {
      const near = nearest(key.slice(PREFIX.length), Object.keys(KEYS));
      problems.push(
        entry.problem(at, {
          severity: "warning",
          code: "unknown_annotation",
          message: `${key} means nothing to us`,
          ...(near !== undefined && { hint: `did you mean "${PREFIX}${near}"?` }),
        }),
      );
      continue;
    }
    const result = schema.safeParse(value);
    if (result.success) continue;
    const [issue] = result.error.issues;
    const expected = issue?.code === "invalid_value" ? `expected one of ${issue.values.join(", ")}` : (issue?.message ?? "");
    problems.push(entry.problem(at, { severity: "error", code: "invalid_value", message: `found "${value.slice(0, 60)}", ${expected}` }));
  }
  return problems;
}
