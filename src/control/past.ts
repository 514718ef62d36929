import { setImmediate as turn } from "node:timers/promises";
import type { Observation } from "../engine/model.ts";
import type { Store } from "../ledger/store.ts";
import { SHARD } from "./controller.ts";
import { observationIn } from "./observations.ts";

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

/** What one workload was shown, oldest first. What is not wanted is not unpacked: a day of a thousand workloads is gigabytes. */
export async function* pastOf(store: Pick<Store, "observations">, workload: string, { fromMs, toMs, buckets }: Window): AsyncGenerator<Past> {
  const bucketMs = buckets === undefined ? 0 : (toMs - fromMs) / buckets;
  let waiting: { readonly atMs: number; readonly bytes: Uint8Array }[] = [];
  let bucket = -1;
  let rows = 0;
  for await (const row of store.observations(SHARD, fromMs, toMs)) {
    const next = bucketMs === 0 ? bucket + 1 : Math.floor((row.atMs - fromMs) / bucketMs);
    if (next !== bucket) {
      yield* lastOf(waiting, workload);
      waiting = [];
      bucket = next;
    }
    waiting.push(row);
    if (++rows % ROWS_A_TURN === 0) await turn();
  }
  yield* lastOf(waiting, workload);
}

/** The last of these in which the workload was due. */
function* lastOf(rows: readonly { readonly atMs: number; readonly bytes: Uint8Array }[], workload: string): Generator<Past> {
  for (let i = rows.length - 1; i >= 0; i--) {
    const { atMs, bytes } = rows[i] as (typeof rows)[number];
    const observation = observationIn(bytes, workload);
    if (observation === undefined) continue;
    yield { atMs, observation };
    return;
  }
}
