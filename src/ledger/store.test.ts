import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterAll, expect, test } from "vitest";
import { canonicalJson } from "../lib/canonical-json.ts";
import { CheckpointKey } from "./checkpoint.ts";
import { GENESIS, type Head, seal } from "./entry.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { StoreTooNew } from "./sqlite/migrate.ts";
import { MIGRATIONS } from "./sqlite/schema.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";
import { storeCases } from "./store.cases.ts";
import { StoreHeld } from "./store.ts";
import { verifyStore } from "./verify-store.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-store-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const fresh = (): string => join(folder, String(++count));
const NOW = "2026-11-23T00:00:00.000Z";

storeCases("memory", () => new MemoryStore());
storeCases("SQLite", () => SqliteStore.open(fresh(), NOW));

/** A program that appends entries for ever, and prints the number of each when it is durable. */
function writerOf(place: string): string {
  const script = join(folder, `writer-${count}.mts`);
  writeFileSync(
    script,
    `import { MIGRATIONS } from "./sqlite/schema.ts";
import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, "sqlite/sqlite-store.ts"))};
const store = SqliteStore.open(${JSON.stringify(place)}, ${JSON.stringify(NOW)});
for (;;) {
  const sealed = await store.commit(await store.head(0), { entries: [{ at: ${JSON.stringify(NOW)}, body: { kind: "tick" } }] });
  process.stdout.write(sealed[0].entry.seq + "\\n");
}`,
  );
  return script;
}

test("a second controller is refused at once, with who has it; a reader is not", async () => {
  const place = fresh();
  const store = SqliteStore.open(place, NOW);
  await store.commit(await store.head(0), { entries: [{ at: NOW, body: { kind: "start" } }] });
  const beganMs = performance.now();
  expect(() => SqliteStore.open(place, NOW)).toThrow(StoreHeld);
  expect(() => SqliteStore.open(place, NOW)).toThrow(`held by the controller with process id ${process.pid} on`);
  expect(performance.now() - beganMs).toBeLessThan(2_000);
  const reader = SqliteStore.read(place);
  expect((await reader.head(0)).seq).toBe(1);
  await reader.close();
  await store.close();
  const next = SqliteStore.open(place, NOW);
  expect((await next.head(0)).seq).toBe(1);
  await next.close();
});

test("a store of a later version is refused, and left alone", async () => {
  const place = fresh();
  await SqliteStore.open(place, NOW).close();
  const database = new DatabaseSync(join(place, "ledger.db"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  expect(() => SqliteStore.open(place, NOW)).toThrow(StoreTooNew);
  expect(() => SqliteStore.open(place, NOW)).toThrow("was written by a later version (format 99");
  expect(readdirSync(place)).toContain("ledger.db");
});

test("gives room back to the disk that it will not soon fill, and fills what it keeps", async () => {
  const place = fresh();
  const store = SqliteStore.open(place, NOW);
  const keep = async (fromMs: number, count: number): Promise<void> => {
    for (let atMs = fromMs; atMs < fromMs + count; atMs++)
      await store.commit(await store.head(0), { entries: [], observations: { atMs, bytes: new Uint8Array(10 << 20) } });
  };
  const fileBytes = (): number => statSync(join(place, "ledger.db")).size;
  await keep(0, 16);
  expect(await store.forget(15, 1 << 30)).toEqual({ rows: 15, isDone: true });
  // 150 of 160 MiB are free, of which 16 MiB are kept: the rest goes, 16 MiB at one go.
  const rounds = [];
  for (let i = 0; i < 9; i++) rounds.push(await store.giveBack());
  expect(rounds).toEqual([...Array.from({ length: 8 }, () => true), false]);
  expect(await store.giveBack()).toBe(false);
  await keep(100, 1);
  expect(fileBytes()).toBeLessThan(40 << 20);
  expect(await store.usedBytes()).toBeLessThan(60 << 20);
  for (let atMs = 200; atMs < 212; atMs++) {
    await keep(atMs, 1);
    await store.forget(atMs, 1 << 30);
  }
  expect(fileBytes()).toBeLessThan(50 << 20);
  await store.close();
  expect(statSync(join(place, "ledger.db")).size).toBeLessThan(50 << 20);
});

/** A database as version 1 of this program left it, with an open intent; the folder and the end of its chain. */
function versionOne(): { place: string; head: Head } {
  const place = fresh();
  mkdirSync(place);
  const database = new DatabaseSync(join(place, "ledger.db"));
  database.exec(`PRAGMA journal_mode = WAL; ${MIGRATIONS[0]}; PRAGMA user_version = 1`);
  const drafts = ["start", "decision", "intent"].map((kind) => ({ at: NOW, body: { kind, workload: "shop/web" } }));
  const sealed = seal({ shard: 0, seq: 0, hash: GENESIS }, drafts);
  const add = database.prepare("INSERT INTO entries (shard, seq, hash, workload, kind, text) VALUES (0, ?, ?, 'shop/web', ?, ?)");
  for (const { entry, hash, text } of sealed) add.run(entry.seq, hash, entry.body.kind, text);
  const head = { shard: 0, seq: 3, hash: sealed[2]?.hash as string };
  database.prepare("INSERT INTO intents (id, shard, seq, workload, text) VALUES ('a', 0, 2, 'shop/web', ?)").run('{"id":"a"}');
  database.prepare("INSERT INTO checkpoints (text) VALUES (?)").run(canonicalJson(new CheckpointKey().sign([head], NOW)));
  database.close();
  return { place, head };
}

test("brings a database of the version before up to date when it is opened for writing, with all that it holds", async () => {
  const { place, head } = versionOne();
  expect(() => SqliteStore.read(place)).toThrow("was written by an earlier version (format 1, this one knows 2)");
  const copied = SqliteStore.readFile(join(place, "ledger.db"));
  expect(await verifyStore(copied)).toMatchObject({ entries: 3, problems: [] });
  await copied.close();
  const store = SqliteStore.open(place, NOW);
  expect(await store.head(0)).toEqual(head);
  expect((await store.openIntents(0)).map(({ id }) => id)).toEqual(["a"]);
  await store.commit(head, { entries: [{ at: NOW, body: { kind: "command" } }], orders: [{ workload: "shop/web", text: "{}" }] });
  expect(await store.orders()).toEqual([{ workload: "shop/web", text: "{}" }]);
  expect(await verifyStore(store)).toMatchObject({ entries: 4, unsigned: 1, checkpoints: 1, problems: [] });
  await store.close();
  await SqliteStore.read(place).close();
});

test("a migration that fails, or is killed in the middle, leaves the version before it as it was", async () => {
  const { place, head } = versionOne();
  const failing = [MIGRATIONS[0] as string, "CREATE TABLE half (x) STRICT; INSERT INTO nowhere VALUES (1)"];
  expect(() => SqliteStore.open(place, NOW, failing)).toThrow();
  const endless =
    "CREATE TABLE half (x ANY) STRICT; INSERT INTO half WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(randomblob(500)) FROM n";
  const script = join(folder, "migrator.mts");
  writeFileSync(
    script,
    `import { MIGRATIONS } from "./sqlite/schema.ts";
import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, "sqlite/sqlite-store.ts"))};
SqliteStore.open(${JSON.stringify(place)}, ${JSON.stringify(NOW)}, [${JSON.stringify(MIGRATIONS[0])}, ${JSON.stringify(endless)}]);`,
  );
  const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["ignore", "ignore", "inherit"] });
  // Far more than memory keeps: it has begun to write.
  const log = join(place, "ledger.db-wal");
  for (let i = 0; i < 1_000 && (statSync(log, { throwIfNoEntry: false })?.size ?? 0) < 20 << 20; i++) await new Promise((go) => setTimeout(go, 20));
  expect(statSync(log).size).toBeGreaterThanOrEqual(20 << 20);
  child.kill("SIGKILL");
  await once(child, "close");
  const before = new DatabaseSync(join(place, "ledger.db"));
  expect(before.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
  expect(before.prepare("SELECT name FROM sqlite_schema WHERE name IN ('half', 'orders')").all()).toEqual([]);
  before.close();
  const store = SqliteStore.open(place, NOW);
  expect(await store.head(0)).toEqual(head);
  expect(await store.orders()).toEqual([]);
  expect((await verifyStore(store)).problems).toEqual([]);
  await store.close();
});

test("a copy made while another process writes is whole, and holds it up no longer than a commit takes", async () => {
  const place = fresh();
  await SqliteStore.open(place, NOW).close();
  const child = spawn(process.execPath, ["--import", "tsx", writerOf(place)], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const written = (): number => Number(text.split("\n").at(-2) ?? 0);
  const past = async (seq: number): Promise<void> => {
    while (written() <= seq) await once(child.stdout, "data");
  };
  await past(50);
  const reader = SqliteStore.read(place);
  let last = 0;
  for (let i = 0; i < 5; i++) {
    const copy = join(folder, `copy-${i}.db`);
    reader.copyTo(copy);
    const store = SqliteStore.readFile(copy);
    const { seq } = await store.head(0);
    expect(await verifyStore(store)).toMatchObject({ entries: seq, problems: [{ code: "empty" }] });
    expect(store.damage()).toBeUndefined();
    expect(seq).toBeGreaterThan(last);
    last = seq;
    await store.close();
    // It was not stopped by it.
    await past(seq + 20);
  }
  await reader.close();
  child.kill("SIGKILL");
  await once(child, "close");
});

test("what was acknowledged survives the death of the process at any moment", async () => {
  const place = fresh();
  const script = writerOf(place);
  let acknowledged = 0;
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.length > 200 + 300 * round) child.kill("SIGKILL");
    });
    await once(child, "close");
    acknowledged = Math.max(acknowledged, ...text.split("\n").slice(0, -1).map(Number));
    const store = SqliteStore.open(place, NOW);
    const { seq } = await store.head(0);
    expect(seq).toBeGreaterThanOrEqual(acknowledged);
    expect(seq).toBeLessThanOrEqual(acknowledged + 1);
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(100);
});
