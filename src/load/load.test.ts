import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRng } from "../lib/rng.ts";
import { Arrivals } from "./arrivals.ts";
import { addUp, generatorLimit, playShare } from "./play.ts";
import { LoadPlayer } from "./player.ts";
import { constantShape, durationOf, rampShape, rateAt, recordedShape, type Stretch, stepsShape } from "./shape.ts";
import type { LoadReport } from "./tally.ts";

const all = (arrivals: Arrivals): number[] => {
  const times: number[] = [];
  for (; arrivals.nextMs < Number.POSITIVE_INFINITY; arrivals.advance()) times.push(arrivals.nextMs);
  return times;
};

test("a stretch of a recording that begins and ends in the middle of a bin is as long as was asked for", () => {
  const shape = recordedShape({ binMs: 60_000, load: Float64Array.of(1, 2, 3) }, { speed: 60, fromMs: 90_000, toMs: 150_000 });
  expect(shape).toEqual([
    { fromMs: 0, toMs: 500, fromRate: 2, toRate: 2 },
    { fromMs: 500, toMs: 1_000, fromRate: 3, toRate: 3 },
  ]);
});

describe("arrivals", () => {
  test("come evenly at a constant rate, each in the middle of its time", () => {
    expect(all(new Arrivals(constantShape(4, 1_000)))).toEqual([125, 375, 625, 875]);
  });

  test("are as many as the rate sums up to, in order, whatever the shape", () => {
    const stretches = fc.array(fc.record({ forMs: fc.integer({ min: 1, max: 5_000 }), fromRate: fc.nat(50), toRate: fc.nat(50) }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(stretches, fc.integer({ min: 1, max: 5 }), (given, of) => {
        const shape: Stretch[] = [];
        for (const { forMs, fromRate, toRate } of given) {
          const fromMs = durationOf(shape);
          shape.push({ fromMs, toMs: fromMs + forMs, fromRate, toRate });
        }
        const expected = shape.reduce((sum, { fromMs, toMs, fromRate, toRate }) => sum + (((fromRate + toRate) / 2) * (toMs - fromMs)) / 1_000, 0);
        const times = all(new Arrivals(shape));
        expect(Math.abs(times.length - expected)).toBeLessThanOrEqual(0.5 + 1e-6);
        for (const [i, time] of times.entries()) {
          expect(time).toBeGreaterThanOrEqual(times[i - 1] ?? 0);
          expect(time).toBeLessThanOrEqual(durationOf(shape));
        }
        // Shares together are the whole.
        const shared = Array.from({ length: of }, (_, index) => all(new Arrivals(shape, { share: { index, of } }))).flat();
        expect(shared.toSorted((a, b) => a - b)).toEqual(times);
      }),
    );
  });

  test("at random are as many on average, with gaps as of many users", () => {
    const times = all(new Arrivals(constantShape(100, 100_000), { rng: createRng(3) }));
    expect(times.length).toBeGreaterThan(9_600);
    expect(times.length).toBeLessThan(10_400);
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(deviation / mean).toBeGreaterThan(0.95);
    expect(deviation / mean).toBeLessThan(1.05);
  });
});

describe("shapes", () => {
  test("say their rate at any time", () => {
    expect(rateAt(stepsShape([10, 30], 1_000), 1_500)).toBe(30);
    expect(rateAt(rampShape(10, 30, 1_000), 250)).toBe(15);
    expect(rateAt(constantShape(10, 1_000), 1_000)).toBe(0);
  });

  test("a recording is played faster, at the peak it is given, from and to where it is told", () => {
    const shape = recordedShape({ binMs: 60_000, load: Float64Array.of(1, 2, 8, 4) }, { speed: 60, peakRate: 80, fromMs: 60_000, toMs: 180_000 });
    expect(shape).toEqual([
      { fromMs: 0, toMs: 1_000, fromRate: 20, toRate: 20 },
      { fromMs: 1_000, toMs: 2_000, fromRate: 80, toRate: 80 },
    ]);
  });
});

let server: Server;
let target: string;
let answer: (url: string) => number;
beforeEach(async () => {
  answer = () => 200;
  server = createServer((request, response) => {
    const status = answer(request.url ?? "");
    if (status > 0) response.writeHead(status).end("ok");
  });
  await new Promise<void>((go) => server.listen(0, "127.0.0.1", go));
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
const whole = { connections: 8, timeoutMs: 2_000, headers: [] };
const signal = new AbortController().signal;

describe("a player", () => {
  test("sends what is due, to each target in turn, and counts what came of it", async () => {
    const paths: string[] = [];
    answer = (url) => paths.push(url) && (url === "/bad" ? 503 : 200);
    const request = { ...whole, shape: constantShape(100, 500), durationMs: 500, targets: [`${target}/good`, `${target}/bad`] };
    const { report } = await playShare(request, { index: 0, of: 1 }, () => {}, signal);
    expect(report).toMatchObject({ sent: 50, answered: 25, failed: 25, notSent: 0, underWay: 0 });
    expect(paths.filter((path) => path === "/good")).toHaveLength(25);
  });

  test("charges a service that stalls for everyone who would have come meanwhile", async () => {
    let isStalled = true;
    const waiting: (() => void)[] = [];
    server.removeAllListeners("request").on("request", (_request, response) => {
      const end = (): void => void response.end();
      if (isStalled) waiting.push(end);
      else end();
    });
    setTimeout(() => {
      isStalled = false;
      for (const end of waiting) end();
    }, 500);
    // One connection: a closed loop would have seen a single slow request.
    const request = { ...whole, connections: 1, shape: constantShape(100, 1_000), durationMs: 1_000, targets: [target] };
    const { report } = await playShare(request, { index: 0, of: 1 }, () => {}, signal);
    expect(report.answered).toBe(100);
    expect(report.latency?.p50).toBeGreaterThan(1);
    expect(report.latency?.p90).toBeGreaterThan(350);
  });

  test("fails what has no answer in time, and what nobody takes", async () => {
    answer = () => 0;
    const dead = { ...whole, timeoutMs: 200, shape: constantShape(20, 200), durationMs: 200 };
    const silent = await playShare({ ...dead, targets: [target] }, { index: 0, of: 1 }, () => {}, signal);
    expect(silent.report).toMatchObject({ sent: 4, answered: 0, failed: 4, latency: null });
    const nobody = await playShare({ ...dead, targets: ["http://127.0.0.1:1"] }, { index: 0, of: 1 }, () => {}, signal);
    expect(nobody.report).toMatchObject({ sent: 4, answered: 0, failed: 4 });
  });

  test("follows targets that come and go, and says that it was the limit when there is none", async () => {
    let targets: string[] = [];
    setTimeout(() => {
      targets = [target];
    }, 300);
    const player = new LoadPlayer({ ...whole, arrivals: new Arrivals(constantShape(100, 1_000)), durationMs: 1_000, targets: () => targets });
    const { report } = await player.run(signal);
    expect(report.notSent).toBeGreaterThan(5);
    expect(report.answered).toBe(100 - report.notSent);
    expect(generatorLimit(report)).toMatch(/were not sent/);
  });

  test("lets go of targets that have gone", async () => {
    let targets = [`${target}/`, "http://127.0.0.1:1/"];
    const connections = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    const player = new LoadPlayer({ ...whole, arrivals: new Arrivals(constantShape(50, 5_000)), durationMs: 5_000, targets: () => targets });
    const stop = new AbortController();
    const playing = player.run(stop.signal);
    await new Promise((go) => setTimeout(go, 500));
    expect(await connections()).toBeGreaterThan(0);
    targets = ["http://127.0.0.1:1/"];
    for (let i = 0; i < 32 && (await connections()) > 0; i++) await new Promise((go) => setTimeout(go, 50));
    expect(await connections()).toBe(0);
    // One that comes back is met as one that was never gone.
    let opened = 0;
    server.on("connection", () => opened++);
    targets = [`${target}/`];
    await new Promise((go) => setTimeout(go, 800));
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThan(10);
    stop.abort();
    await playing;
  });

  test("tells each second, which add up to the whole; threads add up too", async () => {
    const seconds: LoadReport[] = [];
    const request = { ...whole, shape: constantShape(200, 1_500), durationMs: 1_500, targets: [target] };
    const shares = await Promise.all([0, 1].map((index) => playShare(request, { index, of: 2 }, (second) => seconds.push(second), signal)));
    const sum = addUp(shares);
    expect(sum).toMatchObject({ sent: 300, answered: 300, failed: 0 });
    expect(seconds.length).toBeGreaterThanOrEqual(4);
    expect(seconds.reduce((total, { answered }) => total + answered, 0)).toBe(300);
    expect(generatorLimit({ ...sum, lateness: { ...(sum.lateness as NonNullable<LoadReport["lateness"]>), p99: 50 } })).toMatch(/50 ms late/);
  });

  test("sends the next when a connection is free, where nothing is due", async () => {
    let [open, most] = [0, 0];
    server.removeAllListeners("request").on("request", (_request, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.end();
      }, 10);
    });
    const { report } = await playShare(
      { ...whole, connections: 4, shape: undefined, durationMs: 500, targets: [target] },
      { index: 0, of: 1 },
      () => {},
      signal,
    );
    expect(most).toBe(4);
    expect(report.answered).toBeGreaterThan(60);
    expect(report.answered).toBeLessThan(205);
  });

  test("counts waiting for a connection of its own as lateness of its own, and says that it was the limit", async () => {
    server.removeAllListeners("request").on("request", (_request, response) => void setTimeout(() => response.end(), 100));
    const request = { ...whole, connections: 10, shape: constantShape(200, 1_000), durationMs: 1_000, targets: [target] };
    const { report } = await playShare(request, { index: 0, of: 1 }, () => {}, signal);
    expect(report.sent).toBe(200);
    expect(report.lateness?.p99).toBeGreaterThan(500);
    // Ten at a time, a hundred a second: two seconds, and the rate is by that time.
    expect(report.toMs).toBeGreaterThan(1_900);
    expect(generatorLimit(report)).toContain("--connections");
    // One that hangs: what never had a connection was never sent.
    server.removeAllListeners("request").on("request", () => {});
    const hung = await playShare({ ...request, timeoutMs: 300, durationMs: 400 }, { index: 0, of: 1 }, () => {}, signal);
    const { sent, notSent, failed, underWay, reasons } = hung.report;
    expect(sent + notSent).toBe(80);
    expect(failed + underWay).toBe(sent);
    expect(sent).toBeLessThanOrEqual(40);
    expect(reasons).toEqual({ timeout: failed, no_connection: notSent });
  });

  test("fails an answer that comes after its time, and says why others failed", async () => {
    server.removeAllListeners("request").on("request", (_request, response) => void setTimeout(() => response.writeHead(200).end(), 60));
    const request = { ...whole, connections: 50, shape: constantShape(50, 500), durationMs: 500, timeoutMs: 50, targets: [target] };
    const late = await playShare(request, { index: 0, of: 1 }, () => {}, signal);
    expect(late.report).toMatchObject({ answered: 0, failed: 25, reasons: { timeout: 25 } });
    server.removeAllListeners("request").on("request", (_request, response) => void response.writeHead(503).end());
    const busy = await playShare({ ...request, targets: [target, "http://127.0.0.1:1/"] }, { index: 0, of: 1 }, () => {}, signal);
    expect(busy.report.reasons).toEqual({ "503": 13, ECONNREFUSED: 12 });
  });

  test("ends when targets that hang have gone, and shares connections among threads", async () => {
    server.removeAllListeners("request").on("request", () => {});
    let targets = [`${target}/`, "http://127.0.0.1:1/"];
    setTimeout(() => {
      targets = ["http://127.0.0.1:1/"];
    }, 300);
    const player = new LoadPlayer({ ...whole, timeoutMs: 60_000, arrivals: new Arrivals(constantShape(50, 2_500)), durationMs: 2_500, targets: () => targets });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 2_600);
    await player.run(stop.signal);
    const open = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    for (let i = 0; i < 20 && (await open()) > 0; i++) await new Promise((go) => setTimeout(go, 50));
    expect(await open()).toBe(0);
    let most = 0;
    let now = 0;
    server.on("connection", (socket) => {
      most = Math.max(most, ++now);
      socket.on("close", () => now--);
    });
    server.removeAllListeners("request").on("request", (_request, response) => void setTimeout(() => response.end(), 20));
    const request = { ...whole, connections: 10, shape: undefined, durationMs: 300, targets: [target] };
    await Promise.all([0, 1, 2, 3].map((index) => playShare(request, { index, of: 4 }, () => {}, signal)));
    expect(most).toBe(10);
  });

  test("finds the one that hangs among those that go on", async () => {
    let asked = 0;
    server.removeAllListeners("request").on("request", (_request, response) => {
      if (++asked !== 7) setTimeout(() => response.end(), 5);
    });
    const failed: number[] = [];
    await playShare(
      { ...whole, connections: 4, shape: undefined, durationMs: 2_500, timeoutMs: 300, targets: [target] },
      { index: 0, of: 1 },
      (second) => failed.push(second.failed),
      signal,
    );
    expect(failed[0]).toBe(1);
    expect(failed.slice(1)).toEqual(failed.slice(1).map(() => 0));
  });

  test("ends when it is told to", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    const beganMs = performance.now();
    const { report } = await playShare(
      { ...whole, shape: constantShape(50, 60_000), durationMs: 60_000, targets: [target] },
      { index: 0, of: 1 },
      () => {},
      stop.signal,
    );
    expect(performance.now() - beganMs).toBeLessThan(2_000);
    expect(report.sent).toBeLessThan(50);
  });
});
