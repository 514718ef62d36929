import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CheckpointKey } from "./checkpoint.ts";
import { type DraftEntry, GENESIS, type Head } from "./entry.ts";
import { HeadMoved, type Intent, type Store } from "./store.ts";

const draft = (kind: string, more: Record<string, unknown> = {}): DraftEntry => ({ at: "2026-11-23T00:00:00.000Z", body: { kind, ...more } });
const intent = (id: string, seq = 1): Intent => ({
  id,
  planId: `plan-${id}`,
  index: 0,
  workload: "shop/web",
  do: { units: 5 },
  expect: { units: 4, version: "7" },
  inverse: { units: 4 },
  epoch: 1,
  deadlineMs: 1_000,
  decisionSeq: seq,
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What every store has to do, whatever it is made of. */
export function storeCases(name: string, open: () => Store): void {
  describe(`${name}: a store`, () => {
    let store: Store;
    beforeEach(() => {
      store = open();
    });
    afterEach(() => store.close());
    const add = async (shard: number, ...drafts: DraftEntry[]): Promise<Head> => {
      const sealed = await store.commit(await store.head(shard), { entries: drafts });
      const last = sealed.at(-1);
      return last === undefined ? store.head(shard) : { shard, seq: last.entry.seq, hash: last.hash };
    };

    test("begins empty, and chains each shard by itself", async () => {
      expect(await store.head(3)).toEqual({ shard: 3, seq: 0, hash: GENESIS });
      const first = await add(3, draft("start"), draft("decision", { workload: "shop/web", from: 3 }));
      await add(5, draft("start"));
      expect(await store.head(3)).toEqual(first);
      expect(first.seq).toBe(2);
      expect(await store.shards()).toEqual([3, 5]);
      const texts = (await all(store.entries(3, 1))).map(({ text }) => JSON.parse(text) as { seq: number; prev: string; body: { kind: string } });
      expect(texts.map(({ seq, body }) => [seq, body.kind])).toEqual([
        [1, "start"],
        [2, "decision"],
      ]);
      expect(texts[0]?.prev).toBe(GENESIS);
      expect((await store.tail(3, 1)).map((text) => (JSON.parse(text) as { seq: number }).seq)).toEqual([2]);
    });

    test("keeps nothing of a commit that is refused", async () => {
      const head = await add(1, draft("start"));
      await expect(store.commit({ shard: 1, seq: 0, hash: GENESIS }, { entries: [draft("late")], intents: [intent("a")] })).rejects.toBeInstanceOf(HeadMoved);
      await expect(store.commit({ ...head, hash: GENESIS }, { entries: [draft("forged")] })).rejects.toBeInstanceOf(HeadMoved);
      await expect(
        store.commit(head, { entries: [draft("x")], intents: [intent("b")], conclusions: [{ intentId: "nobody", outcome: "applied" }] }),
      ).rejects.toThrow("nobody");
      await expect(store.commit(head, { entries: [draft("y")], intents: [intent("c"), intent("c")] })).rejects.toThrow();
      await expect(store.commit(head, { entries: [draft("z", { nothing: Number.NaN })] })).rejects.toThrow();
      expect(await store.head(1)).toEqual(head);
      expect(await store.openIntents(1)).toEqual([]);
    });

    test("holds an intent open until it is known what came of it", async () => {
      const { seq } = await add(1, draft("start"));
      const commit = async (commit: Parameters<Store["commit"]>[1]) => store.commit(await store.head(1), commit);
      await commit({ entries: [draft("intent")], intents: [intent("a", seq + 1), intent("b", seq + 1)] });
      expect(await store.openIntents(1)).toEqual([intent("a", seq + 1), intent("b", seq + 1)]);
      expect(await store.openIntents(2)).toEqual([]);
      await commit({
        entries: [draft("outcome")],
        conclusions: [
          { intentId: "a", outcome: "applied" },
          { intentId: "b", outcome: "unknown" },
        ],
      });
      expect((await store.openIntents(1)).map(({ id }) => id)).toEqual(["b"]);
      await commit({ entries: [draft("outcome")], conclusions: [{ intentId: "b", outcome: "abandoned" }] });
      expect(await store.openIntents(1)).toEqual([]);
      await expect(commit({ entries: [draft("again")], conclusions: [{ intentId: "a", outcome: "failed" }] })).rejects.toThrow("not open");
    });

    test("pages through more entries than it reads at once", async () => {
      await add(1, ...Array.from({ length: 2_501 }, (_, i) => draft("tick", { i })));
      expect((await all(store.entries(1, 1_200))).map(({ seq }) => seq)).toEqual(Array.from({ length: 1_302 }, (_, i) => 1_200 + i));
    });

    test("keeps observations and snapshots until it is told to forget them, and what replay begins with", async () => {
      let head = await store.head(1);
      for (const atMs of [1_000, 2_000, 3_000]) {
        const sealed = await store.commit(head, {
          entries: [draft("tick")],
          observations: { atMs, bytes: Uint8Array.of(atMs / 1_000) },
          snapshots: [{ workload: "shop/web", atMs, state: `{"at":${atMs}}` }],
        });
        head = { shard: 1, seq: sealed[0]?.entry.seq as number, hash: sealed[0]?.hash as string };
      }
      expect((await all(store.observations(1, 1_000, 3_000))).map(({ atMs, bytes }) => [atMs, [...bytes]])).toEqual([
        [1_000, [1]],
        [2_000, [2]],
      ]);
      expect(await store.snapshot("shop/web", 2_500)).toEqual({ atMs: 2_000, state: '{"at":2000}' });
      expect(await store.snapshot("shop/web", 500)).toBeUndefined();
      expect([await store.lastObservedMs(1), await store.lastObservedMs(2)]).toEqual([3_000, undefined]);
      expect(await store.forget(2_500, 1_000)).toEqual({ rows: 3, isDone: true });
      expect(await store.forget(2_500, 1_000)).toEqual({ rows: 0, isDone: true });
      expect(await all(store.observations(1, 0, 9_000))).toHaveLength(1);
      expect(await store.snapshot("shop/web", 2_500)).toEqual({ atMs: 2_000, state: '{"at":2000}' });
      expect((await all(store.entries(1, 1))).length).toBe(3);
    });

    test("forgets the oldest first, no more at a time than it is told, and takes no more for what comes in its place", async () => {
      const keep = async (fromMs: number): Promise<void> => {
        for (let atMs = fromMs; atMs < fromMs + 200; atMs++)
          await store.commit(await store.head(1), {
            entries: [],
            observations: { atMs, bytes: randomBytes(10_000) },
            snapshots: atMs % 100 === 0 ? [{ workload: `shop/${atMs % 3}`, atMs, state: `{"at":${atMs}}` }] : [],
          });
      };
      const left = async (): Promise<number[]> => (await all(store.observations(1, 0, 9_000))).map(({ atMs }) => atMs);
      await keep(0);
      const fullBytes = await store.usedBytes();
      expect(fullBytes).toBeGreaterThan(2_000_000);
      expect(await store.forget(150, 500_000)).toEqual({ rows: 50, isDone: false });
      expect((await left())[0]).toBe(50);
      expect(await store.forget(150, 1)).toEqual({ rows: 1, isDone: false });
      expect(await store.forget(150, 2_000_000)).toEqual({ rows: 99, isDone: true });
      expect((await left())[0]).toBe(150);
      expect(await store.usedBytes()).toBeLessThan(fullBytes - 1_000_000);
      for (let fromMs = 200; fromMs < 2_000; fromMs += 200) {
        await keep(fromMs);
        await store.forget(fromMs, 100_000_000);
      }
      // What SQLite has not yet taken out of its log counts too.
      expect(await store.usedBytes()).toBeLessThan(fullBytes + 8_000_000);
      expect(await store.snapshot("shop/1", 9_000)).toBeDefined();
    });

    test("keeps the orders that stand with what says so, each replacing those of its workload before it, and tells what is about a workload", async () => {
      const about = (workload: string) => ({ at: "2026-11-23T00:00:00.000Z", body: { kind: "command", workload } });
      await store.commit(await store.head(0), { entries: [about("shop/web"), about("shop/db")], orders: [{ workload: "shop/web", text: "{}" }] });
      await store.commit(await store.head(0), { entries: [about("shop/web")], orders: [{ workload: "shop/web", text: '{"pause":1}' }] });
      await expect(store.commit({ shard: 0, seq: 0, hash: "" }, { entries: [], orders: [{ workload: "shop/web", text: "lost" }] })).rejects.toThrow();
      expect(await store.orders()).toEqual([{ workload: "shop/web", text: '{"pause":1}' }]);
      const seqs = (await store.entriesOf("shop/web", 5)).map((text) => (JSON.parse(text) as { seq: number }).seq);
      expect(seqs).toEqual([3, 1]);
      expect(await store.entriesOf("shop/web", 1)).toHaveLength(1);
      expect(await store.entriesOf("shop/nobody", 5)).toEqual([]);
    });

    test("keeps policies by their hash", async () => {
      expect(await store.policy("a")).toBeUndefined();
      await store.keepPolicy("a", '{"id":"shop/web"}');
      await store.keepPolicy("a", '{"id":"shop/web"}');
      expect(await store.policy("a")).toBe('{"id":"shop/web"}');
    });

    test("keeps the last checkpoint, also of each key", async () => {
      expect([await store.lastCheckpoint(), await store.checkpoints()]).toEqual([undefined, []]);
      const key = new CheckpointKey();
      const head = await add(1, draft("start"));
      await store.keepCheckpoint(key.sign([head], "2026-11-23T00:00:00.000Z"));
      const later = key.sign([await add(1, draft("more"))], "2026-11-23T00:00:30.000Z");
      await store.keepCheckpoint(later);
      expect(await store.lastCheckpoint()).toEqual(later);
      const other = new CheckpointKey().sign([await add(1, draft("moved"))], "2026-11-24T00:00:00.000Z");
      await store.keepCheckpoint(other);
      expect(await store.checkpoints()).toEqual([later, other]);
    });
  });
}
