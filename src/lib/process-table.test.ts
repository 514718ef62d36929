import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { groupUsage, processesWith, processIn, processStarts, startIn, startsIn, usageIn, variablesIn, WRITE_ITSELF_DOWN } from "./process-table.ts";

// pid (comm) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice threads 0 start
const STAT = "4711 (a) Z 1 (b) S 1 4711 4711 0 -1 4194304 100 0 0 0 250 50 0 100 20 0 1 0 987654 12345 678";

describe("processes of Linux", () => {
  test("began when the 22nd field says, whatever is in their name; a zombie is none", () => {
    expect(startIn(STAT)).toBe("987654");
    expect(startIn(STAT.replace("(b) S", "(b) Z"))).toBeUndefined();
    expect(startIn("")).toBeUndefined();
  });
});

describe("processes of ps", () => {
  test("began at a date; a zombie is none", () => {
    const lines = "  501 Ss   Thu Aug  1 12:00:00 2024\n 4711 Z+   Thu Aug  1 12:00:01 2024\n99999 S    Fri Nov 13 09:01:02 2026\n\n";
    expect([...startsIn(lines)]).toEqual([
      [501, "Thu Aug  1 12:00:00 2024"],
      [99_999, "Fri Nov 13 09:01:02 2026"],
    ]);
  });

  test("use what it counts in minutes, or in days", () => {
    expect(usageIn("  501   0:00.25   4096\n 502 1-02:03:04 1\n  503  61:02.50 0\nnothing\n")).toEqual([
      { group: 501, cpuSeconds: 0.25, rssBytes: 4_194_304 },
      { group: 502, cpuSeconds: 86_400 + 2 * 3_600 + 3 * 60 + 4, rssBytes: 1_024 },
      { group: 503, cpuSeconds: 61 * 60 + 2.5, rssBytes: 0 },
    ]);
  });

  test("have their environment behind their command", () => {
    expect(variablesIn("  501 node a.js --b PATH=/bin MARK=x:/y HOME=/z\n  502 node NOMARK=x\n", "MARK")).toEqual([{ pid: 501, value: "x:/y" }]);
  });

  test("are read the same way as written by the ps of this machine", () => {
    const lines = execFileSync("ps", ["-o", "pid=,stat=,lstart=", "-p", String(process.pid)], { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
    expect(startsIn(lines).get(process.pid)).toMatch(/^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/);
    const usage = usageIn(execFileSync("ps", ["-A", "-o", "pgid=,time=,rss="], { encoding: "utf8" }));
    expect(usage.some(({ rssBytes }) => rssBytes > 10_000_000)).toBe(true);
  });
});

describe("this machine", () => {
  test("knows a process by its id and when it began, and that it is no more", async () => {
    const child = spawn("sleep", ["1000"], { env: { PATH: process.env["PATH"], MARK_OF_A_TEST: "one two" }, detached: true });
    await once(child, "spawn");
    const pid = child.pid as number;
    const starts = processStarts([pid, process.pid, 0x7f_ff_ff]);
    expect([...starts.keys()].toSorted()).toEqual([process.pid, pid].toSorted());
    expect(starts.get(pid)).not.toBe(starts.get(process.pid));
    expect(processStarts([pid])).toEqual(new Map([[pid, starts.get(pid)]]));
    expect(processesWith("MARK_OF_A_TEST")).toEqual([{ pid, value: "one two" }]);
    expect(groupUsage(new Set([pid])).get(pid)?.rssBytes).toBeGreaterThan(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(processStarts([pid]).size).toBe(0);
    expect(groupUsage(new Set([pid])).size).toBe(0);
  });

  test("lets a shell write down which process it is", () => {
    const { stdout, pid } = spawnSync("/bin/sh", ["-c", `${WRITE_ITSELF_DOWN}; exec true`], { encoding: "utf8" });
    expect(processIn(stdout)).toEqual({ pid, start: expect.stringMatching(/\S/) });
    expect(processIn("")).toBeUndefined();
  });
});
