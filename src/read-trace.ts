import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openFileChunks } from "./lib/file-chunks.ts";
import { FileError } from "./lib/file-error.ts";
import { isRecord } from "./lib/is-record.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { buildTrace, READY, type Trace, type TraceOverrides } from "./sim/trace.ts";
import { TraceManifest, TraceMeta } from "./sim/trace-meta.ts";
import { TraceParser, type TraceParserOptions } from "./sim/trace-parser.ts";

export interface ReadTraceOptions extends TraceOverrides, TraceParserOptions {
  readonly onBytes?: (bytes: number) => void;
}

/** The recordings that a path means: itself, or every .csv and .csv.gz of a folder, by name. */
export function recordingsIn(path: string): string[] {
  if (!(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) return [path];
  return readdirSync(path)
    .filter((name) => /\.csv(\.gz)?$/.test(name))
    .toSorted()
    .map((name) => join(path, name));
}

/**
 * Reads a recording from CSV or CSV.gz, with what `<file>.meta.json` or a `manifest.json` beside it says.
 * @throws FileError for what is not a recording   @throws PathError when it cannot be opened
 */
export async function readTrace(path: string, options: ReadTraceOptions = {}): Promise<Trace> {
  const meta = await readMeta(path);
  const further = [...(options.further ?? []), meta.ready ?? READY];
  const parser = new TraceParser(path, {
    further,
    timestampColumn: options.timestampColumn ?? meta.timestamp,
    valueColumn: options.valueColumn ?? meta.value,
  });
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    const file = await openFileChunks(path, (raw) => hash.update(raw));
    for await (const chunk of file.chunks) {
      bytes += chunk.length;
      options.onBytes?.(bytes);
      parser.push(chunk);
    }
  } catch (error) {
    throw readError(path, parser.line, error);
  }
  return { ...buildTrace(path, parser.finish(), meta, options), sha256: hash.digest("hex") };
}

function readError(path: string, line: number, error: unknown): unknown {
  if (error instanceof FileError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR") {
    return new FileError(path, [
      {
        severity: "error",
        code: "gzip_cut",
        ...(line > 0 && { line }),
        message: "the gzip stream ends in the middle: the file is cut",
        hint: "fetch it again",
      },
    ]);
  }
  if (code.startsWith("Z_")) {
    return new FileError(path, [
      {
        severity: "error",
        code: "gzip_damaged",
        ...(line > 0 && { line }),
        message: `the gzip stream is damaged (${(error as Error).message})`,
        hint: "fetch it again",
      },
    ]);
  }
  return systemErrorCode(error) === undefined ? error : new PathError("cannot read", path, error);
}

/** What is known about a recording; an empty record when nothing is. */
async function readMeta(path: string): Promise<TraceMeta> {
  const own = await readJson(`${path}.meta.json`);
  if (own !== undefined) return checked(`${path}.meta.json`, TraceMeta.safeParse(own));
  const manifestPath = join(dirname(path), "manifest.json");
  if (basename(path) === "manifest.json") return {};
  const manifest = await readJson(manifestPath);
  if (manifest === undefined) return {};
  const entries = TraceManifest.safeParse(manifest);
  // A manifest of something else is none of our business.
  if (!entries.success) {
    const listed = isRecord(manifest) ? manifest["traces"] : undefined;
    const entry = Array.isArray(listed) ? listed.find((candidate: unknown) => (candidate as { file?: unknown } | null)?.file === basename(path)) : undefined;
    return entry === undefined ? {} : checked(manifestPath, TraceMeta.safeParse(entry));
  }
  return entries.data.traces.find((entry) => entry.file === basename(path)) ?? {};
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return undefined;
    throw new PathError("cannot read", path, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError(path, [
      { severity: "error", code: "json_syntax", message: (error as Error).message, hint: "it describes the recording beside it; mend or remove it" },
    ]);
  }
}

function checked<T>(
  file: string,
  result: { success: true; data: T } | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } },
): T {
  if (result.success) return result.data;
  throw new FileError(
    file,
    result.error.issues.map((issue) => ({ severity: "error", code: "invalid_value", path: issue.path.join("."), message: issue.message })),
  );
}
