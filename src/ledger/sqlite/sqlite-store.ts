import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSyncInstance } from "@photostructure/sqlite";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { type Lock, lockFolder } from "../../lib/folder-lock.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { GENESIS, type Head, type SealedEntry, seal } from "../entry.ts";
import { type Commit, HeadMoved, type Intent, type Store, StoreHeld } from "../store.ts";
import { MIGRATIONS } from "./schema.ts";

/** Entries that are read at once, so that an export needs no memory for all. */
const PAGE = 1_000;

/** A store of a later version than this program knows. */
export class StoreTooNew extends Error {
  constructor(place: string, found: number) {
    super(`${place} was written by a later version (format ${found}, this one knows ${MIGRATIONS.length}): install that version, or restore a backup`);
    this.name = "StoreTooNew";
  }
}

/**
 * The embedded store: one folder, one controller. SQLite in WAL mode, every commit synced. An exclusive lock on a database of
 * its own keeps a second controller out; readers need no lock.
 */
export class SqliteStore implements Store {
  readonly #database: InstanceType<typeof DatabaseSync>;
  readonly #lock: Lock | undefined;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /** Opens for writing; `now` is wall time in ISO 8601, for whoever asks who has it. @throws StoreHeld at once when another controller has it   @throws StoreTooNew */
  static open(folder: string, now: string): SqliteStore {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = lockFolder(folder, "the controller", now);
    if ("heldBy" in lock) throw new StoreHeld(folder, lock.heldBy);
    try {
      // For its owner alone, whatever the folder allows; what SQLite puts beside it is as private.
      const path = join(folder, "ledger.db");
      closeSync(openSync(path, "a", 0o600));
      chmodSync(path, 0o600);
      const database = new DatabaseSync(path);
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000");
      migrate(database, folder);
      return new SqliteStore(database, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens what is there for reading, also beside a controller that writes. */
  static read(folder: string): SqliteStore {
    const database = new DatabaseSync(join(folder, "ledger.db"), { readOnly: true });
    database.exec("PRAGMA busy_timeout = 5000");
    if (checkVersion(database, folder) < MIGRATIONS.length) throw new Error("a ledger that was never written");
    return new SqliteStore(database, undefined);
  }

  private constructor(database: InstanceType<typeof DatabaseSync>, lock: Lock | undefined) {
    this.#database = database;
    this.#lock = lock;
  }

  async head(shard: number): Promise<Head> {
    return this.#head(shard);
  }

  async commit(head: Head, { entries, intents = [], conclusions = [], observations, snapshots = [], orders = [] }: Commit): Promise<readonly SealedEntry[]> {
    const { shard } = head;
    const sealed = seal(head, entries);
    this.#database.exec("BEGIN IMMEDIATE");
    try {
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
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
    return sealed;
  }

  async keepCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#prepare("INSERT INTO checkpoints (text) VALUES (?)").run(canonicalJson(checkpoint));
  }

  async lastCheckpoint(): Promise<Checkpoint | undefined> {
    const row = this.#prepare("SELECT text FROM checkpoints ORDER BY id DESC LIMIT 1").get() as { text: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.text) as Checkpoint);
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

  async forget(beforeMs: number): Promise<number> {
    let removed = Number(this.#prepare("DELETE FROM observations WHERE at_ms < ?").run(beforeMs).changes);
    // The last snapshot before the border is what replay begins with.
    removed += Number(
      this.#prepare(
        "DELETE FROM snapshots WHERE at_ms < (SELECT max(later.at_ms) FROM snapshots AS later WHERE later.workload = snapshots.workload AND later.at_ms <= ?)",
      ).run(beforeMs).changes,
    );
    return removed;
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
    this.#lock?.release();
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

function checkVersion(database: InstanceType<typeof DatabaseSync>, folder: string): number {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > MIGRATIONS.length) throw new StoreTooNew(folder, version);
  return version;
}

/** Brings an older database to today's form, one version after the other, each whole or not at all. */
function migrate(database: InstanceType<typeof DatabaseSync>, folder: string): void {
  for (let version = checkVersion(database, folder); version < MIGRATIONS.length; version++)
    database.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1}; COMMIT`);
}
