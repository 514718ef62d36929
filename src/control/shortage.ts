import type { Observation } from "../engine/model.ts";
import type { Reason } from "../engine/reasons.ts";
import { keepsTo, type ResolvedWorkload } from "../policy/resolve.ts";
import { failuresOf, valuesOf } from "./objective-readings.ts";

/** What has to be known of a workload to tell whether it is short of units. */
export type NoticedWorkload = Pick<ResolvedWorkload, "id" | "ceiling" | "metrics" | "objectives" | "unit">;

/** What each metric that says how busy units are asks of them: load in all, and what one unit can do. */
function busyness(
  { metrics, unit: { serves } }: Pick<NoticedWorkload, "metrics" | "unit">,
  values: ReadonlyMap<string, number>,
  ready: number,
): { readonly load: number | undefined; readonly perUnit: number }[] {
  return metrics.flatMap(({ name, measures, scope }) => {
    const perUnit = measures === "utilisation" ? 1 : measures === "rate" ? serves?.rate : undefined;
    if (perUnit === undefined) return [];
    const value = values.get(name);
    return [{ load: value === undefined ? undefined : scope === "unit" ? value * ready : value, perUnit }];
  });
}

/** Units that are paid for: all that there are, and all that were asked for. */
export function paidUnits({ requested, ready, starting, draining }: Observation["capacity"]): number {
  return Math.max(requested, ready + starting + draining);
}

/** Load over what the ready units can do, by the metric that says most; undefined when none does, or nothing is ready. */
export function utilisationOf(workload: Pick<NoticedWorkload, "metrics" | "unit">, observation: Observation): number | undefined {
  const { readable, ready } = observation.capacity;
  if (!readable || ready <= 0) return undefined;
  const shares = busyness(workload, valuesOf(observation), ready).flatMap(({ load, perUnit }) => (load === undefined ? [] : [load / (perUnit * ready)]));
  return shares.length === 0 ? undefined : Math.max(...shares);
}

/**
 * Whether units are missing where no more may be had: projected utilisation is over the ceiling, or an objective is missed, or burns. Where a
 * policy has nothing of it to be judged by, being held at the maximum is all there is to go by.
 */
export function isShort(workload: NoticedWorkload, observation: Observation, reasons: readonly Reason[]): boolean {
  const { ceiling, objectives } = workload;
  if (reasons.some(({ code }) => code === "slo_burn")) return true;
  const { ready, starting } = observation.capacity;
  const values = valuesOf(observation);
  let isJudged = false;
  for (const { load, perUnit } of busyness(workload, values, ready)) {
    isJudged = true;
    // Units on their way will take their share: measured x ready / (ready + starting).
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
    const failures = failuresOf(objective, values);
    if (failures !== undefined && failures.failed > (1 - objective.minimum) * failures.total * (1 + 1e-9)) return true;
  }
  return !isJudged;
}
