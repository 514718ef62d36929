import { createHash } from "node:crypto";
import { canonicalJson } from "../lib/canonical-json.ts";

/** Version of the format of entries. Old ones stay readable. */
const ENTRY_VERSION = 1;
/** What the first entry of a chain has before it. */
export const GENESIS = "0".repeat(64);

/** What an entry says. `kind` is stable, `snake_case`; the rest belongs to it. */
export interface EntryBody {
  readonly kind: string;
  /** Absent where it is about the whole controller. */
  readonly workload?: string;
  readonly [field: string]: unknown;
}

/** An entry that has no place in a chain yet. */
export interface DraftEntry {
  /** Wall time, ISO 8601 with milliseconds. */
  readonly at: string;
  readonly body: EntryBody;
}

/** One line of the ledger. `prev` is the hash of the entry before it in the same shard. */
export interface Entry extends DraftEntry {
  readonly v: typeof ENTRY_VERSION;
  readonly shard: number;
  /** Counts from 1 in each shard, without holes. */
  readonly seq: number;
  readonly prev: string;
}

/** An entry with the bytes that were hashed, and their hash. */
export interface SealedEntry {
  readonly entry: Entry;
  /** RFC 8785. */
  readonly text: string;
  readonly hash: string;
}

/** The end of a chain. */
export interface Head {
  readonly shard: number;
  /** Of the last entry; 0 when there is none. */
  readonly seq: number;
  readonly hash: string;
}

/** Hash of an entry's canonical text: SHA-256 over a zero byte and the text, as leaves are hashed in RFC 6962. */
export function hashOf(text: string): string {
  return createHash("sha256").update("\0").update(text).digest("hex");
}

/** Puts drafts at the end of a chain. */
export function seal(head: Head, drafts: readonly DraftEntry[]): SealedEntry[] {
  let { seq, hash } = head;
  return drafts.map(({ at, body }) => {
    const entry: Entry = { v: ENTRY_VERSION, shard: head.shard, seq: ++seq, at, prev: hash, body };
    const text = canonicalJson(entry);
    hash = hashOf(text);
    return { entry, text, hash };
  });
}
