import { expect, test } from "vitest";
import { OthersWatch, type OwnOrder } from "./others-changes.ts";
import type { Past } from "./past.ts";
import type { OthersChanges } from "./preflight.ts";

const MINUTE = 60_000;
const past = (...units: readonly (number | undefined)[]): Past[] =>
  units.map((requested, i) => ({
    atMs: i * MINUTE,
    observation: { capacity: { readable: requested !== undefined, requested: requested ?? 0, ready: 0, starting: 0, draining: 0 }, readings: [] },
  }));

function othersChanges(all: readonly Past[], orders: readonly OwnOrder[], withinMs: number): OthersChanges {
  const watch = new OthersWatch(orders, withinMs, MINUTE);
  for (const one of all) watch.note(one);
  return watch.changes;
}

test("a change that nobody here asked for is somebody else's", () => {
  const orders = [
    { atMs: 1 * MINUTE, units: 6 },
    { atMs: 3 * MINUTE, units: 7 },
  ];
  expect(othersChanges(past(4, 4, 6, 6, 7), orders, 1)).toEqual({ count: 0, lastMs: undefined, withinMs: 1 });
  // Twice by others; what could not be read is no change.
  expect(othersChanges(past(4, 4, 6, 9, undefined, 9, 7, 3), orders, 1)).toEqual({ count: 2, lastMs: 7 * MINUTE, withinMs: 1 });
  // Ours, but long ago.
  expect(othersChanges(past(4, 4, 4, 4, 4, 4, 4, 4, 6), orders, 1)).toMatchObject({ count: 1 });
  // So long after it that between two looks there was no time to see it earlier.
  expect(othersChanges(past(4, 4, 4, 4, 4, 4, 4, 6), orders, 1)).toMatchObject({ count: 0 });
  expect(othersChanges([], orders, 1)).toMatchObject({ count: 0 });
});
