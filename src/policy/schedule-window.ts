import type { RecurrenceRule } from "../lib/recurrence.ts";

/** A window of time that comes again: from each start to the next end (which is not part of it), or for a while. */
export interface CronWindow {
  /** Five fields of cron, local time of `zone`. */
  readonly start: string;
  /** Another five fields, or how long it lasts. */
  readonly end: string | { readonly forMs: number };
  /** IANA name. */
  readonly zone: string;
}

/** A window that is open during events of a calendar, each from `beforeMs` earlier to `afterMs` later. */
export interface EventWindow {
  readonly events: readonly CalendarEvent[];
  readonly beforeMs: number;
  readonly afterMs: number;
}

export type ScheduleWindow = CronWindow | EventWindow;

/**
 * An event with all its repetitions, in one canonical form. Local times are `2026-11-27T08:00:00` in `zone`. An
 * occurrence lasts `days` by the calendar and then `forMs` of elapsed time.
 */
export interface CalendarEvent {
  readonly start: string;
  /** IANA name. */
  readonly zone: string;
  readonly days: number;
  readonly forMs: number;
  readonly rule?: RecurrenceRule;
  /** Further starts. */
  readonly further?: readonly string[];
  /** Starts that are left out; a day without a time leaves out all its starts. */
  readonly except?: readonly string[];
}

/** A value that holds from an instant on. */
export interface Transition<Value> {
  readonly atMs: number;
  readonly value: Value;
}

/** Engine time, the end not included. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}
