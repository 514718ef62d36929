import { canonicalJson } from "../lib/canonical-json.ts";
import { hashOf } from "./entry.ts";
import type { Store } from "./store.ts";
import { type LedgerProblem, type LedgerReport, LedgerVerifier, type VerifyOptions } from "./verify.ts";

/** What was found in a store, all of it. */
export interface StoreReport extends LedgerReport {
  /** Entries after the last that a checkpoint covers: chained, and signed by nobody yet. */
  readonly unsigned: number;
}

/**
 * Verifies every entry of a store and the checkpoints in it. Unlike an export it may end with entries that no checkpoint covers
 * yet: they are counted, and no problem.
 */
export async function verifyStore(store: Store, options: VerifyOptions = {}): Promise<StoreReport> {
  const verifier = new LedgerVerifier(options);
  const covered = new Map<number, number>();
  for (const checkpoint of await store.checkpoints()) {
    verifier.push(canonicalJson(checkpoint));
    for (const { shard, seq } of checkpoint.heads) covered.set(shard, Math.max(seq, covered.get(shard) ?? 0));
  }
  const problems: LedgerProblem[] = [];
  let unsigned = 0;
  for (const shard of await store.shards()) {
    let end = "";
    for await (const { text } of store.entries(shard, 1)) {
      verifier.push(text);
      end = text;
    }
    const { seq, hash } = await store.head(shard);
    // Nothing follows from the last entry yet: only the hash that was kept with it says whether it is the one that was written.
    if (hashOf(end) !== hash) problems.push({ code: "chain", message: `entry ${seq} of shard ${shard}, the last, is not the one that was written` });
    unsigned += Math.max(0, seq - (covered.get(shard) ?? 0));
  }
  const report = verifier.finish();
  return { ...report, unsigned, problems: [...report.problems.filter(({ code }) => code !== "uncovered"), ...problems] };
}
