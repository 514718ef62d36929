import { describe, expect, test } from "vitest";
import { FileError } from "../lib/file-error.ts";
import { HPA_DEFAULT_BEHAVIOUR } from "../peers/hpa/config.ts";
import { parseHpaManifests } from "./hpa-manifest.ts";
import { parseMilli } from "./kubernetes-quantity.ts";

const V2 = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop, labels: {team: "7"}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 40
`;

function problemsOf(text: string): string[] {
  try {
    parseHpaManifests(text, "hpa.yaml");
  } catch (error) {
    if (error instanceof FileError) return error.message.split("\n");
    throw error;
  }
  return [];
}

const one = (text: string, options = {}) => parseHpaManifests(text, "hpa.yaml", options)[0];

describe("a manifest of an HPA", () => {
  test("without metrics scales on CPU at 80 %, without behaviour by the older rules", () => {
    expect(one(V2)).toMatchObject({
      name: "shop/web",
      target: "Deployment/web",
      hasBehaviour: false,
      config: {
        min: 3,
        max: 40,
        metrics: [{ source: "resource", name: "cpu", target: { type: "utilisation", percent: 80 } }],
        toleranceUp: 0.1,
        toleranceDown: 0.1,
      },
    });
    expect(one(V2)?.config.behaviour).toBeUndefined();
  });

  test("of version 1 has its one target; minReplicas is 1 where nothing is said", () => {
    const text = `{"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": {"maxReplicas": 9, "targetCPUUtilizationPercentage": 55}}`;
    expect(one(text)).toMatchObject({ name: "a", config: { min: 1, max: 9, metrics: [{ target: { percent: 55 } }] } });
  });

  test("fills in the behaviour field by field, as the API does", () => {
    const { behaviour, toleranceUp, toleranceDown } = one(`${V2}  behavior:
    scaleUp: {selectPolicy: Min, tolerance: 50m}
    scaleDown: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 2, periodSeconds: 90}]}
`)?.config ?? { behaviour: undefined };
    expect(behaviour).toEqual({
      up: { ...HPA_DEFAULT_BEHAVIOUR.up, select: "Min" },
      down: { select: "Max", stabilizationMs: 60_000, policies: [{ type: "Pods", value: 2, periodMs: 90_000 }] },
    });
    expect([toleranceUp, toleranceDown]).toEqual([0.05, 0.1]);
  });

  test("carries every kind of metric, and says what it assumed", () => {
    const manifest = one(`${V2}  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 600m}}}
    - {type: ContainerResource, containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 65}}}
    - {type: Pods, pods: {metric: {name: http_requests_per_second}, target: {type: AverageValue, averageValue: 1k}}}
    - {type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: main}, target: {type: Value, value: 2500}}}
    - {type: External, external: {metric: {name: sqs_messages, selector: {matchLabels: {queue: q}}}, target: {type: AverageValue, averageValue: "30"}}}
`);
    expect(manifest?.config.metrics).toEqual([
      { source: "resource", name: "cpu", target: { type: "averageValue", milli: 600 }, measures: "utilisation", fullMilli: 1_000 },
      { source: "resource", name: "cpu#2", target: { type: "utilisation", percent: 65 }, measures: "utilisation" },
      { source: "pods", name: "http_requests_per_second", target: { type: "averageValue", milli: 1_000_000 }, measures: "rate" },
      { source: "object", name: "hits", target: { type: "value", milli: 2_500_000 }, measures: "rate" },
      { source: "external", name: "sqs_messages", target: { type: "averageValue", milli: 30_000 }, measures: "backlog" },
    ]);
    expect(manifest?.guesses).toHaveLength(4);
    expect(
      one(`${V2}  metrics: [{type: External, external: {metric: {name: x}, target: {type: Value, value: 1}}}]`, { measures: new Map([["x", "concurrency"]]) }),
    ).toMatchObject({
      guesses: [],
      config: { metrics: [{ measures: "concurrency" }] },
    });
  });

  test("is found among other objects, in several documents and lists", () => {
    const text = `kind: Service\n---\n${V2}---\napiVersion: v1\nkind: List\nitems:\n${V2.split("\n")
      .filter((line) => line !== "")
      .map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`))
      .join("\n")}\n`;
    expect(parseHpaManifests(text, "all.yaml").map(({ name }) => name)).toEqual(["shop/web", "shop/web"]);
  });

  test.for([
    [`${V2}  maxReplica: 4`, "hpa.yaml:8:3 error spec.maxReplica: there is no such field here [unknown_field]", '    did you mean "maxReplicas"?'],
    [V2.replace("maxReplicas: 40", "maxReplicas: 2"), "hpa.yaml:6:16 error spec.minReplicas: minReplicas (3) is greater than maxReplicas (2) [min_above_max]"],
    [V2.replace("  maxReplicas: 40\n", ""), "hpa.yaml:4:1 error spec.maxReplicas: required: expected a whole number of replicas [required]"],
    [V2.replace("3", "many"), 'hpa.yaml:6:16 error spec.minReplicas: found "many", expected a whole number of replicas [invalid_value]'],
    [V2.replace("v2\n", "v2beta1\n"), "hpa.yaml:1:13 error apiVersion: found autoscaling/v2beta1, which Kubernetes has not served since 1.25 [invalid_value]"],
    ["kind: Deployment\n", "hpa.yaml:1:1 error found no HorizontalPodAutoscaler, but Deployment [not_an_hpa]"],
    ["a: [", "hpa.yaml:1:5 error"],
    ["", "hpa.yaml:1:1 error found no HorizontalPodAutoscaler [not_an_hpa]"],
    [
      `${V2}  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization}}}]`,
      "hpa.yaml:8:52 error spec.metrics.0.resource.target.averageUtilization: required with type Utilization [required]",
    ],
    [
      `${V2.replace("minReplicas: 3", "minReplicas: 0")}`,
      "hpa.yaml:6:16 error spec.minReplicas: 0 needs an Object or External metric, as the API demands [invalid_value]",
    ],
  ] as const)("with a mistake says where: %#", ([text, ...expected]) => {
    const found = problemsOf(text);
    for (const line of expected)
      expect(
        found.find((other) => other.startsWith(line)),
        found.join("\n"),
      ).toBeDefined();
  });
});

test.for([
  ["500m", 500],
  ["2", 2_000],
  [1.5, 1_500],
  ["1k", 1_000_000],
  ["0.1k", 100_000],
  ["1Gi", 1_073_741_824_000],
  ["2e3", 2_000_000],
  ["100u", 1],
  ["1.0001m", 2],
  ["", undefined],
  ["5 m", undefined],
  ["1e999", undefined],
  ["k", undefined],
] as const)("the quantity %j is %j milli-units", ([text, milli]) => {
  expect(parseMilli(text)).toBe(milli);
});
