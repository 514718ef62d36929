import { z } from "zod";
import { UNITS_MAX } from "../capacity/units.ts";
import { parseMilli } from "./kubernetes-quantity.ts";

// The `spec` of a HorizontalPodAutoscaler as the API of Kubernetes documents it (autoscaling/v2, v1), quantities in milli-units.

const Replicas = z.int({ error: "expected a whole number of replicas" }).min(0).max(UNITS_MAX);
const Quantity = z.union([z.string(), z.number()], { error: "expected a quantity such as 500m, 10 or 1Gi" }).transform((text, context): number => {
  const milli = parseMilli(text);
  if (milli !== undefined && milli >= 0) return milli;
  context.issues.push({ code: "custom", message: "expected a quantity such as 500m, 10 or 1Gi", input: text });
  return z.NEVER;
});
const PositiveQuantity = Quantity.refine((milli) => milli > 0, { error: "expected a quantity above 0" });

const Target = z
  .strictObject({
    type: z.enum(["Utilization", "AverageValue", "Value"]),
    averageUtilization: z.int().min(1).max(UNITS_MAX).optional(),
    averageValue: PositiveQuantity.optional(),
    value: PositiveQuantity.optional(),
  })
  .superRefine((target, context) => {
    const field = { Utilization: "averageUtilization", AverageValue: "averageValue", Value: "value" }[target.type] as
      | "averageUtilization"
      | "averageValue"
      | "value";
    if (target[field] === undefined) context.addIssue({ code: "custom", path: [field], message: `required with type ${target.type}` });
  });
export type Target = z.output<typeof Target>;

const MetricName = z.object({ name: z.string().regex(/^[^\s\p{Cc}]{1,253}$/u, { error: "expected a name without spaces" }), selector: z.unknown().optional() });
const Metric = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("Resource"), resource: z.strictObject({ name: z.string().min(1), target: Target }) }),
  z.strictObject({
    type: z.literal("ContainerResource"),
    containerResource: z.strictObject({ name: z.string().min(1), container: z.string().min(1), target: Target }),
  }),
  z.strictObject({ type: z.literal("Pods"), pods: z.strictObject({ metric: MetricName, target: Target }) }),
  z.strictObject({ type: z.literal("Object"), object: z.strictObject({ metric: MetricName, describedObject: z.unknown(), target: Target }) }),
  z.strictObject({ type: z.literal("External"), external: z.strictObject({ metric: MetricName, target: Target }) }),
]);
export type Metric = z.output<typeof Metric>;

const Rules = z.strictObject({
  stabilizationWindowSeconds: z.int().min(0).max(3_600).optional(),
  selectPolicy: z.enum(["Max", "Min", "Disabled"]).optional(),
  policies: z
    .array(z.strictObject({ type: z.enum(["Pods", "Percent"]), value: z.int().min(1).max(UNITS_MAX), periodSeconds: z.int().min(1).max(1_800) }))
    .min(1, { error: "expected at least one policy; leave the field out for the defaults" })
    .optional(),
  tolerance: Quantity.optional(),
});
export type Rules = z.output<typeof Rules>;

const common = { scaleTargetRef: z.unknown().optional(), minReplicas: Replicas.optional(), maxReplicas: Replicas.min(1) };
export const SpecV2 = z.strictObject({
  ...common,
  metrics: z.array(Metric).max(64).nullish(),
  behavior: z.strictObject({ scaleUp: Rules.nullish(), scaleDown: Rules.nullish() }).nullish(),
});
export const SpecV1 = z.strictObject({ ...common, targetCPUUtilizationPercentage: z.int().min(1).max(UNITS_MAX).nullish() });
