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
  readonly headers: Readonly<Record<string, string>>;
  /** Random gaps, drawn from this seed; even ones when absent. */
  readonly seed?: number;
}

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
  const player = new LoadPlayer({ arrivals, durationMs, targets, connections: Math.max(1, Math.ceil(connections / share.of)), timeoutMs, headers, onSecond });
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

/**
 * Why the generator, and not the service, may have been the limit; undefined when it was not.
 * @param busy share of the time that the busiest thread was; of a closed loop. Whoever waits for what is due is always awake.
 */
export function generatorLimit({ notSent, sent, lateness }: LoadReport, busy?: number): string | undefined {
  if (notSent > 0) return `${notSent} of ${sent + notSent} requests were not sent: too many were under way, or there was nobody to send to`;
  if (lateness !== null && lateness.p99 > LATE_MS) return `one request in a hundred was sent ${lateness.p99.toFixed(0)} ms late or more`;
  return busy !== undefined && busy > BUSY ? `a thread of it was busy ${(100 * busy).toFixed(0)} % of the time` : undefined;
}
