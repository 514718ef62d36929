// Repetition of local times as RFC 5545 defines it, of the kinds that calendars for capacity need. Local times are
// milliseconds as if the clock showed UTC (see ZoneClock), so days are 86 400 000 ms here whatever the clocks do.

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A weekday, 0 = Sunday; with `nth` the first (1), last (-1) … of its month or year. */
export interface NthWeekday {
  readonly day: number;
  readonly nth?: number;
}

/** What repeats how; plain JSON. */
export interface RecurrenceRule {
  readonly every: "year" | "month" | "week" | "day" | "hour";
  /** Of how many years, months … one counts; at least 1. */
  readonly interval: number;
  /** The last local time that may count, `2026-12-31T08:00:00`. */
  readonly until?: string;
  /** 1 to 12. */
  readonly months?: readonly number[];
  /** 1 to 31, or -1 (the last) to -31. */
  readonly monthDays?: readonly number[];
  readonly weekdays?: readonly NthWeekday[];
  /** Which of each period's: 1 the first, -1 the last. */
  readonly positions?: readonly number[];
  /** First day of a week, 0 = Sunday. */
  readonly weekStart: number;
}

/** Periods and days that may still be looked at; whoever works through untrusted rules shares one over all of them. */
export interface StepBudget {
  steps: number;
}

/** Milliseconds of a local time such as `2026-12-31T08:00:00`. */
export function parseLocal(text: string): number {
  return Date.parse(`${text}Z`);
}

/** The inverse of {@link parseLocal}, to the second. */
export function formatLocal(localMs: number): string {
  return new Date(localMs).toISOString().slice(0, 19);
}

/**
 * Local times at which a rule that began at `startMs` comes round in `[fromMs, toMs)`, ascending. The start itself
 * counts only where the rule says so. Goes straight to `fromMs`; ends early when the budget is used up.
 */
export function* recurrences(rule: RecurrenceRule, startMs: number, fromMs: number, toMs: number, budget?: StepBudget): Generator<number> {
  const firstMs = Math.max(startMs, fromMs);
  const endMs = Math.min(toMs, rule.until === undefined ? toMs : parseLocal(rule.until) + 1);
  const timeOfDayMs = modulo(startMs, DAY_MS);
  const period = PERIODS[rule.every];
  // The period that holds `firstMs`, or the one before it that counts.
  const origin = period.at(startMs, rule);
  for (let at = origin + Math.floor((period.at(firstMs, rule) - origin) / rule.interval) * rule.interval; ; at += rule.interval) {
    if (budget !== undefined && budget.steps < 0) return;
    // Beyond what a date can hold it is no number.
    if (!(period.beginMs(at, rule) < endMs)) return;
    const days = period.days(at, rule, startMs);
    if (budget !== undefined) budget.steps -= 1 + days.length;
    for (const found of chosen(days, rule.positions)) {
      const localMs = rule.every === "hour" ? at * HOUR_MS + modulo(startMs, HOUR_MS) : found * DAY_MS + timeOfDayMs;
      if (localMs >= firstMs && localMs < endMs) yield localMs;
    }
  }
}

/** Periods are numbered: years and months of the calendar, weeks, days and hours from 1970. Days are numbered alike. */
interface Period {
  readonly at: (localMs: number, rule: RecurrenceRule) => number;
  readonly beginMs: (at: number, rule: RecurrenceRule) => number;
  /** Days of the period that the rule asks for, ascending. */
  readonly days: (at: number, rule: RecurrenceRule, startMs: number) => readonly number[];
}

const PERIODS: Readonly<Record<RecurrenceRule["every"], Period>> = {
  year: {
    at: (localMs) => new Date(localMs).getUTCFullYear(),
    beginMs: (year) => Date.UTC(year, 0, 1),
    days: (year, rule, startMs) => {
      const hasDays = rule.monthDays !== undefined || rule.weekdays !== undefined;
      if (rule.monthDays === undefined && rule.weekdays !== undefined && rule.months === undefined)
        return weekdaysIn(dayOf(year, 0), dayOf(year, 12) - 1, rule.weekdays);
      const months = rule.months ?? (hasDays ? ALL_MONTHS : [new Date(startMs).getUTCMonth() + 1]);
      // Without a month, the fifth Friday is that of the year.
      const ofYear =
        rule.months === undefined && rule.weekdays !== undefined ? new Set(weekdaysIn(dayOf(year, 0), dayOf(year, 12) - 1, rule.weekdays)) : undefined;
      return ascending(
        months.flatMap((month) =>
          ofYear === undefined
            ? daysOfMonth(year, month - 1, rule, startMs)
            : daysOfMonth(year, month - 1, { monthDays: rule.monthDays }, startMs).filter((day) => ofYear.has(day)),
        ),
      );
    },
  },
  month: {
    at: (localMs) => {
      const date = new Date(localMs);
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    },
    beginMs: (at) => Date.UTC(Math.floor(at / 12), modulo(at, 12), 1),
    days: (at, rule, startMs) => (isIn(rule.months, modulo(at, 12) + 1) ? ascending(daysOfMonth(Math.floor(at / 12), modulo(at, 12), rule, startMs)) : []),
  },
  week: {
    // 1970-01-01 was a Thursday.
    at: (localMs, { weekStart }) => Math.floor((Math.floor(localMs / DAY_MS) + 4 - weekStart) / 7),
    beginMs: (at, { weekStart }) => (at * 7 - 4 + weekStart) * DAY_MS,
    days: (at, rule, startMs) => {
      const first = at * 7 - 4 + rule.weekStart;
      const weekdays = rule.weekdays ?? [{ day: weekdayOf(Math.floor(startMs / DAY_MS)) }];
      return ascending(weekdays.map(({ day }) => first + modulo(day - rule.weekStart, 7))).filter((day) => isIn(rule.months, monthOf(day)));
    },
  },
  day: {
    at: (localMs) => Math.floor(localMs / DAY_MS),
    beginMs: (at) => at * DAY_MS,
    days: (at, rule) => (passes(at, rule) ? [at] : []),
  },
  hour: {
    at: (localMs) => Math.floor(localMs / HOUR_MS),
    beginMs: (at) => at * HOUR_MS,
    days: (at, rule) => {
      const day = Math.floor(at / 24);
      return passes(day, rule) ? [day] : [];
    },
  },
};

const ALL_MONTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/** Days of a month that the rule asks for; without any, the start's day of the month where there is one. `month` from 0. */
function daysOfMonth(
  year: number,
  month: number,
  { monthDays, weekdays }: Pick<RecurrenceRule, "weekdays"> & { readonly monthDays?: readonly number[] | undefined },
  startMs: number,
): number[] {
  const first = dayOf(year, month);
  const last = dayOf(year, month + 1) - 1;
  if (monthDays === undefined && weekdays !== undefined) return weekdaysIn(first, last, weekdays);
  const days = (monthDays ?? [new Date(startMs).getUTCDate()])
    .map((day) => (day > 0 ? first + day - 1 : last + day + 1))
    .filter((day) => day >= first && day <= last);
  if (weekdays === undefined) return days;
  const allowed = new Set(weekdaysIn(first, last, weekdays));
  return days.filter((day) => allowed.has(day));
}

/** Days between two, both included, that fall on one of the weekdays. */
function weekdaysIn(first: number, last: number, weekdays: readonly NthWeekday[]): number[] {
  const days: number[] = [];
  for (const { day, nth } of weekdays) {
    const earliest = first + modulo(day - weekdayOf(first), 7);
    const latest = last - modulo(weekdayOf(last) - day, 7);
    if (nth === undefined) for (let at = earliest; at <= last; at += 7) days.push(at);
    else {
      const at = nth > 0 ? earliest + (nth - 1) * 7 : latest + (nth + 1) * 7;
      if (at >= first && at <= last) days.push(at);
    }
  }
  return ascending(days);
}

/** Whether a day passes what rules by the day and hour say about it. */
function passes(day: number, rule: RecurrenceRule): boolean {
  if (rule.weekdays !== undefined && !rule.weekdays.some((weekday) => weekday.day === weekdayOf(day))) return false;
  if (rule.months === undefined && rule.monthDays === undefined) return true;
  const date = new Date(day * DAY_MS);
  const dayOfMonth = date.getUTCDate();
  const length = dayOf(date.getUTCFullYear(), date.getUTCMonth() + 1) - dayOf(date.getUTCFullYear(), date.getUTCMonth());
  return isIn(rule.months, date.getUTCMonth() + 1) && (isIn(rule.monthDays, dayOfMonth) || isIn(rule.monthDays, dayOfMonth - length - 1));
}

function chosen(days: readonly number[], positions: readonly number[] | undefined): readonly number[] {
  if (positions === undefined) return days;
  return ascending(positions.flatMap((position) => days.at(position > 0 ? position - 1 : position) ?? []));
}

function isIn(list: readonly number[] | undefined, value: number): boolean {
  return list === undefined || list.includes(value);
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** Number of a day; months beyond 11 belong to the next year. */
function dayOf(year: number, month: number): number {
  return Date.UTC(year, month, 1) / DAY_MS;
}

function monthOf(day: number): number {
  return new Date(day * DAY_MS).getUTCMonth() + 1;
}

function weekdayOf(day: number): number {
  return modulo(day + 4, 7);
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
