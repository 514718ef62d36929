import { expect, test } from "vitest";
import { workload } from "../../../test/support/drive.ts";
import { decide } from "../../engine/model.ts";
import { DoublingEngine } from "./doubling.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);

/** Requested capacity and reason codes for utilisations a minute apart. */
function minutes(initial: number, utilisations: readonly (number | undefined)[]): [number, string][] {
  const engine = new DoublingEngine("doubling", POLICY, "none");
  let requested = initial;
  return utilisations.map((value, minute) => {
    const nowMs = minute * 60_000;
    const reading = {
      metric: "utilisation",
      status: value === undefined ? ("absent" as const) : ("value" as const),
      value: value ?? 0,
      sampledAtMs: nowMs,
      windowMs: 60_000,
      partial: false,
    };
    const decision = decide(engine, { capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 }, readings: [reading] }, nowMs);
    requested = decision.requested;
    return [
      requested,
      decision
        .reasons()
        .map((reason) => reason.code)
        .join(" "),
    ];
  });
}

test("doubles above 70 %, not again within 5 min, and holds without a reading", () => {
  expect(minutes(10, [0.7, 0.71, 0.9, 0.9, 0.9, 0.9, 0.9, undefined])).toEqual([
    [10, "no_tier"],
    [20, "doubled"],
    [20, "no_tier"],
    [20, "no_tier"],
    [20, "no_tier"],
    [20, "no_tier"],
    [40, "doubled"],
    [40, "reading_absent"],
  ]);
});

test("halves below 30 %, rounding down, not within 15 min of any step, and stays inside the bounds", () => {
  expect(minutes(5, [0.2, ...new Array(15).fill(0.2)]).at(-1)).toEqual([2, "halved clamped_min"]);
  expect(minutes(5, [0.2, 0.2])).toEqual([
    [2, "halved"],
    [2, "no_tier"],
  ]);
  expect(minutes(80, [0.9])).toEqual([[100, "doubled clamped_max"]]);
});

test("goes on identically after restore", () => {
  const engine = new DoublingEngine("doubling", POLICY, "none");
  const observation = (value: number, nowMs: number) => ({
    capacity: { readable: true, requested: 10, ready: 10, starting: 0, draining: 0 },
    readings: [{ metric: "utilisation", status: "value" as const, value, sampledAtMs: nowMs, windowMs: 60_000, partial: false }],
  });
  decide(engine, observation(0.9, 0), 0);
  const twin = new DoublingEngine("doubling", POLICY, "none");
  twin.restore(JSON.parse(JSON.stringify(engine.state())));
  expect(decide(twin, observation(0.9, 60_000), 60_000).requested).toBe(10);
  expect(decide(twin, observation(0.9, 300_000), 300_000).requested).toBe(20);
});
