import { expect, test } from "vitest";
import { workload } from "../../../test/support/drive.ts";
import { UNLIMITED } from "../../engine/model.ts";
import { StaticEngine } from "./static.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);

/** Requested capacity and reason codes of one tick that finds 4 units. */
function tick(units: number, unitsMax = UNLIMITED.unitsMax): [number, string[]] {
  const engine = new StaticEngine(`static:${units}`, POLICY, "none", units);
  engine.propose({ capacity: { readable: true, requested: 4, ready: 4, starting: 0, draining: 0 }, readings: [] }, 0);
  const decision = engine.settle({ unitsMax });
  return [decision.requested, decision.reasons().map((reason) => reason.code)];
}

test("asks for its units inside the bounds", () => {
  expect(tick(10)).toEqual([10, []]);
  expect(tick(1)).toEqual([2, ["clamped_min"]]);
  expect(tick(200)).toEqual([100, ["clamped_max"]]);
});

test("shared limits hold growth, and never take what runs", () => {
  expect(tick(10, 6)).toEqual([6, []]);
  expect(tick(10, 3)).toEqual([4, []]);
  expect(tick(3, 0)).toEqual([3, []]);
});
