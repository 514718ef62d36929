/** Whether the runtime knows the IANA zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}

/**
 * Instants at which calendar months begin in a zone, from the month that contains `fromMs` to the last that begins by `toMs`.
 * Midnight that does not exist (a clock change) gives the first instant of that day.
 */
export function monthsBeginAtMs(timeZone: string, fromMs: number, toMs: number): number[] {
  const format = new Intl.DateTimeFormat("en-u-hc-h23", {
    timeZone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const localMs = (atMs: number): number => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map((part) => [part.type, Number(part.value)])) as Record<string, number>;
    return Date.UTC(parts["year"] as number, (parts["month"] as number) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]);
  };
  const begins: number[] = [];
  const first = new Date(localMs(fromMs));
  for (let month = first.getUTCMonth(); begins.length < 2_400; month++) {
    const wantedMs = Date.UTC(first.getUTCFullYear(), month, 1);
    // The local clock is at most 26 h away from UTC; the first instant whose local time is not before midnight is the beginning.
    let low = wantedMs - 26 * 3_600_000;
    let high = wantedMs + 26 * 3_600_000;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (localMs(middle) >= wantedMs) high = middle;
      else low = middle;
    }
    if (high > toMs) break;
    begins.push(high);
  }
  return begins;
}
