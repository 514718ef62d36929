import { describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import { compileSchedules, cronProblem, openStretches } from "./schedule.ts";
import type { ScheduleWindow } from "./schedule-window.ts";

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);
const open = (window: Partial<ScheduleWindow>, from: string, to: string): string[] =>
  openStretches({ start: "0 8 * * mon-fri", end: "0 18 * * mon-fri", zone: "UTC", ...window }, at(from), at(to)).map(
    ({ fromMs, toMs }) => `${new Date(fromMs).toISOString().slice(0, 16)}/${new Date(toMs).toISOString().slice(0, 16)}`,
  );

describe("a window of a schedule", () => {
  test("opens at its start and closes at its end, in the zone's own time", () => {
    expect(open({ zone: "Europe/Berlin" }, "2026-11-20T00:00Z", "2026-11-25T00:00Z")).toEqual([
      "2026-11-20T07:00/2026-11-20T17:00",
      "2026-11-23T07:00/2026-11-23T17:00",
      "2026-11-24T07:00/2026-11-24T17:00",
    ]);
  });

  test("that is open at either edge is cut there", () => {
    expect(open({}, "2026-11-23T10:00Z", "2026-11-24T09:00Z")).toEqual(["2026-11-23T10:00/2026-11-23T18:00", "2026-11-24T08:00/2026-11-24T09:00"]);
    expect(open({}, "2026-11-23T18:00Z", "2026-11-24T08:00Z")).toEqual([]);
    expect(open({}, "2026-11-23T08:00Z", "2026-11-23T08:01Z")).toEqual(["2026-11-23T08:00/2026-11-23T08:01"]);
  });

  test("over a weekend lasts until the end comes, and once opened, further starts change nothing", () => {
    expect(open({ start: "0 18 * * fri", end: "0 8 * * mon" }, "2026-11-19T00:00Z", "2026-11-26T00:00Z")).toEqual(["2026-11-20T18:00/2026-11-23T08:00"]);
    expect(open({ start: "0 * * * *", end: "30 18 * * *" }, "2026-11-20T00:00Z", "2026-11-21T00:00Z")).toEqual([
      "2026-11-20T00:00/2026-11-20T18:30",
      "2026-11-20T19:00/2026-11-21T00:00",
    ]);
  });

  test("of a given length that overlaps itself is one", () => {
    expect(open({ start: "0 */6 * * *", end: { forMs: 2 * HOUR } }, "2026-11-20T00:00Z", "2026-11-20T12:00Z")).toEqual([
      "2026-11-20T00:00/2026-11-20T02:00",
      "2026-11-20T06:00/2026-11-20T08:00",
    ]);
    expect(open({ start: "0 */6 * * *", end: { forMs: 8 * HOUR } }, "2026-11-20T00:00Z", "2026-11-21T00:00Z")).toEqual(["2026-11-20T00:00/2026-11-21T00:00"]);
  });

  test("in an hour that is skipped opens when the clocks have moved; in one that comes twice, at the first; durations are elapsed time", () => {
    const nightly = { start: "30 2 * * *", end: { forMs: HOUR }, zone: "Europe/Berlin" } as const;
    expect(open(nightly, "2026-03-28T12:00Z", "2026-03-30T12:00Z")).toEqual(["2026-03-29T01:00/2026-03-29T02:00", "2026-03-30T00:30/2026-03-30T01:30"]);
    expect(open(nightly, "2026-10-24T12:00Z", "2026-10-26T12:00Z")).toEqual(["2026-10-25T00:30/2026-10-25T01:30", "2026-10-26T01:30/2026-10-26T02:30"]);
    // From noon to noon the day of the change has 23 and 25 hours.
    const day = { start: "0 12 * * sat", end: "0 12 * * sun", zone: "Europe/Berlin" };
    expect(openStretches(day, at("2026-03-28T00:00Z"), at("2026-03-30T00:00Z")).map(({ fromMs, toMs }) => (toMs - fromMs) / HOUR)).toEqual([23]);
    expect(openStretches(day, at("2026-10-24T00:00Z"), at("2026-10-26T00:00Z")).map(({ fromMs, toMs }) => (toMs - fromMs) / HOUR)).toEqual([25]);
  });

  test("that begins and ends in an hour that is skipped does not open", () => {
    expect(open({ start: "0 2 * * *", end: "0 3 * * *", zone: "Europe/Berlin" }, "2026-03-27T12:00Z", "2026-03-30T12:00Z")).toEqual([
      "2026-03-28T01:00/2026-03-28T02:00",
      "2026-03-30T00:00/2026-03-30T01:00",
    ]);
  });

  test.for([
    // 02:00 (+10:30) becomes 02:30 (+11) at 15:30Z on 3 October 2026; 02:00 becomes 01:30 at 15:00Z on 4 April.
    ["0 2 * * *", "2026-10-03", "15:30"],
    ["15 2 * * *", "2026-10-03", "15:30"],
    ["29 2 * * *", "2026-10-03", "15:30"],
    ["30 2 * * *", "2026-10-03", "15:30"],
    ["45 2 * * *", "2026-10-03", "15:45"],
    ["30 1 * * *", "2026-04-04", "14:30"],
    ["45 1 * * *", "2026-04-04", "14:45"],
    ["0 2 * * *", "2026-04-04", "15:30"],
  ] as const)("where clocks move by half an hour, %s on %s opens at %s", ([start, day, time]) => {
    expect(open({ start, end: { forMs: 60_000 }, zone: "Australia/Lord_Howe" }, `${day}T08:00Z`, `${day}T23:00Z`).map((text) => text.slice(0, 16))).toEqual([
      `${day}T${time}`,
    ]);
    // Also when the horizon begins in the half hour that comes twice.
    expect(open({ start, end: { forMs: 25 * HOUR }, zone: "Australia/Lord_Howe" }, `${day}T15:10Z`, `${day}T15:11Z`)).toHaveLength(1);
  });

  test.for([
    // Several starts in what is skipped are one, right after it; in what comes twice each is at its first.
    ["*/20 2 * * *", "Australia/Lord_Howe", "2026-10-03T08:00Z", ["15:30", "15:40"]], // 02:00 and 02:20 are skipped
    ["*/15 1 * * *", "Australia/Lord_Howe", "2026-04-04T08:00Z", ["14:00", "14:15", "14:30", "14:45"]], // 01:30 and 01:45 come twice
    ["*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["01:00"]],
    ["*/20 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["00:00", "00:20", "00:40"]],
    ["*/20 1 * * *", "America/St_Johns", "2026-11-01T00:00Z", ["03:30", "03:50", "04:10"]],
    ["*/20 2 * * *", "America/Caracas", "2016-05-01T00:00Z", ["06:30", "06:50", "07:00"]], // at 02:30 it became 03:00
  ] as const)("several times in an hour that changes: %s in %s from %s", ([start, zone, from, expected]) => {
    const to = new Date(at(from) + 18 * HOUR).toISOString();
    expect(open({ start, end: { forMs: 60_000 }, zone }, from, to).map((text) => text.slice(11, 16))).toEqual(expected);
  });

  test("of a leap day waits for it", () => {
    expect(open({ start: "0 0 29 2 *", end: { forMs: 24 * HOUR } }, "2023-01-01T00:00Z", "2029-01-01T00:00Z")).toEqual([
      "2024-02-29T00:00/2024-03-01T00:00",
      "2028-02-29T00:00/2028-03-01T00:00",
    ]);
  });
});

test.for([
  ["0 8 * * mon-fri", undefined],
  ["*/15 8-18 1,15 jan,jul *", undefined],
  ["* * * * *", "more often than every 15 minutes"],
  ["0 8 * *", "expected five fields"],
  ["* * * * * *", "expected five fields"],
  ["@daily", "expected five fields"],
  ["61 * * * *", "Invalid value for minute: 61"],
  ["0 0 31 2 *", "this never happens"],
] as const)("the cron expression %j: %j", ([text, problem]) => {
  if (problem === undefined) expect(cronProblem(text)).toBeUndefined();
  else expect(cronProblem(text)).toContain(problem);
});

/** Offset of a zone from UTC, by the calendar of the runtime: an oracle of its own. */
function clockOf(zone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat("en-u-hc-h23", {
    timeZone: zone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (atMs) => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)])) as Record<string, number>;
    return Date.UTC(parts["year"] as number, (parts["month"] as number) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]) - atMs;
  };
}

test("around every clock change of every zone in twenty years, opens at the first instant that is not before its time", { timeout: 120_000 }, () => {
  const DAY = 24 * HOUR;
  const zones = Intl.supportedValuesOf("timeZone");
  expect(zones.length).toBeGreaterThan(400);
  let changes = 0;
  for (const [index, zone] of zones.entries()) {
    const offset = clockOf(zone);
    // A quarter of the years each, so that all zones and all years are met in a few seconds.
    for (let year = 2006 + (index % 4); year < 2026; year += 4) {
      for (let month = 0; month < 12; month++) {
        let low = Date.UTC(year, month, 1);
        let high = Date.UTC(year, month + 1, 1);
        const before = offset(low);
        if (before === offset(high)) continue;
        while (high - low > 60_000) {
          const middle = Math.floor((low + high) / 120_000) * 60_000;
          if (offset(middle) === before) low = middle;
          else high = middle;
        }
        changes++;
        const after = offset(high);
        // The local day of the change, and a start in the middle of what is skipped or comes twice.
        const localBefore = high + before;
        const localAfter = high + after;
        const wanted = Math.floor((Math.min(localBefore, localAfter) + Math.abs(after - before) / 2) / 60_000) * 60_000;
        const [hour, minute] = [new Date(wanted).getUTCHours(), new Date(wanted).getUTCMinutes()];
        const found = openStretches({ start: `${minute} ${hour} * * *`, end: { forMs: 60_000 }, zone }, high - 12 * HOUR, high + 12 * HOUR).map(
          ({ fromMs }) => fromMs,
        );
        // First instant at or after the wanted local time: just after a gap, the first of two otherwise.
        const expected = after > before ? high : wanted - before;
        if (Math.abs(after - before) >= DAY) continue; // a whole day left out has no such instant
        expect(found, `${zone} ${new Date(high).toISOString()} ${hour}:${minute}`).toContain(expected);
        if (after < before) expect(found.filter((start) => Math.abs(start - expected) < 6 * HOUR)).toHaveLength(1);
      }
    }
  }
  expect(changes).toBeGreaterThan(1_500);
});

describe("the calendars of a workload", () => {
  const service = (fields: string) =>
    workload(`
kind: stateless
bounds: {min: 2, max: 20${fields}}
unit: {startup: 60s}
metrics: {cpu: {measures: utilisation}}
strategies:
  - {type: targetTracking, metric: cpu, target: 70%}
  - {type: schedule, windows: [{start: "0 8 * * *", for: 2h, desired: 8}, {start: "0 9 * * *", end: "30 9 * * *", desired: 12}, {start: "0 9 * * *", for: 30m, desired: 5}]}
`);
  const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

  test("become transitions, of which those that ask for more come early enough to be ready", () => {
    const { bounds, desired } = compileSchedules(service(""), at("2026-11-23T00:00Z"), at("2026-11-24T00:00Z"));
    expect(bounds).toEqual([]);
    expect(desired[0]).toEqual([]);
    expect(desired[1]?.map(({ atMs, value }) => [clock(atMs), value])).toEqual([
      ["07:58:45", 8],
      ["08:58:45", 12],
      ["09:30:00", 8],
      ["10:00:00", 0],
    ]);
  });

  test("change bounds: the last window that speaks decides, and a maximum never falls below a minimum", () => {
    const windows = `, schedule: [{start: "0 8 * * *", end: "0 18 * * *", min: 6}, {start: "0 12 * * *", end: "0 13 * * *", min: 4, max: 30}, {start: "0 17 * * *", for: 2h, max: 5}]`;
    const policy = workload(
      `kind: stateless\nbounds: {min: 2, max: 20${windows.replace("max: 5", "max: 15")}}\nunit: {startup: 0s}\nmetrics: {cpu: {measures: utilisation}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]`,
    );
    const { bounds } = compileSchedules(policy, at("2026-11-23T00:00Z"), at("2026-11-24T00:00Z"));
    expect(bounds.map(({ atMs, value }) => [clock(atMs), value.min, value.max])).toEqual([
      ["07:59:45", 6, 20],
      ["11:59:45", 4, 20],
      ["12:00:00", 4, 30],
      ["13:00:00", 6, 20],
      ["17:00:00", 6, 15],
      ["18:00:00", 2, 15],
      ["19:00:00", 2, 20],
    ]);
  });

  test("that are open at the beginning hold from the beginning", () => {
    const { desired } = compileSchedules(service(""), at("2026-11-23T09:10Z"), at("2026-11-23T09:20Z"));
    expect(desired[1]?.map(({ atMs, value }) => [clock(atMs), value])).toEqual([["09:10:00", 12]]);
  });
});
