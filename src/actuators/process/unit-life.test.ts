import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catches, found, isRunning, processActuator, processesOf, SERVE, set, sweep, unitsFolder, until, withUnits } from "../../../test/support/units.ts";
import type { ProcessConfig } from "./process-actuator.ts";
import { surplusOf } from "./surplus.ts";
import type { StartConfig } from "./unit-context.ts";
import { listUnits } from "./unit-list.ts";
import { lastLine, trimLog } from "./unit-log.ts";
import { readUnitRecords, type UnitRecord, type UnitState } from "./unit-record.ts";

let folder: string;
let units: string;
beforeEach(() => {
  folder = unitsFolder();
  units = join(folder, "units");
});
afterEach(() => sweep(folder));

const pids = (): number[] => [...processesOf(units).values()].flat();
const states = (): string[] => readUnitRecords(units).map(({ state }) => state);
const write = (name: string, text = ""): void => writeFileSync(join(folder, name), text);
/** Whether somebody has finished writing a line, or an object, into a file. */
const isWritten = (name: string): boolean => existsSync(join(folder, name)) && /[}\n]$/.test(readFileSync(join(folder, name), "utf8"));
const readJson = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));
/** Ports of each test file: what others take meanwhile is passed over. */
const PORTS = { from: 24_700, to: 24_719 };
const serving = (start: Partial<StartConfig> = {}, config: Partial<ProcessConfig> = {}): Partial<ProcessConfig> => ({
  start: { command: SERVE, cwd: folder, ports: PORTS, ready: { http: "/healthz", withinMs: 20_000 }, keepsLogs: true, ...start },
  ...config,
});
const running = (command: readonly [string, ...string[]], start: Partial<StartConfig> = {}): Partial<ProcessConfig> => ({
  start: { command, cwd: folder, ready: { afterMs: 50 }, keepsLogs: true, ...start },
});
/** Where a stranger may listen; without version 6 of the protocol nobody can there. */
const HAS_V6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));
const HOSTS = ["127.0.0.1", "127.0.0.2", "0.0.0.0", ...(HAS_V6 ? ["::1", "::"] : [])];
/** Somebody else, on a port; after whoever had it before, and whose end is not complete. */
const listening = async (port: number, host: string): Promise<Server> => {
  const server = createServer();
  let isThere = false;
  server.on("listening", () => {
    isThere = true;
  });
  server.on("error", () => {});
  await until(() => {
    if (!isThere) server.listen(port, host);
    return isThere;
  }, `${host}:${port}`);
  return server;
};

describe("readiness", () => {
  test("is what a unit says: asked at its own port, gone when it stops answering, back when it answers", async () => {
    const actuator = await withUnits(folder, 2, serving());
    const [one] = listUnits(units);
    expect((await fetch(`http://127.0.0.1:${one?.endpoint?.port}/healthz`)).status).toBe(200);
    write("sick-1");
    await until(async () => (await found(actuator)).ready === 1);
    // Not started again, and nothing that would soon be there.
    expect(await found(actuator)).toMatchObject({ requested: 2, ready: 1, starting: 0, draining: 0 });
    expect(states()).toEqual(["unready", "ready"]);
    rmSync(join(folder, "sick-1"));
    await until(async () => (await found(actuator)).ready === 2);
    expect(listUnits(units)[0]?.pid).toBe(one?.pid);
    await actuator.close();
  });

  test("that never comes: the unit is ended and tried again, always later, and stays one that starts", async () => {
    write("sick");
    const said: string[] = [];
    const actuator = processActuator(
      folder,
      serving({ ready: { http: "/healthz", withinMs: 600 } }, { drain: { signal: "SIGTERM", withinMs: 1_000 } }),
      (text) => said.push(text),
    );
    await set(actuator, 1);
    await until(() => existsSync(join(folder, "told-1")) && (readUnitRecords(units)[0]?.failures ?? 0) >= 2);
    expect(await found(actuator)).toMatchObject({ requested: 1, ready: 0, starting: 1 });
    expect(said).toEqual([expect.stringMatching(/^unit 1 was not ready within 600ms: \/healthz answered 503; the next attempt is in 1s$/)]);
    rmSync(join(folder, "sick"));
    await until(async () => (await found(actuator)).ready === 1);
    await actuator.close();
  });
});

describe("a command that does not run", () => {
  test("is not begun again and again: later each time, its unit starting all the while, and why is said once", async () => {
    const said: string[] = [];
    const script = "echo begun >> begun; echo 'no such table: users' >&2; exit 3";
    const dying = running(["sh", "-c", script], { ready: { afterMs: 60_000 } });
    const actuator = processActuator(folder, dying, (text) => said.push(text));
    await set(actuator, 1);
    const begun = (): number => (existsSync(join(folder, "begun")) ? readFileSync(join(folder, "begun"), "utf8").trim().split("\n").length : 0);
    await until(() => (readUnitRecords(units)[0]?.failures ?? 0) >= 3);
    const [record] = readUnitRecords(units) as [UnitRecord];
    expect(begun()).toBe(record.failures);
    expect(await found(actuator)).toMatchObject({ requested: 1, ready: 0, starting: 1 });
    expect(said).toEqual([expect.stringMatching(/^unit 1 ended with 3 after [\d.]+m?s: no such table: users; the next attempt is in 1s$/)]);
    expect(listUnits(units)).toMatchObject([{ unit: 1, state: "waiting", why: expect.stringContaining("no such table") }]);
    // The third wait is four times the first, and the next controller keeps to it.
    expect((record.retryAtMs ?? 0) - Date.now()).toBeGreaterThan(2_000);
    await actuator.close();
    const next = processActuator(folder, dying);
    expect(await found(next)).toMatchObject({ starting: 1 });
    expect(begun()).toBe(record.failures);
    await next.close();
  });

  test.for([
    ["there is none", ["/no/such/program"], {}, /ended with 127 after .*no\/such\/program/],
    ["its folder is not there", ["sleep", "1000"], { cwd: "/no/such/folder" }, /cannot be started: ENOENT \(in "\/no\/such\/folder"\)/],
    ["an argument that no system takes", ["sleep", "1\0"], {}, /cannot be started: .*null bytes/],
  ] as const)("says so: %s", async ([, command, start, expected]) => {
    const said: string[] = [];
    const actuator = processActuator(folder, running(command as unknown as [string, ...string[]], start), (text) => said.push(text));
    await set(actuator, 1);
    await until(() => said.length > 0);
    expect(said[0]).toMatch(expected);
    await set(actuator, 0);
    await until(async () => (await found(actuator)).starting === 0);
    expect(readUnitRecords(units)).toEqual([]);
    await actuator.close();
  });
});

describe("ports", () => {
  test.for(HOSTS)("that a stranger has (%s) are passed over", async (host) => {
    const stranger = await listening(PORTS.from, host);
    const actuator = await withUnits(folder, 2, serving());
    const ports = listUnits(units).map(({ endpoint }) => endpoint?.port);
    expect(new Set(ports).size).toBe(2);
    expect(ports).not.toContain(PORTS.from);
    await actuator.close();
    await new Promise((done) => stranger.close(done));
  });

  test("that are all taken are waited for, and said", async () => {
    const only = { from: PORTS.to, to: PORTS.to };
    const stranger = await listening(only.from, "127.0.0.1");
    const said: string[] = [];
    const actuator = processActuator(folder, serving({ ports: only }), (text) => said.push(text));
    await set(actuator, 1);
    await until(() => said.length > 0);
    expect(said).toEqual([`unit 1 waits: no port of ${only.from}-${only.to} is free; the next attempt is in 1s`]);
    expect(await found(actuator)).toMatchObject({ ready: 0, starting: 1 });
    expect(pids()).toEqual([]);
    await new Promise((done) => stranger.close(done));
    await until(async () => (await found(actuator)).ready === 1);
    await actuator.close();
  });
});

describe("draining", () => {
  const drain = { signal: "SIGTERM", withinMs: 700 } as const;

  test("takes a unit out of the endpoints, tells it, and kills it when its time is over", async () => {
    write("deaf-3");
    const hook = ["sh", "-c", "sleep 0.3; cp endpoints.json hooked && mv hooked hooked.json"] as [string, ...string[]];
    const endpoints = { file: join(folder, "endpoints.json"), cwd: folder, hook };
    const actuator = await withUnits(folder, 3, serving({}, { endpoints, drain }));
    await until(() => existsSync(join(folder, "hooked.json")) && (readJson("hooked.json") as { endpoints: unknown[] }).endpoints.length === 3);
    const [, , third] = listUnits(units);
    await set(actuator, 2);
    await until(() => isWritten("told-3"));
    // What it read when it was told: it was out by then, and the balancer knew.
    expect((readJson("told-3") as { endpoints: { unit: number }[] }).endpoints.map(({ unit }) => unit)).toEqual([1, 2]);
    await until(async () => (await found(actuator)).draining === 0);
    expect(isRunning(third?.pid as number)).toBe(false);
    expect(existsSync(join(folder, "told-1"))).toBe(false);
    await actuator.close();
  });

  test("goes on where a controller has left it, and its time with it", async () => {
    write("deaf-1");
    const first = await withUnits(folder, 1, serving({}, { drain }));
    await set(first, 0);
    await until(() => existsSync(join(folder, "told-1")));
    await first.close();
    rmSync(join(folder, "told-1"));
    const next = processActuator(folder, serving({}, { drain }));
    expect(await found(next)).toMatchObject({ requested: 0, ready: 0 });
    await until(async () => (await found(next)).draining === 0);
    expect(pids()).toEqual([]);
    // Told once: some end at once when they are told again.
    expect(existsSync(join(folder, "told-1"))).toBe(false);
    await next.close();
  });

  test("ends everything that a unit has started, also what left its group, and waits for what still works", async () => {
    // A wrapper that ends at once when it is told, with two processes behind it that take no notice, one in a session of its own.
    const script = `trap 'exit 0' TERM; sh -c 'trap "" TERM; while :; do sleep 0.1; done' & setsid sh -c 'trap "" TERM; while :; do sleep 0.1; done' & while :; do sleep 0.1; done`;
    const actuator = await withUnits(folder, 1, { ...running(["sh", "-c", script]), drain });
    await until(() => pids().length >= 3);
    const main = listUnits(units)[0]?.pid as number;
    await set(actuator, 0);
    await until(() => !isRunning(main));
    expect(await found(actuator)).toMatchObject({ draining: 1 });
    await until(async () => (await found(actuator)).draining === 0);
    expect(pids()).toEqual([]);
    await actuator.close();
  });

  test("tells what a main process has left, which has its time too, and kills what has no mark with its group", async () => {
    const node = (script: string): string => `${process.execPath} -e "${script}"`;
    const worker = node(
      "process.on('SIGTERM', () => setTimeout(() => { require('fs').writeFileSync('done', ''); process.exit() }, 200)); setInterval(() => {}, 1000)",
    );
    const actuator = await withUnits(folder, 2, {
      ...running([
        "sh",
        "-c",
        `if [ {unit} = 1 ]; then ${worker} & wait; else trap "" TERM; env -i sleep 1000 & echo $! > unmarked; while :; do sleep 0.1; done; fi`,
      ]),
      drain: { signal: "SIGTERM", withinMs: 3_000 },
    });
    // Its worker has a handler when it has loaded; the other has told who has no mark.
    await until(() => pids().length >= 3 && isWritten("unmarked"));
    const worked = pids().find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("writeFileSync") && pid !== listUnits(units)[0]?.pid) as number;
    await until(() => catches(worked, 15));
    await set(actuator, 0);
    await until(async () => (await found(actuator)).draining === 0);
    expect(existsSync(join(folder, "done"))).toBe(true);
    expect(isRunning(Number(readFileSync(join(folder, "unmarked"), "utf8")))).toBe(false);
    await actuator.close();
  });

  test("of a unit that ended by itself: what it has left is ended before another takes its place", async () => {
    const actuator = await withUnits(folder, 1, running(["sh", "-c", "sleep 1000 & exec sleep 1000"]));
    await until(() => pids().length === 2);
    const before = pids();
    process.kill(listUnits(units)[0]?.pid as number, "SIGKILL");
    await until(async () => (await found(actuator)).ready === 1 && pids().length === 2 && !pids().some((pid) => before.includes(pid)));
    for (const pid of before) expect(isRunning(pid)).toBe(false);
    await actuator.close();
  });

  test("begins with those that are not ready, then the youngest", () => {
    const unit = (number: number, state: UnitState, startedAtMs: number) => ({
      record: { unit: number, state, startedAtMs, nonce: "", boot: "", failures: 0 } satisfies UnitRecord,
    });
    const all = [unit(1, "ready", 50), unit(2, "unready", 10), unit(3, "ready", 70), unit(4, "waiting", 5), unit(5, "starting", 90), unit(6, "ready", 70)];
    const numbers = (count: number): number[] => surplusOf(all, count).map(({ record }) => record.unit);
    expect(numbers(6)).toEqual([4, 5, 2, 6, 3, 1]);
    expect(numbers(2)).toEqual([4, 5]);
    expect(numbers(0)).toEqual([]);
    expect(numbers(-1)).toEqual([]);
  });
});

describe("endpoints", () => {
  const told = (): { version: number; endpoints: unknown[] }[] =>
    existsSync(join(folder, "told"))
      ? readFileSync(join(folder, "told"), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { version: number; endpoints: unknown[] })
      : [];

  test("are a file that is replaced with each change, and a command that is told", async () => {
    const endpoints = { file: join(folder, "endpoints.json"), cwd: folder, hook: ["sh", "-c", 'cat "$0" >> told', "{file}"] as [string, ...string[]] };
    const actuator = await withUnits(folder, 2, serving({}, { endpoints }));
    const list = listUnits(units).map(({ unit, endpoint }) => ({ unit, host: "127.0.0.1", port: endpoint?.port }));
    await until(() => told().at(-1)?.endpoints.length === 2);
    expect(readJson("endpoints.json")).toEqual({ version: told().at(-1)?.version, endpoints: list });
    write("sick-1");
    await until(() => told().at(-1)?.endpoints.length === 1);
    expect(readJson("endpoints.json")).toMatchObject({ endpoints: [list[1]] });
    rmSync(join(folder, "sick-1"));
    await until(() => told().at(-1)?.endpoints.length === 2);
    await actuator.close();
    // The next controller says it again, for a hook that a crash has kept from running; nothing in it has changed.
    const { version } = readJson("endpoints.json") as { version: number };
    const count = told().length;
    const next = processActuator(folder, serving({}, { endpoints }));
    await found(next);
    await until(() => told().length > count);
    expect(told().at(-1)).toEqual({ version, endpoints: list });
    expect(told().map((one) => one.version)).toEqual(
      told()
        .map((one) => one.version)
        .toSorted((a, b) => a - b),
    );
    await set(next, 0);
    await until(async () => (await found(next)).draining === 0);
    expect(readJson("endpoints.json")).toMatchObject({ endpoints: [] });
    await next.close();
  });

  test("are told again when telling failed, which keeps no unit from ending", async () => {
    const said: string[] = [];
    const hook = ["sh", "-c", "test -e works || { echo not reachable >&2; exit 7; }; touch told"] as [string, ...string[]];
    const actuator = await withUnits(folder, 1, serving({}, { endpoints: { file: join(folder, "endpoints.json"), cwd: folder, hook } }), (text) =>
      said.push(text),
    );
    await until(() => said.includes("the hook of the endpoints ended with 7: not reachable"));
    await set(actuator, 0);
    await until(() => pids().length === 0);
    expect(existsSync(join(folder, "told"))).toBe(false);
    write("works");
    await until(() => existsSync(join(folder, "told")));
    await actuator.close();
  });

  test("that cannot be written keep units in service, and it is said", async () => {
    const said: string[] = [];
    const file = join(folder, "balancer", "endpoints.json");
    const actuator = await withUnits(folder, 1, serving({}, { endpoints: { file, cwd: folder } }), (text) => said.push(text));
    await until(() => said.length > 0);
    expect(said).toEqual([`endpoints are not published: cannot write "${file}": no such file`]);
    await actuator.close();
  });
});

describe("what units print", () => {
  test("is kept up to a length, put aside beyond it, and keeps nobody waiting", async () => {
    const chatty = "process.stdout.write('x'.repeat(9 << 20) + '\\n'); setInterval(() => console.log('later'), 20)";
    const actuator = await withUnits(folder, 1, running([process.execPath, "-e", chatty]));
    const log = join(units, "unit-1.log");
    await until(() => statSync(log).size > 9 << 20);
    trimLog(log);
    expect(statSync(`${log}.1`).size).toBeGreaterThan(9 << 20);
    // Its writer goes on at the beginning, and leaves no hole.
    await until(() => lastLine(log, 0) === "later");
    expect(readFileSync(log, "utf8").startsWith("later\n")).toBe(true);
    await actuator.close();
  });

  test("is nowhere where it is not wanted", async () => {
    const actuator = await withUnits(folder, 1, running([process.execPath, "-e", "setInterval(() => console.log('x'.repeat(1e5)), 1)"], { keepsLogs: false }));
    expect(existsSync(join(units, "unit-1.log"))).toBe(false);
    await actuator.close();
  });
});

test("what units use is that of all their processes", async () => {
  const burn = "while (process.cpuUsage().user < 3e5); setInterval(() => {}, 1000)";
  const script = `${process.execPath} -e '${burn}' & exec ${process.execPath} -e '${burn}'`;
  const actuator = await withUnits(folder, 1, running(["sh", "-c", script]));
  await until(() => pids().length === 2 && (actuator.units()[0]?.cpuSeconds ?? 0) >= 0.5);
  const [unit] = actuator.units();
  expect(unit).toMatchObject({ unit: 1, state: "ready", pid: expect.any(Number) });
  const resident = (pid: number): number => Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
  const sum = pids().reduce((total, pid) => total + resident(pid), 0);
  expect(unit?.rssBytes).toBeGreaterThan(sum * 0.8);
  expect(unit?.rssBytes).toBeLessThan(sum * 1.2);
  await actuator.close();
});
