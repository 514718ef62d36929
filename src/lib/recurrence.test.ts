import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLocal, parseLocal, type RecurrenceRule, recurrences } from "./recurrence.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEKLY_FROM_MONDAY = { interval: 1, weekStart: 1 } as const;
const [SU, MO, TU, , , FR] = [0, 1, 2, 3, 4, 5] as const;

const list = (rule: Partial<RecurrenceRule> & Pick<RecurrenceRule, "every">, start: string, many: number, from = start): string[] => {
  const found: string[] = [];
  for (const localMs of recurrences({ ...WEEKLY_FROM_MONDAY, ...rule }, parseLocal(start), parseLocal(from), parseLocal("2199-01-01T00:00:00"))) {
    found.push(formatLocal(localMs).slice(0, 16));
    if (found.length === many) break;
  }
  return found;
};

describe("a rule comes round", () => {
  // The dates of the examples in RFC 5545, section 3.8.5.3, in the order in which they stand there.
  test.for([
    ["daily", { every: "day" }, "1997-09-02T09:00:00", ["1997-09-02T09:00", "1997-09-03T09:00", "1997-09-04T09:00"]],
    ["every tenth day", { every: "day", interval: 10 }, "1997-09-02T09:00:00", ["1997-09-02T09:00", "1997-09-12T09:00", "1997-09-22T09:00"]],
    [
      "each day of January",
      { every: "year", months: [1], weekdays: [0, 1, 2, 3, 4, 5, 6].map((day) => ({ day })) },
      "1998-01-31T09:00:00",
      ["1998-01-31T09:00", "1999-01-01T09:00", "1999-01-02T09:00"],
    ],
    [
      "every other week on Monday, Wednesday and Friday",
      { every: "week", interval: 2, weekStart: SU, weekdays: [{ day: MO }, { day: 3 }, { day: FR }] },
      "1997-09-01T09:00:00",
      ["1997-09-01T09:00", "1997-09-03T09:00", "1997-09-05T09:00", "1997-09-15T09:00"],
    ],
    [
      "on the first Friday of the month",
      { every: "month", weekdays: [{ day: FR, nth: 1 }] },
      "1997-09-05T09:00:00",
      ["1997-09-05T09:00", "1997-10-03T09:00", "1997-11-07T09:00"],
    ],
    [
      "on the first and last Sunday of every other month",
      {
        every: "month",
        interval: 2,
        weekdays: [
          { day: SU, nth: 1 },
          { day: SU, nth: -1 },
        ],
      },
      "1997-09-07T09:00:00",
      ["1997-09-07T09:00", "1997-09-28T09:00", "1997-11-02T09:00", "1997-11-30T09:00"],
    ],
    [
      "on the third day before the end of the month",
      { every: "month", monthDays: [-3] },
      "1997-09-28T09:00:00",
      ["1997-09-28T09:00", "1997-10-29T09:00", "1997-11-28T09:00"],
    ],
    [
      "on the first and last day of the month",
      { every: "month", monthDays: [1, -1] },
      "1997-09-30T09:00:00",
      ["1997-09-30T09:00", "1997-10-01T09:00", "1997-10-31T09:00"],
    ],
    [
      "every second year in January, February and March",
      { every: "year", interval: 2, months: [1, 2, 3] },
      "1997-03-10T09:00:00",
      ["1997-03-10T09:00", "1999-01-10T09:00", "1999-02-10T09:00", "1999-03-10T09:00"],
    ],
    [
      "on the twentieth Monday of the year",
      { every: "year", weekdays: [{ day: MO, nth: 20 }] },
      "1997-05-19T09:00:00",
      ["1997-05-19T09:00", "1998-05-18T09:00", "1999-05-17T09:00"],
    ],
    [
      "on every Friday the thirteenth",
      { every: "month", monthDays: [13], weekdays: [{ day: FR }] },
      "1998-02-13T09:00:00",
      ["1998-02-13T09:00", "1998-03-13T09:00", "1998-11-13T09:00", "1999-08-13T09:00"],
    ],
    [
      "on the day after the first Monday in November of every fourth year",
      { every: "year", interval: 4, months: [11], weekdays: [{ day: TU }], monthDays: [2, 3, 4, 5, 6, 7, 8] },
      "1996-11-05T09:00:00",
      ["1996-11-05T09:00", "2000-11-07T09:00", "2004-11-02T09:00"],
    ],
    [
      "on the second to last working day of the month",
      { every: "month", weekdays: [1, 2, 3, 4, 5].map((day) => ({ day })), positions: [-2] },
      "1997-09-29T09:00:00",
      ["1997-09-29T09:00", "1997-10-30T09:00", "1997-11-27T09:00"],
    ],
    ["every third hour", { every: "hour", interval: 3 }, "1997-09-02T22:00:00", ["1997-09-02T22:00", "1997-09-03T01:00", "1997-09-03T04:00"]],
    [
      "every other week that begins on Monday",
      { every: "week", interval: 2, weekdays: [{ day: TU }, { day: SU }] },
      "1997-08-05T09:00:00",
      ["1997-08-05T09:00", "1997-08-10T09:00", "1997-08-19T09:00", "1997-08-24T09:00"],
    ],
    [
      "every other week that begins on Sunday",
      { every: "week", interval: 2, weekStart: SU, weekdays: [{ day: TU }, { day: SU }] },
      "1997-08-05T09:00:00",
      ["1997-08-05T09:00", "1997-08-17T09:00", "1997-08-19T09:00", "1997-08-31T09:00"],
    ],
    ["on the 31st where there is one", { every: "month" }, "2024-01-31T00:00:00", ["2024-01-31T00:00", "2024-03-31T00:00", "2024-05-31T00:00"]],
    ["on leap days", { every: "year" }, "2024-02-29T00:00:00", ["2024-02-29T00:00", "2028-02-29T00:00"]],
    ["never, on the 31st of February", { every: "year", months: [2], monthDays: [31] }, "2024-01-01T00:00:00", []],
    ["never, after more years than there are", { every: "year", interval: 100_000 }, "2024-01-01T00:00:00", ["2024-01-01T00:00"]],
  ] as const)("%s", ([, rule, start, expected]) => {
    expect(list(rule as unknown as RecurrenceRule, start, Math.max(1, expected.length))).toEqual(expected);
  });

  test("from anywhere on as it would from its start", () => {
    expect(list({ every: "week", interval: 2 }, "2024-01-03T09:00:00", 2, "2026-11-23T00:00:00")).toEqual(["2026-12-02T09:00", "2026-12-16T09:00"]);
    // A hundred years of hours are not walked through.
    expect(list({ every: "hour", interval: 5 }, "1926-01-01T00:00:00", 1, "2026-01-01T00:00:00")).toEqual(["2026-01-01T00:00"]); // 36 525 days of 24 h: 876 600 h, five times 175 320
  });

  test("until its end, which may count itself", () => {
    expect(list({ every: "day", until: "2026-01-03T09:00:00" }, "2026-01-01T09:00:00", 9)).toHaveLength(3);
    expect(list({ every: "day", until: "2026-01-03T08:59:59" }, "2026-01-01T09:00:00", 9)).toHaveLength(2);
  });

  test("as far as its budget goes", () => {
    const budget = { steps: 1_000 };
    expect([...recurrences({ ...WEEKLY_FROM_MONDAY, every: "day", months: [2], monthDays: [31] }, 0, 0, Number.POSITIVE_INFINITY, budget)]).toEqual([]);
    expect(budget.steps).toBeLessThan(0);
  });
});

/**
 * The oracle: looks at every hour of years and asks of each, from the words of RFC 5545, whether it belongs. Shares no
 * arithmetic with the product beyond the runtime's dates.
 */
function bruteForce(rule: RecurrenceRule, startMs: number, toMs: number): number[] {
  const start = new Date(startMs);
  const weekday = (ms: number): number => new Date(ms).getUTCDay();
  const midnight = (ms: number): number => new Date(ms).setUTCHours(0, 0, 0, 0);
  const daysUntilEndOfMonth = (ms: number): number => {
    let days = 0;
    for (let at = ms; new Date(at).getUTCMonth() === new Date(ms).getUTCMonth(); at += DAY) days++;
    return days;
  };
  const nthOf = (ms: number, unit: "month" | "year"): readonly [number, number] => {
    const of = (at: number): number => (unit === "month" ? new Date(at).getUTCMonth() : new Date(at).getUTCFullYear());
    let before = 1;
    for (let at = ms - 7 * DAY; of(at) === of(ms); at -= 7 * DAY) before++;
    let after = 1;
    for (let at = ms + 7 * DAY; of(at) === of(ms); at += 7 * DAY) after++;
    return [before, -after];
  };
  const firstOfWeek = (ms: number): number => {
    let at = midnight(ms);
    while (weekday(at) !== rule.weekStart) at -= DAY;
    return at;
  };
  const periodOf = (ms: number): number => {
    const date = new Date(ms);
    switch (rule.every) {
      case "year":
        return date.getUTCFullYear();
      case "month":
        return date.getUTCFullYear() * 12 + date.getUTCMonth();
      case "week":
        return Math.round(firstOfWeek(ms) / (7 * DAY));
      case "day":
        return midnight(ms) / DAY;
      case "hour":
        return Math.floor(ms / HOUR);
    }
  };
  const belongs = (ms: number): boolean => {
    const date = new Date(ms);
    if (rule.months !== undefined && !rule.months.includes(date.getUTCMonth() + 1)) return false;
    if (rule.monthDays !== undefined && !rule.monthDays.some((day) => day === date.getUTCDate() || day === -daysUntilEndOfMonth(ms))) return false;
    const unit = rule.every === "month" || rule.months !== undefined ? "month" : "year";
    if (rule.weekdays !== undefined && !rule.weekdays.some(({ day, nth }) => day === weekday(ms) && (nth === undefined || nthOf(ms, unit).includes(nth))))
      return false;
    // What the rule leaves open is as at the start.
    const isOpen = rule.weekdays === undefined && rule.monthDays === undefined;
    if (rule.every === "week" && rule.weekdays === undefined && weekday(ms) !== weekday(startMs)) return false;
    if ((rule.every === "year" || rule.every === "month") && isOpen && date.getUTCDate() !== start.getUTCDate()) return false;
    return !(rule.every === "year" && isOpen && rule.months === undefined && date.getUTCMonth() !== start.getUTCMonth());
  };
  const periods = new Map<number, number[]>();
  const stepMs = rule.every === "hour" ? HOUR : DAY;
  // Back to the beginning of the period of the start, for the positions of those before it.
  const earliest = startMs - 367 * DAY;
  for (let ms = earliest - ((((earliest - startMs) % stepMs) + stepMs) % stepMs); ms < toMs + 367 * DAY; ms += stepMs) {
    const period = periodOf(ms);
    if (period < periodOf(startMs) || (period - periodOf(startMs)) % rule.interval !== 0 || !belongs(ms)) continue;
    periods.set(period, [...(periods.get(period) ?? []), ms]);
  }
  return [...periods.values()].flatMap((all) =>
    all.filter(
      (ms, i) =>
        ms >= startMs &&
        ms < toMs &&
        (rule.until === undefined || ms <= parseLocal(rule.until)) &&
        (rule.positions === undefined || rule.positions.some((position) => position - 1 === i || position + all.length === i)),
    ),
  );
}

test("agrees with a search through every day or hour of years", { timeout: 120_000 }, () => {
  const some = <Value>(values: fc.Arbitrary<Value>, maxLength: number) =>
    fc.option(fc.uniqueArray(values, { minLength: 1, maxLength }), { nil: undefined, freq: 1 });
  const signed = (most: number) => fc.oneof(fc.integer({ min: 1, max: most }), fc.integer({ min: -most, max: -1 }));
  let found = 0;
  fc.assert(
    fc.property(
      fc.constantFrom<RecurrenceRule["every"]>("year", "month", "week", "day", "hour"),
      fc.integer({ min: 1, max: 5 }),
      some(fc.integer({ min: 1, max: 12 }), 4),
      some(signed(31), 4),
      some(fc.record({ day: fc.integer({ min: 0, max: 6 }), nth: fc.option(signed(5), { nil: undefined }) }), 4),
      some(signed(6), 3),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 1_500 * 24 }),
      fc.option(fc.integer({ min: 0, max: 800 }), { nil: undefined }),
      fc.integer({ min: 0, max: 700 }),
      (every, interval, months, monthDays, weekdays, positions, weekStart, startHours, untilDays, laterDays) => {
        const startMs = Date.UTC(2022, 0, 1) + startHours * HOUR;
        const mayHaveOrdinals = every === "year" || every === "month";
        const hasPart = months !== undefined || (monthDays !== undefined && every !== "week") || weekdays !== undefined;
        const rule: RecurrenceRule = {
          every,
          interval,
          weekStart,
          ...(untilDays !== undefined && { until: formatLocal(startMs + untilDays * DAY) }),
          ...(months !== undefined && { months }),
          ...(monthDays !== undefined && every !== "week" && { monthDays }),
          ...(weekdays !== undefined && { weekdays: weekdays.map(({ day, nth }) => ({ day, ...(nth !== undefined && mayHaveOrdinals && { nth }) })) }),
          ...(positions !== undefined && hasPart && { positions }),
        };
        const toMs = startMs + (every === "hour" ? 60 : 1_200) * DAY;
        const expected = bruteForce(rule, startMs, toMs);
        expect([...recurrences(rule, startMs, startMs, toMs)]).toEqual(expected);
        // And from the middle on, where it jumps.
        const fromMs = startMs + laterDays * DAY;
        expect([...recurrences(rule, startMs, fromMs, toMs)]).toEqual(expected.filter((ms) => ms >= fromMs));
        found += expected.length;
      },
    ),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(10_000);
});
