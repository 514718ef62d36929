const WEEK_MS = 7 * 86_400_000;
/** Local time is at most this far from UTC (since 1900), with room. */
const FARTHEST_MS = 16 * 3_600_000;

/** Whether the runtime knows the IANA zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** Offsets from UTC at the beginning and the end of a week, and the instant between them at which they change. */
interface Week {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly changeMs: number;
}

/**
 * The clock on the wall of a zone. Local times are milliseconds as if the clock showed UTC: 08:00 on the first of
 * January 1970 is 28 800 000 in every zone. Answers are kept by the week, so that years of them cost little.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  readonly #weeks = new Map<number, Week>();
  /** Offsets at the beginnings of weeks, by number. */
  readonly #offsets = new Map<number, number>();

  /** @throws RangeError for a zone that the runtime does not know */
  constructor(timeZone: string) {
    const field = "numeric";
    this.#format = new Intl.DateTimeFormat("en-u-hc-h23", { timeZone, year: field, month: field, day: field, hour: field, minute: field, second: field });
  }

  /** What the clock shows at an instant. */
  localMs(atMs: number): number {
    const { beforeMs, afterMs, changeMs } = this.#week(atMs);
    return atMs + (atMs < changeMs ? beforeMs : afterMs);
  }

  /** The latest time that the clock has shown up to an instant: in an hour that comes a second time, the end of its first. */
  latestLocalMs(atMs: number): number {
    const { beforeMs, afterMs, changeMs } = this.#change(atMs - FARTHEST_MS, atMs);
    return changeMs <= atMs && afterMs < beforeMs ? Math.max(this.localMs(atMs), changeMs + beforeMs - 1) : this.localMs(atMs);
  }

  /**
   * The first instant at which the clock shows the local time or a later one: for a time that is skipped, the first
   * instant after the gap; for one that comes twice, the first.
   */
  instantOf(localMs: number): number {
    const { beforeMs, afterMs, changeMs } = this.#change(localMs - FARTHEST_MS, localMs + FARTHEST_MS);
    return localMs - beforeMs < changeMs ? localMs - beforeMs : Math.max(changeMs, localMs - afterMs);
  }

  /** The change between two instants less than a week apart; at an infinite instant when there is none. */
  #change(fromMs: number, toMs: number): Week {
    for (const week of [this.#week(fromMs), this.#week(toMs)]) if (week.changeMs > fromMs && week.changeMs <= toMs) return week;
    const offsetMs = this.localMs(toMs) - toMs;
    return { beforeMs: offsetMs, afterMs: offsetMs, changeMs: Number.POSITIVE_INFINITY };
  }

  #week(atMs: number): Week {
    const index = Math.floor(atMs / WEEK_MS);
    let week = this.#weeks.get(index);
    if (week === undefined) {
      let low = index * WEEK_MS;
      let high = low + WEEK_MS;
      const beforeMs = this.#offsetOfWeek(index);
      const afterMs = this.#offsetOfWeek(index + 1);
      if (beforeMs !== afterMs)
        while (high - low > 1_000) {
          const middle = Math.floor((low + high) / 2_000) * 1_000;
          if (this.#offsetMs(middle) === beforeMs) low = middle;
          else high = middle;
        }
      week = { beforeMs, afterMs, changeMs: beforeMs === afterMs ? Number.POSITIVE_INFINITY : high };
      this.#weeks.set(index, week);
    }
    return week;
  }

  #offsetOfWeek(index: number): number {
    let offsetMs = this.#offsets.get(index);
    if (offsetMs === undefined) {
      offsetMs = this.#offsetMs(index * WEEK_MS);
      this.#offsets.set(index, offsetMs);
    }
    return offsetMs;
  }

  /** At a full second. */
  #offsetMs(atMs: number): number {
    const parts = Object.fromEntries(this.#format.formatToParts(atMs).map((part) => [part.type, Number(part.value)])) as Record<string, number>;
    return Date.UTC(parts["year"] as number, (parts["month"] as number) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]) - atMs;
  }
}

const clocks = new Map<string, ZoneClock>();

/** The clock of a zone, kept: making one costs more than asking it. */
export function zoneClock(timeZone: string): ZoneClock {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    clock = new ZoneClock(timeZone);
    clocks.set(timeZone, clock);
  }
  return clock;
}
