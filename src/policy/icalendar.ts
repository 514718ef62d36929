import { type CalendarProblem, readComponents } from "./icalendar-components.ts";
import { CALENDAR_PROBLEMS_MAX, canonical, EventReader, exceptionOf, type NamedEvent, type ReadEvent, unknownZone } from "./icalendar-events.ts";
import { ianaZone } from "./icalendar-values.ts";

/**
 * Events of an iCalendar file (RFC 5545). Whole days and times without a zone are those of `given.zone`, else of the
 * file's `X-WR-TIMEZONE`, else of `given.timeZone`. Cancelled events are left out; changed occurrences
 * (`RECURRENCE-ID`) take the place of those that they change; a `COUNT` becomes the date of the last.
 */
export function parseCalendar(
  text: string,
  given: { readonly zone?: string | undefined; readonly timeZone: string },
): { readonly events: readonly NamedEvent[]; readonly problems: readonly CalendarProblem[] } {
  const problems: CalendarProblem[] = [];
  const file = readComponents(text, problems);
  if (problems.length > 0) return { events: [], problems };
  const own = file.zone === undefined ? undefined : ianaZone(file.zone.value, file.locations);
  if (file.zone !== undefined && own === undefined && given.zone === undefined) problems.push(unknownZone(file.zone.value, file.zone.line));
  const reader = new EventReader(given.zone ?? own ?? given.timeZone, file.locations, problems);
  const read: ReadEvent[] = [];
  for (const component of file.events) {
    if (problems.length >= CALENDAR_PROBLEMS_MAX) break;
    const event = reader.read(component);
    if (event !== undefined) read.push(event);
  }
  const events = problems.length > 0 ? [] : settle(read, problems);
  return { events: problems.length > 0 ? [] : events, problems };
}

/** Lets the events of one UID settle with each other: later revisions win, changed occurrences replace those that they change. */
function settle(read: readonly ReadEvent[], problems: CalendarProblem[]): NamedEvent[] {
  const byUid = groupBy(read, (event) => event.uid ?? event);
  return [...byUid.values()].flatMap((same) => {
    const masters = latest(same.filter(({ overrides }) => overrides === undefined));
    const changed = [
      ...groupBy(
        same.filter(({ overrides }) => overrides !== undefined),
        keyOf,
      ).values(),
    ].map((all) => latest(all).at(-1) as ReadEvent);
    const second = changed.length > 0 ? masters[1] : undefined;
    if (second !== undefined) {
      if (problems.length < CALENDAR_PROBLEMS_MAX)
        problems.push({
          line: second.line,
          message: `a second series of the UID "${second.uid?.slice(0, 60)}", of which occurrences are changed`,
          hint: "a UID names one event; give each series its own",
        });
      return [];
    }
    const replaced = changed.length === 0 ? masters : masters.map((master) => withoutChanged(master, changed));
    return [...replaced, ...changed]
      .filter(({ isCancelled }) => !isCancelled)
      .flatMap(({ summary, categories, event, periods }) => [event, ...periods].map((one) => ({ summary, categories, event: one })));
  });
}

/** A series without the occurrences that stand elsewhere. */
function withoutChanged(master: ReadEvent, changed: readonly ReadEvent[]): ReadEvent {
  const except = changed.map(({ overrides }) => exceptionOf(overrides as ReadEvent["begin"], master.begin));
  return { ...master, event: canonical({ ...master.event, except: [...(master.event.except ?? []), ...except] }) };
}

function keyOf({ overrides }: ReadEvent): string {
  return `${overrides?.zone} ${overrides?.value.localMs}`;
}

/** Those of the highest revision. */
function latest(events: readonly ReadEvent[]): ReadEvent[] {
  const highest = events.reduce((most, { sequence }) => Math.max(most, sequence), Number.NEGATIVE_INFINITY);
  return events.filter(({ sequence }) => sequence === highest);
}

function groupBy<Value>(values: readonly Value[], key: (value: Value) => unknown): Map<unknown, Value[]> {
  const groups = new Map<unknown, Value[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}
