import { type ContentLine, contentLines } from "../lib/content-lines.ts";

const EVENTS_MAX = 10_000;
const DEPTH_MAX = 8;
/** Properties of an event that count here. */
const READ: ReadonlySet<string> = new Set("UID SEQUENCE STATUS SUMMARY CATEGORIES DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID".split(" "));

/** One thing wrong with an iCalendar file, at a line from 1. */
export interface CalendarProblem {
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

/** The properties of one VEVENT that count here; `line` is where it begins. */
export interface Component {
  readonly line: number;
  readonly properties: Map<string, ContentLine[]>;
}

/** Takes the lines of a file apart into its events and what it says about zones. */
export function readComponents(
  text: string,
  problems: CalendarProblem[],
): { readonly events: readonly Component[]; readonly zone?: ContentLine; readonly locations: ReadonlyMap<string, string> } {
  const events: Component[] = [];
  const locations = new Map<string, string>();
  const open: string[] = [];
  let zone: ContentLine | undefined;
  let zoneId: string | undefined;
  let location: string | undefined;
  let line = 1;
  const fail = (at: number, message: string, hint?: string) => {
    problems.push({ line: at, message, ...(hint !== undefined && { hint }) });
    return { events, locations };
  };
  for (const content of contentLines(text)) {
    // What a file says is shown only once it is known to be a calendar: it may be any file.
    if (open.length === 0 && (typeof content === "number" || content.name !== "BEGIN" || content.value.trim().toUpperCase() !== "VCALENDAR"))
      return fail(typeof content === "number" ? content : content.line, "expected BEGIN:VCALENDAR", "an iCalendar file begins with it");
    if (typeof content === "number") return fail(content, "found a line without a name and a colon", "long lines go on in the next, after a space");
    line = content.line;
    const inside = open.at(-1);
    const value = content.value.trim();
    if (content.name === "BEGIN") {
      if (open.length >= DEPTH_MAX) return fail(line, `more than ${DEPTH_MAX} components inside each other`);
      open.push(value.toUpperCase());
      if (open.length === 2 && open[1] === "VEVENT") {
        if (events.length >= EVENTS_MAX) return fail(line, `more than ${EVENTS_MAX} events`, "leave out past ones, or split the file");
        events.push({ line, properties: new Map() });
      }
    } else if (content.name === "END") {
      if (value.toUpperCase() !== inside) return fail(line, `found END:${value.slice(0, 40)} inside ${inside?.slice(0, 40)}`, "each BEGIN has its own END");
      if (inside === "VTIMEZONE" && zoneId !== undefined && location !== undefined) locations.set(zoneId, location);
      if (inside === "VTIMEZONE") zoneId = location = undefined;
      open.pop();
    } else if (inside === "VEVENT" && open.length === 2) {
      if (!READ.has(content.name)) continue;
      const properties = (events.at(-1) as Component).properties;
      const same = properties.get(content.name);
      if (same === undefined) properties.set(content.name, [content]);
      else same.push(content);
    } else if (inside === "VTIMEZONE" && content.name === "TZID") zoneId = value;
    else if (inside === "VTIMEZONE" && content.name === "X-LIC-LOCATION") location = value;
    else if (open.length === 1 && content.name === "X-WR-TIMEZONE") zone ??= { ...content, value };
  }
  if (open.length > 0) return fail(line, `${open.at(-1)?.slice(0, 40)} has no END`, "the file has been cut off");
  if (line === 1 && events.length === 0) return fail(1, "expected BEGIN:VCALENDAR", "an iCalendar file begins with it");
  return { events, locations, ...(zone !== undefined && { zone }) };
}
