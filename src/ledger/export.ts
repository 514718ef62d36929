import { canonicalJson } from "../lib/canonical-json.ts";
import type { Store } from "./store.ts";

/**
 * The lines of an export: the last checkpoint of each key, the newest at the end, then every entry that the newest covers, shard
 * by shard, byte for byte as they were hashed. What is newer is left for the next export. Nothing without a checkpoint.
 */
export async function* exportLines(store: Store): AsyncGenerator<string> {
  const checkpoints = await store.checkpoints();
  for (const checkpoint of checkpoints) yield canonicalJson(checkpoint);
  for (const { shard, seq: last } of checkpoints.at(-1)?.heads ?? [])
    for await (const { seq, text } of store.entries(shard, 1)) {
      if (seq > last) break;
      yield text;
    }
}
