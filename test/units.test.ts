import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { processesOf, sweep, unitsFolder, until } from "./support/units.ts";

// The whole way: a policy, a metric that somebody changes by hand, and servers that are really there.

const CLI = resolve("dist/cli/main.cjs");
const POLICY = `version: 1
sources: {files: {type: file}, mine: {type: units}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 6}
    interval: 1s
    target:
      type: process
      command: [node, server.cjs, "{port}", "{unit}"]
      ports: 24730-24739
      ready: {http: /healthz}
      drain: {within: 5s}
      endpoints: {file: endpoints.json}
    unit: {startup: 1s}
    metrics:
      load: {measures: rate, window: 1s, lag: 0s, scrape: 1s, source: files, query: load}
      memory: {measures: gauge, source: mine, query: memory}
    guards: {down: {window: 0s, limits: [{units: 6, per: 1s}]}, blastRadius: {share: 100%, window: 1m}, cliff: off, implausibleZero: off, proof: off}
    strategies: [{type: targetTracking, metric: load, target: 10/s}]
`;
let folder: string;
let units: string;
let child: ChildProcess | undefined;
let out = "";
beforeEach(() => {
  folder = unitsFolder();
  units = join(folder, ".vernier", "units", "shop.web");
  write("vernier.yaml", POLICY.replace("unit: {startup: 1s}", "unit: {startup: 1s, serves: {rate: 20/s}}"));
  load(20);
});
afterEach(async () => {
  await end("SIGKILL");
  await sweep(folder, units);
});

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const load = (perSecond: number): void => write("load", `${perSecond}\n`);
const apiToken = (): string => readFileSync(join(folder, ".vernier", "api.token"), "utf8").trim();
const pids = (): number[] => [...processesOf(units).values()].flat().toSorted((a, b) => a - b);
const published = (): readonly { readonly unit: number; readonly port: number }[] =>
  existsSync(join(folder, "endpoints.json"))
    ? (JSON.parse(readFileSync(join(folder, "endpoints.json"), "utf8")) as { endpoints: { unit: number; port: number }[] }).endpoints
    : [];

function vernier(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8", timeout: 60_000 });
  return { code: status, out: stdout, err: stderr };
}

function start(): void {
  out = "";
  child = spawn(process.execPath, [CLI, "run"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  const one = child;
  child = undefined;
  if (one === undefined || one.exitCode !== null || one.signalCode !== null) return one?.exitCode ?? null;
  one.kill(signal);
  await once(one, "close");
  return one.exitCode;
}

/** Somebody who looks again and again, while the load stays what it is: a file is as old as it was written. */
const untilUnits = (count: number, perSecond: number): Promise<void> =>
  until(() => {
    load(perSecond);
    return pids().length === count && published().length === count;
  }, `${count} units`);

describe("processes of a policy", () => {
  test("follow load both ways, outlive a controller that is killed, and are those of the next", async () => {
    start();
    await untilUnits(2, 20);
    await untilUnits(4, 40);
    for (const { port } of published()) expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    // The same by HTTP, for load balancers that ask.
    const [{ address }, token] = [JSON.parse(readFileSync(join(folder, ".vernier", "api.json"), "utf8")) as { address: string }, apiToken()];
    const asked = await fetch(`${address}/api/v1/workloads/shop/web/endpoints`, { headers: { authorization: `Bearer ${token}` } });
    expect(await asked.json()).toMatchObject({ endpoints: published() });
    // The whole past in one point: the last of it.
    const past = await fetch(`${address}/api/v1/workloads/shop/web/series?points=1`, { headers: { authorization: `Bearer ${token}` } });
    expect(await past.json()).toMatchObject({ timesMs: [expect.any(Number)], requested: [expect.any(Number)], metrics: { load: [40] } });
    const before = pids();
    await end("SIGKILL");
    expect(pids()).toEqual(before);
    expect(vernier("units", "list").out).toMatch(/workload +unit +state +process[\s\S]*shop\/web +4 +ready +\d+ +247\d\d/);
    start();
    await until(() => out.includes("all live"));
    await untilUnits(4, 40);
    expect(pids()).toEqual(before);
    await untilUnits(2, 20);
    // The youngest went, told and not killed.
    expect(before.filter((pid) => pids().includes(pid))).toHaveLength(2);
    expect([1, 2, 3, 4].map((unit) => existsSync(join(folder, `told-${unit}`)))).toEqual([false, false, true, true]);
    await until(() => vernier("status").out.includes("2 requested, 2 ready"));
    // Not beside a controller that would bring them back.
    expect(vernier("units", "stop")).toMatchObject({ code: 3, err: expect.stringMatching(/held by the controller with process id \d+/) });
    expect(await end("SIGTERM")).toBe(0);
    expect(pids()).toHaveLength(2);
    expect(vernier("units", "stop", "shop/web")).toMatchObject({ code: 0, out: expect.stringContaining("shop/web: 2 units ended") });
    expect(pids()).toEqual([]);
    expect(published()).toEqual([]);
    expect(vernier("units", "list").out).toBe("no units in .vernier\n");
    expect(JSON.parse(vernier("units", "list", "--json").out)).toEqual({ schemaVersion: 1, units: [] });
    expect(vernier("ledger", "verify").code).toBe(0);
    expect(vernier("ledger", "replay").code).toBe(0);
  });

  test("end with `onExit: stop`, cleanly and when their controller is killed", async () => {
    write("vernier.yaml", readFileSync(join(folder, "vernier.yaml"), "utf8").replace("drain: {within: 5s}", "drain: {within: 5s}\n      onExit: stop"));
    start();
    await untilUnits(2, 20);
    expect(await end("SIGTERM")).toBe(0);
    expect(pids()).toEqual([]);
    start();
    await untilUnits(2, 20);
    await end("SIGKILL");
    await until(() => pids().length === 0 && published().length === 0);
  });

  test("are not begun in a dry run, nor in shadow; what nobody looks after is said", async () => {
    expect(vernier("run", "--once", "--dry-run").out).toContain("memory cannot be read: no unit is ready");
    expect(existsSync(join(folder, ".vernier"))).toBe(false);
    start();
    await untilUnits(2, 20);
    await end("SIGKILL");
    const policy = readFileSync(join(folder, "vernier.yaml"), "utf8");
    write("vernier.yaml", policy.replace("shop/web", "shop/other").replace("24730-24739", "24740-24749"));
    expect(vernier("run", "--once").out).toContain("shop/web has 2 running, and no policy looks after them: vernier units stop shop/web ends them");
    expect(vernier("units", "stop", "shop/wbe")).toMatchObject({ code: 2, err: expect.stringContaining("there are those of shop/other, shop/web") });
    expect(pids()).toHaveLength(2);
    rmSync(join(folder, "vernier.yaml"));
    expect(vernier("units", "stop").code).toBe(0);
    expect(pids()).toEqual([]);
  });
});
