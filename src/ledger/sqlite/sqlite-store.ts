import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync, type StatementSyncInstance } from "@photostructure/sqlite";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { type Lock, lockFolder } from "../../lib/folder-lock.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { GENESIS, type Head, type SealedEntry, seal } from "../entry.ts";
import { type Commit, type Forgotten, HeadMoved, type Intent, type Store, StoreHeld } from "../store.ts";
import { migrate, StoreTooOld, versionOf } from "./migrate.ts";
import { MIGRATIONS } from "./schema.ts";

type Database = InstanceType<typeof DatabaseSync>;

/** Entries that are read at once, so that an export needs no memory for all. */
const PAGE = 1_000;

/** What the log of SQLite may keep of the disk after it was large once. */
const LOG_BYTES_MAX = 64 << 20;
/** Free room inside the file that is kept, to be filled again: so much, and a tenth of the file. */
const ROOM_BYTES = 16 << 20;
const ROOM_SHARE = 0.1;
/** Pages that are given back to the disk at one go: 16 MiB, some 80 ms. */
const GIVE_BACK_PAGES = 4_096;

/**
 * The embedded store: one folder, one controller. SQLite in WAL mode, every commit synced. An exclusive lock on a database of
 * its own keeps a second controller out; readers need no lock.
 */
export class SqliteStore implements Store {
  readonly #database: Database;
  readonly #path: string;
  readonly #lock: Lock | undefined;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /**
   * Opens for writing; `now` is wall time in ISO 8601, for whoever asks who has it.
   * @throws StoreHeld at once when another controller has it   @throws StoreTooNew
   */
  static open(folder: string, now: string, migrations: readonly string[] = MIGRATIONS): SqliteStore {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = lockFolder(folder, "the controller", now);
    if ("heldBy" in lock) throw new StoreHeld(folder, lock.heldBy);
    let database: Database | undefined;
    try {
      // For its owner alone, whatever the folder allows; what SQLite puts beside it is as private.
      const path = join(folder, "ledger.db");
      closeSync(openSync(path, "a", 0o600));
      chmodSync(path, 0o600);
      database = new DatabaseSync(path);
      // Counts only before the first table: a file that was made without it reuses its room, and never shrinks.
      database.exec("PRAGMA auto_vacuum = INCREMENTAL");
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`,
      );
      migrate(database, folder, migrations);
      return new SqliteStore(database, path, lock);
    } catch (error) {
      database?.close();
      lock.release();
      throw error;
    }
  }

  /** Opens what is there for reading, also beside a controller that writes. @throws StoreTooNew   @throws StoreTooOld */
  static read(folder: string): SqliteStore {
    const store = SqliteStore.readFile(join(folder, "ledger.db"), folder);
    const version = versionOf(store.#database, folder);
    if (version === MIGRATIONS.length) return store;
    store.#database.close();
    throw new StoreTooOld(folder, version);
  }

  /** Opens a database of this or an earlier version for reading: what older ones have no table for cannot be asked. @throws StoreTooNew */
  static readFile(path: string, place = path): SqliteStore {
    // A whole path is never taken for an address such as file:…
    const database = new DatabaseSync(resolve(path), { readOnly: true });
    try {
      database.exec("PRAGMA busy_timeout = 5000");
      if (versionOf(database, place) === 0) throw new Error("a ledger that was never written");
      return new SqliteStore(database, path, undefined);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: Database, path: string, lock: Lock | undefined) {
    this.#database = database;
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * Writes all of it, as it is at one instant, into a new file, without what is free inside. Whoever writes goes on meanwhile.
   * @param path of a file that is not there, or empty
   */
  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(resolve(path));
  }

  /** Puts what is still in the log into the database, and does without a log: the one file then is all there is. For the only one that has it open. */
  intoOneFile(): void {
    const { journal_mode: mode } = this.#database.prepare("PRAGMA journal_mode = DELETE").get() as { journal_mode: string };
    if (mode !== "delete") throw new Error(`the log of ${this.#path} is still in use`);
  }

  /** What is wrong with the file, as SQLite finds it; nothing when it is whole. Reads all of it. */
  damage(): string | undefined {
    const [{ quick_check: found } = { quick_check: "ok" }] = this.#database.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
    return found === "ok" ? undefined : found;
  }

  async head(shard: number): Promise<Head> {
    return this.#head(shard);
  }

  async commit(head: Head, { entries, intents = [], conclusions = [], observations, snapshots = [], orders = [] }: Commit): Promise<readonly SealedEntry[]> {
    const { shard } = head;
    const sealed = seal(head, entries);
    this.#inOne(() => {
      const found = this.#head(shard);
      if (found.seq !== head.seq || found.hash !== head.hash) throw new HeadMoved(shard, head, found);
      const addEntry = this.#prepare("INSERT INTO entries (shard, seq, hash, workload, kind, text) VALUES (?, ?, ?, ?, ?, ?)");
      for (const { entry, hash, text } of sealed) addEntry.run(shard, entry.seq, hash, entry.body.workload ?? null, entry.body.kind, text);
      const addIntent = this.#prepare("INSERT INTO intents (id, shard, seq, workload, text) VALUES (?, ?, ?, ?, ?)");
      for (const intent of intents) addIntent.run(intent.id, shard, intent.decisionSeq, intent.workload, canonicalJson(intent));
      const conclude = this.#prepare("UPDATE intents SET outcome = ? WHERE id = ? AND (outcome IS NULL OR outcome = 'unknown')");
      for (const { intentId, outcome } of conclusions)
        if (conclude.run(outcome, intentId).changes !== 1) throw new Error(`the intent ${intentId} is not open: it cannot be concluded`);
      if (observations !== undefined)
        this.#prepare("INSERT INTO observations (shard, at_ms, bytes) VALUES (?, ?, ?)").run(shard, observations.atMs, observations.bytes);
      const addSnapshot = this.#prepare("INSERT OR REPLACE INTO snapshots (workload, at_ms, state) VALUES (?, ?, ?)");
      for (const { workload, atMs, state } of snapshots) addSnapshot.run(workload, atMs, state);
      const keepOrders = this.#prepare("INSERT OR REPLACE INTO orders (workload, text) VALUES (?, ?)");
      for (const { workload, text } of orders) keepOrders.run(workload, text);
    });
    return sealed;
  }

  async keepCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#prepare("INSERT INTO checkpoints (text) VALUES (?)").run(canonicalJson(checkpoint));
  }

  async lastCheckpoint(): Promise<Checkpoint | undefined> {
    const row = this.#prepare("SELECT text FROM checkpoints ORDER BY id DESC LIMIT 1").get() as { text: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.text) as Checkpoint);
  }

  async checkpoints(): Promise<readonly Checkpoint[]> {
    const rows = this.#prepare(
      "SELECT text FROM checkpoints WHERE id IN (SELECT max(id) FROM checkpoints GROUP BY json_extract(text, '$.key')) ORDER BY id",
    ).all() as { text: string }[];
    return rows.map(({ text }) => JSON.parse(text) as Checkpoint);
  }

  async openIntents(shard: number): Promise<readonly Intent[]> {
    const rows = this.#prepare("SELECT text FROM intents WHERE shard = ? AND (outcome IS NULL OR outcome = 'unknown') ORDER BY seq, id").all(shard);
    return (rows as { text: string }[]).map(({ text }) => JSON.parse(text) as Intent);
  }

  async *entries(shard: number, fromSeq: number): AsyncIterable<{ readonly seq: number; readonly text: string }> {
    for (let from = fromSeq; ; ) {
      const page = this.#prepare("SELECT seq, text FROM entries WHERE shard = ? AND seq >= ? ORDER BY seq LIMIT ?").all(shard, from, PAGE) as {
        seq: number;
        text: string;
      }[];
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      from = last.seq + 1;
    }
  }

  async tail(shard: number, count: number): Promise<readonly string[]> {
    const rows = this.#prepare("SELECT text FROM entries WHERE shard = ? ORDER BY seq DESC LIMIT ?").all(shard, count) as { text: string }[];
    return rows.map(({ text }) => text);
  }

  async orders(): Promise<readonly { readonly workload: string; readonly text: string }[]> {
    return this.#prepare("SELECT workload, text FROM orders ORDER BY workload").all() as { workload: string; text: string }[];
  }

  async entriesOf(workload: string, count: number): Promise<readonly string[]> {
    const rows = this.#prepare("SELECT text FROM entries WHERE workload = ? ORDER BY shard, seq DESC LIMIT ?").all(workload, count) as { text: string }[];
    return rows.map(({ text }) => text);
  }

  async shards(): Promise<readonly number[]> {
    return (this.#prepare("SELECT DISTINCT shard FROM entries ORDER BY shard").all() as { shard: number }[]).map(({ shard }) => shard);
  }

  async keepPolicy(hash: string, text: string): Promise<void> {
    this.#prepare("INSERT OR IGNORE INTO policies (hash, text) VALUES (?, ?)").run(hash, text);
  }

  async policy(hash: string): Promise<string | undefined> {
    return (this.#prepare("SELECT text FROM policies WHERE hash = ?").get(hash) as { text: string } | undefined)?.text;
  }

  async snapshot(workload: string, beforeMs: number): Promise<{ readonly atMs: number; readonly state: string } | undefined> {
    const row = this.#prepare("SELECT at_ms, state FROM snapshots WHERE workload = ? AND at_ms <= ? ORDER BY at_ms DESC LIMIT 1").get(workload, beforeMs);
    const found = row as { at_ms: number; state: string } | undefined;
    return found === undefined ? undefined : { atMs: found.at_ms, state: found.state };
  }

  async *observations(shard: number, fromMs: number, toMs: number): AsyncIterable<{ readonly atMs: number; readonly bytes: Uint8Array }> {
    for (let from = fromMs; ; ) {
      const page = this.#prepare("SELECT at_ms, bytes FROM observations WHERE shard = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms LIMIT ?").all(
        shard,
        from,
        toMs,
        PAGE,
      );
      for (const row of page as { at_ms: number; bytes: Uint8Array }[]) yield { atMs: row.at_ms, bytes: row.bytes };
      const last = page.at(-1) as { at_ms: number } | undefined;
      if (last === undefined || page.length < PAGE) return;
      from = last.at_ms + 1;
    }
  }

  async lastObservedMs(shard: number): Promise<number | undefined> {
    return (this.#prepare("SELECT max(at_ms) AS last FROM observations WHERE shard = ?").get(shard) as { last: number | null }).last ?? undefined;
  }

  async forget(beforeMs: number, bytesMax: number): Promise<Forgotten> {
    let rows = 0;
    let [isDone, border] = [true, beforeMs];
    this.#inOne(() => {
      // By their key, one shard after the other: to look through all of them would take as long as they are large.
      for (const { shard } of this.#prepare(EACH_SHARD).all() as { shard: number }[]) {
        const first = this.#prepare("SELECT at_ms, length(bytes) AS size FROM observations WHERE shard = ? AND at_ms < ? ORDER BY at_ms");
        let toMs = -1;
        let size = 0;
        for (const row of first.iterate(shard, beforeMs) as Iterable<{ at_ms: number; size: number }>) {
          if (size >= bytesMax) {
            [isDone, border] = [false, Math.min(border, toMs)];
            break;
          }
          [toMs, size] = [row.at_ms, size + row.size];
        }
        if (toMs >= 0) rows += Number(this.#prepare("DELETE FROM observations WHERE shard = ? AND at_ms <= ?").run(shard, toMs).changes);
      }
      // The last snapshot before the border is what replay begins with.
      const forgetSnapshots = this.#prepare(
        "DELETE FROM snapshots WHERE workload = ?1 AND at_ms < (SELECT max(later.at_ms) FROM snapshots AS later WHERE later.workload = ?1 AND later.at_ms <= ?2)",
      );
      for (const { workload } of this.#prepare(EACH_WORKLOAD).all() as { workload: string }[]) rows += Number(forgetSnapshots.run(workload, border).changes);
    });
    return { rows, isDone };
  }

  async giveBack(): Promise<boolean> {
    const { pages, free, pageBytes, isShrinkable } = this.#pages();
    const beyond = free - Math.max(ROOM_BYTES / pageBytes, pages * ROOM_SHARE);
    if (!isShrinkable || beyond <= 0) return false;
    this.#database.exec(`PRAGMA incremental_vacuum(${Math.min(GIVE_BACK_PAGES, Math.ceil(beyond))})`);
    return beyond > GIVE_BACK_PAGES;
  }

  async usedBytes(): Promise<number> {
    const { pages, free, pageBytes } = this.#pages();
    return (pages - free) * pageBytes + (statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
    this.#lock?.release();
  }

  /** Whole or not at all. */
  #inOne(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #pages(): { readonly pages: number; readonly free: number; readonly pageBytes: number; readonly isShrinkable: boolean } {
    const of = (pragma: string): number => Object.values(this.#database.prepare(`PRAGMA ${pragma}`).get() as Record<string, number>)[0] as number;
    return { pages: of("page_count"), free: of("freelist_count"), pageBytes: of("page_size"), isShrinkable: of("auto_vacuum") === 2 };
  }

  #head(shard: number): Head {
    const row = this.#prepare("SELECT seq, hash FROM entries WHERE shard = ? ORDER BY seq DESC LIMIT 1").get(shard) as
      | { seq: number; hash: string }
      | undefined;
    return row === undefined ? { shard, seq: 0, hash: GENESIS } : { shard, ...row };
  }

  #prepare(sql: string): StatementSyncInstance {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** What there is of each, by steps through the key instead of through all rows. */
const EACH_SHARD = `WITH RECURSIVE each (shard) AS (SELECT min(shard) FROM observations
  UNION ALL SELECT (SELECT min(shard) FROM observations WHERE shard > each.shard) FROM each WHERE each.shard IS NOT NULL)
  SELECT shard FROM each WHERE shard IS NOT NULL`;
const EACH_WORKLOAD = `WITH RECURSIVE each (workload) AS (SELECT min(workload) FROM snapshots
  UNION ALL SELECT (SELECT min(workload) FROM snapshots WHERE workload > each.workload) FROM each WHERE each.workload IS NOT NULL)
  SELECT workload FROM each WHERE workload IS NOT NULL`;
