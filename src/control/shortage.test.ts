import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Observation } from "../engine/model.ts";
import { utilisationOf } from "./shortage.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 0, max: 10}
activation: {metric: requests, above: 1/s}
unit: {serves: {rate: 10/s}}
metrics: {cpu: {measures: utilisation}, requests: {measures: rate}, each: {measures: rate, scope: unit}, p95: {measures: latency}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const seen = (ready: number, values: Readonly<Record<string, number>>, readable = true): Observation => ({
  capacity: { readable, requested: ready, ready, starting: 0, draining: 0 },
  readings: Object.entries(values).map(([metric, value]) => ({ metric, value, status: "value", sampledAtMs: 0, windowMs: 1_000, partial: false })),
});

describe("utilisation of the ready units", () => {
  test.each<[string, Observation, number | undefined]>([
    ["as it is measured", seen(4, { cpu: 0.5 }), 0.5],
    ["load over what they serve", seen(4, { requests: 30 }), 0.75],
    ["load of each over what it serves", seen(4, { each: 6 }), 0.6],
    ["by the metric that says most", seen(4, { cpu: 0.5, requests: 30, each: 2 }), 0.75],
    ["unknown without such a metric", seen(4, { p95: 0.5 }), undefined],
    ["unknown when nothing is ready", seen(0, { requests: 30 }), undefined],
    ["unknown when capacity cannot be read", seen(4, { cpu: 0.5 }, false), undefined],
  ])("is %s", (_, observation, expected) => {
    expect(utilisationOf(POLICY, observation)).toBe(expected);
  });
});
