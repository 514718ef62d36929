import { type Calendars, matchingEvents } from "./calendar-files.ts";
import { type MoneyBudget, unitsPaidFor } from "./quantities.ts";
import { type ResolvedGuards, resolveGuards } from "./resolve-guards.ts";
import { type ResolvedMetric, resolveMetrics } from "./resolve-metrics.ts";
import { type ResolvedUnit, resolveUnit } from "./resolve-unit.ts";
import type { ScheduleWindow } from "./schedule-window.ts";
import type { PolicyFile, StepSize, WindowPolicy, WorkloadPolicy } from "./schema.ts";
import { connectableUnits, type ResolvedUse } from "./uses.ts";

/** Utilisation above which a service is counted as short of capacity, when a policy says nothing. */
const CEILING_DEFAULT = 0.8;

export type ResolvedStrategy =
  | {
      readonly type: "tiers";
      readonly metric: string;
      /** Thresholds ascending; utilisation at or above counts. */
      readonly up: readonly { readonly at: number; readonly add: StepSize }[];
      /** Thresholds ascending; utilisation below counts. */
      readonly down: readonly { readonly below: number; readonly remove: StepSize }[];
    }
  | {
      readonly type: "targetTracking";
      readonly metric: string;
      /** Load of one unit in the metric's own unit: a ratio for utilisation, per second for a rate. */
      readonly targetPerUnit: number;
      readonly toleranceUp: number;
      readonly toleranceDown: number;
    }
  | {
      readonly type: "queue";
      /** The metric of what arrives; that of what waits stands beside it. */
      readonly metric: string;
      readonly backlog: string;
      readonly drainMs: number;
      /** Items that one unit works off in a second. */
      readonly perUnit: number;
    }
  | {
      readonly type: "sloBurn";
      /** The metric that tells good from bad; for a ratio, that of its total stands beside it. */
      readonly metric: string;
      readonly total?: string;
      readonly objective: ResolvedObjective;
      readonly add: StepSize;
    }
  | { readonly type: "schedule"; readonly windows: readonly (ScheduleWindow & { readonly desired: number })[] };

/** The metrics that a strategy reads. */
export function metricsReadBy(strategy: ResolvedStrategy): readonly string[] {
  if (strategy.type === "schedule") return [];
  if (strategy.type === "sloBurn") return strategy.total === undefined ? [strategy.metric] : [strategy.metric, strategy.total];
  return strategy.type === "queue" ? [strategy.metric, strategy.backlog] : [strategy.metric];
}

/** Objectives as the engine and the scores read them; `value`, `from`, `to` in the metric's own unit. */
export type ResolvedObjective = {
  readonly name: string;
  readonly windowMs: number;
  readonly minimum: number;
  readonly aspiration?: number;
} & (
  | { readonly kind: "threshold"; readonly metric: string; readonly op: "lte" | "lt" | "gte" | "gt"; readonly value: number }
  | { readonly kind: "ratio"; readonly good?: string; readonly bad?: string; readonly total: string }
  | { readonly kind: "band"; readonly metric: string; readonly from: number; readonly to: number }
);

/** Whether a value keeps to a threshold; a hair beyond an inclusive bound is rounding. */
export function keepsTo({ op, value: limit }: Pick<Extract<ResolvedObjective, { kind: "threshold" }>, "op" | "value">, value: number): boolean {
  return op === "lte" ? value <= limit + 1e-9 : op === "lt" ? value < limit : op === "gte" ? value >= limit - 1e-9 : value > limit;
}

/** When a workload sleeps; `above` in the metric's own unit. */
export interface ResolvedActivation {
  readonly metric: string;
  readonly above: number;
  readonly idleMs: number;
  readonly wake: number;
}

/** A declared limit on units: of a dependency's connections, a group, or the money for an hour. */
export interface UnitLimit {
  readonly name: string;
  readonly kind: "dependency" | "group" | "budget";
  readonly units: number;
}

/** One workload with every default filled in: plain JSON, what the engine runs and what the policy hash covers. */
export interface ResolvedWorkload {
  readonly id: string;
  readonly kind: WorkloadPolicy["kind"] | "undeclared";
  readonly bounds: { readonly min: number; readonly max: number };
  /** Only with a lowest bound of 0. */
  readonly activation?: ResolvedActivation;
  /** Other bounds at times; later entries outrank earlier ones. */
  readonly boundsSchedule?: readonly (ScheduleWindow & { readonly min?: number; readonly max?: number })[];
  readonly intervalMs: number;
  readonly ceiling: number;
  readonly unit: ResolvedUnit;
  readonly metrics: readonly ResolvedMetric[];
  readonly strategies: readonly ResolvedStrategy[];
  readonly objectives: readonly ResolvedObjective[];
  readonly guards: ResolvedGuards;
  readonly limits: readonly UnitLimit[];
  readonly uses: readonly ResolvedUse[];
  /** For a calendar month. */
  readonly budget?: { readonly amountPerMonth: number; readonly currency: string };
  readonly hourlyBudget?: { readonly amountPerHour: number; readonly currency: string };
  readonly timeZone: string;
}

/** What windows of a workload refer to. */
interface WindowContext {
  readonly timeZone: string;
  readonly calendars: Calendars;
}

/** Fills the defaults of a parsed workload (design: the loop and its defaults). Expects references to be valid. */
export function resolveWorkload(id: string, policy: WorkloadPolicy, file: Omit<PolicyFile, "workloads">, calendars: Calendars = new Map()): ResolvedWorkload {
  const context = { timeZone: file.timeZone, calendars };
  const objectives = policy.objectives.map((objective, index) => resolveObjective(objective, index, policy));
  const band = objectives.find((objective) => objective.kind === "band");
  const ceiling = policy.ceiling ?? (band?.kind === "band" ? band.to : CEILING_DEFAULT);
  const uses = Object.entries(policy.uses).map(([dependency, use]): ResolvedUse => {
    const declared = file.dependencies[dependency];
    return {
      dependency,
      connectionsPerUnit: use.connections ?? 0,
      ...(declared?.connections !== undefined && { connections: declared.connections }),
      ...(declared?.rate !== undefined && { rate: declared.rate }),
      ...(declared?.knee !== undefined && { knee: declared.knee }),
      ...(declared?.workload !== undefined && { workload: workloadId(declared.workload), calls: use.calls }),
    };
  });
  const limits: UnitLimit[] = [];
  for (const use of uses) {
    if (use.connections === undefined || use.connectionsPerUnit === 0) continue;
    limits.push({ name: use.dependency, kind: "dependency", units: connectableUnits(use) });
  }
  const budget = (per: MoneyBudget["per"]): MoneyBudget | undefined => policy.budget?.find((one) => one.per === per);
  const [monthly, hourly] = [budget("month"), budget("h")];
  const group = policy.group === undefined ? undefined : file.groups[policy.group];
  if (policy.group !== undefined && group !== undefined) limits.push({ name: policy.group, kind: "group", units: group.max });
  if (hourly !== undefined && policy.unit.price !== undefined && policy.unit.price.amountPerHour > 0)
    limits.push({ name: "budget", kind: "budget", units: unitsPaidFor(hourly, policy.unit.price) });
  return {
    id: workloadId(id),
    kind: policy.kind ?? "undeclared",
    bounds: { min: policy.bounds.min, max: policy.bounds.max },
    ...(policy.activation !== undefined && {
      activation: {
        metric: policy.activation.metric,
        above: policy.activation.above,
        idleMs: policy.activation.idle,
        wake: policy.activation.wake,
      },
    }),
    ...(policy.bounds.schedule !== undefined && {
      boundsSchedule: policy.bounds.schedule.map((window) => ({
        ...resolveWindow(window, context),
        ...(window.min !== undefined && { min: window.min }),
        ...(window.max !== undefined && { max: window.max }),
      })),
    }),
    intervalMs: policy.interval,
    ceiling,
    unit: resolveUnit(policy.unit),
    metrics: resolveMetrics(policy.metrics),
    strategies: policy.strategies.map((strategy) => resolveStrategy(strategy, context, (policy.unit.serves?.rate ?? Number.NaN) * ceiling, objectives)),
    objectives,
    guards: resolveGuards(
      policy,
      ceiling,
      (policy.guards.freeze ?? []).map((window) => ({ ...resolveWindow(window, context), direction: window.direction })),
    ),
    limits,
    uses,
    ...(monthly !== undefined && { budget: { amountPerMonth: monthly.amount, currency: monthly.currency } }),
    ...(hourly !== undefined && { hourlyBudget: { amountPerHour: hourly.amount, currency: hourly.currency } }),
    timeZone: file.timeZone,
  };
}

/** The full id of a workload: `web` is `default/web`. */
export function workloadId(id: string): string {
  return id.includes("/") ? id : `default/${id}`;
}

function resolveWindow(window: WindowPolicy, { timeZone, calendars }: WindowContext): ScheduleWindow {
  if (window.calendar !== undefined)
    return { events: matchingEvents(calendars.get(window.calendar) ?? [], window.matching), beforeMs: window.before ?? 0, afterMs: window.after ?? 0 };
  return { start: window.start ?? "", end: window.end ?? { forMs: window.for ?? 0 }, zone: window.zone ?? timeZone };
}

function resolveStrategy(
  strategy: WorkloadPolicy["strategies"][number],
  context: WindowContext,
  servedAtCeiling: number,
  objectives: readonly ResolvedObjective[],
): ResolvedStrategy {
  switch (strategy.type) {
    case "tiers":
      return {
        type: "tiers",
        metric: strategy.metric,
        up: strategy.up.toSorted((a, b) => a.at - b.at),
        down: strategy.down.toSorted((a, b) => a.below - b.below),
      };
    case "targetTracking":
      return {
        type: "targetTracking",
        metric: strategy.metric,
        targetPerUnit: Object.values(strategy.target)[0] as number,
        toleranceUp: strategy.tolerance.up,
        toleranceDown: strategy.tolerance.down,
      };
    case "queue":
      return {
        type: "queue",
        metric: strategy.arrivals,
        backlog: strategy.backlog,
        drainMs: strategy.drain,
        perUnit: strategy.perUnit ?? servedAtCeiling,
      };
    case "sloBurn": {
      const objective = objectives.find(({ name }) => name === strategy.objective) as ResolvedObjective;
      const isRatio = objective.kind === "ratio";
      return {
        type: "sloBurn",
        metric: isRatio ? (objective.bad ?? objective.total) : objective.metric,
        ...(isRatio && { total: objective.total }),
        objective,
        add: strategy.add,
      };
    }
    case "schedule":
      return { type: "schedule", windows: strategy.windows.map((window) => ({ ...resolveWindow(window, context), desired: window.desired })) };
  }
}

function resolveObjective(objective: WorkloadPolicy["objectives"][number], index: number, policy: WorkloadPolicy): ResolvedObjective {
  const common = {
    windowMs: objective.window,
    minimum: objective.minimum,
    ...(objective.aspiration !== undefined && { aspiration: objective.aspiration }),
  };
  if ("threshold" in objective) {
    const { metric, op, value } = objective.threshold;
    // Latency readings are in seconds, as Prometheus and OpenTelemetry name them.
    const number = "ratio" in value ? value.ratio : "rate" in value ? value.rate : "ms" in value ? value.ms / 1_000 : value.number;
    return { name: objective.name ?? `${metric}-${index}`, kind: "threshold", metric, op, value: number, ...common };
  }
  if ("ratio" in objective) {
    const { good, bad, total } = objective.ratio;
    return {
      name: objective.name ?? `ratio-${index}`,
      kind: "ratio",
      total,
      ...(good !== undefined && { good }),
      ...(bad !== undefined && { bad }),
      ...common,
    };
  }
  const { metric, from, to } = objective.band;
  return { name: objective.name ?? `${policy.metrics[metric]?.measures ?? metric}-band`, kind: "band", metric, from, to, ...common };
}
