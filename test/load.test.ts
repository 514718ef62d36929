import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LiveFolder } from "./support/live-folder.ts";

// The load player as it is built, on a server in this process.

const folder = new LiveFolder();
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => void setTimeout(() => response.writeHead(request.url === "/bad" ? 503 : 200).end("ok\n"), 5));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await folder.remove();
});
const play = (...args: string[]) => folder.vernierBeside("load", "play", ...args);

describe("vernier load play", () => {
  test("prints each second and the whole, keeps the seconds, and adds threads up", async () => {
    const { code, out } = await play(`${url}/`, "--rate", "100/s", "--for", "2s", "--threads", "2", "--out", "seconds.csv");
    expect(code).toBe(0);
    expect(out).toMatch(/^ +time +due +sent +answered +failed +not sent/);
    expect(out).toMatch(/sent +200 in \d+s: \d+ a second\nanswered +200: \d+ a second\nfailed +0, 0 %/);
    const [head, ...rows] = folder.read("seconds.csv").trim().split("\n");
    expect(head).toMatch(/^second,due_per_second,sent,answered,failed,not_sent/);
    expect(rows.reduce((sum, row) => sum + Number(row.split(",")[3]), 0)).toBe(200);
    expect((await play(`${url}/`, "--rate", "1/s", "--for", "1s", "--out", "seconds.csv")).code).not.toBe(0);
  });

  test("says why requests failed, and for programs, too", async () => {
    const { code, out } = await play(`${url}/bad`, "http://127.0.0.1:1/", "--rate", "20/s", "--for", "1s");
    expect(code).toBe(1);
    expect(out).toMatch(/failed +20, 100.0 %: 10 (status 503, 10 refused \(ECONNREFUSED\)|refused \(ECONNREFUSED\), 10 status 503)/);
    const json = JSON.parse((await play(`${url}/bad`, "--rate", "20/s", "--for", "1s", "--json")).out) as Record<string, unknown>;
    expect(json).toMatchObject({ schemaVersion: 1, sent: 20, failed: 20, notSent: 0, reasons: { "503": 20 } });
    // Whether it was the limit is a matter of the machine.
    expect(json).toHaveProperty("generator.limit");
  });

  test.each([
    [["--rate", "5/s", "--header", "X: a\nb: c"], "plain ASCII"],
    [["--rate", "5/s", "--header", "X Y: a"], "plain ASCII"],
    [["--rate", "5/s", "--timeout", "0s"], "at least 1ms"],
    [["--rate", "5/s", "--out", "-"], "expected a file"],
    [["--rate", "5/s", "--path", "/x"], "--path goes with --endpoints"],
    [["--rate", "5/s", "--each", "1m"], "--each goes with --steps"],
    [["--rate", "5/s", "--peak-rate", "9/s"], "--peak-rate goes with --trace"],
    [["--rate", "5/s", "--seed", "2"], "--seed goes with --random"],
    [["--rate", "5/s", "--force"], "--force goes with --out"],
    [["--rate", "max", "--random"], "no gaps"],
    [["--steps", "5/s", "--for", "1m"], "--each"],
    [["--rate", "5/s", "--ramp", "1/s..2/s"], "--rate and --ramp"],
    [[], "say one of"],
  ])("refuses %j", async (args, why) => {
    const { code, err } = await play(`${url}/`, ...args);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(why) });
  });

  test("refuses a path that is none", async () => {
    expect(await play("--endpoints", "endpoints.json", "--rate", "5/s", "--path", "x")).toMatchObject({
      code: 2,
      err: expect.stringContaining("such as /search"),
    });
  });

  test("refuses an address with a password in it, which would go nowhere", async () => {
    expect(await play(url.replace("//", "//ada:secret@"), "--rate", "5/s")).toMatchObject({ code: 2, err: expect.not.stringContaining("secret") });
  });
});
