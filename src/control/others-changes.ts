import type { Past } from "./past.ts";
import type { OthersChanges } from "./preflight.ts";

/** An order of ours is seen in effect so soon after it was given, at the latest; then a change is somebody else's. */
const OURS_WITHIN_MS = 300_000;

/** An order of ours, by the ledger. */
export interface OwnOrder {
  readonly atMs: number;
  readonly units: number;
}

/**
 * Changes of capacity that nobody here asked for.
 * @param past what was observed, oldest first   @param orders ours, in any order
 */
export function othersChanges(past: readonly Past[], orders: readonly OwnOrder[], withinMs: number): OthersChanges {
  let count = 0;
  let lastMs: number | undefined;
  let before: number | undefined;
  for (const { atMs, observation } of past) {
    const { readable, requested } = observation.capacity;
    if (!readable) continue;
    const isOurs = orders.some((order) => order.units === requested && atMs - order.atMs >= -OURS_WITHIN_MS && atMs - order.atMs <= OURS_WITHIN_MS);
    if (before !== undefined && requested !== before && !isOurs) {
      count++;
      lastMs = atMs;
    }
    before = requested;
  }
  return { count, lastMs, withinMs };
}
