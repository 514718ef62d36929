import type { Actuator, CapacityFound, CapacityUnreadable, SetOutcome } from "../actuators/actuator.ts";
import type { Conclusion, Intent } from "../ledger/store.ts";
import { messageOf } from "../lib/system-error.ts";

/** Longest time for reading capacity. */
export const READING_MAX_MS = 10_000;
/** Of the interval, time for reading before a decision. */
const READING_SHARE = 0.5;
/** Longest time for one effect. */
export const ACTING_MAX_MS = 60_000;

/** What came of an effect, as far as it could be read back. */
export interface CarriedOut {
  readonly outcome: Conclusion["outcome"];
  readonly message?: string;
}

/** Time for reading metrics and capacity before the decision of a tick. */
export function readingTimeMs(intervalMs: number): number {
  return Math.min(READING_MAX_MS, intervalMs * READING_SHARE);
}

/** Capacity as it is; unreadable whatever goes wrong. */
export async function readCapacity(actuator: Actuator, signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
  try {
    return await actuator.observe(signal);
  } catch (error) {
    // Actuators answer with values; one that rejects was stopped, or has a bug, and either way nothing is known.
    return { kind: "unreadable", code: "deadline", message: messageOf(error) };
  }
}

/**
 * Does what an intent says, and reads back what is there. What an actuator says counts for what it did not do; that something
 * was done is believed when it is seen.
 * `deadline`, and what `readBackBy` gives when it is time to read back, abort when nobody waits any longer, and the outcome is unknown then.
 */
export async function carryOut(
  intent: Intent,
  actuator: Actuator,
  { deadline, readBackBy }: { readonly deadline: AbortSignal; readonly readBackBy: () => AbortSignal },
): Promise<CarriedOut> {
  const { units: requested, ...identity } = intent.expect;
  let said: SetOutcome;
  try {
    said = await actuator.set({ intentId: intent.id, epoch: intent.epoch, units: intent.do.units, expect: { requested, ...identity } }, deadline);
  } catch (error) {
    said = { kind: "unknown", message: messageOf(error) };
  }
  const message = "message" in said ? said.message : undefined;
  if (said.kind === "conflict" || said.kind === "rejected" || said.kind === "failed") return { outcome: said.kind, ...(message !== undefined && { message }) };
  const after = await readCapacity(actuator, readBackBy());
  if (after.kind === "unreadable") return { outcome: "unknown", message: [message, after.message].filter((text) => text !== undefined).join("; ") };
  if (after.requested === intent.do.units) return { outcome: said.kind === "unchanged" ? "unchanged" : "applied" };
  if (said.kind === "unknown" && after.requested === intent.expect.units) return { outcome: "failed", ...(message !== undefined && { message }) };
  return { outcome: "unknown", message: `${message === undefined ? "" : `${message}; `}found ${after.requested} units` };
}
