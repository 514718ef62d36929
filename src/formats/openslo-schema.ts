import { z } from "zod";
import { isTimeZone } from "../lib/time-zone.ts";
import { shorthandMs } from "./openslo-values.ts";

// The objects of OpenSLO v1 as its specification describes them. Fields that it does not know become warnings in `openslo.ts`.

const Text = z.string({ error: "expected text" });
const Flag = z.boolean({ error: "expected true or false" });
const Quantity = z.number({ error: "expected a number" });
const Description = Text.max(1_050, { error: "expected at most 1050 characters" }).optional();
const ObjectName = Text.regex(/^[^\s\p{Cc}]{1,255}$/u, { error: "expected a name of 1 to 255 characters without spaces" });
const Shorthand = Text.refine((text) => shorthandMs(text) !== undefined, {
  error: "expected a whole number and one of m h d w M Q Y, for example 28d",
});

function mapping<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: "expected a mapping" });
}

function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: "expected a list" });
}

type Context = z.core.$RefinementCtx;

/** Exactly one of the fields; both names of a clash are said where the second one stands. */
function exactlyOne(value: Readonly<Record<string, unknown>>, fields: readonly [string, string], context: Context, why = ""): void {
  const [first, second] = fields;
  const has = [value[first] !== undefined, value[second] !== undefined];
  if (has[0] === has[1])
    context.addIssue({
      code: "custom",
      path: [has[0] ? second : first],
      message: has[0] ? `expected only one of ${first} and ${second}` : `required: ${first} or ${second}${why}`,
    });
}

const LabelKey = z.string().regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/, {
  error: "expected a key of at most 63 letters, digits and - _ . with an optional prefix and a slash",
});
const annotationValue = "expected text; put numbers and true or false in quotes";
const metadataFields = {
  displayName: Text.optional(),
  labels: z
    .record(LabelKey, z.union([z.string(), z.array(z.string())], { error: "expected text or a list of texts" }), { error: "expected a mapping" })
    .optional(),
  annotations: z.record(LabelKey, z.string({ error: annotationValue }), { error: "expected a mapping" }).optional(),
};
const Metadata = mapping({ name: ObjectName, ...metadataFields });
/** An inline object may be nameless: nothing refers to it. */
const InlineMetadata = mapping({ name: ObjectName.optional(), ...metadataFields });
export type Metadata = z.output<typeof InlineMetadata>;

const Anything = z.record(z.string(), z.unknown(), { error: "expected a mapping" });
const MetricSource = mapping({ metricSourceRef: ObjectName.optional(), type: Text.optional(), spec: Anything.optional() });
export type MetricSource = z.output<typeof MetricSource>;
const SourcedMetric = mapping({ metricSource: MetricSource });

const RatioMetric = mapping({
  counter: Flag.optional(),
  good: SourcedMetric.optional(),
  bad: SourcedMetric.optional(),
  total: SourcedMetric.optional(),
  raw: SourcedMetric.optional(),
  rawType: z.enum(["success", "failure"], { error: "expected success or failure" }).optional(),
}).superRefine((metric, context) => {
  if (metric.raw !== undefined) {
    if (metric.rawType === undefined) context.addIssue({ code: "custom", path: ["rawType"], message: "required with raw: success or failure" });
    for (const field of ["good", "bad", "total"] as const)
      if (metric[field] !== undefined) context.addIssue({ code: "custom", path: [field], message: `expected no ${field} beside raw` });
    return;
  }
  if (metric.rawType !== undefined) context.addIssue({ code: "custom", path: ["rawType"], message: "expected no rawType without raw" });
  if (metric.total === undefined)
    context.addIssue({ code: "custom", path: ["total"], message: "required with good or bad; a ratio that is computed already is raw" });
  exactlyOne(metric, ["good", "bad"], context);
});

const SliSpec = mapping({
  description: Description,
  thresholdMetric: SourcedMetric.optional(),
  ratioMetric: RatioMetric.optional(),
}).superRefine((spec, context) => exactlyOne(spec, ["thresholdMetric", "ratioMetric"], context));
export type SliSpec = z.output<typeof SliSpec>;

const Indicator = mapping({ metadata: InlineMetadata.optional(), spec: SliSpec });

const Calendar = mapping({
  startTime: Text.regex(/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?$/, { error: "expected a time without zone such as 2026-01-01 00:00:00" }),
  timeZone: Text.refine((zone) => zone.length <= 100 && isTimeZone(zone), { error: "expected an IANA time zone such as Europe/Berlin" }),
});

const TimeWindow = mapping({ duration: Shorthand, isRolling: Flag.optional(), calendar: Calendar.optional() }).superRefine((window, context) => {
  if (window.isRolling === true && window.calendar !== undefined)
    context.addIssue({ code: "custom", path: ["isRolling"], message: "expected false beside a calendar; keep one of them" });
  if (window.isRolling !== true && window.calendar === undefined)
    context.addIssue({
      code: "custom",
      path: ["isRolling"],
      message: window.isRolling === false ? "expected true, or a calendar" : "required: true, or a calendar",
    });
});

const Objective = mapping({
  displayName: Text.optional(),
  op: z.enum(["lte", "gte", "lt", "gt"], { error: "expected one of lte, gte, lt, gt" }).optional(),
  value: Quantity.optional(),
  target: Quantity.min(0, { error: "expected at least 0" }).lt(1, { error: "expected less than 1; no target leaves no error budget" }).optional(),
  targetPercent: Quantity.min(0, { error: "expected at least 0" }).lt(100, { error: "expected less than 100; no target leaves no error budget" }).optional(),
  timeSliceTarget: Quantity.gt(0, { error: "expected more than 0" }).lte(1, { error: "expected at most 1" }).optional(),
  timeSliceWindow: z.union([Quantity.positive(), Shorthand], { error: "expected a duration such as 5m, or a number of minutes" }).optional(),
  indicator: Indicator.optional(),
  indicatorRef: ObjectName.optional(),
  compositeWeight: Quantity.positive({ error: "expected a number above 0" }).optional(),
}).superRefine((objective, context) => {
  exactlyOne(objective, ["target", "targetPercent"], context);
  if (objective.indicator !== undefined && objective.indicatorRef !== undefined) exactlyOne(objective, ["indicator", "indicatorRef"], context);
});
export type SloObjective = z.output<typeof Objective>;

/** A reference, or the object itself. */
const AlertPart = mapping({
  alertPolicyRef: ObjectName.optional(),
  conditionRef: ObjectName.optional(),
  targetRef: ObjectName.optional(),
  apiVersion: z.unknown().optional(),
  kind: Text.optional(),
  metadata: InlineMetadata.optional(),
  spec: Anything.optional(),
});
const AlertPolicyPart = z.preprocess((value) => (typeof value === "string" ? { alertPolicyRef: value } : value), AlertPart);

const SloSpec = mapping({
  description: Description,
  service: ObjectName,
  indicator: Indicator.optional(),
  indicatorRef: ObjectName.optional(),
  timeWindow: list(TimeWindow).length(1, { error: "expected exactly one time window" }),
  budgetingMethod: z.enum(["Occurrences", "Timeslices", "RatioTimeslices"], { error: "expected Occurrences, Timeslices or RatioTimeslices" }).optional(),
  objectives: list(Objective).min(1, { error: "expected at least one objective" }).max(64, { error: "expected at most 64" }),
  alertPolicies: list(AlertPolicyPart).optional(),
}).superRefine((spec, context) => {
  const isComposite = spec.objectives.some((objective) => objective.indicator !== undefined || objective.indicatorRef !== undefined);
  if (!isComposite) exactlyOne(spec, ["indicator", "indicatorRef"], context);
  else if (spec.indicator !== undefined && spec.indicatorRef !== undefined) exactlyOne(spec, ["indicator", "indicatorRef"], context);
  for (const [index, objective] of spec.objectives.entries()) {
    const missing = (field: string) =>
      context.addIssue({ code: "custom", path: ["objectives", index, field], message: `required with budgetingMethod ${spec.budgetingMethod}` });
    const isSliced = spec.budgetingMethod === "Timeslices" || spec.budgetingMethod === "RatioTimeslices";
    if (isSliced && objective.timeSliceWindow === undefined) missing("timeSliceWindow");
    if (spec.budgetingMethod === "Timeslices" && objective.timeSliceTarget === undefined) missing("timeSliceTarget");
    const hasOwn = objective.indicator !== undefined || objective.indicatorRef !== undefined;
    if (isComposite && !hasOwn && spec.indicator === undefined && spec.indicatorRef === undefined)
      context.addIssue({
        code: "custom",
        path: ["objectives", index, "indicatorRef"],
        message: "required: indicator or indicatorRef, as the SLO has none for all",
      });
  }
});
export type SloSpec = z.output<typeof SloSpec>;

const DataSourceSpec = mapping({ description: Description, type: Text, connectionDetails: Anything.optional() });
export type DataSourceSpec = z.output<typeof DataSourceSpec>;

const ServiceSpec = mapping({ description: Description });

const AlertConditionSpec = mapping({
  description: Description,
  severity: Text,
  condition: mapping({
    kind: z.literal("burnrate", { error: "expected burnrate" }).optional(),
    op: z.enum(["lte", "gte", "lt", "gt"], { error: "expected one of lte, gte, lt, gt" }).optional(),
    threshold: Quantity,
    lookbackWindow: Shorthand,
    alertAfter: Text.refine((text) => text === "0m" || shorthandMs(text) !== undefined, { error: "expected a duration such as 5m" }).optional(),
  }),
});
export type AlertConditionSpec = z.output<typeof AlertConditionSpec>;

const AlertPolicySpec = mapping({
  description: Description,
  alertWhenNoData: Flag.optional(),
  alertWhenResolved: Flag.optional(),
  alertWhenBreaching: Flag.optional(),
  conditions: list(AlertPart).length(1, { error: "expected exactly one condition" }),
  notificationTargets: list(AlertPart),
});

const AlertNotificationTargetSpec = mapping({ description: Description, target: Text });

/** What a kind has under `spec`. */
export const SPECS = {
  DataSource: DataSourceSpec,
  SLO: SloSpec,
  SLI: SliSpec,
  AlertPolicy: AlertPolicySpec,
  AlertCondition: AlertConditionSpec,
  AlertNotificationTarget: AlertNotificationTargetSpec,
  Service: ServiceSpec.optional(),
} as const;
export type Kind = keyof typeof SPECS;

export const ObjectMetadata = Metadata;

/** Every field of every kind, to suggest the one that was meant. */
export const FIELDS: readonly string[] = [
  ...[Metadata, MetricSource, SourcedMetric, RatioMetric, SliSpec, Indicator, Calendar, TimeWindow, Objective, AlertPart, SloSpec, DataSourceSpec],
  ...[AlertConditionSpec, AlertConditionSpec.shape.condition, AlertPolicySpec, AlertNotificationTargetSpec],
].flatMap((schema) => Object.keys(schema.shape));
