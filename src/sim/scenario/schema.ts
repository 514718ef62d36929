import { z } from "zod";
import { UNITS_MAX } from "../../capacity/units.ts";
import { REASONS, type ReasonCode } from "../../engine/reasons.ts";
import { nearest } from "../../lib/nearest.ts";
import { Duration, durationFrom, PositiveDuration, Rate } from "../../policy/quantities.ts";
import { MetricFault, WorldEvent } from "../../policy/schema-simulation.ts";
import { Condition } from "./matcher.ts";

// The only definition of policy tests. The JSON Schema for editors is generated from it.

const Level = z.union([z.number().nonnegative().max(1e12), Rate], { error: "expected a load, such as 40 or 40/s" });
const lasts = { for: durationFrom("5s", "31d").meta({ description: "How long it lasts." }) };

/** A stretch of load. Requests per second where `unit.serves` is declared, busy units otherwise. */
const Segment = z.union(
  [
    z.strictObject({ constant: Level, ...lasts }),
    z.strictObject({ from: Level, to: Level, ...lasts }),
    z.strictObject({ mean: Level, amplitude: Level, period: PositiveDuration, ...lasts }),
  ],
  { error: "expected {constant: 40, for: 10m}, {from: 40, to: 80, for: 5m} or {mean: 40, amplitude: 20, period: 1h, for: 4h}" },
);
export type Segment = z.output<typeof Segment>;

const Recording = z.strictObject({
  csv: z.string().min(1).meta({ description: "A recording, relative to the test file." }),
  peakUnits: z.int().min(1).max(UNITS_MAX).optional().meta({ description: "Scale it so that its peak needs this many units." }),
});

const CODES = Object.keys(REASONS) as [ReasonCode, ...ReasonCode[]];

function expectedCode(given: unknown): string {
  const wrong = (Array.isArray(given) ? given : [given]).find((code) => !CODES.includes(code as ReasonCode));
  const near = typeof wrong === "string" ? nearest(wrong, CODES) : undefined;
  return `expected a reason code, see docs/reasons.md${near === undefined ? "" : `; did you mean ${near}?`}`;
}

const Codes = z.union([z.enum(CODES).transform((code) => [code]), z.array(z.enum(CODES)).min(1)], { error: (issue) => expectedCode(issue.input) });

const expectFields = {
  requested: Condition.optional().meta({ description: "Units requested after the decision." }),
  ready: Condition.optional().meta({ description: "Units ready before the decision." }),
  desired: Condition.optional().meta({ description: "Units that load calls for, before the guards." }),
  posture: z.enum(["normal", "partial", "blind"]).optional(),
  reason: Codes.optional().meta({ description: "Reason codes that are given: by this decision, or at least once in a window." }),
  never: Codes.optional().meta({ description: "Reason codes that are not given." }),
};
export const Expectation = z.strictObject(expectFields);
export type Expectation = z.output<typeof Expectation>;

const Window = z.strictObject({ from: Duration, to: Duration, ...expectFields });

export const PolicyTest = z.strictObject({
  name: z.string().min(1).max(200),
  policy: z
    .union([z.string().min(1), z.record(z.string(), z.unknown())], { error: "expected the path of a policy, or the fields of a workload" })
    .optional()
    .meta({ description: "A policy file relative to this file, or the fields of one workload. Default: `policy` of the file." }),
  workload: z.string().optional().meta({ description: "Which workload of the policy." }),
  load: z.union([Recording, Segment.transform((segment) => [segment]), z.array(Segment).min(1).max(1_000)], {
    error: "expected stretches of load such as [{constant: 40, for: 10m}, {from: 40, to: 80, for: 5m}], or {csv: requests.csv}",
  }),
  spikes: z
    .array(z.strictObject({ at: Duration, for: durationFrom("5s", "31d"), times: z.number().min(0).max(1e6) }))
    .max(100)
    .prefault([])
    .meta({ description: "Stretches in which the load is multiplied." }),
  startup: Duration.optional().meta({ description: "From request to ready, instead of the policy's." }),
  initialUnits: z.int().min(0).max(UNITS_MAX).optional().meta({ description: "Units ready at the start. Default: what the first load needs." }),
  faults: z.array(MetricFault).max(256).prefault([]),
  events: z.array(WorldEvent).max(256).prefault([]),
  engines: z
    .record(z.string(), z.enum(["passes", "fails"]))
    .refine((engines) => Object.keys(engines).length > 0, { error: "expected at least one engine" })
    .prefault({ vernier: "passes" })
    .meta({
      description:
        "Engines that are put to the test, and what is expected of each: `{vernier: passes, hpa-v2@70: fails}`; `hpa-v2=hpa.yaml` is the HPA of a manifest.",
    }),
  expect: z.strictObject({
    at: z.record(z.string(), Expectation).prefault({}).meta({ description: "By time from the start (`5m`): what the decision at or just before it says." }),
    always: Expectation.optional().meta({ description: "What every decision says." }),
    between: z.array(Window).max(100).prefault([]).meta({ description: "What every decision from `from` on and before `to` says." }),
    score: z
      .record(z.string(), Condition)
      .prefault({})
      .meta({ description: "Scores over the whole test, see docs/scores.md: `{timeAboveCeilingRatio: < 1%}`." }),
    decisions: z.string().optional().meta({ description: "A file with every change of capacity, relative to this one; `vernier test --update` writes it." }),
  }),
});
export type PolicyTest = z.output<typeof PolicyTest>;

export const PolicyTestFile = z.strictObject({
  version: z.literal(1, { error: "expected version: 1, the only version of policy tests" }),
  policy: PolicyTest.shape.policy,
  tests: z.array(PolicyTest).min(1).max(1_000),
});
export type PolicyTestFile = z.output<typeof PolicyTestFile>;
