import type { Checkpoint } from "./checkpoint.ts";
import type { DraftEntry, Head, SealedEntry } from "./entry.ts";

/**
 * A change of capacity that is meant, written down before anything is done. A lone step is a plan of one, so that sagas and
 * orders to people are data later, not a new protocol (design, section 5).
 */
export interface Intent {
  readonly id: string;
  readonly planId: string;
  /** Place in the plan, from 0. */
  readonly index: number;
  readonly workload: string;
  /** Units to set, and those expected to be there. */
  readonly do: { readonly units: number };
  readonly expect: { readonly units: number; readonly version?: string; readonly uid?: string };
  /** What would take it back. */
  readonly inverse: { readonly units: number };
  readonly epoch: number;
  /** Wall time, ms since 1970, after which nobody may begin it. */
  readonly deadlineMs: number;
  readonly decisionSeq: number;
  /** Who agreed, and why; absent where nobody had to. */
  readonly approvals?: readonly { readonly who: string; readonly why: string }[];
}

/** What came of an intent; `unknown` when it may or may not have taken effect, and the world has to be read before anything else. */
export interface Conclusion {
  readonly intentId: string;
  readonly outcome: "applied" | "unchanged" | "conflict" | "rejected" | "failed" | "unknown" | "abandoned";
}

/** All that one tick writes about one shard, whole or not at all. */
export interface Commit {
  readonly entries: readonly DraftEntry[];
  readonly intents?: readonly Intent[];
  readonly conclusions?: readonly Conclusion[];
  /** Readings and capacities of the tick, for replay; kept as long as retention says. */
  readonly observations?: { readonly atMs: number; readonly bytes: Uint8Array };
  /** Orders of people that stand now, canonical JSON by workload; each replaces what was kept of its workload. */
  readonly orders?: readonly { readonly workload: string; readonly text: string }[];
  /** Engine states, canonical JSON by workload. */
  readonly snapshots?: readonly { readonly workload: string; readonly atMs: number; readonly state: string }[];
}

/** What was forgotten at one go. */
export interface Forgotten {
  /** Rows removed. */
  readonly rows: number;
  /** Whether nothing is left before the instant. */
  readonly isDone: boolean;
}

/** Someone else wrote since we looked: the end of the chain is not where it was. Stop, and find out who. */
export class HeadMoved extends Error {
  constructor(shard: number, expected: Head, found: Head) {
    super(`shard ${shard} ends at entry ${found.seq}, expected ${expected.seq}: something else wrote to this store`);
    this.name = "HeadMoved";
  }
}

/** Another controller holds the store. */
export class StoreHeld extends Error {
  constructor(place: string, holder: string) {
    super(`${place} is held by ${holder}`);
    this.name = "StoreHeld";
  }
}

/**
 * Where a controller keeps what must not be lost. Speaks of shards, intents and entries, never of tables. Everything that
 * `commit` was given is durable when it resolves; nothing of it is there when it rejects.
 */
export interface Store {
  head(shard: number): Promise<Head>;
  /** Appends to the chain of a shard and keeps intents, conclusions and observations with it. @throws HeadMoved */
  commit(head: Head, commit: Commit): Promise<readonly SealedEntry[]>;
  keepCheckpoint(checkpoint: Checkpoint): Promise<void>;
  lastCheckpoint(): Promise<Checkpoint | undefined>;
  /** The last checkpoint of each key that signed here, oldest first. */
  checkpoints(): Promise<readonly Checkpoint[]>;
  /** Intents without a conclusion other than `unknown`, oldest first. */
  openIntents(shard: number): Promise<readonly Intent[]>;
  /** Canonical texts of entries, ascending from a sequence. */
  entries(shard: number, fromSeq: number): AsyncIterable<{ readonly seq: number; readonly text: string }>;
  /** The last entries, newest first. */
  tail(shard: number, count: number): Promise<readonly string[]>;
  /** Orders of people as they were kept last. */
  orders(): Promise<readonly { readonly workload: string; readonly text: string }[]>;
  /** Canonical texts of the last entries about a workload, newest first. */
  entriesOf(workload: string, count: number): Promise<readonly string[]>;
  shards(): Promise<readonly number[]>;
  /** Keeps the text that a policy hash is of, so that a replay needs no file. */
  keepPolicy(hash: string, text: string): Promise<void>;
  policy(hash: string): Promise<string | undefined>;
  snapshot(workload: string, beforeMs: number): Promise<{ readonly atMs: number; readonly state: string } | undefined>;
  observations(shard: number, fromMs: number, toMs: number): AsyncIterable<{ readonly atMs: number; readonly bytes: Uint8Array }>;
  /** Engine time of the last observations that are kept; undefined when there are none. */
  lastObservedMs(shard: number): Promise<number | undefined>;
  /**
   * Forgets observations before an instant, oldest first and no more than some of them at a time, and the snapshots that only
   * they needed. Entries are never forgotten.
   * @param bytesMax how much of them at the most; at least one goes
   */
  forget(beforeMs: number, bytesMax: number): Promise<Forgotten>;
  /** Gives room that is free inside it, and will not soon be filled, back to the disk, a little at a time. @returns whether there is more of it */
  giveBack(): Promise<boolean>;
  /** Bytes that it takes up, without room of its own that it will fill again before it takes more. */
  usedBytes(): Promise<number>;
  close(): Promise<void>;
}
