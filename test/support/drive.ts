import { VernierEngine } from "../../src/engine/engine.ts";
import type { CapacityReport, Decision, Observation, Posture, Reading } from "../../src/engine/model.ts";
import { UNLIMITED } from "../../src/engine/model.ts";
import type { Reason, ReasonCode } from "../../src/engine/reasons.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import type { ResolvedWorkload } from "../../src/policy/resolve.ts";

/** A decision copied out of the engine's reused object. */
export interface Taken {
  readonly from: number;
  readonly desired: number;
  readonly requested: number;
  readonly posture: Posture;
  readonly reasons: readonly Reason[];
  readonly codes: readonly ReasonCode[];
}

/** A reading's value, or why there is none. */
export type Given = number | "absent" | "invalid" | Partial<Reading>;

export interface Tick {
  readonly requested?: number;
  readonly ready?: number;
  readonly readable?: boolean;
  readonly readings?: Readonly<Record<string, Given>>;
  readonly unitsMax?: number;
}

/** The resolved workload of a policy text with one workload, given by its fields. */
export function workload(fields: string, settings = ""): ResolvedWorkload {
  const text = `version: 1\n${settings}\nworkloads:\n  test/web:\n${fields
    .trim()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n")}\n`;
  const [first] = parsePolicy(text, "test.yaml").workloads;
  if (first === undefined) throw new Error("no workload");
  return first.resolved;
}

/** A target-tracking workload as most tests need it. */
export const TRACKING = `
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

/** Drives an engine tick by tick by hand. What it requests is there at the next tick, ready at once unless told otherwise. */
export class Drive {
  engine: VernierEngine;
  nowMs: number;
  requested: number;
  ready: number;
  readonly policy: ResolvedWorkload;

  constructor(policy: ResolvedWorkload, requested: number, nowMs = 0) {
    this.policy = policy;
    this.engine = new VernierEngine(policy, { policyHash: "test" });
    this.requested = requested;
    this.ready = requested;
    this.nowMs = nowMs;
  }

  tick(given: Tick = {}): Taken {
    this.requested = given.requested ?? this.requested;
    this.ready = given.ready ?? this.requested;
    const capacity: CapacityReport = {
      readable: given.readable ?? true,
      requested: this.requested,
      starting: Math.max(0, this.requested - this.ready),
      ready: this.ready,
      draining: 0,
    };
    const observation: Observation = { capacity, readings: Object.entries(given.readings ?? {}).map(([metric, value]) => reading(metric, value, this.nowMs)) };
    this.engine.propose(observation, this.nowMs);
    const decision: Decision = this.engine.settle(given.unitsMax === undefined ? UNLIMITED : { unitsMax: given.unitsMax });
    const reasons = decision.reasons();
    const taken = {
      from: decision.from,
      desired: decision.desired,
      requested: decision.requested,
      posture: decision.posture,
      reasons,
      codes: reasons.map((reason) => reason.code),
    };
    this.requested = decision.requested;
    this.nowMs += this.policy.intervalMs;
    return taken;
  }

  /** The same tick for a while; returns the last. */
  run(durationMs: number, given: Tick = {}): Taken {
    let last: Taken | undefined;
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs || last === undefined; ) last = this.tick(given);
    return last;
  }

  /** Ticks under a constant load in busy units, so that utilisation falls as capacity grows. */
  load(busy: number, durationMs: number): Taken {
    let last: Taken | undefined;
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs || last === undefined; ) last = this.tick({ readings: { cpu: busy / this.requested } });
    return last;
  }
}

function reading(metric: string, given: Given, nowMs: number): Reading {
  const base: Reading = { metric, status: "value", value: 0, sampledAtMs: nowMs, windowMs: 15_000, partial: false };
  if (typeof given === "number") return { ...base, value: given };
  if (given === "absent" || given === "invalid") return { ...base, status: given };
  return { ...base, ...given };
}
