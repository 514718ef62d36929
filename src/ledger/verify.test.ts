import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../lib/canonical-json.ts";
import { CheckpointKey } from "./checkpoint.ts";
import { GENESIS, type Head, seal } from "./entry.ts";
import { exportLines } from "./export.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { LedgerVerifier, type VerifyOptions } from "./verify.ts";

const KEY = new CheckpointKey();
const AT = "2026-11-23T00:00:00.000Z";

/** An export with so many entries in two shards. */
async function ledger(count: number): Promise<string[]> {
  const store = new MemoryStore();
  for (let i = 0; i < count; i++)
    await store.commit(await store.head(i % 2), { entries: [{ at: AT, body: { kind: "decision", workload: "shop/web", from: i, requested: i + 1 } }] });
  await store.keepCheckpoint(KEY.sign([await store.head(1), await store.head(0)], AT));
  const lines: string[] = [];
  for await (const line of exportLines(store)) lines.push(line);
  return lines;
}

function verify(lines: readonly string[], options: VerifyOptions = {}) {
  const verifier = new LedgerVerifier(options);
  for (const line of lines) verifier.push(line);
  return verifier.finish();
}

const codes = (lines: readonly string[], options?: VerifyOptions): string[] => verify(lines, options).problems.map(({ code }) => code);

describe("an export", () => {
  test("that nobody touched is whole, and says what is in it", async () => {
    const report = verify(await ledger(9));
    expect(report).toEqual({ entries: 9, shards: 2, checkpoints: 1, keys: [KEY.publicKey], firstAt: AT, lastAt: AT, problems: [] });
    expect(verify(await ledger(9), { keys: [KEY.publicKey] }).problems).toEqual([]);
  });

  test("shows every single change, removal, move and cut", async () => {
    const lines = await ledger(12);
    const text = lines.join("\n");
    for (let i = 0; i < lines.length; i++) {
      expect(codes(lines.toSpliced(i, 1)), `line ${i + 1} removed`).not.toEqual([]);
      expect(codes(lines.slice(0, i)), `cut before line ${i + 1}`).not.toEqual(i === 0 ? ["never"] : []);
      expect(codes(lines.toSpliced(i, 0, lines[i] as string)), `line ${i + 1} twice`).not.toEqual(i === 0 ? ["never"] : []);
      for (let j = i + 1; j < lines.length; j++) {
        const swapped = [...lines];
        [swapped[i], swapped[j]] = [swapped[j] as string, swapped[i] as string];
        // A checkpoint may stand before or right after what it covers; entries of different shards may mix, each in its order.
        const isOrderKept = [0, 1].every((shard) => {
          const own = (all: readonly string[]) => all.filter((line) => line.includes(`"shard":${shard},"v"`));
          return own(swapped).join() === own(lines).join();
        });
        if (!isOrderKept) expect(codes(swapped), `lines ${i + 1} and ${j + 1} swapped`).not.toEqual([]);
      }
    }
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) + by) % 256) + text.slice(at + 1);
        expect(codes(changed.split("\n"))).not.toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("that was written anew from the beginning is shown by a checkpoint kept elsewhere, and by its key", async () => {
    const lines = await ledger(6);
    const forger = new CheckpointKey();
    const forged = seal({ shard: 0, seq: 0, hash: GENESIS }, [{ at: AT, body: { kind: "decision", requested: 1 } }]);
    const head: Head = { shard: 0, seq: 1, hash: forged[0]?.hash as string };
    const anew = [canonicalJson(forger.sign([head], AT)), ...forged.map(({ text }) => text)];
    expect(codes(anew)).toEqual([]);
    expect(codes(anew, { keys: [KEY.publicKey] })).toContain("key");
    // The key is another, and what was signed is not there.
    expect(codes(anew, { witnessed: [lines[0] as string] })).toEqual(expect.arrayContaining(["key", "truncated"]));
    expect(codes(lines, { witnessed: [lines[0] as string] })).toEqual([]);
  });

  test("that was written anew with the controller's own key is shown by a checkpoint kept elsewhere", async () => {
    const lines = await ledger(6);
    const kept = lines[0] as string;
    const { heads } = JSON.parse(kept) as { heads: Head[] };
    // Everything rewritten and hashed again, with a new signature of the same places.
    const anew: string[] = [];
    const signed = heads.map(({ shard, seq }) => {
      const forged = seal(
        { shard, seq: 0, hash: GENESIS },
        Array.from({ length: seq }, () => ({ at: AT, body: { kind: "decision", requested: 999 } })),
      );
      anew.push(...forged.map(({ text }) => text));
      return { shard, seq, hash: forged.at(-1)?.hash as string };
    });
    const forgery = [canonicalJson(KEY.sign(signed, AT)), ...anew];
    expect(codes(forgery)).toEqual([]);
    expect(codes(forgery, { witnessed: [kept], keys: [KEY.publicKey] })).toEqual(["checkpoint", "checkpoint"]);
    expect(codes(forgery, { witnessed: [kept] })).toEqual(["checkpoint", "checkpoint"]);
  });

  test("with nothing in it, or nothing signed, is not whole", async () => {
    expect(codes([])).toEqual(["empty"]);
    expect(codes((await ledger(3)).slice(1))).toContain("empty");
  });

  test("of something else is refused line by line, and says so without end", () => {
    expect(codes(["not json", "[]", '{"v":1}', `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`]).slice(0, 4)).toEqual([
      "not_an_entry",
      "not_an_entry",
      "not_an_entry",
      "not_an_entry",
    ]);
    expect(verify(new Array(1_000).fill("{}")).problems).toHaveLength(100);
    expect(codes([canonicalJson({ ...KEY.sign([], AT), signature: "AAAA" })])).toContain("signature");
    expect(codes([canonicalJson({ ...KEY.sign([], AT), key: "AAAA" })])).toContain("signature");
  });
});

test("a key comes back from its text, and only an Ed25519 key is one", () => {
  expect(new CheckpointKey(KEY.toPem()).publicKey).toBe(KEY.publicKey);
  expect(() => new CheckpointKey("nothing")).toThrow();
});
