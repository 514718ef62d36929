const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/;

/** An instant read from text, and whether its zone had to be assumed. */
export interface ParsedTimestamp {
  readonly atMs: number;
  readonly zoneAssumed: boolean;
}

/**
 * Milliseconds since the epoch of an ISO 8601 date or date-time. Without a zone it counts as UTC, and says so.
 * Impossible dates (30 February, hour 25) give `undefined`.
 * @example parseTimestamp("1998-04-30T21:30:00Z") // { atMs: 893971800000, zoneAssumed: false }
 */
export function parseTimestamp(text: string): ParsedTimestamp | undefined {
  const match = ISO.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const date = [Number(year), Number(month) - 1, Number(day)] as const;
  const time = [Number(hour), Number(minute), Number(second)] as const;
  if (date[0] < 1900 || date[0] > 2200) return undefined;
  if (time[0] > 23 || time[1] > 59 || time[2] > 60) return undefined;
  const dayMs = Date.UTC(...date);
  const check = new Date(dayMs);
  if (check.getUTCMonth() !== date[1] || check.getUTCDate() !== date[2]) return undefined;
  const localMs = dayMs + time[0] * 3_600_000 + time[1] * 60_000 + time[2] * 1_000 + Math.round(Number(`0${fraction}`) * 1_000);
  const offsetMs = zoneOffsetMs(zone);
  // No zone is further than 14 h from UTC.
  if (Math.abs(offsetMs) > 14 * 3_600_000) return undefined;
  return { atMs: localMs - offsetMs, zoneAssumed: zone === undefined };
}

function zoneOffsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === "Z" || zone === "UTC") return 0;
  const sign = zone.startsWith("-") ? -1 : 1;
  const digits = zone.replace(/[+\-:]/g, "");
  return sign * (Number(digits.slice(0, 2)) * 3_600_000 + Number(digits.slice(2)) * 60_000);
}

/** `2026-11-23T04:00:00Z` for an instant; milliseconds only when there are any. */
export function formatTimestamp(atMs: number): string {
  return new Date(atMs).toISOString().replace(".000Z", "Z");
}
