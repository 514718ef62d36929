import { describe, expect, test } from "vitest";
import { FileError } from "../lib/file-error.ts";
import { policyJsonSchema } from "./json-schema.ts";
import { lintPolicy } from "./lint.ts";
import { checkPolicy, parsePolicy } from "./parse.ts";
import { compileSchedules } from "./schedule.ts";

const LAUNCHES = `BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
DTSTART:20261127T080000Z
DURATION:PT2H
SUMMARY:Launch of the year
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:20261127T093000Z
DURATION:PT2H
SUMMARY:Night of work
CATEGORIES:FREEZE
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART:20261201T000000Z
SUMMARY:Reminder
END:VEVENT
END:VCALENDAR
`;
const files: Readonly<Record<string, string>> = {
  "launches.ics": LAUNCHES,
  "broken.ics": LAUNCHES.replace("DURATION:PT2H", "DURATION:soon").replace("20261201T000000Z", "20261301T000000Z"),
  passwd: "root:x:0:0:root\n",
};
const options = {
  readFile: (name: string, bytesMax?: number): string | undefined => {
    if (name === "huge.ics")
      throw new FileError(name, [
        { severity: "error", code: "file_too_large", message: `9999999 bytes, at most ${bytesMax} are read`, hint: "split the file" },
      ]);
    return files[name];
  },
};
const policy = (parts: { calendars?: string; bounds?: string; windows?: string; freeze?: string } = {}): string => `version: 1
calendars: ${parts.calendars ?? "{launches: {file: launches.ics}}"}
workloads:
  shop/web:
    kind: stateless
    bounds: {min: 2, max: 40, schedule: [${parts.bounds ?? ""}]}
    unit: {startup: 45s}
    metrics: {cpu: {measures: utilisation}}
    strategies:
      - {type: targetTracking, metric: cpu, target: 70%}
      - {type: schedule, windows: [${parts.windows ?? "{calendar: launches, desired: 4}"}]}
    guards: {freeze: [${parts.freeze ?? ""}]}
`;
const workload = (text: string, readFile = options.readFile) => {
  const [first] = parsePolicy(text, "p.yaml", { readFile }).workloads;
  if (first === undefined) throw new Error("no workload");
  return first;
};
const DAY = [Date.parse("2026-11-27T00:00Z"), Date.parse("2026-11-28T00:00Z")] as const;
const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

describe("windows of a calendar", () => {
  test("open for bounds and for desired, what asks for more early enough to be ready", () => {
    const text = policy({
      bounds: "{calendar: launches, matching: launch, before: 30m, after: 1h, min: 6, max: 60}",
      windows: "{calendar: launches, matching: launch, desired: 12}, {calendar: launches, matching: freeze, desired: 15}",
    });
    const { bounds, desired } = compileSchedules(workload(text).resolved, ...DAY);
    // From 08:00 to 10:00, half an hour earlier and an hour later; minima one minute (45 s and a tick of 15 s) before that.
    expect(bounds.map(({ atMs, value }) => [clock(atMs), value.min, value.max])).toEqual([
      ["07:29:00", 6, 40],
      ["07:30:00", 6, 60],
      ["11:00:00", 2, 40],
    ]);
    expect(desired[1]?.map(({ atMs, value }) => [clock(atMs), value])).toEqual([
      ["07:59:00", 12],
      ["09:29:00", 15],
      ["11:30:00", 0],
    ]);
  });

  test("are part of what the hash covers: the events that they choose, in whatever order and words", () => {
    const launch = policy({ windows: "{calendar: launches, matching: launch, desired: 4}" });
    const hash = (text: string, ics: string) => workload(text, () => ics).hash;
    expect(hash(launch, LAUNCHES.replace("T080000Z", "T081500Z"))).not.toBe(hash(launch, LAUNCHES));
    expect(hash(launch, LAUNCHES.replace("T093000Z", "T101500Z"))).toBe(hash(launch, LAUNCHES)); // another event
    expect(hash(launch, LAUNCHES.replaceAll("\n", "\r\n").replace("DURATION:PT2H", "DTEND:20261127T100000Z").replace("of the year", "of the century"))).toBe(
      hash(launch, LAUNCHES),
    );
    const [head, first, second, ...rest] = LAUNCHES.split(/(?=BEGIN:VEVENT)/);
    expect(hash(policy(), [head, second, first, ...rest].join(""))).toBe(hash(policy(), LAUNCHES));
    // And they are all that is left of the file.
    expect(JSON.parse(JSON.stringify(workload(launch).resolved))).toEqual(workload(launch).resolved);
    expect(workload(launch).resolved.strategies[1]).toEqual({
      type: "schedule",
      windows: [{ events: [{ start: "2026-11-27T08:00:00", zone: "UTC", days: 0, forMs: 7_200_000 }], beforeMs: 0, afterMs: 0, desired: 4 }],
    });
  });

  test("lie in the calendar's own zone, else in that of the policy", () => {
    const day = LAUNCHES.replace("20261127T080000Z", "20261127").replace("PT2H", "P1D");
    const begins = (text: string) => clock(compileSchedules(workload(text, () => day).resolved, DAY[0] - 86_400_000, DAY[1]).desired[1]?.[0]?.atMs ?? 0);
    const chosen = policy({ windows: "{calendar: launches, matching: launch, desired: 4}" });
    expect(begins(chosen)).toBe("23:59:00");
    expect(begins(chosen.replace("version: 1", "version: 1\ntimeZone: Europe/Berlin"))).toBe("22:59:00");
    expect(begins(chosen.replace("launches.ics", "launches.ics, zone: Asia/Tokyo").replace("version: 1", "version: 1\ntimeZone: Europe/Berlin"))).toBe(
      "14:59:00",
    );
  });
});

describe("freezes", () => {
  const freeze = (windows: string) => {
    const { resolved } = workload(policy({ freeze: windows }));
    return compileSchedules(resolved, ...DAY).freeze.map(({ atMs, value }) => [clock(atMs), value]);
  };

  test("hold both ways unless they say which, from their start to their end and not a tick earlier", () => {
    expect(freeze("")).toEqual([]);
    expect(freeze('{start: "0 8 * * *", for: 1h}')).toEqual([
      ["08:00:00", "both"],
      ["09:00:00", "none"],
    ]);
    expect(freeze("{calendar: launches, matching: FREEZE, after: 15m, direction: up}")).toEqual([
      ["09:30:00", "up"],
      ["11:45:00", "none"],
    ]);
  });

  test("that overlap hold all that any of them holds", () => {
    expect(freeze('{start: "0 8 * * *", for: 3h, direction: down}, {start: "0 9 * * *", for: 3h, direction: up}, {start: "30 9 * * *", for: 15m}')).toEqual([
      ["08:00:00", "down"],
      ["09:00:00", "both"],
      ["11:00:00", "up"],
      ["12:00:00", "none"],
    ]);
  });

  test("that are open at the beginning hold from the beginning, and no policy has any of its own", () => {
    expect(freeze('{start: "0 20 * * *", end: "0 6 * * *", direction: down}')).toEqual([
      ["00:00:00", "down"],
      ["06:00:00", "none"],
      ["20:00:00", "down"],
    ]);
    expect(workload(policy()).resolved.guards.freeze).toEqual([]);
  });
});

test.for([
  ["a file that is not there", { calendars: "{launches: {file: lunches.ics}}" }, ['2:30 file_missing calendars.launches.file: cannot read "lunches.ics"']],
  [
    "a file that is too large",
    { calendars: "{launches: {file: huge.ics}}" },
    ['2:30 file_too_large calendars.launches.file: "huge.ics": 9999999 bytes, at most 4194304 are read'],
  ],
  [
    "a broken file, each mistake by its line",
    { calendars: "{launches: {file: broken.ics}}" },
    [
      '2:30 calendar calendars.launches.file: broken.ics:5: found "soon", expected a duration such as PT2H or P1D',
      '2:30 calendar calendars.launches.file: broken.ics:17: found "20261301T000000Z", which is no date',
    ],
  ],
  [
    "a file that is none, without showing it",
    { calendars: "{launches: {file: passwd}}" },
    ["2:30 calendar calendars.launches.file: passwd:1: expected BEGIN:VCALENDAR"],
  ],
  ["a calendar without a file", { calendars: "{launches: {}}" }, ["2:13 required calendars.launches.file: required: expected text"]],
  [
    "a misspelt key of a calendar",
    { calendars: "{launches: {file: launches.ics, tz: UTC}}" },
    ['2:44 unknown_key calendars.launches.tz: found the unknown key "tz"; allowed here: file, zone'],
  ],
  [
    "a zone that is none",
    { calendars: "{launches: {file: launches.ics, zone: Mars}}" },
    ['2:50 time_zone_unknown calendars.launches.zone: found "Mars", expected an IANA time zone'],
  ],
  [
    "too many calendars",
    { calendars: `{launches: {file: launches.ics}, ${Array.from({ length: 16 }, (_, i) => `c${i}: {file: launches.ics}`).join(", ")}}` },
    ["2:12 too_many_calendars calendars: 17 calendars, at most 16 are read"],
  ],
  [
    "a calendar that nobody declared",
    { windows: "{calendar: lanches, desired: 4}" },
    ['11:47 unknown_reference workloads.shop/web.strategies.1.windows.0.calendar: there is no calendar "lanches"; did you mean "launches"?'],
  ],
  [
    "a calendar where there is none",
    { calendars: "{}", windows: "{calendar: launches, desired: 4}" },
    [
      '11:47 unknown_reference workloads.shop/web.strategies.1.windows.0.calendar: there is no calendar "launches"; declare it at the top of the file, for example calendars: {launches: {file: launches.ics}}',
    ],
  ],
  [
    "a window of both forms",
    { bounds: '{calendar: launches, start: "0 8 * * *", for: 1h, min: 3}' },
    [
      "6:70 window_form workloads.shop/web.bounds.schedule.0.start: found both calendar and start",
      "6:88 window_form workloads.shop/web.bounds.schedule.0.for: found both calendar and for",
    ],
  ],
  ["a window of no form", { bounds: "{min: 3}" }, ["6:42 window_form workloads.shop/web.bounds.schedule.0: found neither start nor calendar"]],
  [
    "a cron that looks for words",
    { freeze: '{start: "0 8 * * *", for: 1h, matching: sale}' },
    ["12:63 window_form workloads.shop/web.guards.freeze.0.matching: found matching in a window without calendar"],
  ],
  [
    "a freeze of no direction",
    { freeze: "{calendar: launches, direction: sideways}" },
    ['12:55 invalid_value workloads.shop/web.guards.freeze.0.direction: found "sideways": expected one of down, up, both'],
  ],
  [
    "a freeze by a cron that is none",
    { freeze: '{start: "0 8 * *", for: 1h}' },
    ['12:31 cron workloads.shop/web.guards.freeze.0.start: found "0 8 * *": expected five fields'],
  ],
  [
    "words of nothing",
    { freeze: '{calendar: launches, matching: ""}' },
    ['12:54 invalid_value workloads.shop/web.guards.freeze.0.matching: found "": expected text to look for'],
  ],
] as const)("refuses %s", ([, parts, expected]) => {
  const found = checkPolicy(policy(parts), "p.yaml", options).problems.map(
    ({ line, column, code, path, message, hint }) => `${line}:${column} ${code} ${path}: ${message}; ${hint ?? ""}`,
  );
  expect(found.map((problem, i) => problem.slice(0, expected[i]?.length))).toEqual(expected);
});

test("warns of windows that no event opens", () => {
  const lints = (parts: Parameters<typeof policy>[0]) =>
    lintPolicy(parsePolicy(policy(parts), "p.yaml", options)).map(({ path, code, message }) => `${path} ${code}: ${message}`);
  expect(lints({})).toEqual([]);
  expect(lints({ windows: "{calendar: launches, desired: 4}, {calendar: launches, matching: sale, desired: 4}" })).toEqual([
    'workloads.shop/web.strategies.1.windows.1 calendar_without_event: launches has no event with "sale", so it never opens',
  ]);
  expect(lints({ bounds: "{calendar: launches, matching: reminder, min: 3}, {calendar: launches, matching: reminder, before: 1h, min: 3}" })).toEqual([
    'workloads.shop/web.bounds.schedule.0 calendar_without_event: launches has only moments without length with "reminder", so it never opens',
  ]);
  expect(lints({ freeze: "{calendar: launches, matching: sale}" })[0]).toContain("workloads.shop/web.guards.freeze.0 calendar_without_event");
});

test("the schema for editors asks for one of the two forms wherever a window may stand", () => {
  const text = JSON.stringify(policyJsonSchema("draft-2020-12"));
  expect(text.split('"allOf":[{"oneOf":[{"required":["start"]},{"required":["calendar"]}]}]')).toHaveLength(4);
});

test("a calendar that many workloads share is read once", () => {
  let reads = 0;
  const readFile = (name: string): string | undefined => {
    reads++;
    return options.readFile(name);
  };
  const text = policy().replace("  shop/web:\n", "  shop/${app}:\n    each: {from: {values: [a, b, c]}, label: app}\n");
  expect(parsePolicy(text, "p.yaml", { readFile }).workloads).toHaveLength(3);
  expect(reads).toBe(1);
});
