import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UNITS_MAX } from "./capacity/units.ts";
import { VernierEngine } from "./engine/engine.ts";
import type { Engine } from "./engine/model.ts";
import { FileError } from "./lib/file-error.ts";
import { nearest } from "./lib/nearest.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { DoublingEngine } from "./peers/doubling/doubling.ts";
import { HPA_DEFAULT_BEHAVIOUR, type HpaConfig, HpaEngine } from "./peers/hpa/engine.ts";
import { StaticEngine } from "./peers/static/static.ts";
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
  /** Units that the peak of the load needs, for references that know it. */
  readonly peakUnits: number;
}

interface EngineEntry {
  /** Under `src/`. */
  readonly folder: string;
  /** What may stand behind the name, for messages. */
  readonly form: string;
  /** `argument` is what stands behind `@` or `:`; returns undefined for one that makes no sense. */
  readonly create: (name: string, argument: string | undefined, workload: ResolvedWorkload, context: EngineContext) => Engine | undefined;
}

/** Engines by name; adding one is its folder and a line here. */
const ENGINES: Readonly<Record<string, EngineEntry>> = {
  vernier: {
    folder: "engine",
    form: "vernier",
    create: (_, argument, workload, { policyHash, fromMs, toMs }) =>
      argument === undefined
        ? new VernierEngine(workload, { policyHash, monthsBeginAtMs: workload.budget === undefined ? [] : monthsBeginAtMs(workload.timeZone, fromMs, toMs) })
        : undefined,
  },
  doubling: {
    folder: "peers/doubling",
    form: "doubling",
    create: (_, argument, workload, { policyHash }) => (argument === undefined ? new DoublingEngine(workload, policyHash) : undefined),
  },
  "hpa-v2": {
    folder: "peers/hpa",
    form: "hpa-v2 or hpa-v2@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, { behaviour: HPA_DEFAULT_BEHAVIOUR, absentIsZero: false }),
  },
  "hpa-legacy": {
    folder: "peers/hpa",
    form: "hpa-legacy or hpa-legacy@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, { absentIsZero: false }),
  },
  "hpa-adapter0": {
    folder: "peers/hpa",
    form: "hpa-adapter0 or hpa-adapter0@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, { behaviour: HPA_DEFAULT_BEHAVIOUR, absentIsZero: true }),
  },
  static: {
    folder: "peers/static",
    form: "static:12",
    create: (name, argument, workload, { policyHash }) => {
      const units = wholeNumber(argument, UNITS_MAX);
      return units === undefined ? undefined : new StaticEngine(name, workload, policyHash, units);
    },
  },
  "static-peak": {
    folder: "peers/static",
    form: "static-peak",
    create: (name, argument, workload, { policyHash, peakUnits }) =>
      argument === undefined ? new StaticEngine(name, workload, policyHash, peakUnits) : undefined,
  },
};

/** Folders of the engines registered, under `src/`. */
export const ENGINE_FOLDERS: ReadonlySet<string> = new Set(Object.values(ENGINES).map((entry) => entry.folder));

/**
 * Makes an engine from its name and argument: `vernier`, `hpa-v2@70`, `static:12`.
 * @returns what is wrong, in words, for a name that means none
 */
export function createEngine(spec: string, workload: ResolvedWorkload, context: EngineContext): Engine | string {
  const [, name = spec, argument] = /^([^@:]+)[@:](.*)$/.exec(spec) ?? [];
  const entry = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
  if (entry === undefined) {
    const near = nearest(name, Object.keys(ENGINES));
    return `no engine "${name}"; ${near === undefined ? `there are ${Object.keys(ENGINES).join(", ")}` : `did you mean "${near}"?`}`;
  }
  return entry.create(spec, argument, workload, context) ?? `"${spec}" is not understood; write ${entry.form}`;
}

/** The HPA as `kubectl autoscale` and the API make it: CPU at 80 %, tolerance 10 %. */
function hpa(
  spec: string,
  argument: string | undefined,
  workload: ResolvedWorkload,
  policyHash: string,
  config: Pick<HpaConfig, "behaviour" | "absentIsZero">,
): Engine | undefined {
  const targetPercent = argument === undefined ? 80 : wholeNumber(argument, 1_000);
  return targetPercent === undefined
    ? undefined
    : new HpaEngine(spec, workload, policyHash, { targetPercent, toleranceUp: 0.1, toleranceDown: 0.1, ...config });
}

function wholeNumber(text: string | undefined, most: number): number | undefined {
  const number = Number(text);
  return text !== undefined && /^\d+$/.test(text) && number >= 1 && number <= most ? number : undefined;
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
