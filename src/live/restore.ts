import { constants, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expire, OrderBook, type StandingOrders } from "../control/orders.ts";
import { CheckpointKey } from "../ledger/checkpoint.ts";
import type { Head } from "../ledger/entry.ts";
import { SqliteStore } from "../ledger/sqlite/sqlite-store.ts";
import type { Intent, Store } from "../ledger/store.ts";
import { StoreHeld } from "../ledger/store.ts";
import { FileError } from "../lib/file-error.ts";
import { lockFolder } from "../lib/folder-lock.ts";
import { isRecord } from "../lib/is-record.ts";
import { placeNew, syncPath } from "../lib/place-file.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { asPathError, openCopy, type StoreSummary, verifyCopy } from "./backup.ts";

// A copy of a store, put to work again. What it knows is old, and whoever restores has to see what will be acted upon.

/** What was put back, and what a person has to look at. */
export interface Restored extends Omit<StoreSummary, "bytes"> {
  /** Entries that checkpoints kept beside it speak of, and that are gone: from the one after `seq` up to this. */
  readonly lostToSeq: number | undefined;
  /** Where checkpoints of what is gone were moved to. */
  readonly witnessMovedTo: string | undefined;
  /** The key in the folder: the one that signed last, another, or none, in which case the next start makes one. */
  readonly key: "same" | "other" | "none";
  /** Orders of people that are in force. */
  readonly orders: readonly { readonly workload: string; readonly standing: StandingOrders }[];
  /** Steps of which it does not say what came of them. */
  readonly openIntents: readonly Intent[];
}

/** A folder that has a ledger already. */
export class LedgerThere extends Error {
  constructor(folder: string) {
    super(
      `"${folder}" has a ledger already, which is not replaced: end its controller and move ledger.db, ledger.db-wal and ledger.db-shm away, or name another folder with --data`,
    );
    this.name = "LedgerThere";
  }
}

interface RestoreOptions {
  readonly who: string;
  readonly nowMs: number;
  /** Checkpoints that were kept elsewhere, one JSON text each. */
  readonly witnessed: readonly string[];
}

/**
 * Puts a copy into a data folder that has no ledger, verified, with an entry that says so at its end.
 * @throws LedgerThere   @throws StoreHeld   @throws FileError when the copy does not verify, with nothing put anywhere
 */
export async function restoreLedger(file: string, data: string, options: RestoreOptions): Promise<Restored> {
  if (isTaken(data)) throw new LedgerThere(data);
  refuseInUse(file);
  await openCopy(file).close();
  const now = formatTimestamp(options.nowMs);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const lock = lockFolder(data, "the controller", now);
  if ("heldBy" in lock) throw new StoreHeld(data, lock.heldBy);
  const workshop = join(data, `restoring-${process.pid}`);
  try {
    mkdirSync(workshop, { mode: 0o700 });
    // What is verified is the copy of the copy: nobody changes that one meanwhile.
    copyFileSync(file, join(workshop, "ledger.db"), constants.COPYFILE_FICLONE);
    const restored = await prepare(workshop, file, { ...options, now }, data);
    if (isTaken(data)) throw new LedgerThere(data);
    const { witnessMovedTo } = restored;
    if (witnessMovedTo !== undefined) renameSync(join(data, WITNESS), witnessMovedTo);
    syncPath(join(workshop, "ledger.db"));
    placeNew(join(workshop, "ledger.db"), join(data, "ledger.db"));
    syncPath(data);
    return restored;
  } catch (error) {
    throw asPathError("cannot restore into", data, error);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
    lock.release();
  }
}

/** A database with a log beside it is not all in one file. */
function refuseInUse(file: string): void {
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  throw new FileError(file, [
    {
      severity: "error",
      code: "not_a_backup",
      message: `this is the database of a data folder: what is in "${file}-wal" would be lost`,
      hint: "vernier ledger backup FILE --data FOLDER makes one file of both",
    },
  ]);
}

const WITNESS = "checkpoints.ndjson";

function isTaken(data: string): boolean {
  // A log without its database may hold what another tool can still save.
  return ["ledger.db", "ledger.db-wal"].some((name) => existsSync(join(data, name)));
}

/** Verifies what lies in the workshop, brings it up to date and writes down that it was restored. */
async function prepare(
  workshop: string,
  name: string,
  { who, now, nowMs, witnessed }: RestoreOptions & { readonly now: string },
  data: string,
): Promise<Restored> {
  const copy = openCopy(join(workshop, "ledger.db"), name);
  let summary: Omit<StoreSummary, "bytes">;
  let lostToSeq: number | undefined;
  try {
    const heads = new Map(await Promise.all((await copy.shards()).map(async (shard) => [shard, (await copy.head(shard)).seq] as const)));
    const isNewer = ({ shard, seq }: Pick<Head, "shard" | "seq">): boolean => seq > (heads.get(shard) ?? 0);
    const beside = checkpointsBeside(data);
    const all = [...witnessed, ...beside];
    const newer = all.flatMap(headsOf).filter(isNewer);
    lostToSeq = newer.length > 0 ? Math.max(...newer.map(({ seq }) => seq)) : undefined;
    summary = await verifyCopy(copy, name, {
      witnessed: all.filter((text) => !headsOf(text).some(isNewer)),
      // Whoever kept checkpoints elsewhere knows the keys; what lies here may be from before another one.
      ...(witnessed.length === 0 && { keys: await keysOf(copy, beside) }),
    });
  } finally {
    await copy.close();
  }
  const store = SqliteStore.open(workshop, now);
  try {
    for (const shard of await store.shards()) {
      const head = await store.head(shard);
      await store.commit(head, {
        entries: [{ at: now, body: { kind: "restored", who, fromSeq: head.seq, fromAt: summary.lastAt ?? null, lostToSeq: lostToSeq ?? null } }],
      });
    }
    // Closing is not enough: what was committed could stay in a log that nobody moves.
    store.intoOneFile();
    const orders = new OrderBook();
    const kept = await store.orders();
    orders.load(kept);
    const openIntents = (await Promise.all((await store.shards()).map((shard) => store.openIntents(shard)))).flat();
    return {
      ...summary,
      lostToSeq,
      witnessMovedTo:
        lostToSeq !== undefined && existsSync(join(data, WITNESS)) ? join(data, `checkpoints-until-${now.replaceAll(":", "")}.ndjson`) : undefined,
      key: keyIn(data, summary.signer),
      orders: kept.flatMap(({ workload }) => {
        const standing = expire(orders.of(workload), nowMs);
        return Object.keys(standing).length === 0 ? [] : [{ workload, standing }];
      }),
      openIntents,
    };
  } finally {
    await store.close();
  }
}

function keyIn(data: string, signer: string | undefined): Restored["key"] {
  const path = join(data, "checkpoint.key");
  if (!existsSync(path)) return "none";
  return new CheckpointKey(readFileSync(path, "utf8")).publicKey === signer ? "same" : "other";
}

/** Signed checkpoints that a controller left in the folder; a line that was cut while it was written is none. */
function checkpointsBeside(data: string): readonly string[] {
  const path = join(data, WITNESS);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => headsOf(line).length > 0);
}

async function keysOf(store: Store, beside: readonly string[]): Promise<readonly string[]> {
  return [...(await store.checkpoints()).map(({ key }) => key), ...beside.map((text) => (JSON.parse(text) as { key: string }).key)];
}

function headsOf(text: string): readonly Pick<Head, "shard" | "seq">[] {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value) && Array.isArray(value["heads"])) return (value["heads"] as unknown[]).filter(isHead);
  } catch {
    // The verifier says what is wrong with it.
  }
  return [];
}

function isHead(value: unknown): value is Pick<Head, "shard" | "seq"> {
  return isRecord(value) && typeof value["shard"] === "number" && typeof value["seq"] === "number";
}
