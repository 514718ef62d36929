import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processIn, WRITE_ITSELF_DOWN } from "../../lib/process-table.ts";
import { systemErrorCode } from "../../lib/system-error.ts";

/** The variable by which a process, and all that it starts, says of which unit it is: `<nonce>:<folder>`. */
export const UNIT_VARIABLE = "VERNIER_UNIT";

/**
 * Becomes the command (same process id) after it has written down which process it is and has taken the permit. The permit is
 * there once: a recovery that takes it away first can be sure that this never begins, and one that cannot finds the process id.
 * No argument of the command is read by the shell.
 */
const LAUNCHER = `{ ${WRITE_ITSELF_DOWN}; } >"$1" && { command -p mv "$2" "$3" || mv "$2" "$3"; } 2>/dev/null || exit 191
shift 3
exec "$@"`;

interface Launch {
  readonly nonce: string;
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What it prints goes to the end of this file; nowhere when absent. A file never makes it wait. */
  readonly log?: string;
}

/** Begins a unit, in a session of its own. Its record is written before. The `error` of what comes back has to be listened to. */
export function launch(folder: string, { nonce, argv, environment, cwd, log }: Launch): ChildProcess {
  const files = filesOf(folder, nonce);
  mkdirSync(launchesIn(folder), { recursive: true, mode: 0o700 });
  writeFileSync(files.permit, "", { mode: 0o600 });
  const output = log === undefined ? "ignore" : openSync(log, "a", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", LAUNCHER, "vernier-unit", files.self, files.permit, files.taken, ...argv], {
      env: { ...environment, [UNIT_VARIABLE]: `${nonce}:${folder}` },
      cwd,
      detached: true,
      stdio: ["ignore", output, output],
    });
    child.unref();
    return child;
  } finally {
    if (output !== "ignore") closeSync(output);
  }
}

/**
 * Which process came of a launch of which nobody knows, settled for all time: where this says that there is none, there never
 * will be one. Whether it still runs is another question.
 */
export function settleLaunch(folder: string, nonce: string): { readonly pid: number; readonly start: string } | undefined {
  const files = filesOf(folder, nonce);
  try {
    unlinkSync(files.permit);
    return undefined;
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
  // Taken: then it was written down before by whom. Or there never was one.
  return existsSync(files.self) ? processIn(readFileSync(files.self, "utf8")) : undefined;
}

/** Removes what launches have left behind, but for those of units that are still there. */
export function forgetLaunches(folder: string, known: ReadonlySet<string>): void {
  if (!existsSync(launchesIn(folder))) return;
  for (const name of readdirSync(launchesIn(folder))) if (!known.has(name.split(".")[0] as string)) rmSync(join(launchesIn(folder), name), { force: true });
}

const launchesIn = (folder: string): string => join(folder, "launches");

function filesOf(folder: string, nonce: string): { readonly permit: string; readonly taken: string; readonly self: string } {
  const stem = join(launchesIn(folder), nonce);
  return { permit: `${stem}.permit`, taken: `${stem}.taken`, self: `${stem}.self` };
}
