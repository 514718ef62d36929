import { expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { createRng } from "../lib/rng.ts";
import { Plant } from "./plant.ts";
import { Retries } from "./retries.ts";

test("what fails comes again after the delay, a share of it, and at most so often", () => {
  const retries = new Retries({ share: 0.5, delayMs: 10_000, max: 2 });
  expect(retries.arrive(100, 0)).toBe(0);
  retries.fail(80, 0);
  expect(retries.arrive(0, 9_999)).toBe(0);
  expect(retries.arrive(0, 10_000)).toBe(40);
  retries.fail(40, 10_000); // all of the second attempt
  expect(retries.arrive(0, 20_000)).toBe(20);
  retries.fail(20, 20_000); // the last attempt
  expect(retries.arrive(0, 60_000)).toBe(0);
});

test("what fails is as mixed as what arrived: fresh requests have more attempts left", () => {
  const retries = new Retries({ share: 1, delayMs: 1_000, max: 1 });
  retries.arrive(60, 0);
  retries.fail(60, 0);
  // 60 come for the last time beside 180 fresh ones; of 120 that fail, three quarters are fresh.
  expect(retries.arrive(180, 1_000)).toBe(60);
  retries.fail(120, 1_000);
  expect(retries.arrive(0, 2_000)).toBe(90);
});

test("requests that come again count in what the plant is offered, once each", () => {
  const policy = workload(
    "bounds: {min: 1, max: 9}\nunit: {requestTimeout: 1s, retry: {share: 100%, delay: 15s, max: 1}}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]",
  );
  const plant = new Plant({ unit: policy.unit, uses: [], perUnit: 10, initialUnits: 1 }, createRng(1));
  // 300 come, 150 are served, 10 wait for a second, 140 fail, and come again beside nobody.
  plant.prepare(0);
  plant.serve(20, 15, 0, Number.POSITIVE_INFINITY);
  expect([plant.served, plant.backlog, plant.failed, plant.retries]).toEqual([150, 10, 140, 0]);
  plant.prepare(15_000);
  plant.serve(0, 15, 15_000, Number.POSITIVE_INFINITY);
  expect([plant.served, plant.backlog, plant.failed, plant.retries]).toEqual([150, 0, 0, 140]);
});
