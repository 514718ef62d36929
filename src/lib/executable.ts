import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { systemErrorCode } from "./system-error.ts";

/**
 * Whether a command could be started, as the system would look for it: by its path, or in the folders of PATH.
 * @returns why not, in words; undefined when it could
 */
export function commandTrouble(
  command: string,
  { path = "", cwd = "." }: { readonly path?: string | undefined; readonly cwd?: string | undefined },
): string | undefined {
  const places = command.includes("/")
    ? [isAbsolute(command) ? command : resolve(cwd, command)]
    : path
        .split(delimiter)
        .filter((folder) => folder !== "")
        .map((folder) => join(resolve(cwd, folder), command));
  let isThere = false;
  for (const place of places) {
    try {
      if (!statSync(place).isFile()) continue;
      isThere = true;
      accessSync(place, constants.X_OK);
      return undefined;
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
  return isThere ? `"${command}" may not be executed` : `there is no command "${command}"${command.includes("/") ? "" : " in PATH"}`;
}

/** Whether a file could be replaced: itself and its folder are to be written. @returns why not, in words; undefined when it could */
export function writeTrouble(...places: readonly string[]): string | undefined {
  for (const place of places) {
    try {
      accessSync(place, constants.W_OK);
    } catch (error) {
      return `"${place}" may not be written: ${systemErrorCode(error) ?? "unknown error"}`;
    }
  }
  return undefined;
}
