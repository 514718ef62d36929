import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { actuatorCases } from "./actuator.cases.ts";
import type { SetOrder } from "./actuator.ts";
import { ExecActuator, type ExecConfig } from "./exec/exec-actuator.ts";
import { FileActuator } from "./file/file-actuator.ts";
import { MemoryActuator } from "./memory/memory-actuator.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-actuators-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const file = (text: string): string => {
  const path = join(folder, `units-${++count}`);
  writeFileSync(path, text);
  return path;
};
const NEVER = new AbortController().signal;
const ORDER: SetOrder = { intentId: "i", epoch: 1, units: 5, expect: { requested: 4 } };
const node = (script: string, ...args: string[]): [string, ...string[]] => [process.execPath, "-e", script, "--", ...args];
const exec = (config: Partial<ExecConfig>) =>
  new ExecActuator({ workload: "shop/web", observe: node("console.log(4)"), set: node(""), deadlineMs: 5_000, passEnvironment: [], ...config }, process.env);

actuatorCases("memory", () => {
  const actuator = new MemoryActuator(4);
  return { actuator, change: (units) => actuator.change(units) };
});
actuatorCases("file", () => {
  const path = file("4\n");
  return { actuator: new FileActuator(path), change: (units) => writeFileSync(path, String(units)) };
});
actuatorCases("exec", () => {
  const path = file("4");
  const set = node("require('fs').writeFileSync(process.argv[1], process.argv[2])", path, "{units}");
  return {
    actuator: exec({ observe: node("process.stdout.write(require('fs').readFileSync(process.argv[1]))", path), set }),
    change: (units) => writeFileSync(path, String(units)),
  };
});

describe("file", () => {
  test.for([
    ["", "strange"],
    ["four", "strange"],
    ["-1", "strange"],
    ["1.5", "strange"],
    ["9".repeat(100), "strange"],
  ] as const)("says that %j is no number of units", async ([text, code]) => {
    const path = file(text);
    expect(await new FileActuator(path).observe(NEVER)).toMatchObject({ kind: "unreadable", code });
    expect(await new FileActuator(path).set(ORDER, NEVER)).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("expected a whole number of units"),
    });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("says that there is none, and leaves a folder and what it may not write alone", async () => {
    expect(await new FileActuator(join(folder, "nothing")).observe(NEVER)).toMatchObject({ kind: "unreadable", code: "gone" });
    expect(await new FileActuator(folder).observe(NEVER)).toMatchObject({ kind: "unreadable", code: "strange" });
    const closed = join(folder, "closed");
    mkdirSync(closed);
    writeFileSync(join(closed, "units"), "4");
    chmodSync(closed, 0o500);
    // Root may write anywhere.
    if (process.getuid?.() !== 0) expect(await new FileActuator(join(closed, "units")).set(ORDER, NEVER)).toMatchObject({ kind: "failed" });
    chmodSync(closed, 0o700);
  });
});

describe("exec", () => {
  test("reads what a command prints, as a number or in fields", async () => {
    const printed = (text: string) => exec({ observe: node("process.stdout.write(process.argv[1])", text) }).observe(NEVER);
    expect(await printed("12\n")).toEqual({ kind: "found", requested: 12, ready: 12, starting: 0, draining: 0 });
    expect(await printed('{"requested": 12, "ready": 9, "starting": 3, "version": "a"}')).toEqual({
      kind: "found",
      requested: 12,
      ready: 9,
      starting: 3,
      draining: 0,
      version: "a",
    });
    for (const text of ["", "many", "-1", "1.5", "null", "[]", '{"ready": 3}', '{"requested": 1e300}', '{"requested": 3, "ready": "3"}'])
      expect(await printed(text), text).toMatchObject({ kind: "unreadable", code: "strange" });
  });

  test("puts no shell between, and passes only what it was told to", async () => {
    const path = join(folder, "seen");
    const script = "require('fs').writeFileSync(process.argv[1], JSON.stringify([process.argv.slice(2), Object.keys(process.env).sort()]))";
    process.env["SECRET_OF_OURS"] = "x";
    process.env["PASSED_ON"] = "y";
    const set = node(script, path, "{units}", "{from}", "{workload}", "$(touch nothing); {other} {constructor}");
    expect(await exec({ set, passEnvironment: ["PASSED_ON"] }).set(ORDER, NEVER)).toEqual({ kind: "applied" });
    const [args, names] = JSON.parse(readFileSync(path, "utf8")) as [string[], string[]];
    expect(args).toEqual(["5", "4", "shop/web", "$(touch nothing); {other} {constructor}"]);
    expect(names).toContain("PASSED_ON");
    expect(names).not.toContain("SECRET_OF_OURS");
  });

  test("knows what it does not know: a command that fails or hangs may have done its work", async () => {
    expect(await exec({ set: ["/no/such/program"] }).set(ORDER, NEVER)).toMatchObject({ kind: "failed", message: expect.stringContaining("/no/such/program") });
    expect(await exec({ set: node("console.error('half\\ndone'); process.exit(3)") }).set(ORDER, NEVER)).toEqual({
      kind: "unknown",
      message: "ended with 3: half done",
    });
    expect(await exec({ set: node("process.exit(75)") }).set(ORDER, NEVER)).toMatchObject({ kind: "rejected" });
    expect(await exec({ set: node("setInterval(() => {}, 1000)"), deadlineMs: 300 }).set(ORDER, NEVER)).toMatchObject({
      kind: "unknown",
      message: "not done after 300 ms",
    });
    expect(await exec({ observe: node("setInterval(() => {}, 1000)"), deadlineMs: 300 }).observe(NEVER)).toMatchObject({
      kind: "unreadable",
      code: "deadline",
    });
    expect(await exec({ observe: node("for (;;) process.stdout.write('x'.repeat(1e5))") }).observe(NEVER)).toMatchObject({
      kind: "unreadable",
      message: expect.stringContaining("more than 65536 bytes"),
    });
  });

  test("takes what a command started with it when it is stopped", async () => {
    const path = join(folder, "child");
    const script = `const c = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']); require('fs').writeFileSync(process.argv[1], String(c.pid)); setInterval(() => {}, 1000)`;
    expect(await exec({ set: node(script, path), deadlineMs: 700 }).set(ORDER, NEVER)).toMatchObject({ kind: "unknown" });
    const pid = Number(readFileSync(path, "utf8"));
    const isAlive = (): boolean => {
      try {
        process.kill(pid, 0);
        return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
      } catch {
        return false;
      }
    };
    for (let i = 0; i < 50 && isAlive(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isAlive()).toBe(false);
  });
});
