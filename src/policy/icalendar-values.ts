import type { NthWeekday, RecurrenceRule } from "../lib/recurrence.ts";
import { isTimeZone } from "../lib/time-zone.ts";
import { WINDOWS_ZONES } from "./windows-zones.ts";

const DAY_MS = 86_400_000;
/** Instants outside are slips; within, hostile rules have little room. */
const YEARS = { first: 1900, last: 2199 } as const;
/** The end of the last year, in local time. */
export const LATEST_MS = Date.UTC(YEARS.last + 1, 0, 1);
/** Longest that one occurrence may last. */
const LONGEST_DAYS = 3_660;
const COUNT_MAX = 100_000;
const WEEKDAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

/** A value of DATE or DATE-TIME as written: local to something, unless it ends in Z. */
export interface DateValue {
  readonly localMs: number;
  readonly isDate: boolean;
  readonly isUtc: boolean;
}

/** A date, or a date with a time; in words what is wrong with it. */
export function parseDate(text: string): DateValue | string {
  const [, year, month, day, hour, minute, second, utc] = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z)?)?$/.exec(text.trim().toUpperCase()) ?? [];
  const shown = `found "${text.slice(0, 40)}"`;
  if (year === undefined) return `${shown}, expected a date such as 20261127 or 20261127T080000`;
  if (Number(year) < YEARS.first || Number(year) > YEARS.last) return `${shown}, expected a year from ${YEARS.first} to ${YEARS.last}`;
  // A leap second is the one before it.
  const localMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0), Math.min(59, Number(second ?? 0)));
  const date = new Date(localMs);
  const isReal = date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day) && Number(minute ?? 0) < 60 && Number(second ?? 0) <= 60;
  if (!isReal || (hour !== undefined && date.getUTCHours() !== Number(hour))) return `${shown}, which is no date`;
  return { localMs, isDate: hour === undefined, isUtc: utc !== undefined };
}

/** Days by the calendar and elapsed time of a DURATION; in words what is wrong with it. */
export function parseEventDuration(text: string): { readonly days: number; readonly forMs: number } | string {
  const found = /^([+-]?)P(?=[\dT])(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/i.exec(text.trim());
  if (found === null) return `found "${text.slice(0, 40)}", expected a duration such as PT2H or P1D`;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(2).map((part) => Number(part ?? 0));
  const duration = { days: 7 * weeks + days, forMs: ((hours * 60 + minutes) * 60 + seconds) * 1_000 };
  if (found[1] === "-" && duration.days + duration.forMs > 0) return `found "${text.slice(0, 40)}", which ends before it begins`;
  return lengthProblem(duration) ?? duration;
}

/** What is wrong with how long an occurrence lasts. */
export function lengthProblem({ days, forMs }: { readonly days: number; readonly forMs: number }): string | undefined {
  if (days < 0 || forMs < 0) return "it ends before it begins";
  return days + forMs / DAY_MS > LONGEST_DAYS ? `it lasts more than ${LONGEST_DAYS} days` : undefined;
}

/** A rule as written: its end is a count or a date, which the event's own start and zone settle. */
export interface WrittenRule {
  readonly rule: RecurrenceRule;
  readonly count?: number;
  readonly until?: DateValue;
}

const EVERY: Readonly<Record<string, RecurrenceRule["every"]>> = { YEARLY: "year", MONTHLY: "month", WEEKLY: "week", DAILY: "day", HOURLY: "hour" };
const UNREAD = ["BYSECOND", "BYMINUTE", "BYHOUR", "BYYEARDAY", "BYWEEKNO", "RSCALE", "SKIP"];

/** An RRULE; in words what is wrong with it. */
export function parseRule(text: string): WrittenRule | string {
  const parts = new Map<string, string>();
  for (const part of text.trim().toUpperCase().split(";")) {
    const [, name, value] = /^([A-Z-]+)=(.+)$/s.exec(part) ?? [];
    if (name === undefined || value === undefined) {
      if (part === "") continue;
      return `found "${part.slice(0, 40)}" in the rule, expected NAME=value`;
    }
    if (parts.has(name)) return `found ${name} twice in the rule`;
    parts.set(name, value);
  }
  const freq = parts.get("FREQ");
  const every = EVERY[freq ?? ""];
  if (every === undefined)
    return freq === "MINUTELY" || freq === "SECONDLY"
      ? `found FREQ=${freq}; at most once an hour is read`
      : `found FREQ=${(freq ?? "").slice(0, 40)}, expected YEARLY, MONTHLY, WEEKLY, DAILY or HOURLY`;
  for (const name of parts.keys()) {
    if (UNREAD.includes(name)) return `found ${name}, which is not read: repeat by FREQ, BYMONTH, BYMONTHDAY, BYDAY and BYSETPOS`;
    if (!KNOWN.has(name) && !name.startsWith("X-")) return `found the unknown part ${name.slice(0, 40)} in the rule`;
  }
  let problem: string | undefined;
  const read = <Value>(name: string, parse: (text: string) => Value | string): Value | undefined => {
    const text = parts.get(name);
    const value = text === undefined ? undefined : parse(text);
    if (typeof value !== "string") return value;
    problem ??= `in ${name}=${(text as string).slice(0, 40)}: ${value}`;
    return undefined;
  };
  const months = read("BYMONTH", (value) => numbers(value, 1, 12, false));
  const monthDays = read("BYMONTHDAY", (value) => numbers(value, 1, 31, true));
  const positions = read("BYSETPOS", (value) => numbers(value, 1, 366, true));
  const weekdays = read("BYDAY", nthWeekdays);
  const interval = read("INTERVAL", (value) => oneNumber(value, 100_000)) ?? 1;
  const count = read("COUNT", (value) => oneNumber(value, COUNT_MAX));
  const until = read("UNTIL", parseDate);
  const weekStart = read("WKST", (value) => (WEEKDAYS.includes(value) ? WEEKDAYS.indexOf(value) : `expected one of ${WEEKDAYS.join(", ")}`)) ?? 1;
  if (problem !== undefined) return problem;
  if (until !== undefined && count !== undefined) return "found both COUNT and UNTIL, expected at most one";
  if (weekdays?.some(({ nth }) => nth !== undefined) && every !== "year" && every !== "month")
    return `found an ordinal in BYDAY of ${freq} (only MONTHLY and YEARLY have them)`;
  if (monthDays !== undefined && every === "week") return "found BYMONTHDAY in a WEEKLY rule";
  if (positions !== undefined && months === undefined && monthDays === undefined && weekdays === undefined)
    return "found BYSETPOS without another BY part to choose from";
  return {
    rule: {
      every,
      interval,
      ...(months !== undefined && { months }),
      ...(monthDays !== undefined && { monthDays }),
      ...(weekdays !== undefined && { weekdays }),
      ...(positions !== undefined && { positions }),
      weekStart,
    },
    ...(count !== undefined && { count }),
    ...(until !== undefined && { until }),
  };
}

const KNOWN = new Set(["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"]);

/** Numbers of a list, ascending, each once; in words what was expected. */
function numbers(text: string, least: number, most: number, mayBeNegative: boolean): readonly number[] | string {
  const found = text.split(",").map((part) => (/^[+-]?\d{1,6}$/.test(part.trim()) ? Number(part) : Number.NaN));
  const areFit = found.every((number) => (mayBeNegative ? Math.abs(number) : number) >= least && Math.abs(number) <= most);
  return areFit
    ? [...new Set(found)].sort((a, b) => a - b)
    : `expected numbers from ${least} to ${most}${mayBeNegative ? `, or from -${most} to -${least}` : ""}`;
}

function oneNumber(text: string, most: number): number | string {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= most ? number : `expected a number from 1 to ${most}`;
}

function nthWeekdays(text: string): readonly NthWeekday[] | string {
  const found = new Map<string, NthWeekday>();
  for (const part of text.split(",")) {
    const [, nth, name] = /^([+-]?\d{1,2})?(SU|MO|TU|WE|TH|FR|SA)$/.exec(part.trim()) ?? [];
    if (name === undefined || (nth !== undefined && (Number(nth) === 0 || Math.abs(Number(nth)) > 53))) return "expected weekdays such as MO, 2TU or -1FR";
    const weekday = { day: WEEKDAYS.indexOf(name), ...(nth !== undefined && { nth: Number(nth) }) };
    found.set(JSON.stringify(weekday), weekday);
  }
  return [...found.values()].sort((a, b) => a.day - b.day || (a.nth ?? 0) - (b.nth ?? 0));
}

/**
 * The IANA zone of a TZID: its own name, the one that its definition says (`X-LIC-LOCATION`), the end of a path such as
 * `/mozilla.org/20050126_1/Europe/Berlin`, or what Windows means by it. Undefined when nobody knows.
 */
export function ianaZone(id: string, locations: ReadonlyMap<string, string>): string | undefined {
  const segments = id.startsWith("/") ? id.slice(-100).split("/") : [];
  const known = [locations.get(id), id, segments.slice(-3).join("/"), segments.slice(-2).join("/"), WINDOWS_ZONES.get(id.toLowerCase())];
  return known.find((zone) => zone !== undefined && zone !== "" && zone.length <= 100 && isTimeZone(zone));
}
