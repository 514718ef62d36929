import { formatDuration } from "../lib/duration.ts";
import type { Policy, PolicyWorkload } from "../policy/parse.ts";
import type { ResolvedObjective } from "../policy/resolve.ts";
import { WorkloadPolicy } from "../policy/schema.ts";
import type { OpenSloObject } from "./openslo.ts";
import { annotationsOf, type Role, type UnitOfValue } from "./openslo-annotations.ts";
import { cleanRatio, HIGHEST_TARGET, percentText, shorthandOf } from "./openslo-values.ts";
import { freeName, policyName } from "./policy-name.ts";

export interface Exported {
  readonly objects: readonly OpenSloObject[];
  /** What another tool will miss, in words. */
  readonly notes: readonly string[];
}

type Objective = WorkloadPolicy["objectives"][number];
type Metric = WorkloadPolicy["metrics"][string];

const DESCRIPTION_MAX = 1_050;
/** What a metric has when nothing is said; only other values are written. */
const METRIC_DEFAULTS = WorkloadPolicy.shape.metrics.parse({ a: { measures: "gauge" } })["a"] as Metric;

/**
 * A policy in OpenSLO: a data source for each source, a service for each workload, an SLO for each objective, and an SLI for each
 * metric that no SLO describes. What OpenSLO has no field for stands in annotations, so that reading it gives the same back.
 */
export function toOpenSlo({ settings, workloads: all }: Policy, workloads: readonly PolicyWorkload[] = all): Exported {
  const used = new Set(workloads.flatMap(({ written }) => Object.values(written.metrics).map((metric) => metric.source)));
  const objects: OpenSloObject[] = [];
  const notes: string[] = [];
  for (const [name, { type: _, ...connectionDetails }] of Object.entries(settings.sources))
    if (used.has(name) || workloads === all) objects.push(object("DataSource", { name }, { type: "Prometheus", connectionDetails }));
  const taken = { services: new Set<string>(), slos: new Set<string>(), slis: new Set<string>() };
  for (const workload of workloads) {
    objects.push(...new WorkloadWriter(workload, taken).objects());
    const silent = Object.entries(workload.written.metrics).flatMap(([name, { query }]) => (query === undefined ? [name] : []));
    if (silent.length > 0) notes.push(`${workload.id}: ${silent.join(", ")} without a query, which another tool needs`);
  }
  return { objects, notes };
}

function object(kind: string, metadata: Readonly<Record<string, unknown>>, spec: Readonly<Record<string, unknown>>): OpenSloObject {
  return { apiVersion: "openslo/v1", kind, metadata, spec };
}

interface Taken {
  readonly services: Set<string>;
  readonly slos: Set<string>;
  readonly slis: Set<string>;
}

class WorkloadWriter {
  readonly #workload: PolicyWorkload;
  readonly #taken: Taken;
  readonly #service: string;
  readonly #described = new Set<string>();

  constructor(workload: PolicyWorkload, taken: Taken) {
    this.#workload = workload;
    this.#taken = taken;
    this.#service = freeName(policyName(workload.id.replace(/^default\//, "")), taken.services);
    taken.services.add(this.#service);
  }

  objects(): OpenSloObject[] {
    const { id, written, resolved } = this.#workload;
    const description = written.description;
    const service = object(
      "Service",
      { name: this.#service, ...annotationsOf({ workload: id }) },
      description === undefined ? {} : { description: description.slice(0, DESCRIPTION_MAX) },
    );
    const slos = written.objectives.flatMap((objective, index) => this.#slos(objective, resolved.objectives[index] as ResolvedObjective));
    const rest = Object.keys(written.metrics).filter((name) => !this.#described.has(name));
    const slis = rest.map((name) =>
      object(
        "SLI",
        { name: this.#free(this.#taken.slis, name), ...annotationsOf({ workload: id, ...this.#metricAnnotations("", name) }) },
        this.#threshold(name),
      ),
    );
    return [service, ...slis, ...slos];
  }

  #slos(objective: Objective, { name, minimum, aspiration, windowMs }: ResolvedObjective): OpenSloObject[] {
    const { id } = this.#workload;
    const slo = this.#free(this.#taken.slos, name);
    const window = shorthandOf(windowMs);
    const { indicator, threshold, annotations } = this.#indicator(objective);
    const common = {
      workload: id,
      objective: objective.name,
      window: window.isExact ? undefined : formatDuration(windowMs),
      ...annotations,
    };
    const spec = (objectives: readonly Record<string, unknown>[]) => ({
      service: this.#service,
      indicator,
      timeWindow: [{ duration: window.text, isRolling: true }],
      budgetingMethod: "Occurrences",
      objectives,
    });
    const target = (share: number) => ({ ...threshold, target: share === 1 ? HIGHEST_TARGET : cleanRatio(share) });
    const whole = (share: number | undefined) => (share === 1 ? "100%" : undefined);
    const isPair = aspiration !== undefined && "ratio" in objective;
    const first = object(
      "SLO",
      { name: slo, ...annotationsOf({ ...common, minimum: whole(minimum), aspiration: isPair ? whole(aspiration) : undefined }) },
      spec(
        isPair
          ? [
              { displayName: "minimum", ...target(minimum) },
              { displayName: "aspirational", ...target(aspiration) },
            ]
          : [target(minimum)],
      ),
    );
    if (aspiration === undefined || isPair) return [first];
    // OpenSLO allows a threshold only one objective.
    const second = object(
      "SLO",
      {
        name: this.#free(this.#taken.slos, `${name}-aspirational`),
        ...annotationsOf({ ...common, minimum: whole(aspiration), tier: "aspirational", "aspiration-of": slo }),
      },
      spec([{ displayName: "aspirational", ...target(aspiration) }]),
    );
    return [first, second];
  }

  #indicator(objective: Objective): {
    indicator: Record<string, unknown>;
    threshold: Record<string, unknown>;
    annotations: Record<string, string | undefined>;
  } {
    if ("ratio" in objective) return { indicator: this.#ratio(objective.ratio), threshold: {}, annotations: {} };
    const isBand = "band" in objective;
    const metric = isBand ? objective.band.metric : objective.threshold.metric;
    const { value, unit } = isBand ? { value: cleanRatio(objective.band.to), unit: "ratio" as const } : plainValue(objective.threshold.value);
    this.#described.add(metric);
    return {
      indicator: { metadata: { name: this.#indicatorName(metric), ...annotationsOf(this.#metricAnnotations("", metric)) }, spec: this.#threshold(metric) },
      threshold: { op: isBand ? "lte" : objective.threshold.op, value },
      annotations: { "unit-of-value": unit, "band-from": isBand ? percentText(cleanRatio(objective.band.from)) : undefined },
    };
  }

  #ratio({ good, bad, total }: Extract<Objective, { ratio: unknown }>["ratio"]): Record<string, unknown> {
    // Errors are a share already, which OpenSLO calls raw: dividing them by the total once more would be wrong.
    if (bad !== undefined && this.#metric(bad).measures === "errors") {
      this.#described.add(bad);
      return {
        metadata: { name: this.#indicatorName(bad), ...annotationsOf({ ...this.#metricAnnotations("bad-", bad), "total-metric": total }) },
        spec: { ratioMetric: { raw: this.#source(bad), rawType: "failure" } },
      };
    }
    const part = bad ?? (good as string);
    const role = bad === undefined ? "good" : "bad";
    this.#described.add(part);
    this.#described.add(total);
    return {
      metadata: {
        name: this.#indicatorName(part),
        ...annotationsOf({ ...this.#metricAnnotations(`${role}-`, part), ...this.#metricAnnotations("total-", total) }),
      },
      spec: { ratioMetric: { counter: false, [role]: this.#source(part), total: this.#source(total) } },
    };
  }

  #threshold(metric: string): Record<string, unknown> {
    return { thresholdMetric: this.#source(metric) };
  }

  #source(name: string): Record<string, unknown> {
    const { source, query } = this.#metric(name);
    // The only type of source there is.
    return { metricSource: { ...(source !== undefined && { metricSourceRef: source }), type: "Prometheus", spec: query === undefined ? {} : { query } } };
  }

  #metricAnnotations(role: Role, name: string): Record<string, string | undefined> {
    const { measures, scope, quantile, column, window, lag, scrape } = this.#metric(name);
    const other = (ms: number, usual: number) => (ms === usual ? undefined : formatDuration(ms));
    const fields = {
      metric: name,
      measures,
      scope,
      quantile: quantile === undefined ? undefined : percentText(cleanRatio(quantile)),
      column,
      "metric-window": other(window, METRIC_DEFAULTS.window),
      lag: other(lag, METRIC_DEFAULTS.lag),
      scrape: other(scrape, METRIC_DEFAULTS.scrape),
    };
    return Object.fromEntries(Object.entries(fields).map(([key, value]) => [role + key, value]));
  }

  #metric(name: string): Metric {
    // References of a policy lead somewhere.
    return this.#workload.written.metrics[name] as Metric;
  }

  #indicatorName(metric: string): string {
    return freeName(policyName(`${this.#service}-${metric}`), new Set());
  }

  #free(taken: Set<string>, name: string): string {
    const free = freeName(policyName(`${this.#service}-${name}`), taken);
    taken.add(free);
    return free;
  }
}

function plainValue(value: Extract<Objective, { threshold: unknown }>["threshold"]["value"]): { value: number; unit: UnitOfValue } {
  if ("ratio" in value) return { value: cleanRatio(value.ratio), unit: "ratio" };
  if ("ms" in value) return { value: value.ms / 1_000, unit: "s" };
  if ("rate" in value) return { value: value.rate, unit: "per-second" };
  return { value: value.number, unit: "number" };
}
