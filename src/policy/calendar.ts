import { zoneClock } from "../lib/time-zone.ts";

/**
 * Instants at which calendar months begin in a zone, from the month that contains `fromMs` to the last that begins by `toMs`.
 * Midnight that does not exist (a clock change) gives the first instant of that day.
 */
export function monthsBeginAtMs(timeZone: string, fromMs: number, toMs: number): number[] {
  const clock = zoneClock(timeZone);
  const first = new Date(clock.localMs(fromMs));
  const begins: number[] = [];
  for (let month = first.getUTCMonth(); begins.length < 2_400; month++) {
    const beginMs = clock.instantOf(Date.UTC(first.getUTCFullYear(), month, 1));
    if (beginMs > toMs) break;
    begins.push(beginMs);
  }
  return begins;
}
