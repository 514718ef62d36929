import { describe, expect, test } from "vitest";
import type { Observation } from "../engine/model.ts";
import { decodeObservations, encodeObservations, observationIn } from "./observations.ts";
import { type Past, pastOf, pastOfAll } from "./past.ts";

const seen = (ready: number, value = 0.5): Observation => ({
  capacity: { readable: true, requested: ready, ready, starting: 0, draining: 0 },
  readings: [{ metric: `a "quoted", {"workload":"x` as string, status: "value", value, sampledAtMs: 0, windowMs: 1, partial: false }],
});
const bytes = encodeObservations([
  { workload: "a/b", observation: seen(1, Number.NaN) },
  { workload: "a/bc", observation: seen(2) },
  { workload: "z/a", observation: seen(3, Number.POSITIVE_INFINITY) },
]);

test("one workload is read of a tick as it is when all are", () => {
  for (const { workload, observation } of decodeObservations(bytes)) expect(observationIn(bytes, workload)).toEqual(observation);
  for (const nobody of ["a/c", "b", "", 'a/b","x']) expect(observationIn(bytes, nobody)).toBeUndefined();
});

describe("the past of a workload", () => {
  // A second apart; one workload is due at every tick, the other at each third.
  const rows = Array.from({ length: 10 }, (_, i) => ({
    atMs: 1_000 * i,
    bytes: encodeObservations([{ workload: "a/b", observation: seen(i) }, ...(i % 3 === 0 ? [{ workload: "a/slow", observation: seen(100 + i) }] : [])]),
  }));
  const store = {
    async *observations(_: number, fromMs: number, toMs: number) {
      for (const row of rows) if (row.atMs >= fromMs && row.atMs < toMs) yield row;
    },
  };
  const ready = async (workload: string, buckets?: number): Promise<(readonly [number, number])[]> => {
    const found: Past[] = [];
    for await (const one of pastOf(store, workload, { fromMs: 0, toMs: 10_000, ...(buckets !== undefined && { buckets }) })) found.push(one);
    return found.map(({ atMs, observation }) => [atMs / 1_000, observation.capacity.ready] as const);
  };

  test("is all of it, oldest first", async () => {
    expect(await ready("a/b")).toEqual(Array.from({ length: 10 }, (_, i) => [i, i]));
    expect(await ready("a/slow")).toEqual([
      [0, 100],
      [3, 103],
      [6, 106],
      [9, 109],
    ]);
    expect(await ready("a/nobody")).toEqual([]);
  });

  test("is the last of each part, also where it was not due at the last tick of it", async () => {
    expect(await ready("a/b", 3)).toEqual([
      [3, 3],
      [6, 6],
      [9, 9],
    ]);
    expect(await ready("a/slow", 2)).toEqual([
      [3, 103],
      [9, 109],
    ]);
    expect(await ready("a/b", 1_000)).toHaveLength(10);
  });

  test("is the same for each of many, read in one pass", async () => {
    for (const buckets of [undefined, 1, 2, 3, 5, 1_000])
      for (const wanted of [["a/b"], ["a/slow"], ["a/b", "a/slow", "a/nobody"]]) {
        const found: string[] = [];
        const window = { fromMs: 0, toMs: 10_000, ...(buckets !== undefined && { buckets }) };
        for await (const { workload, atMs, observation } of pastOfAll(
          store,
          new Map(wanted.map((workload) => [workload, workload === "a/slow" ? 3_000 : 1_000])),
          window,
        ))
          found.push(`${workload} ${atMs / 1_000} ${observation.capacity.ready}`);
        const alone = (await Promise.all(wanted.map(async (workload) => (await ready(workload, buckets)).map((one) => `${workload} ${one.join(" ")}`)))).flat();
        expect(found.sort(), `${wanted} in ${buckets}`).toEqual(alone.sort());
      }
  });

  test("of one that is due seldom, or began late, is not overlooked beside others", async () => {
    const many = Array.from({ length: 400 }, (_, i) => ({
      atMs: 1_000 * i,
      bytes: encodeObservations([
        { workload: "a/b", observation: seen(i) },
        ...(i >= 100 && i % 60 === 7 ? [{ workload: "a/rare", observation: seen(i) }] : []),
      ]),
    }));
    const crowded = {
      async *observations() {
        yield* many;
      },
    };
    const found: number[] = [];
    for await (const { workload, atMs } of pastOfAll(
      crowded,
      new Map([
        ["a/b", 1_000],
        ["a/rare", 60_000],
      ]),
      { fromMs: 0, toMs: 400_000, buckets: 100 },
    ))
      if (workload === "a/rare") found.push(atMs / 1_000);
    // It is sought in vain at first, then only now and then, until it is found once.
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect([127, 187, 247, 307, 367].slice(-found.length)).toEqual(found);
  });
});
