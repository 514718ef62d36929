import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { GENESIS, type Head, type SealedEntry, seal } from "../entry.ts";
import { type Commit, type Conclusion, type Forgotten, HeadMoved, type Intent, type Store } from "../store.ts";

/** A store that forgets everything with the process: for dry runs and tests. Behaves as the durable ones do. */
export class MemoryStore implements Store {
  readonly #chains = new Map<number, SealedEntry[]>();
  readonly #intents = new Map<string, { readonly intent: Intent; readonly shard: number; outcome: Conclusion["outcome"] | undefined }>();
  readonly #checkpoints: Checkpoint[] = [];
  readonly #observations = new Map<number, { atMs: number; bytes: Uint8Array }[]>();
  readonly #orders = new Map<string, string>();
  readonly #policies = new Map<string, string>();
  readonly #snapshots = new Map<string, { atMs: number; state: string }[]>();

  async head(shard: number): Promise<Head> {
    const last = this.#chains.get(shard)?.at(-1);
    return { shard, seq: last?.entry.seq ?? 0, hash: last?.hash ?? GENESIS };
  }

  async commit(head: Head, { entries, intents = [], conclusions = [], observations, snapshots = [], orders = [] }: Commit): Promise<readonly SealedEntry[]> {
    const { shard } = head;
    const found = await this.head(shard);
    if (found.seq !== head.seq || found.hash !== head.hash) throw new HeadMoved(shard, head, found);
    // Everything that may fail comes before anything is changed.
    const sealed = seal(head, entries);
    const ids = new Set(intents.map(({ id }) => id));
    if (ids.size < intents.length || intents.some(({ id }) => this.#intents.has(id))) throw new Error("two intents with the same id");
    for (const { intentId } of conclusions)
      if (!ids.has(intentId) && !this.#isOpen(intentId)) throw new Error(`the intent ${intentId} is not open: it cannot be concluded`);
    for (const intent of intents) this.#intents.set(intent.id, { intent: JSON.parse(canonicalJson(intent)) as Intent, shard, outcome: undefined });
    for (const { intentId, outcome } of conclusions) (this.#intents.get(intentId) as { outcome: Conclusion["outcome"] }).outcome = outcome;
    this.#chains.set(shard, [...(this.#chains.get(shard) ?? []), ...sealed]);
    if (observations !== undefined) this.#observations.set(shard, [...(this.#observations.get(shard) ?? []), { ...observations }]);
    for (const { workload, ...snapshot } of snapshots) this.#snapshots.set(workload, [...(this.#snapshots.get(workload) ?? []), snapshot]);
    for (const { workload, text } of orders) this.#orders.set(workload, text);
    return sealed;
  }

  async keepCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#checkpoints.push(checkpoint);
  }

  async lastCheckpoint(): Promise<Checkpoint | undefined> {
    return this.#checkpoints.at(-1);
  }

  async checkpoints(): Promise<readonly Checkpoint[]> {
    return this.#checkpoints.filter(({ key }, i) => this.#checkpoints.findLastIndex((later) => later.key === key) === i);
  }

  async openIntents(shard: number): Promise<readonly Intent[]> {
    return [...this.#intents.values()].filter((one) => one.shard === shard && this.#isOpen(one.intent.id)).map(({ intent }) => intent);
  }

  async *entries(shard: number, fromSeq: number): AsyncIterable<{ readonly seq: number; readonly text: string }> {
    for (const { entry, text } of this.#chains.get(shard) ?? []) if (entry.seq >= fromSeq) yield { seq: entry.seq, text };
  }

  async tail(shard: number, count: number): Promise<readonly string[]> {
    return (this.#chains.get(shard) ?? [])
      .slice(-count)
      .map(({ text }) => text)
      .reverse();
  }

  async orders(): Promise<readonly { readonly workload: string; readonly text: string }[]> {
    return [...this.#orders].map(([workload, text]) => ({ workload, text }));
  }

  async entriesOf(workload: string, count: number): Promise<readonly string[]> {
    const about = [...this.#chains.values()].flat().filter(({ entry }) => entry.body.workload === workload);
    return about
      .slice(-count)
      .map(({ text }) => text)
      .reverse();
  }

  async shards(): Promise<readonly number[]> {
    return [...this.#chains]
      .filter(([, chain]) => chain.length > 0)
      .map(([shard]) => shard)
      .sort((a, b) => a - b);
  }

  async keepPolicy(hash: string, text: string): Promise<void> {
    this.#policies.set(hash, text);
  }

  async policy(hash: string): Promise<string | undefined> {
    return this.#policies.get(hash);
  }

  async snapshot(workload: string, beforeMs: number): Promise<{ readonly atMs: number; readonly state: string } | undefined> {
    return (this.#snapshots.get(workload) ?? []).filter(({ atMs }) => atMs <= beforeMs).at(-1);
  }

  async *observations(shard: number, fromMs: number, toMs: number): AsyncIterable<{ readonly atMs: number; readonly bytes: Uint8Array }> {
    for (const one of this.#observations.get(shard) ?? []) if (one.atMs >= fromMs && one.atMs < toMs) yield one;
  }

  async lastObservedMs(shard: number): Promise<number | undefined> {
    return this.#observations.get(shard)?.at(-1)?.atMs;
  }

  async forget(beforeMs: number, bytesMax: number): Promise<Forgotten> {
    let rows = 0;
    let [isDone, border] = [true, beforeMs];
    for (const [shard, all] of this.#observations) {
      let [count, size] = [0, 0];
      for (const { atMs, bytes } of all) {
        if (atMs >= beforeMs) break;
        if (size >= bytesMax) {
          [isDone, border] = [false, Math.min(border, all[count - 1]?.atMs as number)];
          break;
        }
        [count, size] = [count + 1, size + bytes.length];
      }
      rows += count;
      this.#observations.set(shard, all.slice(count));
    }
    for (const [workload, all] of this.#snapshots) {
      // The last before the border is what replay begins with.
      const first = Math.max(0, all.filter(({ atMs }) => atMs <= border).length - 1);
      rows += first;
      this.#snapshots.set(workload, all.slice(first));
    }
    return { rows, isDone };
  }

  async giveBack(): Promise<boolean> {
    return false;
  }

  async usedBytes(): Promise<number> {
    const sizes = [
      ...[...this.#chains.values()].flat().map(({ text }) => text.length),
      ...[...this.#observations.values()].flat().map(({ bytes }) => bytes.length),
      ...[...this.#snapshots.values()].flat().map(({ state }) => state.length),
    ];
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {}

  #isOpen(id: string): boolean {
    const found = this.#intents.get(id);
    return found !== undefined && (found.outcome === undefined || found.outcome === "unknown");
  }
}
