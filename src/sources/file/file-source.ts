import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { systemErrorCode } from "../../lib/system-error.ts";
import { absent, type MetricQuery, numberIn, type Source, type SourceReading } from "../source.ts";

/** Longest file that can be a number. */
const BYTES_MAX = 256;

/** A number in a file, as old as the file: what scripts and exporters of text files leave behind. The query is the path. */
export class FileSource implements Source {
  readonly #folder: string;

  /** @param folder what relative paths are relative to */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    return await Promise.all(queries.map((query) => this.#readOne(query, signal)));
  }

  async close(): Promise<void> {}

  async #readOne(query: MetricQuery, signal: AbortSignal): Promise<SourceReading> {
    const path = resolve(this.#folder, query.query);
    try {
      const about = await stat(path);
      if (!about.isFile()) return absent(query, `"${query.query}" is no file`);
      if (about.size > BYTES_MAX) return absent(query, `"${query.query}" has ${about.size} bytes, expected a number`, "invalid");
      const text = (await readFile(path, { encoding: "utf8", signal })).trim();
      if (text === "") return absent(query, `"${query.query}" is empty`);
      return numberIn(query, text, `"${query.query}" says`, Math.round(about.mtimeMs));
    } catch (error) {
      const code = signal.aborted ? "too slow" : systemErrorCode(error);
      if (code === undefined) throw error;
      return absent(query, `cannot read "${query.query}": ${code}`);
    }
  }
}
