import type { Past } from "./past.ts";
import type { OthersChanges } from "./preflight.ts";

/** An order of ours is seen in effect so soon after it was given, at the latest; then a change is somebody else's. */
const OURS_WITHIN_MS = 300_000;

/** An order of ours, by the ledger. */
export interface OwnOrder {
  readonly atMs: number;
  readonly units: number;
}

/** Counts changes of capacity that nobody here asked for, one observation after the other. */
export class OthersWatch {
  readonly #orders: readonly OwnOrder[];
  readonly #withinMs: number;
  readonly #oursWithinMs: number;
  #count = 0;
  #lastMs: number | undefined;
  #before: number | undefined;

  /** @param orders ours, in any order   @param withinMs how far back is looked   @param everyMs time between two observations */
  constructor(orders: readonly OwnOrder[], withinMs: number, everyMs: number) {
    this.#orders = orders;
    this.#withinMs = withinMs;
    this.#oursWithinMs = OURS_WITHIN_MS + everyMs;
  }

  /** Takes what was observed; oldest first. */
  note({ atMs, observation }: Past): void {
    const { readable, requested } = observation.capacity;
    if (!readable) return;
    const before = this.#before;
    this.#before = requested;
    if (before === undefined || requested === before || this.#isOurs(requested, atMs)) return;
    this.#count++;
    this.#lastMs = atMs;
  }

  #isOurs(requested: number, atMs: number): boolean {
    return this.#orders.some(({ units, atMs: orderedMs }) => units === requested && Math.abs(atMs - orderedMs) <= this.#oursWithinMs);
  }

  get changes(): OthersChanges {
    return { count: this.#count, lastMs: this.#lastMs, withinMs: this.#withinMs };
  }
}
