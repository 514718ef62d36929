import { setImmediate as turn } from "node:timers/promises";
import type { Observation } from "../engine/model.ts";
import type { Store } from "../ledger/store.ts";
import { SHARD } from "./controller.ts";
import { decodeObservations, observationIn } from "./observations.ts";

/** What a workload was shown at a tick. */
export interface Past {
  /** Engine time. */
  readonly atMs: number;
  readonly observation: Observation;
}

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
  /** Equal parts of the window, of each of which only the last observation is wanted; all when absent. */
  readonly buckets?: number;
}

/** Others have their turn after so many rows: the loop that reads is the loop that ticks. */
const ROWS_A_TURN = 16;
/** A workload that was due in so many parts of the time, and in none of them, was not running: it is sought only now and then. */
const SOUGHT_PARTS = 8;
const SOUGHT_EVERY = 32;

type Row = { readonly atMs: number; readonly bytes: Uint8Array };

/** What one workload was shown, oldest first. What is not wanted is not unpacked: a day of a thousand workloads is gigabytes. */
export async function* pastOf(store: Pick<Store, "observations">, workload: string, window: Window): AsyncGenerator<Past> {
  for await (const rows of parts(store, window)) yield* lastOf(rows, workload);
}

/**
 * What each of many workloads was shown, oldest first for each, in one pass over the record.
 * @param workloads by name, how often each is due, ms
 */
export async function* pastOfAll(
  store: Pick<Store, "observations">,
  workloads: ReadonlyMap<string, number>,
  window: Window,
): AsyncGenerator<Past & { readonly workload: string }> {
  const lastMs = new Map<string, number>();
  const missedParts = new Map<string, number>();
  for await (const rows of parts(store, window)) {
    const endMs = (rows.at(-1) as Row).atMs;
    const missing = new Set<string>();
    for (const [workload, intervalMs] of workloads) {
      if (endMs - (lastMs.get(workload) ?? Number.NEGATIVE_INFINITY) < intervalMs) continue;
      const missed = missedParts.get(workload) ?? 0;
      if (missed < SOUGHT_PARTS || missed % SOUGHT_EVERY === 0) missing.add(workload);
      missedParts.set(workload, missed + 1);
    }
    const seen = new Set<string>();
    for (let i = rows.length - 1; i >= 0 && (missing.size > 0 || i === rows.length - 1); i--) {
      const { atMs, bytes } = rows[i] as Row;
      for (const { workload, observation } of decodeObservations(bytes)) {
        if (seen.has(workload) || !workloads.has(workload)) continue;
        seen.add(workload);
        missing.delete(workload);
        missedParts.delete(workload);
        lastMs.set(workload, atMs);
        yield { workload, atMs, observation };
      }
      await turn();
    }
  }
}

/** Rows by the part of the window that they are in; each alone where there are no parts. */
async function* parts(store: Pick<Store, "observations">, { fromMs, toMs, buckets }: Window): AsyncGenerator<readonly Row[]> {
  const bucketMs = buckets === undefined ? 0 : (toMs - fromMs) / buckets;
  let waiting: Row[] = [];
  let bucket = -1;
  let rows = 0;
  for await (const row of store.observations(SHARD, fromMs, toMs)) {
    const next = bucketMs === 0 ? bucket + 1 : Math.floor((row.atMs - fromMs) / bucketMs);
    if (next !== bucket) {
      if (waiting.length > 0) yield waiting;
      waiting = [];
      bucket = next;
    }
    waiting.push(row);
    if (++rows % ROWS_A_TURN === 0) await turn();
  }
  if (waiting.length > 0) yield waiting;
}

/** The last of these in which the workload was due. */
function* lastOf(rows: readonly Row[], workload: string): Generator<Past> {
  for (let i = rows.length - 1; i >= 0; i--) {
    const { atMs, bytes } = rows[i] as Row;
    const observation = observationIn(bytes, workload);
    if (observation === undefined) continue;
    yield { atMs, observation };
    return;
  }
}
