import { getEventListeners } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { anyOf, within } from "./any-signal.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** After a while in which everything that nobody holds has gone. */
async function later(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await wait(5);
    collectGarbage();
  }
  await wait(150);
}

describe("one signal for several", () => {
  test("fires for a timeout that nobody else holds", async () => {
    const open = new AbortController();
    const held = Array.from({ length: 100 }, () => anyOf(open.signal, AbortSignal.timeout(100)));
    const nested = Array.from({ length: 100 }, () => anyOf(new AbortController().signal, anyOf(open.signal, AbortSignal.timeout(100))));
    let heard = 0;
    for (let i = 0; i < 100; i++) anyOf(open.signal, AbortSignal.timeout(100)).addEventListener("abort", () => heard++);
    await later();
    expect([held, nested].map((all) => all.filter(({ aborted }) => aborted).length)).toEqual([100, 100]);
    expect(heard).toBe(100);
  });

  test("fires with the first, and stays quiet where none does", async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const [either, other] = [anyOf(first.signal, second.signal), anyOf(second.signal)];
    first.abort(new Error("enough"));
    await later();
    expect([either.aborted, (either.reason as Error).message, other.aborted]).toEqual([true, "enough", false]);
  });

  test("leaves nothing behind at those that live on", async () => {
    const open = new AbortController();
    const held = Array.from({ length: 100 }, () => anyOf(open.signal, AbortSignal.timeout(1)));
    expect(anyOf(AbortSignal.abort(), open.signal).aborted).toBe(true);
    await later();
    expect(held.every(({ aborted }) => aborted)).toBe(true);
    expect(getEventListeners(open.signal, "abort")).toEqual([]);
  });
});

describe("work within a time", () => {
  const open = new AbortController();
  const ended = (either: AbortSignal): Promise<string> =>
    new Promise((resolve) => either.addEventListener("abort", () => resolve((either.reason as Error).name), { once: true }));

  test("is told when it is over, or when whoever waits gives up, and which of them", async () => {
    expect(await within(20, open.signal, async (either, deadline) => [await ended(either), deadline.isOver])).toEqual(["TimeoutError", true]);
    const impatient = new AbortController();
    setTimeout(() => impatient.abort(), 20);
    expect(await within(10_000, impatient.signal, async (either, deadline) => [await ended(either), deadline.isOver])).toEqual(["AbortError", false]);
    expect(await within(10_000, impatient.signal, async (either, deadline) => [either.aborted, deadline.isOver])).toEqual([true, false]);
    expect(await within(20, undefined, async (either) => await ended(either))).toBe("TimeoutError");
  });

  test("leaves nothing behind, however it ends", async () => {
    expect(await within(10_000, open.signal, async () => "done")).toBe("done");
    await expect(within(10_000, open.signal, async () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(getEventListeners(open.signal, "abort")).toEqual([]);
  });
});
