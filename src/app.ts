import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { VernierEngine } from "./engine/engine.ts";
import type { Engine } from "./engine/model.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { DoublingEngine } from "./peers/doubling/doubling.ts";
import { monthsBeginAtMs } from "./policy/calendar.ts";
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

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new PathError("cannot read policy", path, error);
  }
}

/** Files that a policy names are looked for beside it. */
function readBeside(path: string): (name: string) => string | undefined {
  return (name) => {
    try {
      return readFileSync(resolve(dirname(path), name), "utf8");
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
  return { file, ...checkPolicy(readText(file), file, { readFile: readBeside(file) }) };
}
