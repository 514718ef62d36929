import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "./support/live-folder.ts";

// Real processes under real load, for a few seconds.

const CLI = resolve("dist/cli/main.cjs");
let child: ChildProcess | undefined;
let out = "";
afterEach(() => child?.kill("SIGKILL"));

function start(...args: string[]): ChildProcess {
  out = "";
  child = spawn(process.execPath, [CLI, "demo", "--listen", "0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  return child;
}

/** Everything that runs and was begun in this folder. */
const left = (folder: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && Number(pid) !== child?.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
    } catch {
      return false;
    }
  });
const dataOf = (): string => /--data (\S+) --watch/.exec(out)?.[1] ?? "";

describe.skipIf(!existsSync("/proc/self/cmdline"))("the demonstration", () => {
  test("serves the same load with three fleets, does what it is told, and leaves nothing behind", async () => {
    const running = start();
    await until(() => dataOf() !== "");
    const data = dataOf();
    const { address } = JSON.parse(readFileSync(join(data, "api.json"), "utf8")) as { address: string };
    const authorization = `Bearer ${readFileSync(join(data, "api.token"), "utf8").trim()}`;
    const state = async () =>
      (await (await fetch(`${address}/api/v1/demo`, { headers: { authorization } })).json()) as {
        fleets: { workload: string; answered: number; failed: number; p95Ms: number | null; unitHours: number; units: { ready: number } }[];
        troubles: { name: string; untilMs: number | null }[];
      };
    let now = await state();
    for (let i = 0; i < 100 && !now.fleets.every(({ answered }) => answered > 50); i++) {
      await new Promise((go) => setTimeout(go, 100));
      now = await state();
    }
    expect(now.fleets.map(({ workload }) => workload)).toEqual(["demo/fixed", "demo/doubling", "demo/small-steps"]);
    for (const { answered, units, unitHours } of now.fleets) {
      expect(answered).toBeGreaterThan(50);
      expect(units.ready).toBeGreaterThan(0);
      expect(unitHours).toBeGreaterThan(0);
    }
    const trouble = (name: string) => fetch(`${address}/api/v1/demo/troubles/${name}`, { method: "POST", headers: { authorization } });
    expect((await trouble("nonsense")).status).toBe(404);
    expect((await trouble("slow")).status).toBe(202);
    expect((await state()).troubles.find(({ name }) => name === "slow")?.untilMs).toBeGreaterThan(Date.now());
    running.kill("SIGINT");
    await once(running, "close");
    expect(running.exitCode).toBe(0);
    expect(out).toMatch(/Small steps +\d+ /);
    expect(existsSync(dirname(data))).toBe(false);
    expect(left(dirname(data))).toEqual([]);
  });

  test("takes everything with it when it is killed", async () => {
    const running = start();
    await until(() => dataOf() !== "");
    const folder = dirname(dataOf());
    await until(() => left(folder).length > 10);
    running.kill("SIGKILL");
    await until(() => left(folder).length === 0, 800);
  });
});
