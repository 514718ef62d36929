import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { catches, found, processActuator, processesOf, sweep, unitsFolder, until } from "../../../test/support/units.ts";
import { createRng } from "../../lib/rng.ts";
import type { CapacityFound } from "../actuator.ts";
import { launch, settleLaunch } from "./launch.ts";
import { readUnitRecords } from "./unit-record.ts";

/** Beside the packages that it needs. */
const OWNER = resolve(`node_modules/.vernier-unit-owner-${process.pid}.mjs`);
let folder: string;
let units: string;
let owner: ChildProcess | undefined;
beforeAll(async () => {
  await build({
    entryPoints: ["test/support/unit-owner.ts"],
    outfile: OWNER,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["@photostructure/sqlite"],
    logLevel: "error",
  });
});
afterAll(() => rmSync(OWNER, { force: true }));
beforeEach(() => {
  folder = unitsFolder();
  units = join(folder, "units");
});
afterEach(async () => {
  await killOwner();
  await sweep(folder);
});

function begin(numbers: readonly number[], config: object = {}): { out: () => string } {
  owner = spawn(process.execPath, [OWNER, folder, JSON.stringify(numbers), JSON.stringify(config)], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  owner.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  return { out: () => out };
}

async function killOwner(): Promise<void> {
  const one = owner;
  owner = undefined;
  if (one === undefined || one.exitCode !== null || one.signalCode !== null) return;
  one.kill("SIGKILL");
  await once(one, "exit");
}

/** Processes that wait for a controller of a folder to go away. */
function reapersOf(one: string): number[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return argv.some((arg) => arg.endsWith("unit-reaper.js")) && argv.includes(one) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

describe("a controller that is killed", () => {
  const rounds = Number(process.env["VERNIER_KILLS"] ?? 10);
  test(`at any moment (${rounds} times): no unit is lost, none is twice there, none is unknown`, { timeout: 60_000 + rounds * 5_000 }, async () => {
    const seed = Number(process.env["VERNIER_SEED"] ?? 1);
    const rng = createRng(seed);
    const random = (): number => rng.next();
    for (let round = 0; round < rounds; round++) {
      const numbers = Array.from({ length: 400 }, () => Math.floor(random() * 6));
      begin(numbers);
      // Long enough to be at any point of starting up, setting, launching and draining.
      await new Promise((go) => setTimeout(go, 60 + random() * 300));
      await killOwner();
      const running = processesOf(units);
      const stayed = readUnitRecords(units).flatMap(({ state, nonce, pid }) =>
        pid !== undefined && state !== "draining" && running.get(nonce)?.includes(pid) ? [pid] : [],
      );

      const next = processActuator(folder);
      let capacity: CapacityFound | undefined;
      await until(async () => {
        capacity = await found(next);
        // Launchers are done: they run commands of their own for a moment.
        const ids = [...processesOf(units).values()];
        const isWhole = capacity.draining === 0 && capacity.starting + capacity.ready === capacity.requested;
        return isWhole && ids.length === capacity.requested && ids.every(({ length }) => length === 1);
      }, `as many processes as asked for (seed ${seed}, round ${round})`);
      await next.close();
      const world = processesOf(units);
      expect(world.size).toBe(capacity?.requested);
      const records = readUnitRecords(units);
      expect([...world.keys()].toSorted()).toEqual(records.map(({ nonce }) => nonce).toSorted());
      for (const { nonce, pid } of records) expect(world.get(nonce)).toEqual([pid]);
      // What ran, and was not on its way out, runs on as long as that many are wanted.
      const still = stayed.filter((pid) => records.some((record) => record.pid === pid));
      expect(still.length, `seed ${seed}, round ${round}`).toBeGreaterThanOrEqual(Math.min(stayed.length, records.length));
    }
  });

  test("leaves units that go on, with the same processes", async () => {
    const { out } = begin([3]);
    const pids = (): number[] => [...processesOf(units).values()].flat();
    await until(() => out().includes("done") && pids().length === 3 && readUnitRecords(units).every(({ state }) => state === "ready"));
    const before = pids();
    await killOwner();
    const next = processActuator(folder);
    expect(await found(next)).toMatchObject({ requested: 3 });
    expect(pids()).toEqual(before);
    await next.close();
  });

  test("with `stop` leaves no process, not even one that takes no notice, nor what ends them", async () => {
    const script = `trap "" TERM; echo deaf >> deaf; while :; do sleep 0.1; done`;
    const start = { command: ["sh", "-c", script], cwd: folder, ready: { afterMs: 50 }, keepsLogs: true };
    const { out } = begin([3], { onExit: "stop", start, drain: { signal: "SIGTERM", withinMs: 400 } });
    await until(() => out().includes("done") && existsSync(join(folder, "deaf")) && readFileSync(join(folder, "deaf"), "utf8").length === 15);
    const reapers = reapersOf(units);
    expect(reapers).toHaveLength(1);
    // Neither what asks programs to end nor a terminal that closes ends it. It has begun when it catches the last of them.
    await until(() => catches(reapers[0] as number, 1));
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.kill(reapers[0] as number, signal);
    await killOwner();
    await until(() => processesOf(units).size === 0 && reapersOf(units).length === 0);
    expect(readUnitRecords(units)).toEqual([]);
  });

  test("with `stop`, and what would have ended its units before it: that is replaced", async () => {
    const { out } = begin([2], { onExit: "stop" });
    await until(() => out().includes("done") && reapersOf(units).length === 1);
    const [first] = reapersOf(units) as [number];
    process.kill(first, "SIGKILL");
    await until(() => {
      const now = reapersOf(units);
      return now.length === 1 && now[0] !== first;
    });
    await killOwner();
    await until(() => processesOf(units).size === 0 && reapersOf(units).length === 0);
  });
});

test("a launch that was settled never begins, however late it wakes up", async () => {
  const ran = join(folder, "ran");
  for (let attempt = 0; ; attempt++) {
    if (attempt === 200) throw new Error("could not stop a launch before it took its permit");
    const nonce = randomUUID();
    const child = launch(units, { nonce, argv: ["touch", ran], environment: { PATH: process.env["PATH"] ?? "" }, cwd: folder });
    process.kill(child.pid as number, "SIGSTOP");
    const settled = settleLaunch(units, nonce);
    const ended = once(child, "exit");
    process.kill(child.pid as number, "SIGCONT");
    const [code] = await ended;
    // Settled as a process: then it was one before it was stopped.
    expect(existsSync(ran)).toBe(settled !== undefined);
    expect(settled?.pid).toBe(settled === undefined ? undefined : child.pid);
    if (settled === undefined) {
      expect(code).toBe(191);
      return;
    }
    rmSync(ran);
  }
});
