import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Actuator, CapacityFound } from "../../src/actuators/actuator.ts";
import { UNIT_VARIABLE } from "../../src/actuators/process/launch.ts";
import { ProcessActuator, type ProcessConfig } from "../../src/actuators/process/process-actuator.ts";
import { processesWith, processStarts, sendSignal } from "../../src/lib/process-table.ts";

/** Whether processes of a folder are still becoming their commands, for which they run others for a moment. */
function areLaunching(folder: string): boolean {
  return [...processesOf(folder).values()].flat().some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("vernier-unit");
    } catch {
      return true;
    }
  });
}

/** What there is in the world of the units of a folder, whatever anybody has written down: process ids by the nonce of their launch. */
export function processesOf(folder: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const { pid, value } of processesWith(UNIT_VARIABLE)) {
    const colon = value.indexOf(":");
    if (value.slice(colon + 1) === folder) found.set(value.slice(0, colon), [...(found.get(value.slice(0, colon)) ?? []), pid]);
  }
  return found;
}

/** Ends whatever runs in a folder, by force, and removes it. */
export async function sweep(folder: string, units = join(folder, "units")): Promise<void> {
  await until(() => {
    const pids = [...processesOf(units).values()].flat();
    for (const pid of pids) sendSignal(pid, "SIGKILL");
    return pids.length === 0;
  }, "processes to end");
  rmSync(folder, { recursive: true, force: true });
}

/** Whether a process still does anything. */
export function isRunning(pid: number): boolean {
  return processStarts([pid]).has(pid);
}

/** Whether a process has a handler of its own for a signal, by its number. */
export function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Capacity as it is, where it can be read. */
export async function found(actuator: Actuator): Promise<CapacityFound> {
  const capacity = await actuator.observe(new AbortController().signal);
  if (capacity.kind !== "found") throw new Error(capacity.message);
  return capacity;
}

/** Sets capacity from what it is. @returns what came of it */
export async function set(actuator: Actuator, units: number): Promise<string> {
  const { requested, version, uid } = await found(actuator);
  return (await actuator.set({ intentId: "i", epoch: 1, units, expect: { requested, version, uid } }, new AbortController().signal)).kind;
}

/** An actuator with so many units, all ready. */
export async function withUnits(folder: string, units: number, config: Partial<ProcessConfig> = {}, say?: (trouble: string) => void): Promise<ProcessActuator> {
  const actuator = processActuator(folder, config, say);
  await set(actuator, units);
  await until(async () => (await found(actuator)).ready === units && !areLaunching(join(folder, "units")), `${units} ready units`);
  return actuator;
}

/** A folder for one test; units in `units`. */
export function unitsFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "vernier-units-")));
  writeFileSync(join(folder, "server.cjs"), SERVER);
  return folder;
}

/**
 * A server: answers 503 while there is a file `sick` or `sick-<unit>`. Told to end, it writes down what the endpoints were, as a balancer knew them where there is one (`hooked.json`), and
 * ends, but for one of which there is a file `deaf-<unit>`.
 */
const SERVER = `const fs = require("node:fs");
const [port, unit] = process.argv.slice(2);
const is = (name) => fs.existsSync(name) || fs.existsSync(name + "-" + unit);
const server = require("node:http").createServer((_, response) => {
  response.statusCode = is("sick") ? 503 : 200;
  response.end();
});
server.listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => {
  const known = ["hooked.json", "endpoints.json"].find((name) => fs.existsSync(name));
  fs.writeFileSync("told-" + unit, known === undefined ? "nothing" : fs.readFileSync(known));
  if (!is("deaf")) process.exit(0);
});
`;
/** Its command. */
export const SERVE: [string, ...string[]] = [process.execPath, "server.cjs", "{port}", "{unit}"];

export const REAPER: [string, ...string[]] = [process.execPath, resolve("dist/cli/unit-reaper.js")];

/** An actuator of units that sleep, which costs next to nothing. */
export function processActuator(folder: string, config: Partial<ProcessConfig> = {}, say: (trouble: string) => void = () => {}): ProcessActuator {
  return new ProcessActuator(
    {
      workload: "shop/web",
      folder: join(folder, "units"),
      start: { command: ["sleep", "1000"], cwd: folder, ready: { afterMs: 50 }, keepsLogs: true },
      drain: { signal: "SIGTERM", withinMs: 5_000 },
      passEnvironment: [],
      onExit: "keep",
      reaper: REAPER,
      acts: true,
      ...config,
    },
    process.env,
    say,
  );
}

export async function until(isDone: () => boolean | Promise<boolean>, what = "it"): Promise<void> {
  for (let i = 0; i < 1_200; i++) {
    if (await isDone()) return;
    await new Promise((go) => setTimeout(go, 25));
  }
  throw new Error(`waited for ${what} in vain`);
}
