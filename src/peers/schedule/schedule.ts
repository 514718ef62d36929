import { BareEngine } from "../../engine/bare-engine.ts";
import type { EngineState, Observation } from "../../engine/model.ts";
import { REASON } from "../../engine/reasons.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedMetric } from "../../policy/resolve-metrics.ts";

/** Capacity by the clock: `units[i]` in the i-th slot of every period. Periods count from 1970-01-01 UTC, a Thursday. */
export interface Timetable {
  readonly slotMs: number;
  readonly units: readonly number[];
}

/** Reference controller: a timetable, each change made so early that units are ready when their slot begins. */
export class ScheduleEngine extends BareEngine {
  readonly intervalMs = 15_000;
  readonly metrics: readonly ResolvedMetric[] = [];
  readonly #timetable: Timetable;
  readonly #leadMs: number;

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, timetable: Timetable) {
    super(name, policy, policyHash);
    this.#timetable = timetable;
    this.#leadMs = policy.unit.startup.meanMs + this.intervalMs;
  }

  protected recommend({ capacity }: Observation, nowMs: number): number {
    const now = this.#slot(nowMs);
    const { slotMs, units } = this.#timetable;
    const wished = Math.max(units[now] as number, units[this.#slot(nowMs + Math.min(this.#leadMs, slotMs))] as number);
    this.desired = wished;
    if (wished !== capacity.requested) this.log.add(REASON.timetable, capacity.requested, wished, now);
    return this.clamp(wished);
  }

  #slot(atMs: number): number {
    const slots = this.#timetable.units.length;
    const slot = Math.floor(atMs / this.#timetable.slotMs) % slots;
    return slot < 0 ? slot + slots : slot;
  }

  state(): EngineState {
    return { engine: this.engine, version: 1 };
  }

  restore(): void {}
}
