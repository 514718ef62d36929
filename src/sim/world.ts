import type { CapacityReport, Engine, EngineState, Orders } from "../engine/model.ts";
import type { WorldEvent } from "../policy/schema-simulation.ts";
import type { Plant } from "./plant.ts";

/** Lets happen in the world what a simulation says shall happen: to the plant, to what is reported of it, to the controller. */
export class World {
  readonly #events: readonly WorldEvent[];
  readonly #plant: Plant;
  readonly #engine: Engine;
  /** The engine before its first tick: what a restart without memory goes back to. */
  readonly #unborn: EngineState;
  readonly #done = new Set<WorldEvent>();

  constructor(events: readonly WorldEvent[], plant: Plant, engine: Engine) {
    this.#events = events;
    this.#plant = plant;
    this.#engine = engine;
    this.#unborn = engine.state();
  }

  /** @param offsetMs since the start of the trace */
  advance(offsetMs: number, nowMs: number): void {
    const plant = this.#plant;
    let out = 0;
    let quota = Number.POSITIVE_INFINITY;
    plant.startFailure = 0;
    plant.effects.crowding = undefined;
    plant.effects.keepMs = 0;
    for (const event of this.#events) {
      if (event.kind === "set" || event.kind === "restart") {
        if (offsetMs < event.at || this.#done.has(event)) continue;
        this.#done.add(event);
        if (event.kind === "set") plant.request(event.units, nowMs);
        else this.#engine.restore(this.#unborn);
        continue;
      }
      if (offsetMs < event.from || offsetMs >= event.to) continue;
      if (event.kind === "rollout") out = Math.max(out, event.share);
      else if (event.kind === "quota") quota = Math.min(quota, event.units);
      else if (event.kind === "crowding") plant.effects.crowding = event;
      else if (event.kind === "staleRoutes") plant.effects.keepMs = Math.max(plant.effects.keepMs, event.keep);
      else if (event.kind === "startFailure") plant.startFailure = Math.max(plant.startFailure, event.share);
    }
    plant.takeOut(out);
    plant.limit(quota, nowMs);
  }

  /** What people order at the moment. */
  orders(offsetMs: number): Orders | undefined {
    let orders: Orders | undefined;
    for (const event of this.#events) {
      if (event.kind !== "pause" && event.kind !== "holdIn" && event.kind !== "order") continue;
      if (offsetMs < event.from || offsetMs >= event.to) continue;
      if (event.kind === "pause") orders = { ...orders, isPaused: true };
      else if (event.kind === "holdIn") orders = { ...orders, holdsIn: true };
      else orders = { ...orders, units: event.units };
    }
    return orders;
  }

  /** What is said of capacity, whatever runs. */
  report(capacity: CapacityReport, offsetMs: number): void {
    capacity.readable = true;
    for (const event of this.#events) {
      if ((event.kind !== "capacityUnreadable" && event.kind !== "capacityReads") || offsetMs < event.from || offsetMs >= event.to) continue;
      if (event.kind === "capacityUnreadable") capacity.readable = false;
      else {
        capacity.requested = event.units;
        capacity.ready = event.units;
        capacity.starting = 0;
      }
    }
  }
}
