import fc from "fast-check";
import { expect, test } from "vitest";
import { uslBestConcurrency, uslConcurrency, uslPeak, uslThroughput } from "./usl.ts";

test("the published fits of Cisco and SPEC SDM91 peak where their authors say", () => {
  const cisco = { serviceTime: 1 / 995.65, contention: 0.026716, coherency: 7.6909e-4 };
  expect(uslBestConcurrency(cisco)).toBeCloseTo(35.57, 1);
  expect(uslPeak(cisco)).toBeCloseTo(12_342.9, -1);
  const sdm91 = { serviceTime: 1 / 89.995, contention: 0.027728, coherency: 1.0437e-4 };
  expect(uslBestConcurrency(sdm91)).toBeCloseTo(96.5, 1);
  expect(uslPeak(sdm91)).toBeCloseTo(1_883.9, -1);
});

test("without contention and coherency there is no end; with contention alone the end is Amdahl's", () => {
  expect(uslPeak({ serviceTime: 0.1, contention: 0, coherency: 0 })).toBe(Number.POSITIVE_INFINITY);
  expect(uslPeak({ serviceTime: 0.1, contention: 0.05, coherency: 0 })).toBeCloseTo(200, 9);
  expect(uslConcurrency({ serviceTime: 0.1, contention: 0, coherency: 0 }, 50)).toBeCloseTo(5, 9);
});

test("concurrency is the inverse of throughput up to the peak", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-3, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 0.3, noNaN: true }),
      fc.double({ min: 1e-6, max: 0.01, noNaN: true }),
      fc.double({ min: 0.01, max: 0.999, noNaN: true }),
      (serviceTime, contention, coherency, share) => {
        const usl = { serviceTime, contention, coherency };
        const wanted = share * uslPeak(usl);
        const n = uslConcurrency(usl, wanted);
        // Below one at a time, alone.
        if (n > 1 && n > wanted * serviceTime) expect(uslThroughput(usl, n) / wanted).toBeCloseTo(1, 6);
        expect(n).toBeGreaterThanOrEqual(wanted * serviceTime);
        expect(n).toBeLessThanOrEqual(Math.max(wanted * serviceTime, uslBestConcurrency(usl)) * (1 + 1e-9));
      },
    ),
  );
});
