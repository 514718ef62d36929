import { createHash, createPublicKey, verify } from "node:crypto";

// Verifies an export of a ledger. Imports nothing of ours: it is also built as one file that runs alone, so that whoever
// doubts the controller need not trust its code.

/** What is wrong with an export, and where. */
export interface LedgerProblem {
  /** Line of the export, from 1; absent for what is missing at its end. */
  readonly line?: number;
  readonly code: "not_canonical" | "not_an_entry" | "sequence" | "chain" | "clock" | "checkpoint" | "signature" | "key" | "truncated" | "uncovered" | "empty";
  readonly message: string;
}

export interface LedgerReport {
  readonly entries: number;
  readonly shards: number;
  readonly checkpoints: number;
  /** Public keys that signed checkpoints, base64. */
  readonly keys: readonly string[];
  readonly firstAt: string | undefined;
  readonly lastAt: string | undefined;
  readonly problems: readonly LedgerProblem[];
}

export interface VerifyOptions {
  /** Public keys that may sign, base64; any when absent. */
  readonly keys?: readonly string[];
  /** Checkpoints that someone else kept, one JSON text each. */
  readonly witnessed?: readonly string[];
}

interface Chain {
  seq: number;
  hash: string;
  at: string;
  /** Highest sequence that a checkpoint covers. */
  covered: number;
}

interface Signed {
  readonly key: string;
  readonly line: number | undefined;
  readonly heads: readonly { readonly shard: number; readonly seq: number; readonly hash: string }[];
}

const PROBLEMS_MAX = 100;
const GENESIS = "0".repeat(64);
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

/**
 * Reads an export line by line: entries of each shard in order, checkpoints before or right after the entries that they
 * cover. Finds any entry that was changed, removed, added, moved or cut off, as far as a signed checkpoint covers it.
 */
export class LedgerVerifier {
  readonly #chains = new Map<number, Chain>();
  /** Heads that later lines have to agree with, by shard and sequence: every one that was signed, whoever kept it. */
  readonly #expected = new Map<string, { readonly hash: string; readonly line: number | undefined }[]>();
  /** Keys of the checkpoints that someone else kept. */
  readonly #witnessKeys = new Set<string>();
  readonly #keys = new Set<string>();
  #allowed: readonly string[] | undefined;
  readonly #problems: LedgerProblem[] = [];
  #line = 0;
  #entries = 0;
  #checkpoints = 0;
  #firstAt: string | undefined;
  #lastAt: string | undefined;

  constructor({ keys, witnessed = [] }: VerifyOptions = {}) {
    this.#allowed = keys;
    for (const text of witnessed) {
      const signed = this.#readCheckpoint(text, undefined);
      if (signed !== undefined) this.#witnessKeys.add(signed.key);
      for (const { shard, seq, hash } of signed?.heads ?? []) this.#expect(shard, seq, hash, undefined);
    }
    // Who keeps checkpoints knows the key; another one in the export is news.
    if (this.#allowed === undefined && this.#witnessKeys.size > 0) this.#allowed = [...this.#witnessKeys];
  }

  push(text: string): void {
    this.#line++;
    if (text === "") return;
    let value: unknown;
    let isCanonical: boolean;
    try {
      value = JSON.parse(text);
      isCanonical = canonical(value) === text;
    } catch {
      this.#report("not_an_entry", "this is not JSON");
      return;
    }
    if (!isCanonical) {
      this.#report("not_canonical", "not the canonical text of what it says: it was written by something else, or changed");
      return;
    }
    if (isRecord(value) && value["kind"] === "checkpoint") {
      this.#checkpoint(text);
      return;
    }
    this.#entry(text, value);
  }

  finish(): LedgerReport {
    if (this.#entries === 0 || this.#checkpoints === 0)
      this.#report("empty", this.#entries === 0 ? "holds no entry" : "holds no signed checkpoint: all of it could have been written anew", null);
    for (const [place, [first]] of this.#expected) {
      const line = first?.line;
      const [shard, seq] = place.split(" ").map(Number) as [number, number];
      this.#report(
        "truncated",
        `${line === undefined ? "a checkpoint kept elsewhere" : `the checkpoint in line ${line}`} covers entry ${seq} of shard ${shard}, which ends at ${this.#chains.get(shard)?.seq ?? 0}`,
        null,
      );
    }
    for (const [shard, { seq, covered }] of this.#chains)
      if (covered < seq)
        this.#report(
          "uncovered",
          `entries ${covered + 1} to ${seq} of shard ${shard} are covered by no checkpoint: the last of them could have been changed or cut off`,
          null,
        );
    return {
      entries: this.#entries,
      shards: this.#chains.size,
      checkpoints: this.#checkpoints,
      keys: [...this.#keys],
      firstAt: this.#firstAt,
      lastAt: this.#lastAt,
      problems: this.#problems,
    };
  }

  #entry(text: string, value: unknown): void {
    if (!isRecord(value)) {
      this.#report("not_an_entry", "expected an object");
      return;
    }
    const { v, shard, seq, at, prev, body } = value;
    if (
      v !== 1 ||
      typeof shard !== "number" ||
      typeof seq !== "number" ||
      typeof at !== "string" ||
      typeof prev !== "string" ||
      !isRecord(body) ||
      typeof body["kind"] !== "string"
    ) {
      this.#report("not_an_entry", "expected v, shard, seq, at, prev and a body with a kind");
      return;
    }
    this.#entries++;
    const chain = this.#chains.get(shard) ?? { seq: 0, hash: GENESIS, at: "", covered: 0 };
    this.#chains.set(shard, chain);
    if (seq !== chain.seq + 1) this.#report("sequence", `entry ${seq} of shard ${shard} follows entry ${chain.seq}`);
    else if (prev !== chain.hash) this.#report("chain", `entry ${seq} of shard ${shard} does not follow from the entry before it: one of the two was changed`);
    if (!AT.test(at)) this.#report("clock", `"${at.slice(0, 40)}" is no time`);
    chain.seq = seq;
    chain.hash = createHash("sha256").update("\0").update(text).digest("hex");
    chain.at = at;
    if (this.#firstAt === undefined || at < this.#firstAt) this.#firstAt = at;
    if (this.#lastAt === undefined || at > this.#lastAt) this.#lastAt = at;
    const place = `${shard} ${seq}`;
    const all = this.#expected.get(place);
    if (all === undefined) return;
    this.#expected.delete(place);
    chain.covered = seq;
    for (const expected of all.filter(({ hash }) => hash !== chain.hash))
      this.#report(
        "checkpoint",
        `entry ${seq} of shard ${shard} is not the one that ${expected.line === undefined ? "a checkpoint kept elsewhere" : `the checkpoint in line ${expected.line}`} signed`,
      );
  }

  #checkpoint(text: string): void {
    const signed = this.#readCheckpoint(text, this.#line);
    if (signed === undefined) return;
    this.#checkpoints++;
    for (const { shard, seq, hash } of signed.heads) {
      const chain = this.#chains.get(shard);
      if (chain === undefined || chain.seq < seq) this.#expect(shard, seq, hash, this.#line);
      else if (chain.seq > seq) this.#report("checkpoint", `stands after entry ${chain.seq} of shard ${shard}, and covers only ${seq}`);
      else if (chain.hash !== hash) this.#report("checkpoint", `signs another entry ${seq} of shard ${shard} than the one that stands here`);
      else chain.covered = seq;
    }
  }

  #expect(shard: number, seq: number, hash: string, line: number | undefined): void {
    const place = `${shard} ${seq}`;
    const all = this.#expected.get(place);
    if (all === undefined) this.#expected.set(place, [{ hash, line }]);
    else if (!all.some((one) => one.hash === hash)) all.push({ hash, line });
  }

  #readCheckpoint(text: string, line: number | undefined): Signed | undefined {
    const place = line === undefined ? null : line;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#report("not_an_entry", "a checkpoint that is not JSON", place);
    }
    if (!isRecord(value)) return this.#report("not_an_entry", "a checkpoint that is no object", place);
    const { signature, ...unsigned } = value;
    const { v, at, heads, key } = unsigned;
    if (v !== 1 || typeof at !== "string" || typeof key !== "string" || typeof signature !== "string" || !Array.isArray(heads) || !heads.every(isHead))
      return this.#report("not_an_entry", "a checkpoint needs v, at, heads, key and signature", place);
    this.#keys.add(key);
    if (this.#allowed !== undefined && !this.#allowed.includes(key))
      return this.#report("key", `signed with the key ${key}, which is not one of those given`, place);
    if (!isSigned(canonical(unsigned), key, signature)) return this.#report("signature", "the signature is not one of what the checkpoint says", place);
    return { line, heads, key };
  }

  /** @param line null for what stands in no line */
  #report(code: LedgerProblem["code"], message: string, line: number | null = this.#line): undefined {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ ...(line !== null && { line }), code, message });
  }
}

function isSigned(text: string, key: string, signature: string): boolean {
  // Base64 that decodes to the same bytes and is written otherwise is a change, too.
  if ([key, signature].some((base64) => Buffer.from(base64, "base64").toString("base64") !== base64)) return false;
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, Buffer.from(key, "base64")]), format: "der", type: "spki" });
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHead(value: unknown): value is Signed["heads"][number] {
  return isRecord(value) && Number.isInteger(value["shard"]) && Number.isInteger(value["seq"]) && typeof value["hash"] === "string";
}

/** JSON by RFC 8785. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}
