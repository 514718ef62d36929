/** A window of time that comes again: from each start to the next end (which is not part of it), or for a while. */
export interface ScheduleWindow {
  /** Five fields of cron, local time of `zone`. */
  readonly start: string;
  /** Another five fields, or how long it lasts. */
  readonly end: string | { readonly forMs: number };
  /** IANA name. */
  readonly zone: string;
}

/** A value that holds from an instant on. */
export interface Transition<Value> {
  readonly atMs: number;
  readonly value: Value;
}
