import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { VernierEngine } from "./engine/engine.ts";
import type { Engine } from "./engine/model.ts";
import { FileError } from "./lib/file-error.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { DoublingEngine } from "./peers/doubling/doubling.ts";
import { monthsBeginAtMs } from "./policy/calendar.ts";
import { BYTES_MAX, tooLarge } from "./policy/document.ts";
import { checkPolicy, type Policy, parsePolicy } from "./policy/parse.ts";
import type { ResolvedWorkload } from "./policy/resolve.ts";

// Composition root: the one place that knows every engine and every adapter.

export interface EngineContext {
  readonly policyHash: string;
  /** Engine time that the run covers, for calendars. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Engines by name; adding one is its folder and a line here. */
const ENGINES: Readonly<Record<string, (workload: ResolvedWorkload, context: EngineContext) => Engine>> = {
  vernier: (workload, { policyHash, fromMs, toMs }) =>
    new VernierEngine(workload, {
      policyHash,
      monthsBeginAtMs: workload.budget === undefined ? [] : monthsBeginAtMs(workload.timeZone, fromMs, toMs),
    }),
  doubling: (workload, { policyHash }) => new DoublingEngine(workload, policyHash),
};

export const ENGINE_NAMES = Object.keys(ENGINES);

export function createEngine(name: string, workload: ResolvedWorkload, context: EngineContext): Engine {
  const create = ENGINES[name];
  if (create === undefined) throw new Error(`no engine "${name}"; there are: ${ENGINE_NAMES.join(", ")}`);
  return create(workload, context);
}

/** The policy file that a path means: itself, or `vernier.yaml` in a folder. */
function policyPath(path: string): string {
  try {
    return statSync(path).isDirectory() ? join(path, "vernier.yaml") : path;
  } catch (error) {
    throw new PathError("cannot read policy", path, error);
  }
}

/** The text of a file that a person wrote. Nothing is read of what is no such file, or far too large to be one. */
function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    const about = statSync(path);
    if (!about.isFile()) throw Object.assign(new Error("not a regular file"), { code: about.isDirectory() ? "EISDIR" : "ENOTREG" });
    if (about.size > BYTES_MAX) throw new FileError(path, [tooLarge(about.size)]);
    bytes = readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new PathError("cannot read", path, error);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FileError(path, [{ severity: "error", code: "not_utf8", message: "this is not UTF-8 text", hint: "save it as UTF-8" }]);
  }
}

/** Files that a policy names are looked for beside it. */
function readBeside(path: string): (name: string) => string | undefined {
  return (name) => {
    try {
      return readText(resolve(dirname(path), name));
    } catch {
      return undefined;
    }
  };
}

/** @throws FileError with every problem   @throws PathError when the file cannot be read */
export function loadPolicy(path: string): Policy {
  const file = policyPath(path);
  return parsePolicy(readText(file), file, { readFile: readBeside(file) });
}

/** Like {@link loadPolicy}, with the problems as a value. */
export function examinePolicy(path: string): ReturnType<typeof checkPolicy> & { file: string } {
  const file = policyPath(path);
  try {
    return { file, ...checkPolicy(readText(file), file, { readFile: readBeside(file) }) };
  } catch (error) {
    if (error instanceof FileError) return { file, problems: error.problems };
    throw error;
  }
}
