import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { uslThroughput } from "../capacity/usl.ts";
import { createRng } from "../lib/rng.ts";
import { checkPolicy } from "../policy/parse.ts";
import type { ResolvedUnit } from "../policy/resolve-unit.ts";
import { LatencyModel } from "./latency-model.ts";
import { Plant } from "./plant.ts";

const POLICY = (unit: string) => `
kind: stateless
bounds: {min: 1, max: 100}
unit: {${unit}}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

const unitOf = (text: string): ResolvedUnit => workload(POLICY(text)).unit;

function quantiles(unit: ResolvedUnit, utilisation: number, of: readonly number[], waitingMs = 0): number[] {
  const model = LatencyModel.of(unit, unit.serves?.rate ?? 1);
  if (model === undefined) throw new Error("no latency");
  model.prepare(utilisation, 10, waitingMs);
  return of.map((quantile) => model.quantileMs(quantile));
}

describe("a measured curve", () => {
  const unit = unitOf("latency: {curve: [{at: 80%, p50: 40ms, p95: 160ms}, {at: 40%, p50: 20ms, p95: 50ms, p99: 90ms}]}");

  test("says what was measured where it was measured", () => {
    const [p50, p95, p99] = quantiles(unit, 0.4, [0.5, 0.95, 0.99]) as [number, number, number];
    expect(p50).toBeCloseTo(20, 0);
    expect(p95).toBeCloseTo(50, 0);
    expect(p99 / 90).toBeCloseTo(1, 1);
    expect(quantiles(unit, 0.8, [0.5, 0.95]).map(Math.round)).toEqual([40, 160]);
  });

  test("is lognormal beyond the quantiles that were measured", () => {
    // ln 4 over 1.645 standard deviations; p99 lies at 2.326 of them.
    const expected = 40 * Math.exp((Math.log(4) / 1.6449) * 2.3263);
    expect((quantiles(unit, 0.8, [0.99])[0] as number) / expected).toBeCloseTo(1, 1);
  });

  test("lies between its measurements, holds before the first, and grows as a queue does beyond the last", () => {
    const at = (utilisation: number) => quantiles(unit, utilisation, [0.5])[0] as number;
    expect(at(0.6)).toBeCloseTo(Math.sqrt(20 * 40), 0);
    expect(at(0)).toBeCloseTo(20, 0);
    expect(at(0.9)).toBeCloseTo(80, 0);
    expect(at(5)).toBeCloseTo(400, -1);
    expect(quantiles(unit, 0.4, [0.5], 1_000)[0]).toBeCloseTo(1_020, 0);
  });

  test("never falls with the quantile, nor grows to nothing that is no number", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 10, noNaN: true }), (utilisation) => {
        const times = quantiles(unit, utilisation, [0.01, 0.3, 0.5, 0.9, 0.95, 0.99, 0.999]);
        expect(times.every((ms, i) => Number.isFinite(ms) && (i === 0 || ms >= (times[i - 1] as number)))).toBe(true);
      }),
    );
  });
});

describe("the universal scalability law of a unit", () => {
  const law = { serviceTime: 0.02, contention: 0.02, coherency: 0.0005 };
  const unit = unitOf("serves: {rate: 500/s}, serviceTime: 20ms, latency: {usl: {contention: 2%, coherency: 0.05%}}");

  test("gives the mean that concurrency over throughput gives, and exponential quantiles", () => {
    const model = LatencyModel.of(unit, 500) as LatencyModel;
    for (const n of [2, 5, 10, 12]) {
      const rate = uslThroughput(law, n);
      model.prepare(rate / 500, 10, 0);
      expect(model.meanMs / ((n / rate) * 1_000)).toBeCloseTo(1, 1);
      expect(model.quantileMs(0.5) / ((n / rate) * 1_000 * Math.LN2)).toBeCloseTo(1, 1);
    }
    model.prepare(0.001, 10, 0);
    expect(model.quantileMs(0.5)).toBeCloseTo(20 * Math.LN2, 0);
  });

  test("lets a unit do less that takes on more than it is fastest with", () => {
    const crowded = unitOf(
      "serves: {rate: 500/s}, serviceTime: 20ms, requestTimeout: 1s, latency: {usl: {contention: 2%, coherency: 0.05%, concurrency: 200}}",
    );
    const rates = [unit, crowded].map((one) => {
      const plant = new Plant({ unit: one, uses: [], perUnit: 500, initialUnits: 1 }, createRng(1));
      return [0, 1, 2].map((second) => {
        plant.prepare(second * 1_000);
        plant.serve(700, 1, second * 1_000, Number.POSITIVE_INFINITY);
        return plant.capacityRate;
      });
    });
    expect(rates[0]).toEqual([500, 500, 500]);
    // 200 wait after the first second, all of them at once in the unit; then as many as it takes on.
    const worst = uslThroughput(law, 200);
    expect(worst).toBeLessThan(420);
    expect(rates[1]).toEqual([500, worst, worst]);
  });
});

test.for([
  ["latency: {curve: [{at: 50%, p50: 20ms, p95: 10ms}]}", "curve_not_ascending"],
  ["latency: {curve: [{at: 50%, p50: 20ms, p95: 30ms}, {at: 50.0%, p50: 20ms, p95: 30ms}]}", "curve_ambiguous"],
  ["latency: {usl: {contention: 2%, coherency: 0.05%}}", "usl_incomplete"],
  ["serves: {rate: 100/s}, serviceTime: 20ms, latency: {usl: {contention: 2%, coherency: 0.05%, concurrency: 1}}", "serves_above_usl"],
  // Only approached, never reached.
  ["serves: {rate: 1000/s}, serviceTime: 10ms, latency: {usl: {contention: 10%, coherency: 0%}}", "serves_above_usl"],
  ["latency: {curve: [{at: 50%, p50: 20ms, p95: 30ms}], usl: {contention: 1%, coherency: 0%}}", "invalid_value"],
  ["serves: {rate: 900/s}, serviceTime: 20ms, latency: {usl: {contention: 2%, coherency: 0.05%}}", "serves_above_usl"],
] as const)("%s is refused: %s", ([unit, code]) => {
  const fields = POLICY(unit).trim().replaceAll("\n", "\n    ");
  const { problems } = checkPolicy(`version: 1\nworkloads:\n  test/web:\n    ${fields}\n`, "test.yaml");
  expect(problems.filter(({ severity }) => severity === "error").map((problem) => problem.code)).toEqual([code]);
});
