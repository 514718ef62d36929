import { z } from "zod";
import { UNITS_MAX } from "../capacity/units.ts";
import { Duration, PositiveDuration, Share } from "./quantities.ts";
import { Units } from "./schema-parts.ts";

// What a policy says about being simulated, and what policy tests may let happen.

/** A fault in the metric pipeline of a simulation. Times count from the start of the trace. */
export const MetricFault = z.strictObject({
  metric: z.string().meta({ description: "A metric's name, or `*` for all." }),
  workload: z.string().optional().meta({ description: "Only for this workload of several that are simulated together. Default: for all." }),
  kind: z.enum(["drop", "zero", "nan", "infinite", "negative", "stale", "lag", "scale", "partial"]),
  from: Duration,
  to: Duration,
  factor: z.number().min(0).max(1_000_000).prefault(1).meta({ description: "For `scale`: readings are multiplied by this." }),
  by: PositiveDuration.prefault("1m").meta({ description: "For `lag`: readings come so much later than they do anyway." }),
});
export type MetricFault = z.output<typeof MetricFault>;

const where = {
  workload: z.string().optional().meta({ description: "At which workload of several that are simulated together. Default: the one that gets the load." }),
};
const stretch = { from: Duration, to: Duration, ...where };
const moment = { at: Duration, ...where };

/** What happens in the world of a simulation. Times count from the start of the trace. */
export const WorldEvent = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("rollout"), ...stretch, share: Share.meta({ description: "Of the ready units, those that are out at a time." }) }),
    z.strictObject({ kind: z.literal("quota"), ...stretch, units: Units.meta({ description: "Beyond this nothing starts." }) }),
    z.strictObject({ kind: z.literal("startFailure"), ...stretch, share: Share.meta({ description: "Of the starts, those that fail and begin again." }) }),
    z.strictObject({
      kind: z.literal("crowding"),
      ...stretch,
      above: Units.meta({ description: "With more units than this," }),
      share: Share.meta({ description: "so much of its work is done" }),
      of: z.enum(["all", "further"]).prefault("all").meta({ description: "by all of them, or by those beyond." }),
    }),
    z.strictObject({
      kind: z.literal("staleRoutes"),
      ...stretch,
      keep: PositiveDuration.meta({ description: "So long requests go on being sent to units that are removed, and fail." }),
    }),
    z.strictObject({ kind: z.literal("set"), ...moment, units: z.int().min(0).max(UNITS_MAX).meta({ description: "What someone else sets capacity to." }) }),
    z.strictObject({ kind: z.literal("capacityUnreadable"), ...stretch }),
    z.strictObject({
      kind: z.literal("capacityReads"),
      ...stretch,
      units: z.int().min(0).max(UNITS_MAX).meta({ description: "What is reported, whatever runs." }),
    }),
    z.strictObject({ kind: z.literal("pause"), ...stretch }).meta({ description: "A person pauses the workload." }),
    z.strictObject({ kind: z.literal("holdIn"), ...stretch }).meta({ description: "A person forbids scale-in." }),
    z.strictObject({ kind: z.literal("order"), ...stretch, units: z.int().min(0).max(UNITS_MAX).meta({ description: "What a person orders." }) }),
    z.strictObject({ kind: z.literal("restart"), ...moment, at: Duration.meta({ description: "When the controller begins anew, without memory." }) }),
  ])
  .meta({ description: "What happens in the world: rollouts, quotas, failing starts, capacity set by others or misread, restarts of the controller." });
export type WorldEvent = z.output<typeof WorldEvent>;

/** Defaults for `vernier simulate`, each overridden by the option of the same name. */
export const Simulation = z.strictObject({
  trace: z.string().optional().meta({ description: "Path of a recording, relative to this file." }),
  peakUnits: Units.optional().meta({ description: "Scale the load so that its peak needs this many units." }),
  warmUp: Duration.optional().meta({ description: "Not scored. Default: 24 h, or 10 % of the trace if shorter." }),
  seed: z.int().min(0).max(4_294_967_295).optional(),
  interpolate: z.boolean().optional().meta({ description: "Interpolate between bin centres instead of holding the rate in a bin." }),
  initialUnits: Units.optional().meta({ description: "Units ready at the start. Default: what the first step needs." }),
  faults: z.array(MetricFault).max(256).optional(),
  events: z.array(WorldEvent).max(256).optional(),
});
