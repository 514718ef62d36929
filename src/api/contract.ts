import { z } from "zod";
import type { API_VERSION } from "./version.ts";

// What the local API says and takes. Pages know this file only.

const Id = z.string().regex(/^[a-z0-9-]{1,63}\/[a-z0-9-]{1,63}$/, { error: "expected a workload such as shop/web" });
const who = {
  workload: Id,
  who: z.string().trim().min(1, { error: "expected a name" }).max(200),
  why: z.string().trim().min(1, { error: "expected a reason" }).max(1_000),
};
const until = { untilMs: z.int().min(0).optional().meta({ description: "Wall time, ms since 1970." }) };

/** A command of a person. */
export const CommandRequest = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("pause"), ...who, ...until }),
  z.strictObject({ kind: z.literal("resume"), ...who }),
  z.strictObject({ kind: z.literal("hold-in"), ...who, ...until }),
  z.strictObject({ kind: z.literal("release"), ...who }),
  z.strictObject({ kind: z.literal("set"), ...who, ...until, units: z.int().min(0).max(1_000_000_000) }),
  z.strictObject({ kind: z.literal("approve"), ...who, decision: z.string().regex(/^[0-9a-f]{16}$/, { error: "expected the hash of a decision" }) }),
]);
export type CommandRequest = z.output<typeof CommandRequest>;

/** Why a number is what it is, in words and in data. */
export interface ReasonView {
  readonly stage: string;
  readonly code: string;
  readonly from: number;
  readonly to: number;
  readonly operands: Readonly<Record<string, number | string>>;
  readonly text: string;
}

/** How an objective is kept, over its window so far: what was observed before the controller began is not counted. */
export interface ObjectiveView {
  readonly name: string;
  readonly kind: "threshold" | "ratio" | "band";
  /** The metric that it is judged by. */
  readonly metric: string;
  readonly op?: "lte" | "lt" | "gte" | "gt";
  /** Of a threshold, in the metric's own unit. */
  readonly limit?: number;
  /** Of a band. */
  readonly from?: number;
  readonly to?: number;
  /** `missed`: its error budget is used up. `at_risk`: 80 % of it is, or it burns 14.4 times as fast as it may. `unknown`: nothing was seen yet. */
  readonly state: "met" | "at_risk" | "missed" | "unknown";
  /** Whether it is kept right now; null when nobody can tell. */
  readonly isKept: boolean | null;
  /** Share that was good, 0..1. */
  readonly good: number | null;
  readonly minimum: number;
  /** Share of the error budget of the whole window that is used up. */
  readonly budgetUsed: number | null;
  /** How many times too fast the budget was used up in the last hour; 1 would use it up exactly. */
  readonly burn: number | null;
  readonly windowMs: number;
  /** How long it has been judged, at most the window. */
  readonly judgedMs: number;
}

/** Something that a person should know or do; `urgent` now, `soon` today, `note` is only to be known. */
export interface Attention {
  readonly level: "urgent" | "soon" | "note";
  readonly text: string;
}

/** What a policy says of a workload, as far as whoever looks at it needs. */
export interface WorkloadAbout {
  readonly bounds: { readonly min: number; readonly max: number };
  /** Utilisation above which it counts as short, 0..1. */
  readonly ceiling: number;
  readonly price: { readonly amountPerHour: number; readonly currency: string | null } | null;
  readonly metrics: readonly { readonly name: string; readonly measures: string; readonly scope: "total" | "unit" }[];
}

/** What was observed over a while, in columns of equal length: the last of each bucket of time; null where nothing was. */
export interface SeriesAnswer {
  readonly schemaVersion: typeof API_VERSION;
  /** Engine time, ms. */
  readonly timesMs: readonly number[];
  readonly requested: readonly (number | null)[];
  readonly ready: readonly (number | null)[];
  /** Load over what the ready units can do, 0..1 and beyond. */
  readonly utilisation: readonly (number | null)[];
  readonly metrics: Readonly<Record<string, readonly (number | null)[]>>;
}

/** One workload as it is now. Ratios are 0..1, times ms since 1970. */
export interface WorkloadState {
  readonly workload: string;
  readonly mode: "observe" | "shadow" | "approve" | "live";
  readonly posture: "normal" | "partial" | "blind" | null;
  readonly policyHash: string;
  readonly intervalMs: number;
  readonly about: WorkloadAbout;
  /** Engine time of the last tick; null before the first. */
  readonly tickMs: number | null;
  /** Wall time of the last tick, ms since 1970; null before the first. */
  readonly seenMs: number | null;
  /** It is not looked at as often as it should be: what is said of it is of then. */
  readonly isLate: boolean;
  /** Null while it cannot be read. */
  readonly capacity: { readonly requested: number; readonly ready: number; readonly starting: number; readonly draining: number } | null;
  readonly unreadable: string | null;
  readonly readings: readonly { readonly metric: string; readonly status: "value" | "absent" | "invalid"; readonly value: number | null }[];
  /** Load over what the ready units can do, by the highest of its metrics; null when none says so. */
  readonly utilisation: number | null;
  /** Money for an hour of all units that are paid for; null without a price. */
  readonly costPerHour: number | null;
  readonly objectives: readonly ObjectiveView[];
  /** What a person should look at, most urgent first. */
  readonly attention: readonly Attention[];
  readonly desired: number | null;
  readonly wanted: number | null;
  /** What became of the last decision. */
  readonly effect: string | null;
  /** Of a decision that waits for approval; to be given back with it. */
  readonly decision: string | null;
  readonly reasons: readonly ReasonView[];
  readonly openIntents: number;
  readonly orders: Readonly<
    Record<string, { readonly who: string; readonly why: string; readonly atMs: number; readonly untilMs?: number; readonly units?: number }>
  >;
}

export interface StateAnswer {
  readonly schemaVersion: typeof API_VERSION;
  readonly nowMs: number;
  readonly startedMs: number;
  /** The kill switch is thrown. */
  readonly isStopped: boolean;
  readonly ledgerSeq: number;
  readonly workloads: readonly WorkloadState[];
}

/** One workload on a line. */
export interface FleetRow
  extends Pick<WorkloadState, "workload" | "mode" | "posture" | "seenMs" | "isLate" | "wanted" | "utilisation" | "costPerHour" | "attention"> {
  readonly requested: number | null;
  readonly ready: number | null;
  readonly bounds: { readonly min: number; readonly max: number };
  readonly ceiling: number;
  readonly currency: string | null;
  /** The one that is worst off. */
  readonly objective: ObjectiveView | null;
  /** Why the number is what it is. */
  readonly reason: string | null;
}

/** All workloads in a few numbers. */
export interface SummaryAnswer {
  readonly schemaVersion: typeof API_VERSION;
  readonly nowMs: number;
  readonly isStopped: boolean;
  readonly hasDemo: boolean;
  readonly totals: {
    readonly requested: number;
    readonly ready: number;
    readonly costs: readonly { readonly currency: string | null; readonly perHour: number }[];
    readonly objectives: Readonly<Record<ObjectiveView["state"], number>>;
    readonly urgent: number;
  };
}

/** All workloads, by name. */
export interface FleetAnswer extends SummaryAnswer {
  readonly workloads: readonly FleetRow[];
}

/** One workload, and the time it is there. */
export interface WorkloadAnswer {
  readonly schemaVersion: typeof API_VERSION;
  readonly nowMs: number;
  readonly isStopped: boolean;
  readonly state: WorkloadState;
}

/** How the parts do that are not workloads. */
export interface HealthAnswer {
  readonly schemaVersion: typeof API_VERSION;
  readonly nowMs: number;
  readonly version: string;
  readonly startedMs: number;
  readonly isHealthy: boolean;
  readonly isStopped: boolean;
  readonly tick: { readonly lastMs: number | null; readonly tookMs: number | null; readonly count: number };
  readonly sources: readonly SourceHealth[];
  readonly targets: readonly {
    readonly workload: string;
    readonly type: string;
    readonly readMs: number | null;
    readonly unreadable: string | null;
    readonly openIntents: number;
  }[];
  readonly store: {
    readonly entries: number;
    readonly bytes: number;
    readonly budgetBytes: number;
    readonly retentionMs: number;
    readonly checkpointMs: number | null;
  };
}

/** How a source answered last. Times are wall times, ms since 1970; null: never. */
export interface SourceHealth {
  readonly name: string;
  readonly type: string;
  readonly askedMs: number | null;
  /** When every query last had a value. */
  readonly wholeMs: number | null;
  readonly tookMs: number | null;
  /** Of the last time it was asked. */
  readonly queries: number;
  readonly values: number;
  /** Why the first of those without a value has none. */
  readonly trouble: string | null;
}

/** The same load, on other engines and with perfect foresight, by the simulator: units of each over the same time. */
export interface CounterfactualAnswer {
  readonly schemaVersion: typeof API_VERSION;
  /** Engine time of each point, ms. */
  readonly timesMs: readonly number[];
  /** What the load was taken from, and what had to be guessed. */
  readonly notes: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly units: readonly number[];
    readonly unitHours: number;
    /** Share of the time above the ceiling, 0..1; null for the optimum, which never is but where nobody can help it. */
    readonly aboveCeiling: number | null;
  }[];
}

/** Ready units of a workload, for load balancers; the version grows with each change. */
export interface EndpointsAnswer {
  readonly schemaVersion: typeof API_VERSION;
  readonly version: number;
  readonly endpoints: readonly { readonly unit: number; readonly host: string; readonly port: number }[];
}

/** What goes wrong, after RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

/** What happens, as server-sent events: the name of the event, and its data. */
export type ApiEvent =
  | {
      readonly event: "decision";
      readonly data: {
        readonly workload: string;
        readonly from: number;
        readonly requested: number;
        readonly effect: string;
        readonly posture: string;
        readonly atMs: number;
      };
    }
  | {
      readonly event: "outcome";
      readonly data: { readonly workload: string; readonly units: number; readonly outcome: string; readonly message: string | null };
    }
  | { readonly event: "tick"; readonly data: { readonly atMs: number } }
  | { readonly event: "stopped"; readonly data: { readonly isStopped: boolean } }
  | { readonly event: "warning"; readonly data: { readonly message: string } };
