import { describe, expect, test } from "vitest";
import { createRng } from "../lib/rng.ts";
import { erlangC, mmcResponseQuantile } from "./erlang.ts";
import { unitsNeeded } from "./needed.ts";
import { processorSharingQuantiles } from "./processor-sharing.ts";

describe("Erlang", () => {
  test.for([
    [1, 2, 0.333333],
    [4, 5, 0.554113],
    [7, 10, 0.221732],
    [3.6, 4, 0.787753],
    [100, 108, 0.32833],
    [9_900, 10_000, 0.222777],
  ] as const)("C of %d erlangs on %d servers", ([erlangs, servers, waiting]) => {
    expect(erlangC(erlangs, servers)).toBeCloseTo(waiting, 5);
  });

  test("response quantiles of M/M/4", () => {
    expect([0.5, 0.95, 0.99].map((quantile) => mmcResponseQuantile(quantile, 3.6, 4))).toEqual([
      expect.closeTo(2.2545, 4),
      expect.closeTo(8.1655, 4),
      expect.closeTo(12.1932, 4),
    ]);
    expect(mmcResponseQuantile(0.95, 2.8, 4)).toBeCloseTo(3.7525, 3);
  });
});

describe("processor sharing", () => {
  test("an idle unit answers in its service time, exponentially distributed", () => {
    const [median, p95] = processorSharingQuantiles(0, [0.5, 0.95]);
    expect(median).toBeCloseTo(Math.log(2), 6);
    expect(p95).toBeCloseTo(-Math.log(0.05), 6);
  });

  test("agrees with a simulation of the queue at 70 %", () => {
    const rho = 0.7;
    const rng = createRng(11);
    const exponential = (): number => -Math.log(1 - rng.next());
    let nowAt = 0;
    let nextArrival = exponential() / rho;
    let present: { left: number; since: number }[] = [];
    const times: number[] = [];
    while (times.length < 60_000) {
      const n = present.length;
      const shortest = n === 0 ? Number.POSITIVE_INFINITY : Math.min(...present.map((job) => job.left)) * n;
      const step = Math.min(shortest, nextArrival - nowAt);
      for (const job of present) job.left -= step / n;
      nowAt += step;
      if (step === shortest) {
        for (const job of present) if (job.left <= 1e-12) times.push(nowAt - job.since);
        present = present.filter((job) => job.left > 1e-12);
      } else {
        present.push({ left: exponential(), since: nowAt });
        nextArrival = nowAt + exponential() / rho;
      }
    }
    times.sort((a, b) => a - b);
    const [p50, p95] = processorSharingQuantiles(rho, [0.5, 0.95]);
    // Quantiles come in mean response times: 1 / (1 - 0.7).
    expect(Math.abs((times[30_000] as number) * 0.3 - (p50 as number))).toBeLessThan(0.03);
    expect(Math.abs((times[57_000] as number) * 0.3 - (p95 as number))).toBeLessThan(0.2);
  });
});

test.for([
  [0, 2],
  [140, 2],
  [141, 3],
  [350, 5],
  [700, 10],
  [701, 11],
  [21, 2],
] as const)("%d requests/s need %d units at 70 % of 100", ([load, units]) => {
  expect(unitsNeeded({ load, perUnit: 100, ceiling: 0.7, min: 2 })).toBe(units);
});
