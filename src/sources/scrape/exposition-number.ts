import { NUMBER } from "../source.ts";

/** A longer token is no number; the pattern need not be asked. */
const LENGTH_MAX = 64;

/** A value as expositions write it, also NaN and infinities; undefined for what is none, and for what a double cannot hold. */
export function parseValue(text: string): number | undefined {
  if (text.length > LENGTH_MAX) return undefined;
  if (NUMBER.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const special = /^(?:([+-]?)inf(?:inity)?|nan)$/i.exec(text);
  if (special === null) return undefined;
  if (special[1] === undefined) return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Milliseconds since 1970 of a timestamp: seconds in OpenMetrics, milliseconds in the older format. */
export function parseTimestamp(text: string, format: "openmetrics" | "text"): number | undefined {
  if (text.length > LENGTH_MAX || !(format === "openmetrics" ? NUMBER : /^[+-]?\d+$/).test(text)) return undefined;
  const ms = format === "openmetrics" ? Math.round(Number(text) * 1_000) : Number(text);
  return Number.isSafeInteger(ms) ? ms : undefined;
}
