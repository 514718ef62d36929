import type { Observation } from "../engine/model.ts";
import type { ResolvedObjective } from "../policy/resolve.ts";

/** Values of the metrics that have one, by name. */
export function valuesOf({ readings }: Pick<Observation, "readings">): ReadonlyMap<string, number> {
  return new Map(readings.filter(({ status }) => status === "value").map(({ metric, value }) => [metric, value]));
}

/** What failed of all there was, as the objective counts; undefined when nobody can tell. */
export function failuresOf(
  { good, bad, total: of }: Extract<ResolvedObjective, { kind: "ratio" }>,
  values: ReadonlyMap<string, number>,
): { readonly failed: number; readonly total: number } | undefined {
  const total = values.get(of);
  if (total === undefined) return undefined;
  const failed = bad !== undefined ? values.get(bad) : good !== undefined ? total - (values.get(good) ?? Number.NaN) : undefined;
  return failed === undefined || Number.isNaN(failed) ? undefined : { failed, total };
}
