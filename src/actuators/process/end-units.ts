import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lock, lockFolder } from "../../lib/folder-lock.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { commandEnvironment } from "../../lib/run-command.ts";
import { PathError } from "../../lib/system-error.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { Supervisor, type SupervisorConfig } from "./supervisor.ts";

/** What ending units takes, kept beside them: whoever ends them need not have the policy. */
export type EndingConfig = Pick<SupervisorConfig, "drain" | "endpoints"> & { readonly workload: string; readonly passEnvironment: readonly string[] };

/** How ending went: which were ended and which could not be, or who looks after them. */
export type Ending = { readonly kind: "ended"; readonly left: readonly number[] } | { readonly kind: "held"; readonly by: string };

const fileIn = (folder: string): string => join(folder, "ending.json");

/** @throws PathError */
export function keepEndingConfig(folder: string, { workload, drain, endpoints, passEnvironment }: EndingConfig): void {
  replaceFile(fileIn(folder), [`${JSON.stringify({ workload, drain, passEnvironment, ...(endpoints !== undefined && { endpoints }) })}\n`], 0o600);
}

function readEndingConfig(folder: string): EndingConfig {
  try {
    return JSON.parse(readFileSync(fileIn(folder), "utf8")) as EndingConfig;
  } catch (error) {
    throw new PathError("cannot read", fileIn(folder), error instanceof SyntaxError ? Object.assign(error, { code: "EBADUNIT" }) : error);
  }
}

/** The lock of a folder of units: one supervisor at a time. */
export function lockUnits(folder: string, who: string): Lock | { readonly heldBy: string } {
  return lockFolder(folder, who, formatTimestamp(Date.now()));
}

/**
 * Ends all units of a folder as draining them would: unpublished, told, killed when their time is over. How many there are to be
 * stays as it is, so that the next controller brings them back. Refused while somebody looks after them.
 * @throws PathError
 */
export async function endUnits(
  folder: string,
  {
    who,
    environment,
    say,
  }: { readonly who: string; readonly environment: Readonly<Record<string, string | undefined>>; readonly say: (trouble: string) => void },
): Promise<Ending> {
  const { drain, endpoints, passEnvironment } = readEndingConfig(folder);
  const lock = lockUnits(folder, who);
  if ("heldBy" in lock) return { kind: "held", by: lock.heldBy };
  const supervisor = new Supervisor(
    { folder, drain, environment: commandEnvironment(passEnvironment, environment), ...(endpoints !== undefined && { endpoints }) },
    () => 0,
    say,
  );
  try {
    supervisor.begin();
    return { kind: "ended", left: await supervisor.endAll() };
  } finally {
    await supervisor.close();
    lock.release();
  }
}
