import { constants, createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";

/** A file as a stream of byte chunks, unpacked when it starts with the gzip magic bytes whatever its name says. */
export interface FileChunks {
  readonly isGzip: boolean;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const CHUNK_BYTES = 1 << 20;

/**
 * Opens a file for reading in chunks of at most 1 MiB. Unpacking runs beside the reader's own work.
 * @param onRaw sees the file's own bytes, before unpacking
 * @throws the system's error (ENOENT, EACCES, EISDIR) on opening; a damaged or cut gzip stream throws while iterating
 */
export async function openFileChunks(path: string, onRaw?: (bytes: Uint8Array) => void): Promise<FileChunks> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const magic = new Uint8Array(2);
  try {
    const about = await handle.stat();
    // A pipe or a device can be read once, or for ever.
    if (!about.isFile()) throw Object.assign(new Error("not a regular file"), { code: about.isDirectory() ? "EISDIR" : "ENOTREG" });
    await handle.read(magic, 0, 2, 0);
  } finally {
    await handle.close();
  }
  const isGzip = magic[0] === 0x1f && magic[1] === 0x8b;
  const raw = createReadStream(path, { highWaterMark: isGzip ? 1 << 16 : CHUNK_BYTES });
  if (!isGzip) return { isGzip, chunks: onRaw === undefined ? raw : tapped(raw, onRaw) };
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  raw.on("error", (error) => unpacked.destroy(error));
  if (onRaw !== undefined) raw.on("data", onRaw as (chunk: string | Buffer) => void);
  raw.pipe(unpacked);
  return { isGzip, chunks: unpacked };
}

async function* tapped(chunks: AsyncIterable<Uint8Array>, onRaw: (bytes: Uint8Array) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    onRaw(chunk);
    yield chunk;
  }
}
