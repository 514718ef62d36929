import { readFileSync, statSync } from "node:fs";
import { replaceFile } from "./lib/replace-file.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { formatTimestamp } from "./lib/timestamp.ts";
import { type Provenance, TraceMeta } from "./sim/trace-meta.ts";

/** Columns of a recording to be; all of the same length, NaN for an empty cell. The first is the load. */
export interface TraceTable {
  /** Left edge of the first bin. */
  readonly fromMs: number;
  readonly stepMs: number;
  readonly columns: readonly { readonly name: string; readonly values: Float64Array }[];
}

/** Name of the column of times. */
export const TIME = "time";

/**
 * Writes a recording and, in `<path>.meta.json`, what is known about it. Either is there whole or not at all; the
 * description comes first, as a recording without one would be guessed at.
 * @throws PathError when one cannot be written
 */
export function writeTrace(path: string, table: TraceTable, meta: Pick<TraceMeta, "semantics" | "unit" | "ready" | "provenance">): void {
  const { semantics, unit, ready, provenance } = meta;
  const description = {
    semantics,
    interval_seconds: table.stepMs / 1_000,
    unit,
    timestamp: TIME,
    value: table.columns[0]?.name,
    ready,
    provenance,
  } satisfies TraceMeta;
  replaceFile(`${path}.meta.json`, [`${JSON.stringify(description, null, 2)}\n`]);
  replaceFile(path, lines(table));
}

function* lines({ fromMs, stepMs, columns }: TraceTable): Iterable<string> {
  yield `${[TIME, ...columns.map(({ name }) => name)].join(",")}\n`;
  const rows = columns[0]?.values.length ?? 0;
  let block = "";
  for (let row = 0; row < rows; row++) {
    block += formatTimestamp(fromMs + row * stepMs);
    for (const { values } of columns) {
      const value = values[row] as number;
      block += Number.isNaN(value) ? "," : `,${value}`;
    }
    block += "\n";
    if (block.length > 1 << 16) {
      yield block;
      block = "";
    }
  }
  yield block;
}

/** What lies where a recording is to be written: nothing, one that was fetched (and from where), or something else. */
export function recordingAt(path: string): "none" | "other" | Provenance {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return "none";
  try {
    return TraceMeta.safeParse(JSON.parse(readFileSync(`${path}.meta.json`, "utf8"))).data?.provenance ?? "other";
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === "ENOENT") return "other";
    throw new PathError("cannot read", `${path}.meta.json`, error);
  }
}
