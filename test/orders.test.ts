import type { ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FILES_POLICY, LiveFolder, until as untilWithin } from "./support/live-folder.ts";

// A controller that is told what to do while it runs: by commands, and by changes of its policy.

const POLICY = `${FILES_POLICY}    guards: {staleAfter: 10m}\n`;

let folder: LiveFolder;
let controller: ChildProcess;
beforeEach(() => {
  folder = new LiveFolder();
  write("units", "4\n");
  write("cpu", "0.7\n");
  write("vernier.yaml", POLICY);
});
afterEach(() => folder.remove());

const write = (name: string, text: string): void => folder.write(name, text);
const units = (): number => Number(folder.read("units"));
const vernier = (...args: string[]) => folder.vernier(...args);

async function until(isDone: () => boolean): Promise<void> {
  await untilWithin(isDone, 800).catch((error: unknown) => expect.fail(`${error}; ${folder.out}`));
}

async function start(): Promise<void> {
  controller = await folder.start("--listen", "0");
}

async function end(): Promise<void> {
  await folder.end(controller);
}

describe("a running controller", () => {
  test("is paused, resumed, told a number and released, and writes down who and why", async () => {
    await start();
    const about = (...args: string[]): string => vernier(...args, "shop/web", ...(args[0] === "set" ? ["9"] : []), "--why", "a launch", "--who", "ada").out;
    expect(about("pause")).toBe("shop/web is paused, from its next tick on\n");
    write("cpu", "0.95\n");
    await until(() => vernier("explain").out.includes("a person paused this workload"));
    expect(units()).toBe(4);
    expect(about("set")).toContain("goes to the units that were ordered");
    await until(() => units() === 9);
    expect(about("release")).toContain("follows load again");
    expect(about("resume")).toContain("is no longer paused");
    // A reading counts for the units that there were in its window.
    await until(() => {
      write("cpu", "0.95\n");
      return units() > 9;
    });
    const commands = vernier("ledger", "tail", "--json", "--count", "100")
      .out.split("\n")
      .filter((line) => line.includes('"kind":"command"'))
      .map((line) => (JSON.parse(line) as { body: { do: { kind: string }; who: string; why: string } }).body);
    expect(commands.map((body) => [body.do.kind, body.who, body.why])).toEqual(["pause", "set", "release", "resume"].map((kind) => [kind, "ada", "a launch"]));
    expect(statSync(join(folder.path, ".vernier/api.token")).mode & 0o777).toBe(0o600);
    await end();
    expect(vernier("ledger", "replay").out).toContain("as recorded, byte for byte");
    expect(vernier("ledger", "verify").code).toBe(0);
  });

  test("that does not run finds its orders when it begins", async () => {
    await start();
    await until(() => vernier("explain").code === 0);
    await end();
    expect(vernier("pause", "shop/web", "--why", "a launch", "--for", "1h").out).toContain("none does now, so this is only written down");
    expect(vernier("pause", "shop/nobody", "--why", "x")).toMatchObject({ code: 2, err: expect.stringContaining("the last controller here had shop/web") });
    write("cpu", "0.95\n");
    await start();
    await until(() => vernier("explain").out.includes("a person paused this workload"));
    expect(units()).toBe(4);
    expect(vernier("ledger", "verify").code).toBe(0);
  });

  test("takes a changed policy, keeps the one it has when the new one is bad, and replays across both", async () => {
    await start();
    write("vernier.yaml", POLICY.replace("max: 20", "max: 5"));
    await until(() => folder.out.includes("in force from the next tick on"));
    write("cpu", "0.95\n");
    await until(() => units() === 5);
    write("vernier.yaml", POLICY.replace("max: 20", "max: many"));
    await until(() => folder.out.includes("the changed policy is not taken"));
    expect(folder.out).toContain("bounds.max");
    write("vernier.yaml", POLICY.replace("min: 2", "min: 6").replace("max: 20", "max: 8"));
    await until(() => units() >= 6);
    write("vernier.yaml", POLICY.replace("min: 2", "min: 1"));
    await until(() => folder.out.includes("min_drop"));
    write("vernier.yaml", POLICY.replace("path: units", "path: others"));
    await until(() => folder.out.includes("target_changed"));
    write("vernier.yaml", POLICY.replace("shop/web", "shop/other"));
    await until(() => folder.out.includes("workload_added"));
    await end();
    expect(vernier("ledger", "replay").out).toContain("as recorded, byte for byte");
  });
});

test.each([
  [["pause", "shop/web"], 2, "required option '--why <text>'"],
  [["pause", "Shop/Web", "--why", "x"], 2, "expected a workload such as shop/web"],
  [["pause", "shop/web", "--why", "x", "--for", "soon"], 2, 'found "soon", expected a duration such as 2h'],
  [["pause", "shop/web", "--why", "x", "--until", "2020-01-01T00:00:00Z"], 2, "ago"],
  [["pause", "shop/web", "--why", "x", "--for", "1h", "--until", "2099-01-01T00:00:00Z"], 2, "either --for or --until"],
  [["set", "shop/web", "many", "--why", "x"], 2, "expected a number of units such as 12"],
  [["approve", "shop/web", "--why", "x"], 2, "no controller runs here"],
])("%j ends with %i", (args, code, message) => {
  expect(vernier(...(args as string[]))).toMatchObject({ code, err: expect.stringContaining(message as string) });
});
