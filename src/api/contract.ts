import { z } from "zod";

// What the local API says and takes. Pages know this file only.

export const API_VERSION = 1;

const Id = z.string().regex(/^[a-z0-9-]{1,63}\/[a-z0-9-]{1,63}$/, { error: "expected a workload such as shop/web" });
const who = { workload: Id, who: z.string().min(1).max(200), why: z.string().min(1, { error: "expected a reason" }).max(1_000) };
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

/** What a policy says of a workload, as far as whoever looks at it needs. */
export interface WorkloadAbout {
  readonly bounds: { readonly min: number; readonly max: number };
  /** Utilisation above which it counts as short, 0..1. */
  readonly ceiling: number;
  readonly price: { readonly amountPerHour: number; readonly currency: string | null } | null;
  readonly metrics: readonly { readonly name: string; readonly measures: string; readonly scope: "total" | "unit" }[];
  /** `limit` of a threshold, `from` and `to` of a band, in the metric's own unit. */
  readonly objectives: readonly {
    readonly name: string;
    readonly metric: string;
    readonly op?: "lte" | "lt" | "gte" | "gt";
    readonly limit?: number;
    readonly from?: number;
    readonly to?: number;
  }[];
}

/** What was observed over a while, in columns of equal length: the last of each bucket of time; null where nothing was. */
export interface SeriesAnswer {
  readonly schemaVersion: typeof API_VERSION;
  /** Engine time, ms. */
  readonly timesMs: readonly number[];
  readonly requested: readonly (number | null)[];
  readonly ready: readonly (number | null)[];
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
  /** Null while it cannot be read. */
  readonly capacity: { readonly requested: number; readonly ready: number; readonly starting: number; readonly draining: number } | null;
  readonly unreadable: string | null;
  readonly readings: readonly { readonly metric: string; readonly status: "value" | "absent" | "invalid"; readonly value: number | null }[];
  readonly desired: number | null;
  readonly wanted: number | null;
  /** What became of the last decision. */
  readonly effect: string | null;
  /** Of a decision that waits for approval; to be given back with it. */
  readonly decision: string | null;
  readonly reasons: readonly ReasonView[];
  readonly openIntents: number;
  readonly orders: Readonly<Record<string, { readonly who: string; readonly why: string; readonly atMs: number; readonly untilMs?: number }>>;
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
