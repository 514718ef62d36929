import { formatDuration, parseDuration } from "../lib/duration.ts";
import { oneLine } from "../lib/one-line.ts";
import { type Entry, type FileProblem, indicatorOf, type OpenSlo } from "./openslo.ts";
import { annotation, type Role } from "./openslo-annotations.ts";
import { type MetricFields, type MetricTable, metricFields, type Notes, type Sources } from "./openslo-metrics.ts";
import type { MetricSource, SliSpec, SloObjective, SloSpec } from "./openslo-schema.ts";
import { thresholdValue } from "./openslo-threshold.ts";
import { HIGHEST_TARGET, percentText, shiftedText, shorthandMs, shorthandOf } from "./openslo-values.ts";
import { freeName, policyName } from "./policy-name.ts";

/** An objective as it stands in a policy, with what should be said beside it. */
export interface ImportedObjective {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly comment?: string;
}

/** A service while it is put together. */
export interface Draft {
  readonly service: string;
  workload: string | undefined;
  readonly table: MetricTable;
  readonly objectives: ImportedObjective[];
  readonly names: Set<string>;
  /** What is aspired to for objectives of other SLOs, which may come later. */
  readonly aspirations: { readonly slo: Entry<SloSpec>; readonly of: string; readonly share: string }[];
  readonly bySlo: Map<string, Record<string, unknown>>;
  /** Names of metrics that a ratio needs and no part of it describes. */
  readonly totals: Set<string>;
}

/** What is the same for all SLOs of a run. */
export interface Surroundings {
  readonly file: OpenSlo;
  readonly sources: Sources;
  readonly notes: Notes;
  readonly problems: FileProblem[];
}

type Indicator = NonNullable<ReturnType<typeof indicatorOf>>;

/** Turns one SLO into objectives of a draft. */
export class SloReader {
  readonly #slo: Entry<SloSpec>;
  readonly #draft: Draft;
  readonly #around: Surroundings;

  constructor(slo: Entry<SloSpec>, draft: Draft, around: Surroundings) {
    this.#slo = slo;
    this.#draft = draft;
    this.#around = around;
  }

  read(): void {
    const { name, metadata, spec } = this.#slo;
    const { notes } = this.#around;
    const tiers = spec.objectives.map(({ displayName }) => tierOf(displayName));
    const minimumAt = tiers.indexOf("minimum");
    const aspirationAt = tiers.indexOf("aspirational");
    const isPair = minimumAt >= 0 && aspirationAt >= 0 && minimumAt === tiers.lastIndexOf("minimum") && aspirationAt === tiers.lastIndexOf("aspirational");
    const others = spec.objectives.length - (isPair ? 2 : 0);
    const of = annotation("tier", metadata) === "aspirational" ? annotation("aspiration-of", metadata) : undefined;
    if (of !== undefined) {
      this.#draft.aspirations.push({ slo: this.#slo, of, share: this.#share(0, "minimum") });
      return;
    }
    if (spec.budgetingMethod !== "Occurrences" && spec.budgetingMethod !== undefined)
      notes.left.push(`${oneLine(name)}: ${spec.budgetingMethod}; thresholds are judged over time, ratios over events`);
    if (spec.objectives.some(({ compositeWeight }) => compositeWeight !== undefined))
      notes.left.push(`${oneLine(name)}: compositeWeight; each objective is judged by itself`);
    if ((spec.alertPolicies ?? []).length > 0) notes.left.push(`${oneLine(name)}: its alert policies`);
    for (const [index, objective] of spec.objectives.entries()) {
      if (isPair && index === aspirationAt) continue;
      const isMinimum = isPair && index === minimumAt;
      const fields = this.#objective(index, objective, isMinimum || others === 1 ? "" : `-${objective.displayName ?? index + 1}`);
      if (fields === undefined) continue;
      if (isMinimum) {
        const aspiration = this.#share(aspirationAt, "aspiration");
        if (Number.parseFloat(aspiration) < Number.parseFloat(String(fields["minimum"])))
          this.#fail(
            ["objectives", aspirationAt],
            "aspiration_below_minimum",
            `the aspiration of ${aspiration} is below the minimum of ${String(fields["minimum"])}`,
          );
        fields["aspiration"] = aspiration;
      }
      if (!this.#draft.bySlo.has(name)) this.#draft.bySlo.set(name, fields);
      const comment = this.#calendar();
      this.#draft.objectives.push({ fields, ...(comment !== undefined && { comment }) });
    }
  }

  #objective(index: number, objective: SloObjective, suffix: string): Record<string, unknown> | undefined {
    const indicator = indicatorOf(this.#slo, index, this.#around.file.slis);
    if (indicator === undefined) return undefined;
    const { name, metadata } = this.#slo;
    const kind = indicator.spec.thresholdMetric === undefined ? this.#ratio(indicator.spec, indicator) : this.#threshold(index, objective, indicator);
    if (kind === undefined) return undefined;
    const own = annotation("objective", metadata);
    const isOurs = annotation("workload", metadata) !== undefined;
    const derived = own === undefined && !isOurs ? freeName(policyName(name + suffix), this.#draft.names) : own;
    if (derived !== undefined) this.#draft.names.add(derived);
    return { ...(derived !== undefined && { name: derived }), ...kind, window: this.#window(), minimum: this.#share(index, "minimum") };
  }

  #threshold(index: number, objective: SloObjective, indicator: Indicator): Record<string, unknown> | undefined {
    const { thresholdMetric } = indicator.spec;
    const { op, value } = objective;
    if (thresholdMetric === undefined || op === undefined || value === undefined) return undefined;
    const fields = this.#fields("", thresholdMetric.metricSource, indicator);
    const metric = this.#add("", indicator, fields);
    const owners = [this.#slo.metadata, indicator.metadata];
    const text = thresholdValue(value, {
      measures: fields.measures,
      unit: annotation("unit-of-value", ...owners),
      words: [indicator.name ?? "", this.#slo.name, fields["query"] ?? ""],
      what: this.#what(metric),
      notes: this.#around.notes,
    });
    if (text === undefined)
      return this.#fail(
        ["objectives", index, "value"],
        "invalid_value",
        `found ${value}, which is too much for ${fields.measures}`,
        "annotation vernier.dev/unit-of-value says its unit",
      );
    const from = annotation("band-from", ...owners);
    if (from === undefined) return { threshold: { metric, op, value: text } };
    if (fields.measures !== "utilisation" || op !== "lte" || typeof text !== "string" || Number.parseFloat(from) >= Number.parseFloat(text))
      return this.#fail(["objectives", index, "value"], "band_empty", `vernier.dev/band-from (${from}) needs a utilisation, op lte and a higher value`);
    return { band: { metric, from, to: text } };
  }

  #ratio({ ratioMetric }: SliSpec, indicator: Indicator): Record<string, unknown> | undefined {
    const { good, bad, total, raw, rawType } = ratioMetric ?? {};
    const said = (role: Role) => annotation(`${role}measures`, indicator.metadata, this.#slo.metadata) !== undefined;
    if (raw !== undefined) {
      let fields = this.#fields("bad-", raw.metricSource, indicator);
      if (rawType === "success" && !said("bad-")) {
        fields = { ...fields, ...(fields["query"] !== undefined && { query: `1 - (${fields["query"]})` }) };
        this.#around.notes.guessed.push(`${this.#what("raw")}: the share of bad is 1 less the share of success`);
      }
      const name = annotation("total-metric", indicator.metadata, this.#slo.metadata) ?? "requests";
      this.#draft.totals.add(name);
      return { ratio: { bad: this.#add("bad-", indicator, fields), total: name } };
    }
    if (total === undefined) return undefined;
    const totalFields = this.#fields("total-", total.metricSource, indicator);
    if (good !== undefined) {
      const name = this.#add("good-", indicator, this.#fields("good-", good.metricSource, indicator));
      return { ratio: { good: name, total: this.#add("total-", indicator, totalFields) } };
    }
    if (bad === undefined) return undefined;
    let fields = this.#fields("bad-", bad.metricSource, indicator);
    const queries = [fields["query"], totalFields["query"]];
    if (!said("bad-") && queries[0] !== undefined && queries[1] !== undefined) {
      // Readings of errors are a share; a count of failures taken for one would be far above 100 %.
      fields = { ...fields, query: `(${queries[0]}) / (${queries[1]})` };
      this.#around.notes.guessed.push(`${this.#what("bad")}: its query is divided by that of the total, which makes a share of a count`);
    }
    const name = this.#add("bad-", indicator, fields);
    return { ratio: { bad: name, total: this.#add("total-", indicator, totalFields) } };
  }

  #fields(role: Role, source: MetricSource, indicator: Indicator): MetricFields {
    const { sources, notes } = this.#around;
    return metricFields(source, {
      role,
      what: this.#what(role === "" ? (indicator.name ?? "its metric") : role.slice(0, -1)),
      words: [indicator.name, this.#slo.name].filter((word) => word !== undefined),
      annotated: [indicator.metadata, this.#slo.metadata],
      sources,
      notes,
    });
  }

  #add(role: Role, indicator: Indicator, fields: MetricFields): string {
    const given = annotation(`${role}metric`, indicator.metadata, this.#slo.metadata);
    const derived = `${indicator.name ?? this.#slo.name}${role === "" ? "" : `-${role.slice(0, -1)}`}`;
    return this.#draft.table.add({ given, derived }, fields, this.#around.notes);
  }

  /** The share that a target means, exactly as its digits say. */
  #share(index: number, key: "minimum" | "aspiration"): string {
    const { target, targetPercent } = this.#slo.spec.objectives[index] as SloObjective;
    const said = annotation(key, this.#slo.metadata);
    if (said !== undefined) {
      if (target === HIGHEST_TARGET) return said;
      this.#around.notes.left.push(`${oneLine(this.#slo.name)}: annotation vernier.dev/${key}, as the target says otherwise`);
    }
    return target === undefined ? `${shiftedText(targetPercent as number, 0)}%` : percentText(target);
  }

  #window(): string {
    const { name, metadata, spec } = this.#slo;
    const { notes } = this.#around;
    // The schema has one window with a valid duration.
    const { duration } = spec.timeWindow[0] as SloSpec["timeWindow"][number];
    const ms = shorthandMs(duration) as number;
    const exact = annotation("window", metadata);
    if (exact !== undefined) {
      if (shorthandMs(shorthandOf(parseDuration(exact) as number).text) === ms) return exact;
      notes.left.push(`${oneLine(name)}: annotation vernier.dev/window, as the time window says otherwise`);
    }
    if (/[MQY]$/.test(duration)) notes.guessed.push(`${oneLine(name)}: a window of ${duration} is ${formatDuration(ms)}`);
    return formatDuration(ms);
  }

  #calendar(): string | undefined {
    const calendar = this.#slo.spec.timeWindow[0]?.calendar;
    if (calendar === undefined) return undefined;
    const text = `calendar-aligned (${this.#slo.spec.timeWindow[0]?.duration} from ${calendar.startTime} ${calendar.timeZone}); a rolling window of the same length is judged`;
    this.#around.notes.left.push(`${oneLine(this.#slo.name)}: ${text}`);
    return text;
  }

  #what(part: string): string {
    return `${oneLine(this.#slo.name)}: ${oneLine(part)}`;
  }

  #fail(path: readonly (string | number)[], code: string, message: string, hint?: string): undefined {
    this.#around.problems.push(this.#slo.problem(["spec", ...path], { severity: "error", code, message, ...(hint !== undefined && { hint }) }));
    return undefined;
  }
}

function tierOf(displayName: string | undefined): "minimum" | "aspirational" | undefined {
  const name = displayName?.trim().toLowerCase();
  return name === "minimum" ? "minimum" : name === "aspirational" || name === "aspiration" ? "aspirational" : undefined;
}
