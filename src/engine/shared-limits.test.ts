import { expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { SharedLimits } from "./shared-limits.ts";

const settings = "groups: {edge: {max: 12}}\ndependencies: {db: {connections: 100}}";
const named = (id: string, more: string) => ({
  ...workload(
    `kind: stateless\nbounds: {min: 2, max: 100}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]\n${more}`,
    settings,
  ),
  id,
});
const [a, b, c] = [named("a", "group: edge"), named("b", "group: edge\nuses: {db: {connections: 20}}"), named("c", "uses: {db: {connections: 10}}")];

test("who asks first gets what is left, and nothing is taken away", () => {
  const limits = new SharedLimits([a, b, c]);
  limits.note("a", 5);
  limits.note("b", 2);
  limits.note("c", 3);
  expect(limits.allowances("a")).toEqual({ unitsMax: 10 });
  // Of the group 7 are left for it, of the connections 70.
  expect(limits.allowances("b")).toEqual({ unitsMax: 3 });
  expect(limits.allowances("c")).toEqual({ unitsMax: 6 });
  limits.note("a", 10);
  expect(limits.allowances("b")).toEqual({ unitsMax: 2 });
  limits.note("b", 4);
  expect(limits.allowances("a")).toEqual({ unitsMax: 8 });
  limits.note("a", 3);
  expect(limits.allowances("b")).toEqual({ unitsMax: 3 });
});

test("what shares nothing is not limited", () => {
  expect(new SharedLimits([named("d", "")]).allowances("d")).toEqual({ unitsMax: Number.POSITIVE_INFINITY });
  expect(new SharedLimits([a]).allowances("nobody")).toEqual({ unitsMax: Number.POSITIVE_INFINITY });
});

test("a changed policy goes on with what is known", () => {
  const before = new SharedLimits([a, b]);
  before.note("a", 9);
  expect(new SharedLimits([a, b], before).allowances("b")).toEqual({ unitsMax: 3 });
});

test("what was promised counts until it can be there, or has failed", () => {
  const limits = new SharedLimits([a, b]);
  limits.found("a", 4, 0);
  limits.promise("a", 10, 0);
  // Not there yet, and not to be given to another.
  limits.found("a", 4, 60_000);
  expect(limits.allowances("b")).toEqual({ unitsMax: 2 });
  limits.found("a", 6, 119_999);
  expect(limits.allowances("b")).toEqual({ unitsMax: 2 });
  limits.found("a", 6, 120_000);
  expect(limits.allowances("b")).toEqual({ unitsMax: 5 });
  // A promise of less than there is takes nothing away.
  limits.promise("a", 3, 130_000);
  expect(limits.allowances("b")).toEqual({ unitsMax: 5 });
});

test("a promise outlives a change of policy", () => {
  const before = new SharedLimits([a, b]);
  before.promise("a", 10, 1_000);
  const after = new SharedLimits([a, b], before);
  after.found("a", 2, 60_000);
  expect(after.allowances("b")).toEqual({ unitsMax: 2 });
  after.found("a", 2, 121_000);
  expect(after.allowances("b")).toEqual({ unitsMax: 5 });
});
