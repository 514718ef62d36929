import { createRng } from "../lib/rng.ts";
import { Arrivals } from "./arrivals.ts";
import { LoadPlayer, type Target } from "./player.ts";
import type { LoadShape } from "./shape.ts";
import { type LoadReport, Tally, type TallyParts } from "./tally.ts";

/** Load to play, as plain data: it goes to threads as it is. */
export interface LoadRequest {
  /** Undefined: as fast as answers come. */
  readonly shape: LoadShape | undefined;
  readonly durationMs: number;
  readonly targets: readonly Target[];
  readonly connections: number;
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Random gaps, drawn from this seed; even ones when absent. */
  readonly seed?: number;
}

/** Requests under way, or waiting for a connection, of all threads together. */
const UNDER_WAY_MAX = 20_000;

/** One of the threads that share a load. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

export type Played = { readonly report: LoadReport; readonly parts: TallyParts };

/** Plays one share of a load in this thread. @param targets who there is now, instead of those of the request */
export function playShare(
  request: LoadRequest,
  share: Share,
  onSecond: (report: LoadReport, parts: TallyParts) => void,
  signal: AbortSignal,
  targets: () => readonly Target[] = () => request.targets,
): Promise<Played> {
  const { shape, durationMs, connections, timeoutMs, headers, seed } = request;
  const arrivals = shape === undefined ? undefined : new Arrivals(shape, { share, ...(seed !== undefined && { rng: createRng(seed + share.index) }) });
  // As many in all as there may be, with the rest for the first ones.
  const own = Math.max(1, Math.floor(connections / share.of) + (share.index < connections % share.of ? 1 : 0));
  const player = new LoadPlayer({
    arrivals,
    durationMs,
    targets,
    connections: own,
    timeoutMs,
    headers,
    onSecond,
    underWayMax: Math.ceil(UNDER_WAY_MAX / share.of),
  });
  return player.run(signal);
}

/** Adds the same seconds, or the whole, of several threads. */
export function addUp(shares: readonly Played[]): LoadReport {
  const sum = new Tally();
  let underWay = 0;
  for (const { report, parts } of shares) {
    sum.add(parts);
    underWay += report.underWay;
  }
  return sum.report(Math.min(...shares.map(({ report }) => report.fromMs)), Math.max(...shares.map(({ report }) => report.toMs)), underWay);
}

/** Share of the time that this thread has been busy, since it began or since an earlier look. */
export function busyShare(since?: ReturnType<typeof performance.eventLoopUtilization>): number {
  const { active, idle } = performance.eventLoopUtilization(since);
  return active + idle > 0 ? active / (active + idle) : 0;
}

/** Lateness at which latencies say more about the generator than about the service, ms. */
const LATE_MS = 20;
/** Share of the time from which a thread has nothing left. */
const BUSY = 0.97;

/** Reasons for which a request is not sent. */
const WHY_NOT_SENT: Readonly<Record<string, string>> = {
  nobody: "there was nobody to send to",
  too_many: "too many were under way, or waited for a connection",
  no_connection: "no connection was free until the end (--connections)",
  too_late: "it was far behind at the end (--threads)",
  EMFILE: "it has no more file descriptors (ulimit -n, or fewer --connections)",
  ENFILE: "this machine has no more file descriptors",
  EADDRNOTAVAIL: "this machine has no more ports to send from (fewer --connections)",
  ENOBUFS: "this machine has no more buffers for sockets",
  ENOMEM: "this machine has no more memory",
};

/**
 * Why the generator, and not the service, may have been the limit; undefined when it was not.
 * @param busy share of the time that the busiest thread was; of a closed loop. Whoever waits for what is due is always awake.
 */
export function generatorLimit({ notSent, sent, lateness, reasons }: LoadReport, busy?: number): string | undefined {
  const why = Object.entries(WHY_NOT_SENT).flatMap(([reason, text]) => (reasons[reason] === undefined ? [] : [text]));
  if (notSent > 0) return `${notSent} of ${sent + notSent} requests were not sent: ${why.join("; ")}`;
  if (lateness !== null && lateness.p99 > LATE_MS)
    return `one request in a hundred was sent ${lateness.p99.toFixed(0)} ms late or more: it, or its connections, were busy (--connections, --threads)`;
  return busy !== undefined && busy > BUSY ? `a thread of it was busy ${(100 * busy).toFixed(0)} % of the time` : undefined;
}
