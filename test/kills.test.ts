import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { createRng } from "../src/lib/rng.ts";

// The controller is killed at random moments while it starts and ends processes. What counts is what there is in the world.

const CLI = resolve("dist/cli/main.cjs");
const ROUNDS = Number(process.env["VERNIER_KILLS"] ?? 4);
const SEED = Number(process.env["VERNIER_SEED"] ?? 1);

test(`killed ${ROUNDS} times: no unit is lost, none is twice there, none unknown, and the record is whole`, { timeout: 120_000 + ROUNDS * 6_000 }, async () => {
  const rng = createRng(SEED);
  const folder = mkdtempSync(join(tmpdir(), "vernier-kills-"));
  // Nobody else sleeps for so long.
  const mark = `9${Math.floor(1e8 * Math.random())}`;
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const vernier = (...args: string[]): { code: number | null; out: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8", timeout: 60_000 });
    return { code: status, out: stdout + stderr };
  };
  const alive = (): number =>
    readdirSync("/proc").filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === `sleep\0${mark}\0`;
      } catch {
        return false;
      }
    }).length;
  write(
    "vernier.yaml",
    `version: 1
sources: {files: {type: file}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    interval: 1s
    bounds: {min: 1, max: 9}
    unit: {serves: {rate: 10/s}, startup: 1s}
    target: {type: process, command: [sleep, "${mark}"], drain: {within: 1s}, logs: discard}
    metrics: {requests: {measures: rate, window: 1s, lag: 0s, scrape: 1s, source: files, query: load}}
    strategies: [{type: targetTracking, metric: requests, target: 10/s}]
    guards: {staleAfter: 1h, down: {window: 0s, limits: off}, blastRadius: {share: 100%, window: 1s}, cliff: off, drift: off}
`,
  );
  let child: ChildProcess | undefined;
  const start = (): void => {
    child = spawn(process.execPath, [CLI, "run", "--listen", "off"], { cwd: folder, stdio: "ignore" });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const one = child as ChildProcess;
    one.kill(signal);
    if (one.exitCode === null && one.signalCode === null) await once(one, "exit");
  };
  const until = async (what: string, isDone: () => boolean): Promise<void> => {
    const endMs = performance.now() + 30_000;
    while (!isDone() && performance.now() < endMs) await new Promise((go) => setTimeout(go, 50));
    if (!isDone()) throw new Error(`${what}, seed ${SEED}: ${alive()} alive; ${vernier("units", "list").out}`);
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = 1 + Math.floor(9 * rng.next());
      write("load", `${10 * wanted}\n`);
      start();
      if (round % 8 === 7) await until(`round ${round}: control is right again`, () => alive() === wanted);
      else await new Promise((go) => setTimeout(go, 200 + 2_500 * rng.next()));
      await end("SIGKILL");
      expect(alive(), `round ${round}`).toBeLessThanOrEqual(9);
    }
    write("load", "40\n");
    start();
    await until("the last", () => alive() === 4);
    const listed = JSON.parse(vernier("units", "list", "--json").out) as { units?: unknown[] } | unknown[];
    expect((Array.isArray(listed) ? listed : (listed.units ?? [])).length).toBe(4);
    await end("SIGTERM");
    expect(vernier("ledger", "verify")).toMatchObject({ code: 0 });
    expect(vernier("ledger", "replay").out).toContain("as recorded, byte for byte");
    expect(vernier("units", "stop").code).toBe(0);
    expect(alive()).toBe(0);
  } finally {
    if (child?.exitCode === null && child.signalCode === null) await end("SIGKILL");
    vernier("units", "stop");
    rmSync(folder, { recursive: true, force: true });
  }
});
