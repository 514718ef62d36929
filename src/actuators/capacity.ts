import { oneLine } from "../lib/one-line.ts";
import type { CapacityFound, CapacityUnreadable } from "./actuator.ts";

const UNITS_MOST = 1_000_000_000;

/**
 * Capacity as programs of users say it: `12`, or `{"requested": 12, "ready": 10}` with `starting`, `draining`, `version` and `uid` where known.
 * @param how what they do to say it, such as `printed`
 */
export function parseCapacity(text: string, how: string): CapacityFound | CapacityUnreadable {
  const strange = (what: string): CapacityUnreadable => ({
    kind: "unreadable",
    code: "strange",
    message: `${what}, expected a number of units or {"requested": 12, "ready": 10}`,
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return strange(`${how} "${oneLine(text).slice(0, 60)}"`);
  }
  const fields = typeof value === "number" ? { requested: value } : value;
  if (typeof fields !== "object" || fields === null) return strange(`${how} "${oneLine(text).slice(0, 60)}"`);
  const { requested, version, uid, ...counts } = fields as Record<string, unknown>;
  const { ready = requested, starting = 0, draining = 0 } = counts;
  for (const [name, count] of Object.entries({ requested, ready, starting, draining }))
    if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > UNITS_MOST) return strange(`${name} is ${JSON.stringify(count)}`);
  return {
    kind: "found",
    requested: requested as number,
    ready: ready as number,
    starting: starting as number,
    draining: draining as number,
    ...(typeof version === "string" && { version }),
    ...(typeof uid === "string" && { uid }),
  };
}
