import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTimeZone } from "../lib/time-zone.ts";
import { matchingEvents } from "./calendar-files.ts";
import { parseCalendar } from "./icalendar.ts";
import { openStretches } from "./schedule.ts";
import type { EventWindow } from "./schedule-window.ts";
import { WINDOWS_ZONES } from "./windows-zones.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const calendar = (lines: string, around = ""): string =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\n${around}${lines.trim().replaceAll(/\n */g, "\r\n")}\r\nEND:VCALENDAR\r\n`;
const vevent = (lines: string): string => `BEGIN:VEVENT\n${lines.trim()}\nEND:VEVENT\n`;
const eventsOf = (text: string, given: { zone?: string; timeZone?: string } = {}) => {
  const { events, problems } = parseCalendar(text, { timeZone: "UTC", ...given });
  expect(problems).toEqual([]);
  return matchingEvents(events, undefined);
};
/** When the events of a text are open, as `from/to` in UTC. */
const open = (text: string, from: string, to: string, given: { zone?: string; timeZone?: string } & Partial<EventWindow> = {}): string[] => {
  const { beforeMs = 0, afterMs = 0, ...zones } = given;
  const utc = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
  return openStretches({ events: eventsOf(text, zones), beforeMs, afterMs }, Date.parse(from), Date.parse(to)).map(
    ({ fromMs, toMs }) => `${utc(fromMs)}/${utc(toMs)}`,
  );
};
const problemsOf = (text: string): string[] => parseCalendar(text, { timeZone: "UTC" }).problems.map(({ line, message }) => `${line}: ${message}`);

describe("an event is open", () => {
  test.for([
    ["from its start to its end", "DTSTART:20261127T080000Z\nDTEND:20261127T100000Z", ["2026-11-27T08:00/2026-11-27T10:00"]],
    ["for its duration", "DTSTART:20261127T080000Z\nDURATION:PT1H30M", ["2026-11-27T08:00/2026-11-27T09:30"]],
    ["for weeks and days", "DTSTART:20261127T080000Z\nDURATION:P1W", ["2026-11-27T08:00/2026-12-01T00:00"]],
    ["in its zone", "DTSTART;TZID=America/New_York:20261127T080000\nDTEND;TZID=America/New_York:20261127T100000", ["2026-11-27T13:00/2026-11-27T15:00"]],
    ["across zones", "DTSTART;TZID=Europe/Berlin:20261127T080000\nDTEND;TZID=America/New_York:20261127T080000", ["2026-11-27T07:00/2026-11-27T13:00"]],
    ["in the zone that quotes name", 'DTSTART;X-A="a:b;c,d";TZID="Europe/Berlin":20261127T080000\nDURATION:PT1H', ["2026-11-27T07:00/2026-11-27T08:00"]],
    ["on a day without an end", "DTSTART;VALUE=DATE:20261127", ["2026-11-27T00:00/2026-11-28T00:00"]],
    ["on a day that ends on itself", "DTSTART;VALUE=DATE:20261127\nDTEND;VALUE=DATE:20261127", ["2026-11-27T00:00/2026-11-28T00:00"]],
    ["on days, the last of which is not part of it", "DTSTART;VALUE=DATE:20261126\nDTEND;VALUE=DATE:20261129", ["2026-11-26T00:00/2026-11-29T00:00"]],
    ["never, for a moment", "DTSTART:20261127T080000Z", []],
    [
      "again by its rule",
      "DTSTART:20261120T080000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY",
      ["2026-11-20T08:00/2026-11-20T09:00", "2026-11-27T08:00/2026-11-27T09:00"],
    ],
    [
      "as often as it counts, its own start first",
      "DTSTART:20261119T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYDAY=MO;COUNT=2",
      ["2026-11-19T08:00/2026-11-19T09:00", "2026-11-23T08:00/2026-11-23T09:00"],
    ],
    [
      "until a day, all of it",
      "DTSTART:20261127T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20261128",
      ["2026-11-27T08:00/2026-11-27T09:00", "2026-11-28T08:00/2026-11-28T09:00"],
    ],
    [
      "at further times",
      "DTSTART:20261127T080000Z\nDURATION:PT1H\nRDATE:20261128T080000Z,20261129T090000Z",
      ["2026-11-27T08:00/2026-11-27T09:00", "2026-11-28T08:00/2026-11-28T09:00", "2026-11-29T09:00/2026-11-29T10:00"],
    ],
    [
      "for periods of their own length",
      "DTSTART:20261127T080000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20261128T080000Z/PT3H,20261129T090000Z/20261129T093000Z",
      ["2026-11-27T08:00/2026-11-27T09:00", "2026-11-28T08:00/2026-11-28T11:00", "2026-11-29T09:00/2026-11-29T09:30"],
    ],
    [
      "but not at its exceptions",
      "DTSTART;TZID=Europe/Berlin:20261127T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE:20261128T070000Z\nEXDATE;VALUE=DATE:20261129",
      ["2026-11-27T07:00/2026-11-27T08:00", "2026-11-30T07:00/2026-11-30T08:00"],
    ],
    ["not when it is cancelled", "DTSTART:20261127T080000Z\nDURATION:PT1H\nSTATUS:CANCELLED", []],
    [
      "through its alarms",
      "DTSTART:20261127T080000Z\nDURATION:PT1H\nBEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT9H\nREPEAT:2\nEND:VALARM",
      ["2026-11-27T08:00/2026-11-27T09:00"],
    ],
  ] as const)("%s", ([, lines, expected]) => {
    const text = calendar(vevent(lines));
    expect(open(text, "2026-11-19T00:00Z", "2026-12-01T00:00Z")).toEqual(expected);
    // Lines end as they may, and are folded wherever it pleases, also inside a name.
    expect(open(text.replaceAll("\r\n", "\n"), "2026-11-19T00:00Z", "2026-12-01T00:00Z")).toEqual(expected);
    expect(open(text.replaceAll(/(.{7})(?=.)/g, "$1\r\n "), "2026-11-19T00:00Z", "2026-12-01T00:00Z")).toEqual(expected);
    expect(open(`\ufeff${text.replaceAll(/(.{5})(?=.)/g, "$1\n\t")}`, "2026-11-19T00:00Z", "2026-12-01T00:00Z")).toEqual(expected);
  });

  test("earlier and later as its window says, and events that then meet are one", () => {
    const text = calendar(vevent("DTSTART:20261127T080000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;INTERVAL=2;COUNT=2"));
    const wide = { beforeMs: 30 * MINUTE, afterMs: 30 * MINUTE };
    expect(open(text, "2026-11-27T00:00Z", "2026-11-28T00:00Z", wide)).toEqual(["2026-11-27T07:30/2026-11-27T11:30"]);
    expect(open(text, "2026-11-27T08:30Z", "2026-11-27T11:00Z", { afterMs: 59 * MINUTE })).toEqual([
      "2026-11-27T08:30/2026-11-27T09:59",
      "2026-11-27T10:00/2026-11-27T11:00",
    ]);
    // A moment without length is open for what its window adds.
    expect(open(calendar(vevent("DTSTART:20261127T080000Z")), "2026-11-27T00:00Z", "2026-11-28T00:00Z", wide)).toEqual(["2026-11-27T07:30/2026-11-27T08:30"]);
  });

  test("at the edges of a horizon as far as it lies inside", () => {
    const season = calendar(vevent("DTSTART;VALUE=DATE:20251124\nDTEND;VALUE=DATE:20260105\nRRULE:FREQ=YEARLY"));
    expect(open(season, "2026-12-24T12:00Z", "2026-12-24T13:00Z")).toEqual(["2026-12-24T12:00/2026-12-24T13:00"]);
    expect(open(season, "2027-01-05T00:00Z", "2027-11-24T00:00Z")).toEqual([]);
  });
});

describe("clock changes", () => {
  const nightly = (zone: string, time: string): string => calendar(vevent(`DTSTART;TZID=${zone}:20260101T${time}00\nDURATION:PT1H\nRRULE:FREQ=DAILY`));

  test.for([
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00Z. 25 October: 03:00 becomes 02:00 at 01:00Z.
    ["Europe/Berlin", "0230", "2026-03-29", "2026-03-29T01:00/2026-03-29T02:00"],
    ["Europe/Berlin", "0230", "2026-10-25", "2026-10-25T00:30/2026-10-25T01:30"],
    // New York, 8 March 2026: 02:00 becomes 03:00 at 07:00Z. 1 November: 02:00 becomes 01:00 at 06:00Z.
    ["America/New_York", "0215", "2026-03-08", "2026-03-08T07:00/2026-03-08T08:00"],
    ["America/New_York", "0145", "2026-11-01", "2026-11-01T05:45/2026-11-01T06:45"],
    // Lord Howe, 4 October 2026: 02:00 (+10:30) becomes 02:30 (+11) at 15:30Z of the 3rd. 5 April: 02:00 becomes 01:30 at 15:00Z of the 4th.
    ["Australia/Lord_Howe", "0200", "2026-10-03", "2026-10-03T15:30/2026-10-03T16:30"],
    ["Australia/Lord_Howe", "0215", "2026-10-03", "2026-10-03T15:30/2026-10-03T16:30"],
    ["Australia/Lord_Howe", "0230", "2026-10-03", "2026-10-03T15:30/2026-10-03T16:30"],
    ["Australia/Lord_Howe", "0145", "2026-04-04", "2026-04-04T14:45/2026-04-04T15:45"],
    ["Australia/Lord_Howe", "0200", "2026-04-04", "2026-04-04T15:30/2026-04-04T16:30"],
  ] as const)("in %s at %s around %s: %s", ([zone, time, day, expected]) => {
    expect(open(nightly(zone, time), `${day}T00:00Z`, `${day}T20:00Z`)).toEqual([expected]);
    // A window by cron says the same.
    const cron = { start: `${Number(time.slice(2))} ${Number(time.slice(0, 2))} * * *`, end: { forMs: HOUR }, zone };
    const [stretch] = openStretches(cron, Date.parse(`${day}T00:00Z`), Date.parse(`${day}T20:00Z`));
    expect(new Date(stretch?.fromMs ?? 0).toISOString().slice(0, 16)).toBe(expected.slice(0, 16));
  });

  test("whole days are days of the calendar, durations in hours are elapsed time", () => {
    const day = (text: string) => calendar(vevent(text));
    expect(open(day("DTSTART;VALUE=DATE:20260329"), "2026-03-28T00:00Z", "2026-03-31T00:00Z", { timeZone: "Europe/Berlin" })).toEqual([
      "2026-03-28T23:00/2026-03-29T22:00",
    ]);
    expect(open(day("DTSTART;VALUE=DATE:20261025"), "2026-10-24T00:00Z", "2026-10-27T00:00Z", { timeZone: "Europe/Berlin" })).toEqual([
      "2026-10-24T22:00/2026-10-25T23:00",
    ]);
    const noon = "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:";
    expect(open(day(`${noon}P1D`), "2026-03-28T00:00Z", "2026-03-31T00:00Z")).toEqual(["2026-03-28T11:00/2026-03-29T10:00"]);
    expect(open(day(`${noon}PT24H`), "2026-03-28T00:00Z", "2026-03-31T00:00Z")).toEqual(["2026-03-28T11:00/2026-03-29T11:00"]);
    // Samoa left out the 30th of December 2011: the day is over when it begins.
    expect(open(day("DTSTART;VALUE=DATE:20111230"), "2011-12-28T00:00Z", "2012-01-02T00:00Z", { timeZone: "Pacific/Apia" })).toEqual([]);
  });

  test("an end in UTC is compared as an instant, also in an hour that comes twice", () => {
    // 25 October, 02:30 comes at 00:30Z and at 01:30Z; by 01:10Z the first has been.
    const until = (utc: string) => calendar(vevent(`DTSTART;TZID=Europe/Berlin:20261024T023000\nDURATION:PT1M\nRRULE:FREQ=DAILY;UNTIL=${utc}`));
    expect(open(until("20261025T011000Z"), "2026-10-24T00:00Z", "2026-10-27T00:00Z")).toHaveLength(2);
    expect(open(until("20261025T002900Z"), "2026-10-24T00:00Z", "2026-10-27T00:00Z")).toHaveLength(1);
  });
});

describe("zones", () => {
  const at = (id: string, around = ""): string[] =>
    open(calendar(vevent(`DTSTART;TZID="${id}":20260701T120000\nDURATION:PT1H`), around), "2026-07-01T00:00Z", "2026-07-02T00:00Z");

  test.for([
    ["Europe/Berlin", "10:00"],
    ["W. Europe Standard Time", "10:00"],
    ["Pacific Standard Time", "19:00"],
    ["/freeassociation.sourceforge.net/Europe/Berlin", "10:00"],
    ["/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", "15:00"],
    ["UTC", "12:00"],
  ] as const)("%s at noon is %s UTC", ([id, utc]) => {
    expect(at(id)[0]?.slice(11, 16)).toBe(utc);
  });

  test("of a definition are where it says it lies", () => {
    const definition =
      "BEGIN:VTIMEZONE\r\nTZID:Our office\r\nX-LIC-LOCATION:Asia/Kolkata\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    expect(at("Our office", definition)[0]?.slice(11, 16)).toBe("06:30");
    expect(problemsOf(calendar(vevent("DTSTART;TZID=Our office:20260701T120000")))).toEqual(['4: found the time zone "Our office", which is no IANA zone']);
  });

  test("of days and of times without one: the policy's word, the file's own, the policy's zone", () => {
    const texts = ["DTSTART;VALUE=DATE:20260701", "DTSTART:20260701T000000\nDURATION:P1D"].map((lines) => (around: string) => calendar(vevent(lines), around));
    for (const text of texts) {
      expect(open(text(""), "2026-06-30T00:00Z", "2026-07-03T00:00Z", { timeZone: "Asia/Tokyo" })).toEqual(["2026-06-30T15:00/2026-07-01T15:00"]);
      expect(open(text("X-WR-TIMEZONE:Europe/Berlin\r\n"), "2026-06-30T00:00Z", "2026-07-03T00:00Z", { timeZone: "Asia/Tokyo" })).toEqual([
        "2026-06-30T22:00/2026-07-01T22:00",
      ]);
      expect(open(text("X-WR-TIMEZONE:Nowhere\r\n"), "2026-06-30T00:00Z", "2026-07-03T00:00Z", { zone: "UTC" })).toEqual(["2026-07-01T00:00/2026-07-02T00:00"]);
      expect(problemsOf(text("X-WR-TIMEZONE:Nowhere\r\n"))[0]).toContain('"Nowhere", which is no IANA zone');
    }
  });

  test("by Windows' names all exist", () => {
    expect(WINDOWS_ZONES.size).toBeGreaterThan(135);
    expect([...WINDOWS_ZONES.values()].filter((zone) => !isTimeZone(zone))).toEqual([]);
    expect([...WINDOWS_ZONES.keys()].filter((name) => !/^[a-z0-9 .()+-]+$/.test(name))).toEqual([]);
  });
});

describe("changed occurrences", () => {
  const weekly = "UID:a\nDTSTART;TZID=Europe/Berlin:20261102T080000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Launch";
  const change = (lines: string): string => calendar(vevent(lines) + vevent(weekly));

  test("take the place of those that they change, whichever stands first and in whatever zone they are named", () => {
    for (const id of ["RECURRENCE-ID;TZID=Europe/Berlin:20261109T080000", "RECURRENCE-ID:20261109T070000Z", "RECURRENCE-ID;VALUE=DATE:20261109"]) {
      expect(open(change(`UID:a\n${id}\nDTSTART;TZID=Europe/Berlin:20261110T100000\nDURATION:PT2H`), "2026-11-01T00:00Z", "2026-12-01T00:00Z"), id).toEqual([
        "2026-11-02T07:00/2026-11-02T08:00",
        "2026-11-10T09:00/2026-11-10T11:00",
        "2026-11-16T07:00/2026-11-16T08:00",
      ]);
    }
  });

  test("that are cancelled are gone, and the latest revision of each counts", () => {
    const id = "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20261109T080000\nDTSTART;TZID=Europe/Berlin:20261110T100000\nDURATION:PT2H";
    expect(open(change(`${id}\nSTATUS:CANCELLED`), "2026-11-01T00:00Z", "2026-12-01T00:00Z")).toEqual([
      "2026-11-02T07:00/2026-11-02T08:00",
      "2026-11-16T07:00/2026-11-16T08:00",
    ]);
    const revised = calendar(vevent(`${id}\nSEQUENCE:2\nSTATUS:CANCELLED`) + vevent(`${id}\nSEQUENCE:1`) + vevent(weekly));
    expect(open(revised, "2026-11-09T00:00Z", "2026-11-12T00:00Z")).toEqual([]);
  });

  test("are chosen by their own words, and leave their series even when they are not chosen", () => {
    const { events } = parseCalendar(change("UID:a\nRECURRENCE-ID:20261109T070000Z\nDTSTART:20261109T070000Z\nDURATION:PT1H\nSUMMARY:Rehearsal"), {
      timeZone: "UTC",
    });
    const launches = openStretches(
      { events: matchingEvents(events, "launch"), beforeMs: 0, afterMs: 0 },
      Date.parse("2026-11-01T00:00Z"),
      Date.parse("2026-12-01T00:00Z"),
    );
    expect(launches).toHaveLength(2);
    expect(matchingEvents(events, "REHEARSAL")).toHaveLength(1);
  });
});

test("words are looked for in summaries and categories, escapes undone", () => {
  const { events } = parseCalendar(
    calendar(
      vevent("DTSTART:20260101T000000Z\nSUMMARY:Sale\\, winter\\; all\\nshops") +
        vevent("DTSTART:20260102T000000Z\nCATEGORIES:FREEZE,Ops\\,night\nCATEGORIES:x"),
    ),
    { timeZone: "UTC" },
  );
  expect(events.map(({ summary, categories }) => [summary, categories])).toEqual([
    ["Sale, winter; all\nshops", []],
    ["", ["FREEZE", "Ops,night", "x"]],
  ]);
  for (const [words, count] of [
    ["SALE, WINTER", 1],
    ["freeze", 1],
    ["ops,night", 1],
    ["nothing", 0],
  ] as const)
    expect(matchingEvents(events, words), words).toHaveLength(count);
});

test("what means the same is the same", () => {
  const forms = [
    "DTSTART:20260105T080000Z\nDTEND:20260105T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=WE,MO;COUNT=4\nSUMMARY:a\nEXDATE:20260107T080000Z,20260107T080000Z",
    "SUMMARY:b\nDURATION:PT60M\nRRULE:BYDAY=MO,WE,MO;UNTIL=20260114T080000Z;FREQ=WEEKLY;INTERVAL=1;WKST=MO\nEXDATE:20260107T080000Z\nDTSTART:20260105T080000Z",
  ].map((lines) => eventsOf(calendar(vevent(lines))));
  expect(forms[0]).toEqual(forms[1]);
  expect(eventsOf(calendar(vevent("DTSTART:20260105T080000Z\nRRULE:FREQ=DAILY;COUNT=1")))).toEqual(eventsOf(calendar(vevent("DTSTART:20260105T080000Z"))));
});

describe("refuses", () => {
  const refusals: readonly (readonly [string, string, string])[] = [
    ["an empty file", "", "1: expected BEGIN:VCALENDAR"],
    ["something else", "root:x:0:0\n", "1: expected BEGIN:VCALENDAR"],
    ["a file that was cut off", calendar(vevent("DTSTART:20260101T000000Z")).replace("END:VCALENDAR\r\n", ""), "5: VCALENDAR has no END"],
    ["a line that is none", calendar(vevent("DTSTART:20260101T000000Z\nhello")), "5: found a line without a name and a colon"],
    ["an END of something else", calendar("BEGIN:VEVENT\nEND:VTODO"), "4: found END:VTODO inside VEVENT"],
    ["deep nesting", calendar("BEGIN:A\n".repeat(20)), "10: more than 8 components inside each other"],
    ["an event without start", calendar(vevent("SUMMARY:a")), "3: an event without DTSTART"],
    ["two starts", calendar(vevent("DTSTART:20260101T000000Z\nDTSTART:20260101T000000Z")), "5: a second DTSTART in one event"],
    ["a date that is none", calendar(vevent("DTSTART:20260230T000000Z")), '4: found "20260230T000000Z", which is no date'],
    ["a date of another kind", calendar(vevent("DTSTART:2026-02-03")), '4: found "2026-02-03", expected a date such as'],
    ["an hour that is none", calendar(vevent("DTSTART:20260203T240000")), "which is no date"],
    ["a year far away", calendar(vevent("DTSTART:00010101T000000Z")), "expected a year from 1900 to 2199"],
    ["an end before the start", calendar(vevent("DTSTART:20260102T000000Z\nDTEND:20260101T000000Z")), "5: it ends before it begins"],
    ["an end of another kind", calendar(vevent("DTSTART:20260102T000000Z\nDTEND;VALUE=DATE:20260103")), "5: one of DTSTART and DTEND is a whole day"],
    ["two ends", calendar(vevent("DTSTART:20260102T000000Z\nDTEND:20260103T000000Z\nDURATION:PT1H")), "6: found both DTEND and DURATION"],
    ["a negative duration", calendar(vevent("DTSTART:20260102T000000Z\nDURATION:-PT1H")), '5: found "-PT1H", which ends before it begins'],
    ["an endless duration", calendar(vevent("DTSTART:20260102T000000Z\nDURATION:P99999D")), "5: it lasts more than 3660 days"],
    ["a duration that is none", calendar(vevent("DTSTART:20260102T000000Z\nDURATION:P")), "expected a duration such as PT2H or P1D"],
    [
      "two series of one UID, one of them changed",
      calendar(vevent("UID:a\nDTSTART:20260102T000000Z").repeat(2) + vevent("UID:a\nDTSTART:20260103T000000Z\nRECURRENCE-ID:20260102T000000Z")),
      '7: a second series of the UID "a", of which occurrences are changed',
    ],
    ["a change of all later ones", calendar(vevent("UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260102T000000Z\nDTSTART:20260102T000000Z")), "5: found RANGE"],
    ...(
      [
        ["a rule by the second", "FREQ=SECONDLY", "found FREQ=SECONDLY; at most once an hour is read"],
        ["a rule of nothing", "INTERVAL=2", "found FREQ=, expected YEARLY"],
        ["a rule with a part twice", "FREQ=DAILY;FREQ=DAILY", "found FREQ twice"],
        ["a part that is not read", "FREQ=YEARLY;BYWEEKNO=20", "found BYWEEKNO, which is not read"],
        ["a part that does not exist", "FREQ=YEARLY;BYMOON=1", "found the unknown part BYMOON"],
        ["a part without value", "FREQ=YEARLY;BYDAY", 'found "BYDAY" in the rule'],
        ["a month that is none", "FREQ=YEARLY;BYMONTH=13", "in BYMONTH=13: expected numbers from 1 to 12"],
        ["a day that is none", "FREQ=MONTHLY;BYMONTHDAY=0", "in BYMONTHDAY=0: expected numbers from 1 to 31, or from -31 to -1"],
        ["a weekday that is none", "FREQ=MONTHLY;BYDAY=XX", "in BYDAY=XX: expected weekdays such as MO, 2TU or -1FR"],
        ["an ordinal of a week", "FREQ=WEEKLY;BYDAY=1MO", "found an ordinal in BYDAY of WEEKLY"],
        ["days of the month in a week", "FREQ=WEEKLY;BYMONTHDAY=1", "found BYMONTHDAY in a WEEKLY rule"],
        ["a position of nothing", "FREQ=MONTHLY;BYSETPOS=1", "found BYSETPOS without another BY part"],
        ["an interval of 0", "FREQ=DAILY;INTERVAL=0", "in INTERVAL=0: expected a number from 1 to 100000"],
        ["a count beyond all bounds", "FREQ=DAILY;COUNT=999999999", "in COUNT=999999999: expected a number from 1 to 100000"],
        ["two ends", "FREQ=DAILY;COUNT=1;UNTIL=20270101T000000Z", "found both COUNT and UNTIL"],
        ["an end that is none", "FREQ=DAILY;UNTIL=tomorrow", 'in UNTIL=TOMORROW: found "TOMORROW"'],
        ["a count that is never reached", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31;COUNT=2", "too long to count off"],
      ] as const
    ).map(([what, rule, message]) => [what, calendar(vevent(`DTSTART:20260101T000000Z\nRRULE:${rule}`)), message] as const),
  ];
  test.for(refusals)("%s", ([, text, message]) => {
    expect(problemsOf(text).join("\n")).toContain(message);
    expect(problemsOf(text).length).toBeLessThanOrEqual(5);
  });

  test("what is not known to be a calendar is not shown", () => {
    expect(problemsOf("password=hunter2\n").join()).not.toContain("hunter2");
  });

  test("more events, dates or openings than anyone looks through", () => {
    expect(problemsOf(calendar(vevent("DTSTART:20260101T000000Z").repeat(10_001)))).toEqual(["30003: more than 10000 events"]);
    expect(problemsOf(calendar(vevent(`DTSTART:20260101T000000Z\nRDATE:${"20260101T000000Z,".repeat(20_000)}20260101T000000Z`)))[0]).toContain(
      "more than 20000 single dates",
    );
    // Twelve of 8784 a year make 105 408.
    expect(problemsOf(calendar(vevent("DTSTART:20260101T000000Z\nRRULE:FREQ=HOURLY").repeat(12)))[0]).toContain("opens more than 100000 times a year");
  });
});

describe("hostile files", () => {
  const seconds = (text: string): number => {
    const beganMs = performance.now();
    const { events } = parseCalendar(text, { timeZone: "Europe/Berlin" });
    openStretches({ events: matchingEvents(events, undefined), beforeMs: HOUR, afterMs: HOUR }, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
    return (performance.now() - beganMs) / 1_000;
  };
  const many = (lines: (i: number) => string, count = 10_000): string => calendar(Array.from({ length: count }, (_, i) => vevent(lines(i))).join(""));
  const year = (i: number): number => 1900 + (i % 300);

  test.for([
    ["an endless line", `BEGIN:VCALENDAR\nX:${"a".repeat(4_000_000)}\nEND:VCALENDAR\n`],
    ["a line folded a million times", `BEGIN:VCALENDAR\nX:${"\n a".repeat(1_300_000)}\nEND:VCALENDAR\n`],
    ["a million parameters", `BEGIN:VCALENDAR\nX${";A=b".repeat(1_000_000)}:\nEND:VCALENDAR\n`],
    ["a million values of a parameter", `BEGIN:VCALENDAR\nX;A=${"b,".repeat(2_000_000)}\nEND:VCALENDAR\n`],
    ["open quotes", `BEGIN:VCALENDAR\nX;A=${'"b,'.repeat(1_000_000)}\nEND:VCALENDAR\n`],
    ["backslashes", calendar(vevent(`DTSTART:20260101T000000Z\nSUMMARY:${"\\".repeat(4_000_000)}`))],
    ["slashes for a zone", calendar(vevent(`DTSTART;TZID=${"/a".repeat(2_000_000)}:20260101T000000`))],
    ["rules for days that do not exist", many((i) => `DTSTART:${year(i)}0101T000000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31`)],
    ["hours of February the 30th since 1900", many(() => "DTSTART:19000101T000000Z\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", 11)],
    ["counts from 1900 on", many(() => "DTSTART:19000101T000000Z\nRRULE:FREQ=HOURLY;COUNT=100000")],
    ["long counts of long rules", many((i) => `DTSTART:${year(i)}0101T000000Z\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1;COUNT=100000`)],
    ["ten years long, every hour", many(() => "DTSTART:19000101T000000Z\nDURATION:P3660D\nRRULE:FREQ=HOURLY", 11)],
    [
      "exceptions in every week of three centuries",
      many(
        (i) =>
          `DTSTART;TZID=${["Europe/Berlin", "Asia/Tokyo", "America/Lima", "Africa/Cairo"][i % 4]}:${year(i)}0101T000000\nEXDATE:${year(i * 7)}${String(1 + (i % 12)).padStart(2, "0")}${String(1 + (i % 28)).padStart(2, "0")}T000000Z`,
      ),
    ],
    [
      "series of one UID that all change",
      many((i) => `UID:a\nDTSTART:20260101T000000Z${i % 2 === 0 ? "" : `\nRECURRENCE-ID:${year(i)}0101T${String(i % 24).padStart(2, "0")}0000Z`}`),
    ],
    [
      "periods and exceptions",
      calendar(
        vevent(
          `DTSTART:20260101T000000Z\nRDATE;VALUE=PERIOD:${Array.from({ length: 10_000 }, () => "20260101T000000Z/PT1H").join(",")}\nEXDATE:${Array.from({ length: 9_999 }, (_, i) => `${year(i)}0102T000000Z`).join(",")}`,
        ),
      ),
    ],
    [
      "one series changed ten thousand times",
      many((i) => `UID:a\nDTSTART:20260101T000000Z\nRECURRENCE-ID:${year(i)}0101T${String(i % 24).padStart(2, "0")}0000Z`),
    ],
  ] as const)("%s take no time", ([, text]) => {
    expect(text.length).toBeLessThan(4.3e6);
    // A tenth of a second for each megabyte, cold code and busy machines allowed for.
    expect(seconds(text)).toBeLessThan(1 + 0.2 * Math.ceil(text.length / 1e6));
  });

  test("never crash, however a good one is bent", { timeout: 120_000 }, () => {
    const seeds = [
      calendar(
        vevent(
          "UID:a\nDTSTART;TZID=Europe/Berlin:20261102T080000\nDTEND;TZID=Europe/Berlin:20261102T090000\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20270101T000000Z\nEXDATE;TZID=Europe/Berlin:20261109T080000\nSUMMARY:a\\, b",
        ),
      ),
      calendar(
        vevent("UID:b\nDTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20270105\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;BYSETPOS=-1\nRDATE;VALUE=DATE:20280101") +
          vevent("UID:b\nRECURRENCE-ID;VALUE=DATE:20271125\nDTSTART;VALUE=DATE:20271126\nDURATION:P2D\nSTATUS:CANCELLED"),
        "X-WR-TIMEZONE:America/New_York\r\n",
      ),
      calendar(
        vevent("DTSTART:20260101T000000Z\nRDATE;VALUE=PERIOD:20260301T000000Z/PT5H\nRRULE:FREQ=HOURLY;INTERVAL=7;COUNT=50;BYMONTHDAY=-1,13\nCATEGORIES:FREEZE"),
        "BEGIN:VTIMEZONE\r\nTZID:x\r\nX-LIC-LOCATION:Asia/Tokyo\r\nEND:VTIMEZONE\r\n",
      ),
    ];
    const pieces = [
      "\r\n",
      "\n ",
      ":",
      ";",
      ",",
      "=",
      '"',
      "\\",
      "-",
      "0",
      "9",
      "31",
      "99999999",
      "T",
      "Z",
      "P",
      "/",
      "FREQ=",
      "COUNT=9",
      "BYDAY=-5MO",
      "BEGIN:VEVENT\n",
      "END:VEVENT\n",
      "TZID=",
      "\0",
      "\ud800",
      "é",
      "DTSTART:19000229",
      "INTERVAL=99999",
      "UNTIL=",
      "HOURLY",
      "YEARLY",
    ];
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 999 }).map((at) => at / 1_000),
            fc.nat(3),
            fc.constantFrom(...pieces),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        (seed, edits) => {
          let text = seed;
          for (const [where, length, piece] of edits) {
            const at = Math.floor(where * text.length);
            text = text.slice(0, at) + piece + text.slice(at + length);
          }
          const beganMs = performance.now();
          const { events, problems } = parseCalendar(text, { timeZone: "Europe/Berlin" });
          for (const { line, message } of problems) {
            expect(line >= 1 && line <= text.split("\n").length).toBe(true);
            expect(message).not.toMatch(/undefined|NaN|\[object/);
          }
          const stretches = openStretches(
            { events: matchingEvents(events, undefined), beforeMs: HOUR, afterMs: 0 },
            Date.UTC(2026, 0, 1),
            Date.UTC(2029, 0, 1),
          );
          for (const [i, { fromMs, toMs }] of stretches.entries()) expect(fromMs < toMs && fromMs > (stretches[i - 1]?.toMs ?? 0)).toBe(true);
          expect(performance.now() - beganMs).toBeLessThan(1_000);
          if (problems.length === 0) accepted++;
        },
      ),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});
