import { describe, expect, test } from "vitest";
import { Drift } from "./drift.ts";

const MINUTE = 60_000;
/** A look at capacity, and what is requested then; as the engine does it at each tick. */
function look(drift: Drift, atMs: number, current: number, requested = current, allowedDrop = 5): boolean {
  const isYieldedTo = drift.observe(atMs, current, allowedDrop);
  drift.took(atMs, current, requested);
  return isYieldedTo;
}
/** A step of ours that was seen to have come into effect. */
function step(drift: Drift, atMs: number, from: number, to: number): void {
  look(drift, atMs, from, to);
  look(drift, atMs + MINUTE, to);
}
function begun(at = 10): Drift {
  const drift = new Drift();
  look(drift, 0, at);
  return drift;
}

describe("a change by others", () => {
  test("is one that is neither what it was nor what we asked for", () => {
    const drift = new Drift();
    // Nothing was known before the first look.
    expect(look(drift, 0, 10)).toBe(false);
    expect(look(drift, MINUTE, 10, 12)).toBe(false);
    // Not done yet, then done.
    expect(look(drift, 2 * MINUTE, 10, 12)).toBe(false);
    expect(look(drift, 3 * MINUTE, 12)).toBe(false);
    expect(look(drift, 4 * MINUTE, 14)).toBe(true);
    expect(drift.isQuiet(14)).toBe(true);
    expect(drift.isQuiet(13)).toBe(false);
    expect(look(drift, 5 * MINUTE, 11)).toBe(true);
    expect(drift.restoreTo).toBe(-1);
  });

  test("that drops beyond what may go at once is put back, once in an hour", () => {
    const drift = begun();
    expect(look(drift, MINUTE, 4)).toBe(false);
    expect(drift.restoreTo).toBe(10);
    expect(drift.isQuiet(4)).toBe(false);
    expect(drift.heldForMs(MINUTE)).toBe(30 * MINUTE);
    // It is not over before it is back.
    look(drift, 2 * MINUTE, 4, 10);
    expect(drift.restoreTo).toBe(10);
    look(drift, 3 * MINUTE, 10);
    expect(drift.restoreTo).toBe(-1);
    // The second time it is meant so.
    expect(look(drift, 30 * MINUTE, 4)).toBe(true);
    expect(drift.restoreTo).toBe(-1);
    look(drift, 31 * MINUTE, 10);
    expect(look(drift, 61 * MINUTE, 4)).toBe(false);
    expect(drift.restoreTo).toBe(10);
  });

  test("that is more than was to be put back ends it, too", () => {
    const drift = begun();
    look(drift, MINUTE, 4, 10);
    expect(drift.restoreTo).toBe(10);
    look(drift, 2 * MINUTE, 12);
    expect(drift.restoreTo).toBe(-1);
  });
});

describe("whoever undoes our steps", () => {
  test("twice is a robot, and is left alone for half an hour", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 12);
    expect(look(drift, 3 * MINUTE, 10)).toBe(true);
    expect(drift.isFought(3 * MINUTE)).toBe(false);
    step(drift, 4 * MINUTE, 10, 12);
    expect(look(drift, 6 * MINUTE, 10)).toBe(false);
    expect(drift.isFought(6 * MINUTE)).toBe(true);
    expect(drift.isFought(36 * MINUTE - 1)).toBe(true);
    expect(drift.isFought(36 * MINUTE)).toBe(false);
  });

  test("downwards as upwards", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 8);
    look(drift, 3 * MINUTE, 11);
    step(drift, 4 * MINUTE, 11, 9);
    look(drift, 6 * MINUTE, 10);
    expect(drift.isFought(6 * MINUTE)).toBe(true);
  });

  test("is none who goes on in the same direction", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 12);
    look(drift, 3 * MINUTE, 14);
    step(drift, 4 * MINUTE, 14, 16);
    look(drift, 6 * MINUTE, 18);
    expect(drift.isFought(6 * MINUTE)).toBe(false);
  });

  test("is none when the step never came into effect: nothing was undone", () => {
    const drift = begun();
    for (const from of [1, 2, 3]) {
      look(drift, from * 3 * MINUTE, 10, 12);
      look(drift, (from * 3 + 1) * MINUTE, 9);
      look(drift, (from * 3 + 2) * MINUTE, 10);
    }
    expect(drift.isFought(12 * MINUTE)).toBe(false);
  });

  test("is none a quarter of an hour later: that is about something else", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 12);
    look(drift, 16 * MINUTE, 10);
    step(drift, 17 * MINUTE, 10, 12);
    look(drift, 32 * MINUTE + 1, 10);
    expect(drift.isFought(32 * MINUTE + 1)).toBe(false);
    step(drift, 33 * MINUTE, 10, 12);
    look(drift, 48 * MINUTE, 10);
    expect(drift.isFought(48 * MINUTE)).toBe(true);
  });

  test("is forgotten after an hour", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 12);
    look(drift, 3 * MINUTE, 10);
    step(drift, 62 * MINUTE, 10, 12);
    look(drift, 64 * MINUTE, 10);
    expect(drift.isFought(64 * MINUTE)).toBe(false);
    step(drift, 65 * MINUTE, 10, 12);
    look(drift, 67 * MINUTE, 10);
    expect(drift.isFought(67 * MINUTE)).toBe(true);
  });

  test("starts anew after a drop that was put back", () => {
    const drift = begun();
    step(drift, MINUTE, 10, 12);
    look(drift, 3 * MINUTE, 10);
    look(drift, 4 * MINUTE, 1, 10);
    look(drift, 5 * MINUTE, 10);
    step(drift, 6 * MINUTE, 10, 12);
    look(drift, 8 * MINUTE, 10);
    // Held, for the drop; and not fought over.
    expect(drift.isFought(8 * MINUTE)).toBe(false);
    expect(drift.heldForMs(8 * MINUTE)).toBe(26 * MINUTE);
  });
});
