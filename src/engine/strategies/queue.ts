import type { ResolvedStrategy } from "../../policy/resolve.ts";
import { saturateUnits } from "./step-units.ts";

export type QueueParams = Extract<ResolvedStrategy, { type: "queue" }>;

/**
 * Units that work off what waits within the drain time while serving what arrives: `ceil((arrivals + backlog / drain) / per unit)`.
 * Never fewer than what arrives needs. More of either never gives less.
 * @param arrivals items per second, >= 0   @param backlog items that wait, >= 0
 * @example 90/s arrive, 600 wait, drain 60 s, 10/s per unit: (90 + 10) / 10 -> 10
 */
export function queueUnits(params: QueueParams, arrivals: number, backlog: number): number {
  return saturateUnits((arrivals + (backlog * 1_000) / params.drainMs) / params.perUnit);
}
