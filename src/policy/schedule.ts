import { Cron } from "croner";
import { type ZoneClock, zoneClock } from "../lib/time-zone.ts";
import { eventStretches } from "./event-stretches.ts";
import type { ResolvedWorkload } from "./resolve.ts";
import type { CronWindow, ScheduleWindow, Stretch, Transition } from "./schedule-window.ts";

/** Closest that starts may follow each other: a window that opens every minute is a slip, and years of it take minutes to lay out. */
const DENSEST_MS = 15 * 60_000;

/** What is wrong with five cron fields, in words; undefined when nothing is. */
export function cronProblem(text: string): string | undefined {
  // The library also takes seconds, years and nicknames, which mean other things elsewhere.
  if (text.trim().split(/\s+/).length !== 5) return "expected five fields: minute, hour, day of month, month, day of week, for example 0 8 * * mon-fri";
  try {
    const runs = new Cron(text, { paused: true, timezone: "UTC" }).nextRuns(8, new Date(Date.UTC(2024, 0, 1)));
    if (runs.length === 0) return "this never happens";
    const isDense = runs.some((run, i) => i > 0 && run.getTime() - (runs[i - 1] as Date).getTime() < DENSEST_MS);
    return isDense ? "more often than every 15 minutes; what is always so needs no schedule" : undefined;
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, "");
  }
}

/**
 * The stretches in which a window is open between two instants, ascending, apart from each other, cut to the two.
 *
 * A start inside an hour that the clocks skip happens at the first instant after it; one in an hour that comes twice
 * happens at the first. A window is open when its last start is later than its last end, as in Nomad; windows that meet
 * or overlap are one. Durations are elapsed time, whatever the clocks do meanwhile.
 */
export function openStretches(window: ScheduleWindow, fromMs: number, toMs: number): Stretch[] {
  return "events" in window ? eventStretches(window, fromMs, toMs) : cronStretches(window, fromMs, toMs);
}

function cronStretches({ start, end, zone }: CronWindow, fromMs: number, toMs: number): Stretch[] {
  const starts = new LocalCron(start, zone);
  const ends = typeof end === "string" ? new LocalCron(end, zone) : undefined;
  const stretches: { fromMs: number; toMs: number }[] = [];
  // The one that is open at the beginning has begun by then.
  let at = starts.lastBy(fromMs) ?? starts.nextAfter(fromMs);
  while (at !== undefined && at < toMs) {
    const begin = at;
    // An end at the very instant (both inside an hour that is skipped) leaves nothing open.
    const close = typeof end === "string" ? ((ends as LocalCron).nextAfter(begin - 1) ?? Number.POSITIVE_INFINITY) : begin + end.forMs;
    const last = stretches.at(-1);
    if (close > fromMs && close > begin) {
      if (last !== undefined && begin <= last.toMs) last.toMs = Math.max(last.toMs, Math.min(close, toMs));
      else stretches.push({ fromMs: Math.max(begin, fromMs), toMs: Math.min(close, toMs) });
    }
    at = starts.nextAfter(begin);
  }
  return stretches;
}

/**
 * Instants of five cron fields. The library lays out what a clock shows, and the zone says when it first shows it: left
 * to itself, the library is an offset away where clocks move by half an hour (Australia/Lord_Howe).
 */
class LocalCron {
  readonly #cron: Cron;
  readonly #clock: ZoneClock;

  constructor(text: string, zone: string) {
    this.#cron = new Cron(text, { timezone: "UTC", paused: true });
    this.#clock = zoneClock(zone);
  }

  nextAfter(atMs: number): number | undefined {
    const local = this.#cron.nextRun(new Date(this.#clock.latestLocalMs(atMs)));
    return local === null ? undefined : this.#clock.instantOf(local.getTime());
  }

  /** The last that is not after the instant. */
  lastBy(atMs: number): number | undefined {
    const [local] = this.#cron.previousRuns(1, new Date(this.#clock.latestLocalMs(atMs) + 1));
    return local === undefined ? undefined : this.#clock.instantOf(local.getTime());
  }
}

/** What the calendars of a workload say over a stretch of engine time, for its engine. */
export interface CompiledSchedules {
  readonly bounds: readonly Transition<{ readonly min: number; readonly max: number }>[];
  /** By position in the workload's strategies; 0 while no window is open. Empty for strategies without a calendar. */
  readonly desired: readonly (readonly Transition<number>[])[];
  /** Directions in which no step may be taken. */
  readonly freeze: readonly Transition<FrozenDirections>[];
}

/** Directions in which capacity is held where it is. */
export type FrozenDirections = "none" | "up" | "down" | "both";

/**
 * Compiles the calendars of a workload to transitions. What asks for more opens earlier by the start-up time and one
 * interval; how fast it grows then is up to the guards.
 */
export function compileSchedules(workload: ResolvedWorkload, fromMs: number, toMs: number): CompiledSchedules {
  const leadMs = workload.unit.startup.meanMs + workload.intervalMs;
  const early = (window: ScheduleWindow): Stretch[] =>
    openStretches(window, fromMs, toMs + leadMs).map((stretch) => ({ fromMs: Math.max(fromMs, stretch.fromMs - leadMs), toMs: stretch.toMs }));
  const { min, max } = workload.bounds;
  const windows = (workload.boundsSchedule ?? []).map((window) => ({
    ...window,
    early: window.min === undefined ? [] : early(window),
    open: window.max === undefined ? [] : openStretches(window, fromMs, toMs),
  }));
  const bounds = changes(
    windows.flatMap((window) => [...window.early, ...window.open]),
    (atMs) => {
      let now = { min, max };
      for (const window of windows) {
        if (window.min !== undefined && isOpen(window.early, atMs)) now = { ...now, min: window.min };
        if (window.max !== undefined && isOpen(window.open, atMs)) now = { ...now, max: window.max };
      }
      // Two windows may contradict each other; capacity that is wanted outranks capacity that is forbidden.
      return { min: now.min, max: Math.max(now.min, now.max) };
    },
    (a, b) => a.min === b.min && a.max === b.max,
  );
  const desired = workload.strategies.map((strategy) => {
    if (strategy.type !== "schedule") return [];
    const open = strategy.windows.map((window) => ({ units: window.desired, stretches: early(window) }));
    return changes(
      open.flatMap(({ stretches }) => stretches),
      (atMs) => open.reduce((most, { units, stretches }) => (units > most && isOpen(stretches, atMs) ? units : most), 0),
      (a, b) => a === b,
    );
  });
  const frozen = workload.guards.freeze.map((window) => ({ direction: window.direction, stretches: openStretches(window, fromMs, toMs) }));
  const freeze = changes<FrozenDirections>(
    frozen.flatMap(({ stretches }) => stretches),
    (atMs) => {
      const open = frozen.filter(({ stretches }) => isOpen(stretches, atMs)).map(({ direction }) => direction);
      const isHeld = (direction: "up" | "down") => open.includes(direction) || open.includes("both");
      return isHeld("up") ? (isHeld("down") ? "both" : "up") : isHeld("down") ? "down" : "none";
    },
    (a, b) => a === b,
  );
  // What is cut at the horizon has not ended there.
  const within = <Value>(transitions: readonly Transition<Value>[]) => transitions.filter(({ atMs }) => atMs < toMs);
  return { bounds: within(bounds), desired: desired.map(within), freeze: within(freeze) };
}

/** The value at every edge of the stretches, where it differs from the one before. */
function changes<Value>(stretches: readonly Stretch[], valueAt: (atMs: number) => Value, isSame: (a: Value, b: Value) => boolean): Transition<Value>[] {
  const edges = [...new Set(stretches.flatMap((stretch) => [stretch.fromMs, stretch.toMs]))].sort((a, b) => a - b);
  const found: Transition<Value>[] = [];
  for (const atMs of edges) {
    const value = valueAt(atMs);
    const last = found.at(-1);
    if (last === undefined || !isSame(last.value, value)) found.push({ atMs, value });
  }
  return found;
}

/** Whether an instant lies in one of the stretches, which ascend by their ends. */
function isOpen(stretches: readonly Stretch[], atMs: number): boolean {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stretches[middle] as Stretch).toMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return low < stretches.length && (stretches[low] as Stretch).fromMs <= atMs;
}
