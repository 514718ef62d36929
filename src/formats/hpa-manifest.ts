import type { z } from "zod";
import { FileError, type Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { oneLine } from "../lib/one-line.ts";
import type { ScalingPolicy, ScalingRules } from "../peers/hpa/behaviour.ts";
import { cpuMetric, HPA_CPU_PERCENT, HPA_DEFAULT_BEHAVIOUR, HPA_TOLERANCE, type HpaConfig, type HpaMetricSpec, type HpaTarget } from "../peers/hpa/config.ts";
import { type Path, type PolicyDocument, readDocuments } from "../policy/document.ts";
import { problemsOf } from "../policy/issues.ts";
import type { Measures } from "../policy/schema.ts";
import { type Metric, type Rules, SpecV1, SpecV2, type Target } from "./hpa-schema.ts";

/** One HPA of a file that someone pasted. */
export interface HpaManifest {
  /** `namespace/name`, as the manifest says it. */
  readonly name: string;
  /** What it scales, `Deployment/web`. */
  readonly target: string | undefined;
  readonly config: HpaConfig & { readonly min: number; readonly max: number };
  /** What the manifest does not say and had to be assumed. */
  readonly guesses: readonly string[];
  /** Whether it has a `behavior` block. */
  readonly hasBehaviour: boolean;
}

export interface ManifestOptions {
  /** What a metric measures, by its name, where its name does not tell. */
  readonly measures?: ReadonlyMap<string, Measures>;
}

/** What `kubectl get hpa -A -o yaml` of a large cluster prints. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The HorizontalPodAutoscalers of a YAML or JSON file, `autoscaling/v2` and `v1`; other objects in it are passed over.
 * @throws FileError with every problem, also when there is no HPA in it
 */
export function parseHpaManifests(text: string, file: string, options: ManifestOptions = {}): HpaManifest[] {
  const { documents, problems } = readDocuments(text, MANIFEST_BYTES_MAX);
  if (problems.length > 0 && text.includes("{{"))
    problems.push({ severity: "error", code: "template", message: "this is a template", hint: "helm template prints what it makes" });
  const manifests: HpaManifest[] = [];
  const kinds: string[] = [];
  for (const document of documents) {
    for (const [path, object] of objectsOf(document.value, [])) {
      if (object["kind"] !== "HorizontalPodAutoscaler") {
        kinds.push(String(object["kind"] ?? "an object without kind"));
        continue;
      }
      const manifest = parseOne(object, path, document, problems, options);
      if (manifest !== undefined) manifests.push(manifest);
    }
  }
  if (manifests.length === 0 && problems.length === 0) {
    problems.push({
      severity: "error",
      code: "not_an_hpa",
      line: 1,
      column: 1,
      message: `found no HorizontalPodAutoscaler${kinds.length === 0 ? "" : `, but ${[...new Set(kinds)].slice(0, 5).join(", ")}`}`,
      hint: "kubectl get hpa <name> -o yaml prints one",
    });
  }
  if (problems.some((problem) => problem.severity === "error")) throw new FileError(file, problems);
  return manifests;
}

/** The objects of a document: itself, or the items of a list. */
function objectsOf(value: unknown, path: Path, from: Record<string, unknown> = {}): [Path, Record<string, unknown>][] {
  if (Array.isArray(value)) return value.flatMap((item, i) => objectsOf(item, [...path, i], from));
  if (!isRecord(value)) return [];
  const { kind, apiVersion, items } = value;
  // The items of a typed list are what the list says, as the API itself answers.
  if (String(kind).endsWith("List") && Array.isArray(items))
    return objectsOf(items, [...path, "items"], kind === "List" ? {} : { kind: String(kind).slice(0, -4), apiVersion });
  return [[path, { ...from, ...value }]];
}

function parseOne(
  object: Record<string, unknown>,
  path: Path,
  document: PolicyDocument,
  problems: Problem[],
  options: ManifestOptions,
): HpaManifest | undefined {
  const fail = (at: Path, code: string, message: string, hint?: string): undefined => {
    problems.push({ severity: "error", code, path: at.join("."), ...document.locate([...path, ...at], "value"), message, ...(hint !== undefined && { hint }) });
    return undefined;
  };
  const version = object["apiVersion"];
  if (version === "autoscaling/v2beta1") {
    return fail(
      ["apiVersion"],
      "invalid_value",
      "found autoscaling/v2beta1, which Kubernetes has not served since 1.25",
      "kubectl convert turns it into autoscaling/v2",
    );
  }
  const isV1 = version === "autoscaling/v1";
  if (!isV1 && version !== "autoscaling/v2" && version !== "autoscaling/v2beta2") {
    return fail(["apiVersion"], "invalid_value", `found ${version === undefined ? "none" : `"${String(version)}"`}, expected autoscaling/v2 or autoscaling/v1`);
  }
  const result = isV1 ? SpecV1.safeParse(object["spec"]) : SpecV2.safeParse(object["spec"]);
  if (!result.success) {
    problems.push(...problemsOf(result.error.issues, { document, value: object["spec"], shown: ["spec"], at: [...path, "spec"], keys: FIELDS }));
    return undefined;
  }
  const spec = result.data as z.output<typeof SpecV2> & z.output<typeof SpecV1>;
  const min = spec.minReplicas ?? 1;
  const max = spec.maxReplicas;
  if (min > max) return fail(["spec", "minReplicas"], "min_above_max", `minReplicas (${min}) is greater than maxReplicas (${max})`);
  const guesses: string[] = [];
  const metrics = isV1 ? [cpuMetric(spec.targetCPUUtilizationPercentage ?? HPA_CPU_PERCENT)] : metricsOf(spec.metrics ?? [], options, guesses, fail);
  if (metrics === undefined) return undefined;
  if (min === 0 && !metrics.some((metric) => metric.source === "object" || metric.source === "external")) {
    return fail(["spec", "minReplicas"], "invalid_value", "0 needs an Object or External metric, as the API demands", "use at least 1");
  }
  const annotations = isRecord(object["metadata"]) ? object["metadata"]["annotations"] : undefined;
  if (isV1 && isRecord(annotations)) {
    for (const key of Object.keys(annotations).filter((name) => /^autoscaling\.alpha\.kubernetes\.io\/(metrics|behavior)$/.test(name)))
      return fail(
        ["metadata", "annotations", key],
        "v1_annotation",
        "an HPA of version v1 that keeps its metrics or behavior in annotations is not read",
        "kubectl get hpa.v2.autoscaling <name> -o yaml prints it as v2",
      );
  }
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const hasBehaviour = spec.behavior !== undefined && spec.behavior !== null;
  return {
    name: nameOf(object),
    target: targetOf(spec.scaleTargetRef),
    hasBehaviour,
    guesses,
    config: {
      metrics,
      min,
      max,
      toleranceUp: scaleUp?.tolerance === undefined ? HPA_TOLERANCE : scaleUp.tolerance / 1_000,
      toleranceDown: scaleDown?.tolerance === undefined ? HPA_TOLERANCE : scaleDown.tolerance / 1_000,
      absentIsZero: false,
      ...(hasBehaviour && { behaviour: { up: rulesOf(scaleUp, HPA_DEFAULT_BEHAVIOUR.up), down: rulesOf(scaleDown, HPA_DEFAULT_BEHAVIOUR.down) } }),
    },
  };
}

/** The default rules with what is written laid over them, field by field. */
function rulesOf(written: Rules | null | undefined, defaults: ScalingRules): ScalingRules {
  return {
    select: written?.selectPolicy ?? defaults.select,
    stabilizationMs: written?.stabilizationWindowSeconds === undefined ? defaults.stabilizationMs : written.stabilizationWindowSeconds * 1_000,
    policies:
      written?.policies?.map((policy): ScalingPolicy => ({ type: policy.type, value: policy.value, periodMs: policy.periodSeconds * 1_000 })) ??
      defaults.policies,
  };
}

type Fail = (at: Path, code: string, message: string, hint?: string) => undefined;

function metricsOf(metrics: readonly Metric[], options: ManifestOptions, guesses: string[], fail: Fail): HpaMetricSpec[] | undefined {
  if (metrics.length === 0) return [cpuMetric(HPA_CPU_PERCENT)];
  const specs: HpaMetricSpec[] = [];
  for (const [i, metric] of metrics.entries()) {
    const spec = metricOf(metric, ["spec", "metrics", i], options, guesses, fail);
    if (spec === undefined) return undefined;
    // Readings are told apart by name.
    const others = specs.filter((other) => other.name === spec.name || other.name.startsWith(`${spec.name}#`)).length;
    specs.push(others === 0 ? spec : { ...spec, name: `${spec.name}#${others + 1}` });
  }
  return specs;
}

function metricOf(metric: Metric, path: Path, options: ManifestOptions, guesses: string[], fail: Fail): HpaMetricSpec | undefined {
  switch (metric.type) {
    case "Resource":
    case "ContainerResource": {
      const { name, target } = metric.type === "Resource" ? metric.resource : metric.containerResource;
      const field = metric.type === "Resource" ? "resource" : "containerResource";
      if (target.type === "Value") return fail([...path, field, "target", "type"], "invalid_value", "a resource has Utilization or AverageValue as its target");
      const measures = options.measures?.get(name) ?? (name === "cpu" ? "utilisation" : "gauge");
      if (target.type === "Utilization") return { source: "resource", name, target: targetSpec(target), measures };
      if (name === "cpu") guesses.push("a pod at 100 % uses 1 core: the target for cpu is an amount, not a percentage");
      return { source: "resource", name, target: targetSpec(target), measures, ...(name === "cpu" && { fullMilli: 1_000 }) };
    }
    case "Pods": {
      if (metric.pods.target.type !== "AverageValue")
        return fail([...path, "pods", "target", "type"], "invalid_value", `found ${metric.pods.target.type}, a Pods metric has AverageValue as its target`);
      return custom("pods", metric.pods.metric.name, metric.pods.target, options, guesses);
    }
    case "Object":
    case "External": {
      const { metric: named, target } = metric.type === "Object" ? metric.object : metric.external;
      const field = metric.type === "Object" ? "object" : "external";
      if (target.type === "Utilization")
        return fail([...path, field, "target", "type"], "invalid_value", `found Utilization, an ${metric.type} metric has Value or AverageValue as its target`);
      return custom(field, named.name, target, options, guesses);
    }
  }
}

function custom(source: "pods" | "object" | "external", name: string, target: Target, options: ManifestOptions, guesses: string[]): HpaMetricSpec {
  const stated = options.measures?.get(name);
  const measures = stated ?? guessMeasures(name);
  if (stated === undefined) guesses.push(`${name} measures ${measures}, by its name; --measures ${name}=… says otherwise`);
  const spec = targetSpec(target);
  // No unit is busy twice over: a target like 70 is in percent.
  const isPercent = measures === "utilisation" && spec.type !== "utilisation" && spec.milli > 2_000;
  if (isPercent) guesses.push(`${name} is in percent, as its target is`);
  return { source, name, target: spec, measures, ...(isPercent && { fullMilli: 100_000 }) };
}

function targetSpec(target: Target): HpaTarget {
  switch (target.type) {
    case "Utilization":
      return { type: "utilisation", percent: target.averageUtilization as number };
    case "AverageValue":
      return { type: "averageValue", milli: target.averageValue as number };
    case "Value":
      return { type: "value", milli: target.value as number };
  }
}

/** What a metric most likely measures, by the words in its name. */
function guessMeasures(name: string): Measures {
  if (/queue|backlog|messages|lag\b|depth|pending|undelivered/i.test(name)) return "backlog";
  if (/latency|duration|response_?time/i.test(name)) return "latency";
  if (/concurren|in_?flight|active|connections|sessions/i.test(name)) return "concurrency";
  if (/util|busy|saturation/i.test(name)) return "utilisation";
  if (/error|failure|5xx/i.test(name)) return "errors";
  return "rate";
}

function nameOf({ metadata }: Record<string, unknown>): string {
  if (!isRecord(metadata)) return "hpa";
  const name = oneLine(String(metadata["name"] ?? "hpa"));
  return metadata["namespace"] === undefined ? name : `${oneLine(String(metadata["namespace"]))}/${name}`;
}

function targetOf(reference: unknown): string | undefined {
  if (!isRecord(reference) || reference["name"] === undefined) return undefined;
  const name = oneLine(String(reference["name"]));
  return typeof reference["kind"] === "string" ? `${oneLine(reference["kind"])}/${name}` : name;
}

/** Fields of the API by the object they stand in, to suggest the one that was meant. */
const FIELDS = [
  ...["scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior", "targetCPUUtilizationPercentage", "scaleUp", "scaleDown"],
  ...["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance", "periodSeconds", "type", "value", "resource", "containerResource", "pods"],
  ...["object", "external", "metric", "target", "averageUtilization", "averageValue", "describedObject", "container", "name"],
];
