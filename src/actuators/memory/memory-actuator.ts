import type { Actuator, ActuatorAbilities, CapacityFound, Permission, SetOrder, SetOutcome } from "../actuator.ts";

/** Capacity that exists only in memory: for dry runs, tests, and as the simplest example of an actuator. */
export class MemoryActuator implements Actuator {
  readonly abilities: ActuatorAbilities = { comparesAndSets: true, keepsEpoch: true, settlesWithinMs: 0 };
  #units: number;
  #version = 1;
  #epoch = 0;
  /** Orders that changed something, by intent: a second attempt at one changes nothing. */
  readonly applied: string[] = [];

  constructor(units: number) {
    this.#units = units;
  }

  async observe(signal: AbortSignal): Promise<CapacityFound> {
    signal.throwIfAborted();
    return { kind: "found", requested: this.#units, ready: this.#units, starting: 0, draining: 0, version: String(this.#version), uid: "memory" };
  }

  async set({ intentId, epoch, units, expect }: SetOrder, signal: AbortSignal): Promise<SetOutcome> {
    if (signal.aborted) return { kind: "failed", message: "stopped before anything was done" };
    if (epoch < this.#epoch) return { kind: "conflict", message: `a controller of epoch ${this.#epoch} has taken over` };
    this.#epoch = epoch;
    if (units === this.#units) return { kind: "unchanged" };
    if (expect.version !== undefined ? expect.version !== String(this.#version) : expect.requested !== this.#units)
      return { kind: "conflict", message: `found ${this.#units} units, expected ${expect.requested}` };
    this.change(units);
    this.applied.push(intentId);
    return { kind: "applied" };
  }

  /** What somebody else does. */
  change(units: number): void {
    this.#units = units;
    this.#version++;
  }

  async permission(): Promise<Permission> {
    return { kind: "granted" };
  }

  async close(): Promise<void> {}
}
