import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { found, isRunning, processActuator, processesOf, set, sweep, unitsFolder, until, withUnits } from "../../../test/support/units.ts";
import { processStarts } from "../../lib/process-table.ts";
import { actuatorCases } from "../actuator.cases.ts";
import { readCapacityOrder, writeCapacityOrder } from "./capacity-file.ts";
import { endUnits } from "./end-units.ts";
import { readUnitRecords, type UnitRecord, writeUnitRecord } from "./unit-record.ts";

const NEVER = new AbortController().signal;
let folder: string;
let units: string;
beforeEach(() => {
  folder = unitsFolder();
  units = join(folder, "units");
});
afterEach(() => sweep(folder));

const pids = (): number[] => [...processesOf(units).values()].flat().toSorted((a, b) => a - b);
const record = (unit: number): UnitRecord => readUnitRecords(units).find((one) => one.unit === unit) as UnitRecord;

actuatorCases("process", async () => {
  const actuator = await withUnits(folder, 4);
  return {
    actuator,
    change: (requested) => {
      const order = readCapacityOrder(units);
      if ("kind" in order) throw new Error(order.message);
      writeCapacityOrder(units, { ...order, requested, version: order.version + 1 });
    },
  };
});

describe("processes", () => {
  test("are as many as were asked for, also after one dies, and those too many end", async () => {
    const actuator = await withUnits(folder, 3);
    const before = pids();
    expect(before).toHaveLength(3);
    process.kill(before[1] as number, "SIGKILL");
    await until(async () => (await found(actuator)).ready === 2);
    expect((await found(actuator)).starting).toBe(1);
    await until(async () => (await found(actuator)).ready === 3);
    expect(pids().filter((pid) => before.includes(pid))).toEqual([before[0], before[2]]);
    expect(await set(actuator, 1)).toBe("applied");
    await until(async () => (await found(actuator)).draining === 0);
    expect(pids()).toEqual([before[0]]);
    await actuator.close();
  });

  test("outlive their controller, and are those of the next", async () => {
    const first = await withUnits(folder, 3);
    const before = pids();
    await first.close();
    expect(pids()).toEqual(before);
    const next = processActuator(folder);
    expect(await found(next)).toMatchObject({ requested: 3, ready: 3, starting: 0 });
    expect(pids()).toEqual(before);
    // Not its children: that one dies is seen all the same.
    process.kill(before[0] as number, "SIGKILL");
    await until(() => pids().length === 3 && !pids().includes(before[0] as number));
    await next.close();
  });

  test("have one controller: another one is refused, and told who has them", async () => {
    const first = await withUnits(folder, 1);
    const second = processActuator(folder);
    expect(await second.observe(NEVER)).toMatchObject({
      kind: "unreadable",
      message: expect.stringMatching(/units is held by the controller with process id \d+ on \S+, since 20/),
    });
    expect(await second.set({ intentId: "i", epoch: 1, units: 9, expect: { requested: 1 } }, NEVER)).toMatchObject({ kind: "failed" });
    expect(await endUnits(units, { who: "someone", environment: {}, say: () => {} })).toMatchObject({ kind: "held" });
    await first.close();
    expect((await found(second)).requested).toBe(1);
    await second.close();
    expect(await second.observe(NEVER)).toMatchObject({ kind: "unreadable", message: "this controller has ended" });
  });

  test("are only looked at where a workload is not live", async () => {
    const looker = processActuator(folder, { acts: false });
    expect(await found(looker)).toEqual({ kind: "found", requested: 0, ready: 0, starting: 0, draining: 0 });
    expect(await looker.set({ intentId: "i", epoch: 1, units: 2, expect: { requested: 0 } }, NEVER)).toMatchObject({ kind: "failed" });
    expect(existsSync(units)).toBe(false);
    const actuator = await withUnits(folder, 2);
    expect(await found(looker)).toEqual(await found(actuator));
    process.kill(pids()[0] as number, "SIGKILL");
    await until(async () => (await found(looker)).ready === 1);
    await actuator.close();
  });

  test("end with `stop` when their controller ends, and come back with the next", async () => {
    const actuator = await withUnits(folder, 2, { onExit: "stop" });
    await actuator.close();
    expect(pids()).toEqual([]);
    const next = processActuator(folder);
    await until(async () => (await found(next)).ready === 2);
    await next.close();
  });

  test("see the environment that was named, and no more", async () => {
    process.env["SECRET_OF_OURS"] = "x";
    process.env["PASSED_ON"] = "y";
    const start = { command: ["sh", "-c", "env > seen; exec sleep 1000"] as [string, ...string[]], cwd: folder, ready: { afterMs: 50 }, keepsLogs: false };
    const actuator = await withUnits(folder, 1, { start, passEnvironment: ["PASSED_ON"] });
    await until(() => pids().some((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep")));
    const names = readFileSync(join(folder, "seen"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names).toEqual(expect.arrayContaining(["PATH", "PASSED_ON", "VERNIER_UNIT"]));
    // What shells add of their own.
    const allowed = ["PATH", "HOME", "LANG", "PASSED_ON", "VERNIER_UNIT", "PWD", "OLDPWD", "SHLVL", "_"];
    expect(names.filter((name) => !allowed.includes(name as string))).toEqual([]);
    await actuator.close();
  });

  test("get their arguments as they are, with no shell between", async () => {
    const script = "require('node:fs').writeFileSync('seen', JSON.stringify(process.argv.slice(1))); setInterval(() => {}, 1000)";
    const start = {
      command: [process.execPath, "-e", script, "--", "{unit}", "$(touch nothing); {other} {port}", "a  b", "-n", ""] as [string, ...string[]],
      cwd: folder,
      ready: { afterMs: 50 },
      keepsLogs: true,
    };
    const actuator = await withUnits(folder, 1, { start });
    await until(() => existsSync(join(folder, "seen")) && readFileSync(join(folder, "seen"), "utf8") !== "");
    expect(JSON.parse(readFileSync(join(folder, "seen"), "utf8"))).toEqual(["1", "$(touch nothing); {other} {port}", "a  b", "-n", ""]);
    expect(existsSync(join(folder, "nothing"))).toBe(false);
    await actuator.close();
  });

  test("are for their owner alone, in what is kept of them", async () => {
    const actuator = await withUnits(folder, 1);
    await actuator.close();
    expect(statSync(units).mode & 0o077).toBe(0);
    for (const name of readdirSync(units).filter((one) => /^(unit-|capacity|ending)/.test(one))) expect(statSync(join(units, name)).mode & 0o077, name).toBe(0);
  });
});

describe("what is found at a start", () => {
  /** A process that is none of ours. */
  const stranger = (): number => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore", detached: true });
    child.unref();
    strangers.push(child.pid as number);
    return child.pid as number;
  };
  const strangers: number[] = [];
  afterEach(() => {
    for (const pid of strangers.splice(0)) process.kill(pid, "SIGKILL");
  });

  test.for([
    ["began at another time", { start: "1" }],
    ["began before the machine did", { boot: "another" }],
  ] as const)("a stranger with the process id of a unit, that %s, is not counted and not ended", async ([, changed]) => {
    const first = await withUnits(folder, 1);
    await first.close();
    const pid = stranger();
    process.kill(record(1).pid as number, "SIGKILL");
    await until(() => pids().length === 0);
    const start = processStarts([pid]).get(pid) as string;
    writeUnitRecord(units, { ...record(1), pid, start, ...changed });
    const next = processActuator(folder);
    expect((await found(next)).ready).toBe(0);
    await until(async () => (await found(next)).ready === 1);
    await set(next, 0);
    await until(async () => (await found(next)).draining === 0);
    expect(pids()).toEqual([]);
    expect(isRunning(pid)).toBe(true);
    await next.close();
  });

  test("a unit whose record says another start is nobody that is known: not counted, not ended, and said", async () => {
    const first = await withUnits(folder, 1);
    const [pid] = pids() as [number];
    await first.close();
    writeUnitRecord(units, { ...record(1), start: "1" });
    const said: string[] = [];
    const next = processActuator(folder, {}, (trouble) => said.push(trouble));
    expect((await found(next)).ready).toBe(0);
    expect(said[0]).toBe(`process ${pid} has the mark of unit 1, and did not begin when its record says: it is left alone`);
    await until(async () => (await found(next)).ready === 1);
    await set(next, 0);
    await until(async () => (await found(next)).draining === 0);
    expect(pids()).toEqual([pid]);
    await next.close();
  });

  test("an order that cannot be read holds everything, and says what to do", async () => {
    const actuator = await withUnits(folder, 2);
    writeFileSync(join(units, "capacity.json"), '{"requested": -5}');
    expect(await actuator.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "strange", message: expect.stringContaining("put it right") });
    process.kill(pids()[0] as number, "SIGKILL");
    await until(() => record(1).state === "waiting");
    expect(pids()).toHaveLength(1);
    rmSync(join(units, "capacity.json"));
    expect(await actuator.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "gone" });
    await actuator.close();
    expect(pids()).toHaveLength(1);
  });

  test("units without an order are as many as are wanted", async () => {
    const first = await withUnits(folder, 3);
    const before = pids();
    await first.close();
    rmSync(join(units, "capacity.json"));
    const next = processActuator(folder);
    expect(await found(next)).toMatchObject({ requested: 3, ready: 3 });
    expect(pids()).toEqual(before);
    await next.close();
  });

  test("a record that is damaged: nobody knows its process, so nothing is done", async () => {
    const first = await withUnits(folder, 2);
    await first.close();
    writeFileSync(join(units, "unit-1.json"), "{");
    const next = processActuator(folder);
    expect(await next.observe(NEVER)).toMatchObject({ kind: "unreadable", message: expect.stringMatching(/unit-1\.json": it is damaged; look for processes/) });
    expect(pids()).toHaveLength(2);
    await next.close();
  });

  test("processes of which there is no record are left alone, and said", async () => {
    const first = await withUnits(folder, 1);
    const [pid] = pids();
    await first.close();
    renameSync(join(units, "unit-1.json"), join(folder, "elsewhere"));
    const said: string[] = [];
    const next = processActuator(folder, {}, (trouble) => said.push(trouble));
    await until(async () => (await found(next)).ready === 1);
    expect(said).toEqual([expect.stringContaining(`of which there is no record: look at them, and end them (kill ${pid})`)]);
    expect(pids()).toContain(pid);
    await next.close();
  });

  test("the folder of another day under the same name is another thing", async () => {
    const first = await withUnits(folder, 1);
    const { uid } = await found(first);
    await set(first, 0);
    await until(() => pids().length === 0);
    await first.close();
    rmSync(units, { recursive: true });
    const next = processActuator(folder);
    const again = await found(next);
    expect(again.uid).not.toBe(uid);
    expect(await next.set({ intentId: "i", epoch: 1, units: 2, expect: { requested: again.requested, version: again.version, uid } }, NEVER)).toMatchObject({
      kind: "conflict",
      message: expect.stringContaining("is not the folder that was looked at"),
    });
    await next.close();
  });

  test("what a crash left of files that were being written is removed", async () => {
    const first = await withUnits(folder, 1);
    await first.close();
    writeFileSync(join(units, "unit-2.json.4711.tmp"), "{");
    const next = processActuator(folder);
    await found(next);
    expect(existsSync(join(units, "unit-2.json.4711.tmp"))).toBe(false);
    await next.close();
  });
});

test("all units can be ended without their controller, and come back with the next", async () => {
  const first = await withUnits(folder, 2);
  await first.close();
  expect(await endUnits(units, { who: "someone", environment: process.env, say: () => {} })).toEqual({ kind: "ended", left: [] });
  expect(pids()).toEqual([]);
  const next = processActuator(folder);
  await until(async () => (await found(next)).ready === 2);
  await next.close();
});
