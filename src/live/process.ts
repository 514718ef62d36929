import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ProcessActuator } from "../actuators/process/process-actuator.ts";
import { listUnits } from "../actuators/process/unit-list.ts";
import { PathError } from "../lib/system-error.ts";
import type { Target } from "../policy/schema-live.ts";

declare const VERSION: string;

// Composition of targets that are processes, and what a person can see of them without a controller.

/** Without a way to ask, a unit that has run for so long is ready: most that cannot start at all say so sooner. */
const READY_AFTER_MS = 1_000;

interface ProcessOptions {
  readonly workload: string;
  /** Of the policy: what paths and commands are relative to. */
  readonly folder: string;
  readonly data: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly acts: boolean;
  readonly say: (trouble: string) => void;
}

/** The actuator of a workload whose units are processes. */
export function processActuatorOf(
  target: Extract<Target, { type: "process" }>,
  { workload, folder, data, environment, acts, say }: ProcessOptions,
): ProcessActuator {
  const { command, ports, ready, drain, endpoints, logs, onExit } = target;
  const cwd = resolve(folder);
  return new ProcessActuator(
    {
      workload,
      folder: unitsFolder(data, workload),
      start: {
        command: command as [string, ...string[]],
        cwd,
        keepsLogs: logs === "keep",
        ...(ports !== undefined && { ports }),
        ready: ready === undefined ? { afterMs: READY_AFTER_MS } : { http: ready.http, withinMs: ready.within },
      },
      drain: { signal: drain.signal, withinMs: drain.within },
      ...(endpoints !== undefined && {
        endpoints: { file: resolve(folder, endpoints.file), cwd, ...(endpoints.hook !== undefined && { hook: endpoints.hook as [string, ...string[]] }) },
      }),
      passEnvironment: target.environment,
      onExit,
      reaper: reaper(),
      acts,
    },
    environment,
    (trouble) => say(`${workload}: ${trouble}`),
  );
}

/** Folders of units of a data folder, with whose they are, by name. */
export function unitFolders(data: string): readonly { readonly workload: string; readonly folder: string }[] {
  const all = resolve(data, "units");
  if (!existsSync(all)) return [];
  return readdirSync(all)
    .toSorted()
    .flatMap((name) => (existsSync(join(all, name, "ending.json")) ? [{ workload: name.replace(".", "/"), folder: join(all, name) }] : []));
}

/** What there is to say of workloads that have processes, and that nobody looks after: their target is another now, or they are in no policy. */
export function forgottenUnits(data: string, lookedAfter: ReadonlySet<string>): readonly string[] {
  return unitFolders(data).flatMap(({ workload, folder }) => {
    if (lookedAfter.has(workload)) return [];
    try {
      const count = listUnits(folder).filter(({ pid }) => pid !== undefined).length;
      return count === 0 ? [] : [`${workload} has ${count} running, and no policy looks after them: vernier units stop ${workload} ends them`];
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      return [error.message];
    }
  });
}

/** A full stop is in no name of a workload. */
export function unitsFolder(data: string, workload: string): string {
  return resolve(data, "units", workload.replace("/", "."));
}

/** As it lies beside the bundle; from sources, through the loader that runs them. */
function reaper(): [string, ...string[]] {
  if (typeof VERSION !== "undefined") return [process.execPath, fileURLToPath(new URL("../unit-reaper.js", import.meta.url))];
  return [process.execPath, "--import", "tsx", fileURLToPath(new URL("../cli/unit-reaper.ts", import.meta.url))];
}
