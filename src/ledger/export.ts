import { canonicalJson } from "../lib/canonical-json.ts";
import type { Store } from "./store.ts";

/**
 * The lines of an export: the last checkpoint, then every entry that it covers, shard by shard, byte for byte as they were
 * hashed. What is newer than the checkpoint is left for the next export. Nothing without a checkpoint.
 */
export async function* exportLines(store: Store): AsyncGenerator<string> {
  const checkpoint = await store.lastCheckpoint();
  if (checkpoint === undefined) return;
  yield canonicalJson(checkpoint);
  for (const { shard, seq: last } of checkpoint.heads)
    for await (const { seq, text } of store.entries(shard, 1)) {
      if (seq > last) break;
      yield text;
    }
}
