import { type ContentLine, textValues } from "../lib/content-lines.ts";
import { formatLocal, type RecurrenceRule, recurrences, type StepBudget } from "../lib/recurrence.ts";
import { zoneClock } from "../lib/time-zone.ts";
import type { CalendarProblem, Component } from "./icalendar-components.ts";
import { type DateValue, ianaZone, LATEST_MS, lengthProblem, parseDate, parseEventDuration, parseRule, type WrittenRule } from "./icalendar-values.ts";
import type { CalendarEvent } from "./schedule-window.ts";

/** A file with more problems than this is something else. */
export const CALENDAR_PROBLEMS_MAX = 5;
/** Dates in all RDATE and EXDATE of a file. */
const DATES_MAX = 20_000;
/** Most that all rules of a file may open in a year, however far a horizon reaches. */
const OPENINGS_PER_YEAR_MAX = 100_000;
/** Steps in which the counts of all rules of a file have to be counted off. */
const COUNTED_MAX = 100_000;
const DAY_MS = 86_400_000;

/** An event and the words by which a window may choose it. */
export interface NamedEvent {
  readonly summary: string;
  readonly categories: readonly string[];
  readonly event: CalendarEvent;
}

/** A VEVENT after its values were read, before it meets the others of its UID. */
export interface ReadEvent extends NamedEvent {
  readonly line: number;
  readonly uid: string | undefined;
  readonly sequence: number;
  readonly isCancelled: boolean;
  /** Which occurrence of the master it stands for. */
  readonly overrides?: ZonedDate;
  readonly begin: ZonedDate;
  readonly periods: readonly CalendarEvent[];
}

/** The problem of a TZID that nobody knows. */
export function unknownZone(id: string, line: number): CalendarProblem {
  return {
    line,
    message: `found the time zone "${id.slice(0, 60)}", which is no IANA zone`,
    hint: "give its VTIMEZONE an X-LIC-LOCATION, for example Europe/Berlin; where times have no zone of their own, the calendar may say `zone` in the policy",
  };
}

/** Reads events one by one; remembers what all of them together have used up. */
export class EventReader {
  readonly #zone: string;
  readonly #locations: ReadonlyMap<string, string>;
  readonly #problems: CalendarProblem[];
  readonly #zones = new Map<string, string | undefined>();
  readonly #rules = new Map<string, WrittenRule | string>();
  readonly #counted: StepBudget = { steps: COUNTED_MAX };
  #dates = 0;
  #openingsPerYear = 0;

  constructor(zone: string, locations: ReadonlyMap<string, string>, problems: CalendarProblem[]) {
    this.#zone = zone;
    this.#locations = locations;
    this.#problems = problems;
  }

  /** Undefined when something is wrong with it, which is then among the problems. */
  read({ line, properties }: Component): ReadEvent | undefined {
    const one = (name: string): ContentLine | undefined => {
      const [first, second] = properties.get(name) ?? [];
      if (second !== undefined) this.#fail(second, `a second ${name} in one event`);
      return first;
    };
    const before = this.#problems.length;
    const begin = one("DTSTART");
    if (begin === undefined) return this.#fail({ line }, "an event without DTSTART");
    const start = this.#date(begin, begin.value);
    const recurrenceId = one("RECURRENCE-ID");
    const overrides = recurrenceId === undefined ? undefined : this.#date(recurrenceId, recurrenceId.value);
    if (recurrenceId?.parameters.get("RANGE") !== undefined)
      this.#fail(recurrenceId, "found RANGE, a change of all later occurrences, which is not read", "end the series with UNTIL and begin another");
    if (start === undefined || this.#problems.length > before) return undefined;
    const length = this.#length(start, one("DTEND"), one("DURATION"));
    if (length === undefined) return undefined;
    const rule = one("RRULE");
    const settled = rule === undefined ? undefined : this.#rule(rule, start);
    const { further, periods } = this.#further(properties.get("RDATE") ?? [], start);
    const except = (properties.get("EXDATE") ?? []).flatMap((content) => this.#datesOf(content).map((date) => exceptionOf(date, start)));
    if (this.#problems.length > before) return undefined;
    const left = new Set(except);
    return {
      line,
      uid: one("UID")?.value,
      sequence: Number(one("SEQUENCE")?.value) || 0,
      isCancelled: one("STATUS")?.value.trim().toUpperCase() === "CANCELLED",
      summary: textValues(one("SUMMARY")?.value ?? "").join(","),
      categories: (properties.get("CATEGORIES") ?? []).flatMap((content) => textValues(content.value)),
      ...(overrides !== undefined && { overrides }),
      periods: periods.filter((period) => !left.has(period.start)),
      begin: start,
      event: canonical({ start: localIn(start, start), zone: start.zone, ...length, ...(settled !== undefined && { rule: settled }), further, except }),
    };
  }

  #length(start: ZonedDate, end: ContentLine | undefined, duration: ContentLine | undefined): { days: number; forMs: number } | undefined {
    if (end !== undefined && duration !== undefined) return this.#fail(duration, "found both DTEND and DURATION, expected at most one");
    if (duration !== undefined) {
      const length = parseEventDuration(duration.value);
      return typeof length === "string" ? this.#fail(duration, length) : length;
    }
    // Without an end a whole day is one day, and a time is a moment.
    if (end === undefined) return { days: start.value.isDate ? 1 : 0, forMs: 0 };
    const last = this.#date(end, end.value);
    if (last === undefined) return undefined;
    if (last.value.isDate !== start.value.isDate) return this.#fail(end, "one of DTSTART and DTEND is a whole day, the other has a time");
    const length = start.value.isDate
      ? { days: wholeDays(last.value.localMs - start.value.localMs), forMs: 0 }
      : { days: 0, forMs: instantOf(last) - instantOf(start) };
    const problem = lengthProblem(length);
    return problem === undefined ? length : this.#fail(end, problem);
  }

  #rule(content: ContentLine, start: ZonedDate): RecurrenceRule | undefined {
    const written = this.#rules.get(content.value) ?? parseRule(content.value);
    this.#rules.set(content.value, written);
    if (typeof written === "string") return this.#fail(content, written);
    this.#openingsPerYear += openingsPerYear(written.rule);
    if (this.#openingsPerYear > OPENINGS_PER_YEAR_MAX)
      return this.#fail(content, `with this rule the file opens more than ${OPENINGS_PER_YEAR_MAX} times a year`, "leave out what is no reason for capacity");
    const until = this.#until(written, start, content);
    return until === undefined ? written.rule : { ...written.rule, until };
  }

  /** The last local start of a rule that ends; undefined for one that does not. */
  #until({ rule, count, until }: WrittenRule, start: ZonedDate, content: ContentLine): string | undefined {
    if (until !== undefined) {
      // A day without a time holds the whole day.
      if (until.isDate) return formatLocal(until.localMs + (start.value.isDate ? 0 : DAY_MS - 1_000));
      return formatLocal(until.isUtc ? zoneClock(start.zone).latestLocalMs(until.localMs) : until.localMs);
    }
    if (count === undefined) return undefined;
    const first = zonedLocalMs(start, start);
    let last = first;
    // The start counts as the first, whether or not the rule names it.
    let left = count - 1;
    if (left > 0)
      for (const localMs of recurrences(rule, first, first + 1, LATEST_MS, this.#counted)) {
        last = localMs;
        if (--left === 0) break;
      }
    if (this.#counted.steps < 0) this.#fail(content, "the counts of this file's rules are too long to count off", "write UNTIL instead of COUNT");
    return formatLocal(last);
  }

  /** Further starts, and periods that have a length of their own. */
  #further(lines: readonly ContentLine[], start: ZonedDate): { further: string[]; periods: CalendarEvent[] } {
    const further: string[] = [];
    const periods: CalendarEvent[] = [];
    for (const content of lines) {
      if (content.parameters.get("VALUE")?.toUpperCase() !== "PERIOD") {
        further.push(...this.#datesOf(content).map((date) => localIn(date, start)));
        continue;
      }
      for (const part of this.#parts(content)) {
        const [from = "", to = ""] = part.split("/");
        const begin = this.#date(content, from);
        if (begin === undefined) break;
        const isDuration = /^[+-]?P/i.test(to);
        const length = this.#length(begin, isDuration ? undefined : { ...content, value: to }, isDuration ? { ...content, value: to } : undefined);
        if (length === undefined) break;
        periods.push({ start: localIn(begin, begin), zone: begin.zone, ...length });
      }
    }
    return { further, periods };
  }

  #datesOf(content: ContentLine): ZonedDate[] {
    return this.#parts(content).flatMap((part) => this.#date(content, part) ?? []);
  }

  #parts(content: ContentLine): string[] {
    const parts = content.value.split(",");
    this.#dates += parts.length;
    if (this.#dates <= DATES_MAX) return parts;
    this.#fail(content, `more than ${DATES_MAX} single dates in one file`);
    return [];
  }

  #date({ line, parameters }: Pick<ContentLine, "line" | "parameters">, text: string): ZonedDate | undefined {
    const value = parseDate(text);
    if (typeof value === "string") return this.#fail({ line }, value);
    const id = parameters.get("TZID");
    if (value.isUtc) return { value, zone: "UTC" };
    if (id === undefined || value.isDate) return { value, zone: this.#zone };
    if (!this.#zones.has(id)) this.#zones.set(id, ianaZone(id, this.#locations));
    const zone = this.#zones.get(id);
    if (zone !== undefined) return { value, zone };
    if (this.#problems.length < CALENDAR_PROBLEMS_MAX) this.#problems.push(unknownZone(id, line));
    return undefined;
  }

  #fail({ line }: { readonly line: number }, message: string, hint?: string): undefined {
    if (this.#problems.length < CALENDAR_PROBLEMS_MAX) this.#problems.push({ line, message, ...(hint !== undefined && { hint }) });
    return undefined;
  }
}

/** A day that ends on itself is meant as that day; many programs write it. */
function wholeDays(ms: number): number {
  return ms === 0 ? 1 : ms / DAY_MS;
}

interface ZonedDate {
  readonly value: DateValue;
  readonly zone: string;
}

function instantOf({ value, zone }: ZonedDate): number {
  return zoneClock(zone).instantOf(value.localMs);
}

/** The local time of a date in the zone of an event; of a whole day its midnight. */
function zonedLocalMs(date: ZonedDate, start: ZonedDate): number {
  const localMs = date.zone === start.zone || date.value.isDate ? date.value.localMs : zoneClock(start.zone).localMs(instantOf(date));
  return start.value.isDate ? Math.floor(localMs / DAY_MS) * DAY_MS : localMs;
}

function localIn(date: ZonedDate, start: ZonedDate): string {
  return formatLocal(zonedLocalMs(date, start));
}

/** How an event leaves out an occurrence; a day without a time stands for all that begin on it. */
export function exceptionOf(date: ZonedDate, start: ZonedDate): string {
  return date.value.isDate && !start.value.isDate ? localIn(date, start).slice(0, 10) : localIn(date, start);
}

/** What a rule opens in a year at most. */
function openingsPerYear({ every, interval, months, monthDays, weekdays }: RecurrenceRule): number {
  const perPeriod: Readonly<Record<RecurrenceRule["every"], number>> = {
    year: weekdays !== undefined ? 53 * weekdays.length : (monthDays?.length ?? 1) * (months?.length ?? (monthDays === undefined ? 1 : 12)),
    month: weekdays !== undefined ? 5 * weekdays.length : (monthDays?.length ?? 1),
    week: weekdays?.length ?? 1,
    day: 1,
    hour: 1,
  };
  const periods: Readonly<Record<RecurrenceRule["every"], number>> = { year: 1, month: 12, week: 53, day: 366, hour: 8_784 };
  return (perPeriod[every] * periods[every]) / interval;
}

/** The one form of all that mean the same: lists ascending, each value once, nothing empty, no rule that never comes round. */
export function canonical({ rule, further, except, ...event }: CalendarEvent): CalendarEvent {
  const list = (values: readonly string[] = []) => (values.length === 0 ? values : [...new Set(values)].sort());
  const also = list(further).filter((start) => start !== event.start);
  const without = list(except);
  const isRepeated = rule !== undefined && (rule.until === undefined || rule.until > event.start);
  return {
    ...event,
    ...(isRepeated && { rule }),
    ...(also.length > 0 && { further: also }),
    ...(without.length > 0 && { except: without }),
  };
}
