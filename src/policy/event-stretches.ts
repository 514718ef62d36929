import { formatLocal, parseLocal, recurrences } from "../lib/recurrence.ts";
import { zoneClock } from "../lib/time-zone.ts";
import type { CalendarEvent, EventWindow, Stretch } from "./schedule-window.ts";

const DAY_MS = 86_400_000;
/** Local time is at most 14 h from UTC, and clocks move by a day at most. */
const SLACK_MS = 2 * DAY_MS;

/** When a window of events is open between two instants: ascending, apart from each other, cut to the two. */
export function eventStretches(window: EventWindow, fromMs: number, toMs: number): Stretch[] {
  const open = window.events.flatMap((event) => {
    const clock = zoneClock(event.zone);
    return occurrences(event, fromMs - window.afterMs - event.days * DAY_MS - event.forMs - SLACK_MS, toMs + window.beforeMs + SLACK_MS).map((localMs) => ({
      fromMs: clock.instantOf(localMs) - window.beforeMs,
      toMs: (event.days === 0 ? clock.instantOf(localMs) : clock.instantOf(localMs + event.days * DAY_MS)) + event.forMs + window.afterMs,
    }));
  });
  const stretches: { fromMs: number; toMs: number }[] = [];
  for (const stretch of open.sort((a, b) => a.fromMs - b.fromMs)) {
    const begin = Math.max(stretch.fromMs, fromMs);
    const end = Math.min(stretch.toMs, toMs);
    if (begin >= end) continue;
    const last = stretches.at(-1);
    if (last !== undefined && begin <= last.toMs) last.toMs = Math.max(last.toMs, end);
    else stretches.push({ fromMs: begin, toMs: end });
  }
  return stretches;
}

/** Local starts of an event in `[fromMs, toMs)`: its own, those of its rule and the further ones, without the exceptions. */
function occurrences(event: CalendarEvent, fromMs: number, toMs: number): number[] {
  const startMs = parseLocal(event.start);
  const found = new Set([startMs, ...(event.further ?? []).map(parseLocal)].filter((localMs) => localMs >= fromMs && localMs < toMs));
  if (event.rule !== undefined) for (const localMs of recurrences(event.rule, startMs, fromMs, toMs)) found.add(localMs);
  if (event.except === undefined) return [...found];
  const except = new Set(event.except);
  return [...found].filter((localMs) => {
    const text = formatLocal(localMs);
    return !except.has(text) && !except.has(text.slice(0, 10));
  });
}
