import { canonicalJson } from "../lib/canonical-json.ts";
import type { Problem } from "../lib/file-error.ts";
import { isRecord } from "../lib/is-record.ts";
import { isTimeZone } from "../lib/time-zone.ts";
import { readNamed } from "./beside.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { parseCalendar } from "./icalendar.ts";
import type { NamedEvent } from "./icalendar-events.ts";
import type { CalendarEvent } from "./schedule-window.ts";
import type { ParseOptions } from "./templates.ts";

const CALENDAR_BYTES_MAX = 4 * 1024 * 1024;
/** Files of one policy; each may take a tenth of a second. */
const CALENDARS_MAX = 16;

/** Events of the calendars of a policy, by the name that the policy gives each. */
export type Calendars = ReadonlyMap<string, readonly NamedEvent[]>;

/** Reads the calendars that a policy names; what is wrong with one is a problem at its place in the policy. */
export function readCalendars(settings: Record<string, unknown>, document: PolicyDocument, problems: Problem[], options: ParseOptions): Calendars {
  const calendars = new Map<string, readonly NamedEvent[]>();
  const written = isRecord(settings["calendars"]) ? Object.entries(settings["calendars"]) : [];
  const fail = (path: Path, problem: Pick<Problem, "code" | "message" | "hint">): void => {
    problems.push({ severity: "error", path: path.join("."), ...document.locate(path, "value"), ...problem });
  };
  if (written.length > CALENDARS_MAX) {
    fail(["calendars"], {
      code: "too_many_calendars",
      message: `${written.length} calendars, at most ${CALENDARS_MAX} are read`,
      hint: "put their events into fewer files",
    });
    return calendars;
  }
  const timeZone = knownZone(settings["timeZone"]) ?? "UTC";
  for (const [name, calendar] of written) {
    // What is of the wrong type is reported by the schema.
    if (!isRecord(calendar) || typeof calendar["file"] !== "string" || calendar["file"] === "") continue;
    const { file, zone } = calendar as { readonly file: string; readonly zone?: unknown };
    const place = ["calendars", name, "file"];
    if (typeof zone === "string" && knownZone(zone) === undefined) {
      fail(["calendars", name, "zone"], {
        code: "time_zone_unknown",
        message: `found "${zone.slice(0, 60)}", expected an IANA time zone`,
        hint: "for example Europe/Berlin or UTC",
      });
    }
    const read = readNamed(options, file, CALENDAR_BYTES_MAX);
    if (!("text" in read)) {
      fail(place, read);
      continue;
    }
    const parsed = parseCalendar(read.text, { zone: knownZone(zone), timeZone });
    for (const { line, message, hint } of parsed.problems)
      fail(place, { code: "calendar", message: `${file}:${line}: ${message}`, ...(hint !== undefined && { hint }) });
    calendars.set(name, parsed.events);
  }
  return calendars;
}

/** The events of a calendar that have a text in their summary or a category, in the order and form that the policy hash covers. */
export function matchingEvents(events: readonly NamedEvent[], matching: string | undefined): CalendarEvent[] {
  const text = matching?.toLowerCase();
  const found = new Map<string, CalendarEvent>();
  for (const { summary, categories, event } of events)
    if (text === undefined || [summary, ...categories].some((words) => words.toLowerCase().includes(text))) found.set(canonicalJson(event), event);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, event]) => event);
}

function knownZone(zone: unknown): string | undefined {
  return typeof zone === "string" && zone.length <= 100 && isTimeZone(zone) ? zone : undefined;
}
