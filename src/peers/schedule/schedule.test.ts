import { expect, test } from "vitest";
import { workload } from "../../../test/support/drive.ts";
import { decide } from "../../engine/model.ts";
import { ScheduleEngine } from "./schedule.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {startup: 60s}
metrics: {cpu: {measures: utilisation}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const HOUR = 3_600_000;

test("asks by the clock, early enough for units to be ready, and gives back only when a slot ends", () => {
  const engine = new ScheduleEngine("schedule", POLICY, "none", { slotMs: HOUR, units: [4, 20, 6, 1] });
  const at = (nowMs: number, requested: number) => {
    const decision = decide(engine, { capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 }, readings: [] }, nowMs);
    return [decision.requested, decision.reasons().map((reason) => reason.code)];
  };
  expect(at(0, 4)).toEqual([4, []]);
  expect(at(HOUR - 76_000, 4)).toEqual([4, []]);
  expect(at(HOUR - 75_000, 4)).toEqual([20, ["timetable"]]);
  expect(at(2 * HOUR - 1, 20)).toEqual([20, []]);
  expect(at(2 * HOUR, 20)).toEqual([6, ["timetable"]]);
  expect(at(3 * HOUR, 6)).toEqual([2, ["timetable", "clamped_min"]]);
  expect(at(4 * HOUR + 24 * 30 * HOUR, 4)).toEqual([4, []]);
  expect(at(-HOUR, 2)).toEqual([2, ["timetable", "clamped_min"]]);
});
