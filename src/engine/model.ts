import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { Reason } from "./reasons.ts";

/**
 * One value of one metric, or why there is none. Absent is never zero.
 * `value` counts only when `status` is `value`; in the metric's unit (ratios 0..1, rates per second, latency in seconds).
 */
export interface Reading {
  metric: string;
  status: "value" | "absent" | "invalid";
  value: number;
  /** Engine time of the end of the window that the value covers. */
  sampledAtMs: number;
  windowMs: number;
  /** Whether the source itself said that something was missing. */
  partial: boolean;
}

/** Capacity as the actuator reports it, in whole units. `requested` is what was last asked for, by whomever. */
export interface CapacityReport {
  /** False when the actuator could not be read; the numbers then mean nothing. */
  readable: boolean;
  requested: number;
  starting: number;
  ready: number;
  draining: number;
}

/** What people ordered, as far as it is in force at a tick. */
export interface Orders {
  /** No step of our own, not even to the bounds. */
  readonly isPaused?: boolean;
  /** No step down of our own. */
  readonly holdsIn?: boolean;
  /** So many units, whatever load does; bounds, limits and the blast radius hold all the same. */
  readonly units?: number;
}

/** All an engine may know at one tick. Engines read it during `propose` and keep no reference. */
export interface Observation {
  readonly capacity: CapacityReport;
  /** In any order; a metric that is missing here is absent. */
  readonly readings: readonly Reading[];
  readonly orders?: Orders | undefined;
}

/** Normal, partial (something unusable: may grow, may not shrink) or blind (nothing usable). */
export type Posture = "normal" | "partial" | "blind";

/** What one workload wants before limits that span workloads are shared out. */
export interface Proposal {
  readonly from: number;
  readonly desired: number;
}

/** What shared limits leave to a workload: it may not request more than `unitsMax`. */
export interface Allowances {
  readonly unitsMax: number;
}

/** No shared limit binds. */
export const UNLIMITED: Allowances = { unitsMax: Number.POSITIVE_INFINITY };

/**
 * What an engine settled on. `hold` is a decision too: then `requested` equals `from`, and nothing may be set
 * (when capacity could not be read, neither number says what runs).
 * Objects of this shape are reused by engines: read them before the next `propose`.
 */
export interface Decision {
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly atMs: number;
  readonly posture: Posture;
  /** Requested capacity as observed. */
  readonly from: number;
  /** Capacity that load calls for, before the guards. */
  readonly desired: number;
  /** Capacity to request now. */
  readonly requested: number;
  readonly ready: number;
  /** Every stage that changed or held the number, in stage order. Costs an allocation: call it when someone will read it. */
  reasons(): Reason[];
}

/**
 * A rule that decides capacity: Vernier's own, another autoscaler's, a reference controller.
 * Deterministic; owns its state; no clock, no I/O. `nowMs` never decreases.
 */
export interface Engine {
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly intervalMs: number;
  /** What it reads, each through the window and lag of its own vendor's pipeline. */
  readonly metrics: readonly ResolvedMetric[];
  /** Evaluates one observation. Must be followed by `settle` before the next call. */
  propose(observation: Observation, nowMs: number): Proposal;
  /** Takes the shared limits into account and remembers what will be requested. */
  settle(allowances: Allowances): Decision;
  /** Everything remembered, as plain JSON. `restore(state())` on a fresh engine continues identically. */
  state(): EngineState;
  restore(state: EngineState): void;
}

/** Plain JSON; its inside belongs to the engine that wrote it. */
export type EngineState = { readonly engine: string; readonly version: number } & Readonly<Record<string, unknown>>;

/** `propose` and `settle` back to back, for a workload that shares no limits. */
export function decide(engine: Engine, observation: Observation, nowMs: number): Decision {
  engine.propose(observation, nowMs);
  return engine.settle(UNLIMITED);
}
