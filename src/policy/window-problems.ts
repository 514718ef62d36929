import type { Problem } from "../lib/file-error.ts";
import { nearest } from "../lib/nearest.ts";
import { isTimeZone } from "../lib/time-zone.ts";
import type { Path } from "./document.ts";
import { cronProblem } from "./schedule.ts";

/** A problem of a window, at a path inside it. */
export type WindowProblem = Required<Pick<Problem, "code" | "message" | "hint">> & { readonly path: Path };

/** What is wrong with a window of a schedule as written: of two forms, or none; a cron, zone, end or calendar that makes no sense. */
export function windowProblems(window: Readonly<Record<string, unknown>>, calendars: readonly string[]): WindowProblem[] {
  const { start, calendar } = window;
  if (calendar === undefined && start === undefined) {
    return [
      {
        code: "window_form",
        path: [],
        message: "found neither start nor calendar",
        hint: 'say when it opens (start: "0 8 * * mon-fri"), or during which events (calendar: launches)',
      },
    ];
  }
  return calendar === undefined ? cronWindowProblems(window) : calendarWindowProblems(window, calendars);
}

function calendarWindowProblems(window: Readonly<Record<string, unknown>>, calendars: readonly string[]): WindowProblem[] {
  const problems: WindowProblem[] = [];
  for (const field of ["start", "end", "for", "zone"]) {
    if (window[field] === undefined) continue;
    const hint = "a window opens by cron or by a calendar: remove one, or make two windows of it";
    problems.push({ code: "window_form", path: [field], message: `found both calendar and ${field}`, hint });
  }
  const { calendar } = window;
  if (typeof calendar === "string" && !calendars.includes(calendar)) {
    const near = nearest(calendar, calendars);
    problems.push({
      code: "unknown_reference",
      path: ["calendar"],
      message: `there is no calendar "${calendar.slice(0, 64)}"`,
      hint:
        near !== undefined
          ? `did you mean "${near}"?`
          : calendars.length > 0
            ? `there are: ${calendars.join(", ")}`
            : "declare it at the top of the file, for example calendars: {launches: {file: launches.ics}}",
    });
  }
  return problems;
}

function cronWindowProblems(window: Readonly<Record<string, unknown>>): WindowProblem[] {
  const problems: WindowProblem[] = [];
  for (const field of ["matching", "before", "after"]) {
    if (window[field] === undefined) continue;
    problems.push({
      code: "window_form",
      path: [field],
      message: `found ${field} in a window without calendar`,
      hint: "it goes with the events of a calendar; a window by cron says start, and end or for",
    });
  }
  for (const field of ["start", "end"]) {
    const cron = window[field];
    const problem = typeof cron === "string" ? cronProblem(cron.slice(0, 200)) : undefined;
    if (problem !== undefined)
      problems.push({ code: "cron", path: [field], message: `found "${cron}": ${problem}`, hint: "for example 0 8 * * mon-fri, at eight on working days" });
  }
  const zone = window["zone"];
  if (typeof zone === "string" && (zone.length > 100 || !isTimeZone(zone))) {
    problems.push({
      code: "time_zone_unknown",
      path: ["zone"],
      message: `found "${zone.slice(0, 60)}", expected an IANA time zone`,
      hint: "for example Europe/Berlin or UTC",
    });
  }
  if (typeof window["end"] === "string" && window["end"] === window["start"])
    problems.push({ code: "window_end", path: ["end"], message: "it closes when it opens", hint: "a window that is always open needs no schedule" });
  if ((window["end"] === undefined) === (window["for"] === undefined)) {
    problems.push({
      code: "window_end",
      path: [],
      message: `found ${window["end"] === undefined ? "neither end nor for" : "both end and for"}`,
      hint: "say when it closes (end: 0 18 * * mon-fri) or how long it is open (for: 10h)",
    });
  }
  return problems;
}
