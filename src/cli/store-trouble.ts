import { PathError } from "../lib/system-error.ts";
import { storeErrorCode } from "../live/store.ts";

/** What went wrong with the store while a controller ran, in words; anything else as it is. */
export function storeTrouble(error: unknown, data: string): unknown {
  if (!(error instanceof Error) || !/SQLITE|database|disk/i.test(`${"code" in error ? String(error.code) : ""} ${error.message}`)) return error;
  return new PathError("cannot write the ledger, so nothing more is done;", data, Object.assign(error, { code: storeErrorCode(error) ?? "EDAMAGED" }));
}
