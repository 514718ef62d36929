import type { JSX } from "preact";
import { useEffect, useReducer } from "preact/hooks";
import { formatSpan } from "../../src/lib/format.ts";

// Times say in which zone they are. One choice for the whole page.

const KEPT = "vernier-zone";
let isUtc = kept() === "utc";
const watchers = new Set<() => void>();

/** Undefined, too, where a page may keep nothing. */
function kept(): string | undefined {
  try {
    return localStorage.getItem(KEPT) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The zone that times are shown in. */
export function zone(): string {
  return isUtc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Hours ahead of UTC right now: +02:00. */
function offsetText(): string {
  if (isUtc) return "";
  const part = new Intl.DateTimeFormat("en", { timeZone: zone(), timeZoneName: "longOffset" })
    .formatToParts(Date.now())
    .find(({ type }) => type === "timeZoneName");
  return part?.value.replace("GMT", "UTC") ?? "";
}

export function clockText(atMs: number, withSeconds = true): string {
  return format(atMs, { hour: "2-digit", minute: "2-digit", ...(withSeconds && { second: "2-digit" }) });
}

export function dayText(atMs: number): string {
  return format(atMs, { year: "numeric", month: "2-digit", day: "2-digit" });
}

/** Day and time, the day left out when it is today. */
export function instantText(atMs: number, nowMs = Date.now()): string {
  const day = dayText(atMs);
  return day === dayText(nowMs) ? clockText(atMs) : `${day} ${clockText(atMs)}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(atMs: number, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify([zone(), options]);
  let made = formats.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat("sv-SE", { ...options, timeZone: zone() });
    formats.set(key, made);
  }
  return made.format(atMs);
}

/** Shows the zone, and changes it. */
export function ZoneSwitch(): JSX.Element {
  useZone();
  const change = (): void => {
    isUtc = !isUtc;
    localStorage.setItem(KEPT, isUtc ? "utc" : "here");
    for (const watcher of watchers) watcher();
  };
  const name = isUtc ? "UTC" : `${zone()}${offsetText() === "" || zone() === "UTC" ? "" : ` (${offsetText()})`}`;
  return (
    <button type="button" class="quiet" onClick={change} title={isUtc ? "Show times of this place" : "Show times in UTC"}>
      <span class="sr">Times are in </span>
      {name}
    </button>
  );
}

/** Draws again when the zone changes. */
export function useZone(): string {
  const [, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    const watcher = (): void => again(undefined);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return zone();
}

/** How long ago, and the instant behind it. */
export function Ago({ atMs, nowMs }: { readonly atMs: number | null; readonly nowMs: number }): JSX.Element {
  if (atMs === null) return <span>never</span>;
  const ago = Math.max(0, nowMs - atMs);
  return (
    <time dateTime={new Date(atMs).toISOString()} title={`${instantText(atMs, nowMs)} ${zone()}`}>
      {ago < 1_000 ? "now" : `${formatSpan(Math.floor(ago / 1_000) * 1_000)} ago`}
    </time>
  );
}
