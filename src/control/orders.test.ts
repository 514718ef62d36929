import { expect, test } from "vitest";
import { expire, obey, ordersFor, type StandingOrders } from "./orders.ts";

const by = { workload: "shop/web", who: "ada", why: "launch" };
const after = (...commands: Parameters<typeof obey>[1][]): StandingOrders => commands.reduce((orders, command) => obey(orders, command, 1_000), {});

test("pause and resume, hold-in and set with one release", () => {
  expect(ordersFor({})).toBeUndefined();
  expect(ordersFor(after({ ...by, do: { kind: "pause" } }))).toEqual({ isPaused: true });
  expect(ordersFor(after({ ...by, do: { kind: "pause" } }, { ...by, do: { kind: "resume" } }))).toBeUndefined();
  const both = after({ ...by, do: { kind: "hold-in" } }, { ...by, do: { kind: "set", units: 7 } });
  expect(ordersFor(both)).toEqual({ holdsIn: true, units: 7 });
  expect(both.set).toMatchObject({ who: "ada", why: "launch", atMs: 1_000, units: 7 });
  expect(ordersFor(obey(both, { ...by, do: { kind: "resume" } }, 0))).toEqual({ holdsIn: true, units: 7 });
  expect(ordersFor(obey(both, { ...by, do: { kind: "release" } }, 0))).toBeUndefined();
});

test("each order runs out by itself, the others stay", () => {
  const orders = after({ ...by, do: { kind: "pause" }, untilMs: 5_000 }, { ...by, do: { kind: "set", units: 3 } });
  expect(expire(orders, 4_999)).toBe(orders);
  expect(ordersFor(expire(orders, 5_000))).toEqual({ units: 3 });
});

test("an approval is no order to the engine, and holds for ten minutes", () => {
  const orders = after({ ...by, do: { kind: "approve", decision: "00ff00ff00ff00ff" } });
  expect(ordersFor(orders)).toBeUndefined();
  expect(expire(orders, 601_000 - 1)).toBe(orders);
  expect(expire(orders, 601_000)).toEqual({});
});
