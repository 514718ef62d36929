import type { Observation } from "../engine/model.ts";
import type { Reason } from "../engine/reasons.ts";
import { keepsTo, type ResolvedWorkload } from "../policy/resolve.ts";

/** What has to be known of a workload to tell whether it is short of units. */
export type NoticedWorkload = Pick<ResolvedWorkload, "id" | "ceiling" | "metrics" | "objectives" | "unit">;

/**
 * Whether units are missing where no more may be had: projected utilisation is over the ceiling, or an objective is missed, or burns. Where a
 * policy has nothing of it to be judged by, being held at the maximum is all there is to go by.
 */
export function isShort({ ceiling, metrics, objectives, unit: { serves } }: NoticedWorkload, observation: Observation, reasons: readonly Reason[]): boolean {
  if (reasons.some(({ code }) => code === "slo_burn")) return true;
  const { ready, starting } = observation.capacity;
  const values = new Map(observation.readings.filter(({ status }) => status === "value").map(({ metric, value }) => [metric, value]));
  let isJudged = false;
  for (const { name, measures, scope } of metrics) {
    const perUnit = measures === "utilisation" ? 1 : measures === "rate" ? serves?.rate : undefined;
    if (perUnit === undefined) continue;
    isJudged = true;
    // Units on their way will take their share: measured x ready / (ready + starting).
    const value = values.get(name);
    const load = value === undefined ? undefined : scope === "unit" ? value * ready : value;
    if (load !== undefined && load > ceiling * perUnit * (ready + starting) * (1 + 1e-9)) return true;
  }
  for (const objective of objectives) {
    if (objective.kind === "band") continue;
    isJudged = true;
    if (objective.kind === "threshold") {
      const value = values.get(objective.metric);
      if (value !== undefined && !keepsTo(objective, value)) return true;
      continue;
    }
    const { good, bad, minimum } = objective;
    const total = values.get(objective.total);
    const failed = bad !== undefined ? values.get(bad) : good !== undefined && total !== undefined ? total - (values.get(good) ?? Number.NaN) : undefined;
    if (total !== undefined && failed !== undefined && failed > (1 - minimum) * total * (1 + 1e-9)) return true;
  }
  return !isJudged;
}
