import fc from "fast-check";
import { expect, test } from "vitest";
import type { PodGroup } from "./pods.ts";
import { podProposal } from "./proposals.ts";

const NOW_MS = 1_000_000_000;
const pod = fc.record({
  count: fc.integer({ min: 1, max: 6 }),
  phase: fc.constantFrom("Pending", "Running", "Succeeded", "Failed"),
  isDeleted: fc.boolean(),
  isReady: fc.constantFrom(true, false, undefined),
  startedAtMs: fc.constantFrom(undefined, NOW_MS - 30_000, NOW_MS - 200_000, NOW_MS - 900_000),
  readyChangedAtMs: fc.constantFrom(NOW_MS - 5_000, NOW_MS - 40_000, NOW_MS - 800_000),
  requestMilli: fc.integer({ min: 1, max: 4_000 }),
  usedMilli: fc.option(fc.integer({ min: 0, max: 8_000 }), { nil: undefined }),
  sampledAtMs: fc.constantFrom(NOW_MS - 15_000, NOW_MS - 60_000),
  sampleWindowMs: fc.constantFrom(15_000, 60_000),
}) satisfies fc.Arbitrary<PodGroup>;

test("a group of pods that are alike counts as its pods one by one, in any order", () => {
  fc.assert(
    fc.property(
      fc.array(pod, { maxLength: 6 }),
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom({ type: "utilisation", percent: 70 } as const, { type: "utilisation", percent: 130 } as const, { type: "mean", milli: 900 } as const),
      fc.boolean(),
      (groups, current, target, isCpu) => {
        const rules = { tolerance: { up: 0.1, down: 0.1 }, readiness: { isCpu, cpuInitializationMs: 300_000, initialReadinessDelayMs: 30_000 } };
        const single = groups.flatMap((group) => Array.from({ length: group.count }, () => ({ ...group, count: 1 })));
        expect(podProposal(groups, target, rules, current, NOW_MS)).toEqual(podProposal(single.toReversed(), target, rules, current, NOW_MS));
      },
    ),
    { numRuns: 2_000 },
  );
});
