/** A failure of the system under us (missing file, permission, network), as told by its code; `undefined` for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** What there is to say about whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "this is a folder",
  ENOTDIR: "a part of the path is not a folder",
  EMFILE: "too many open files",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EFBIG: "the file would be larger than may be",
  EIO: "the disk gives an error: it may be broken, or a quota or the largest size of a file is reached",
  EROFS: "the file system is read-only",
  EEXIST: "exists already",
  ENOTREG: "not a regular file; write it to one first",
  EUNSET: "it is not set",
  EUNSENDABLE: "it holds what no header can carry",
  EBADKEY: "this is no Ed25519 key in PEM; restore it, or move it away and a new one is made",
  EBADUNIT: "it is damaged; look for processes of this workload (ps), end them, and remove the folder",
  EDAMAGED: "this is no ledger of ours, or it is damaged; restore a backup, or move it away",
};

/** A path that could not be used, in words. Exit code 3. */
export class PathError extends Error {
  constructor(what: string, path: string, cause: unknown) {
    const code = systemErrorCode(cause) ?? "unknown error";
    super(`${what} "${path}": ${MEANINGS[code] ?? code}`, { cause });
    this.name = "PathError";
  }
}
