import { closeSync, fsyncSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from "node:fs";
import { z } from "zod";
import { replaceFile } from "../../lib/replace-file.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import type { Checkpoint, FinishedChunk } from "./read-history.ts";

// One JSON object a line: what is being read, then each finished chunk. A line that was cut in writing is none.

const PartialHead = z.strictObject({
  format: z.literal("vernier-prometheus-partial"),
  version: z.literal(1),
  /** Of address, queries, range and step as they were given. */
  key: z.string(),
  fromMs: z.number(),
  stepMs: z.number().positive(),
  bins: z.int().positive(),
  begunAtMs: z.number(),
});
/** What is being read: the range stays that of the first attempt, whatever `now` is meanwhile. */
export type PartialHead = z.output<typeof PartialHead>;

const PartialChunk = z.strictObject({
  query: z.int().nonnegative(),
  first: z.int().nonnegative(),
  values: z.array(z.number().nullable()).min(1).max(11_000),
  series: z.string().nullable(),
  notFinite: z.int().nonnegative(),
  warnings: z.array(z.string()),
}) satisfies z.ZodType<FinishedChunk>;

/** Finished chunks beside the file that they will become. */
export class PartialFile implements Checkpoint {
  readonly head: PartialHead;
  readonly finished: readonly FinishedChunk[];
  readonly path: string;
  readonly #file: number;

  private constructor(path: string, head: PartialHead, finished: readonly FinishedChunk[]) {
    this.path = path;
    this.head = head;
    this.finished = finished;
    try {
      this.#file = openSync(path, "a");
    } catch (error) {
      throw new PathError("cannot write", path, error);
    }
  }

  /**
   * Goes on with the file at `path` when it is of the same reading, else begins it anew.
   * @param accept whether what was begun may still be gone on with
   * @throws PathError when it cannot be read or written
   */
  static open(path: string, fresh: PartialHead, accept: (head: PartialHead) => boolean): { readonly file: PartialFile; readonly replaced: boolean } {
    const found = readPartial(path);
    if (found !== undefined && found.head?.key === fresh.key && accept(found.head)) {
      // Behind a cut line nothing would ever be read.
      if (found.wholeBytes < found.bytes) truncateSync(path, found.wholeBytes);
      return { file: new PartialFile(path, found.head, found.chunks), replaced: false };
    }
    replaceFile(path, [`${JSON.stringify(fresh)}\n`]);
    return { file: new PartialFile(path, fresh, []), replaced: found !== undefined };
  }

  append(chunk: FinishedChunk): void {
    try {
      let bytes = Buffer.from(`${JSON.stringify(chunk)}\n`);
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(this.#file, bytes));
      fsyncSync(this.#file);
    } catch (error) {
      throw new PathError("cannot write", this.path, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The result stands; what led to it may go. */
  remove(): void {
    rmSync(this.path, { force: true });
  }
}

interface FoundPartial {
  /** Undefined when the first line is none of ours. */
  readonly head: PartialHead | undefined;
  readonly chunks: readonly FinishedChunk[];
  readonly bytes: number;
  /** Up to the last line that counts. */
  readonly wholeBytes: number;
}

function readPartial(path: string): FoundPartial | undefined {
  let raw: Buffer;
  try {
    raw = readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new PathError("cannot read", path, error);
  }
  let head: PartialHead | undefined;
  const chunks: FinishedChunk[] = [];
  const next = new Map<number, number>();
  let wholeBytes = 0;
  for (let end = raw.indexOf(10); end >= 0; end = raw.indexOf(10, wholeBytes)) {
    const line = jsonOf(raw.toString("utf8", wholeBytes, end));
    if (head === undefined) {
      head = PartialHead.safeParse(line).data;
      if (head === undefined) break;
    } else {
      const chunk = PartialChunk.safeParse(line).data;
      const due = next.get(chunk?.query ?? 0) ?? 0;
      if (chunk === undefined || chunk.first > due || chunk.first + chunk.values.length > head.bins) break;
      // Two that read the same at the same time write it twice.
      if (chunk.first === due) {
        chunks.push(chunk);
        next.set(chunk.query, due + chunk.values.length);
      }
    }
    wholeBytes = end + 1;
  }
  return { head, chunks, bytes: raw.length, wholeBytes };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
