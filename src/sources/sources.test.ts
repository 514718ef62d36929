import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Asking } from "../lib/ask.ts";
import { Breaker } from "../lib/breaker.ts";
import { PathError } from "../lib/system-error.ts";
import { ExecSource } from "./exec/exec-source.ts";
import { FileSource } from "./file/file-source.ts";
import { HttpJsonSource } from "./http-json/http-json-source.ts";
import { PrometheusSource } from "./prometheus/prometheus-source.ts";
import { sourceCases } from "./source.cases.ts";
import { type MetricQuery, NUMBER, type Source, type SourceReading } from "./source.ts";
import { UnitsSource, type UnitUsage } from "./units/units-source.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-sources-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const fresh = (): string => `value-${++count}`;
const NEVER = new AbortController().signal;
const QUERY: MetricQuery = { workload: "shop/web", metric: "cpu", query: "q" };

async function serve(listener: RequestListener): Promise<{ url: URL; close: () => Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const asking = (deadlineMs = 2_000, nowMs = (): number => performance.now(), probesMax = 1): Asking => ({
  limits: { deadlineMs, bytesMax: 1 << 20 },
  breaker: new Breaker({ nowMs, random: () => 1, probesMax }),
  wallMs: Date.now,
});

sourceCases("file", async () => {
  const name = fresh();
  return {
    source: new FileSource(folder),
    query: name,
    say: (text) => (text === undefined ? rmSync(join(folder, name), { force: true }) : writeFileSync(join(folder, name), text)),
  };
});

sourceCases("exec", async () => {
  const name = join(folder, fresh());
  const script = "try { process.stdout.write(require('fs').readFileSync(process.argv[1])) } catch {}";
  const config = { command: [process.execPath, "-e", script, "--", "{query}"] as [string, ...string[]], deadlineMs: 5_000, passEnvironment: [], cwd: folder };
  return {
    source: new ExecSource(config, process.env, Date.now),
    query: name,
    say: (text) => (text === undefined ? rmSync(name, { force: true }) : writeFileSync(name, text)),
  };
});

sourceCases("http-json", async () => {
  let said: string | undefined;
  const { url, close } = await serve((_, response) => response.end(JSON.stringify({ queue: said === undefined ? {} : { "a/b": [said] } })));
  return {
    source: new HttpJsonSource({ url, credentials: { headers: {} }, asking: asking() }),
    query: "/queue/a~1b/0",
    close,
    say: (text) => {
      said = text;
    },
  };
});

sourceCases("prometheus", async () => {
  let said: string | undefined;
  const { url, close } = await serve((_, response) =>
    response.end(
      JSON.stringify({
        status: "success",
        data: { resultType: "vector", result: said === undefined ? [] : [{ metric: {}, value: [Date.now() / 1_000, said] }] },
      }),
    ),
  );
  return {
    source: new PrometheusSource({ url, credentials: { headers: {} }, asking: asking() }),
    query: "avg(cpu)",
    close,
    say: (text) => {
      said = text;
    },
  };
});

sourceCases("units", async () => {
  let said: string | undefined;
  const unitsOf = (): readonly UnitUsage[] =>
    said === undefined ? [] : [{ nonce: "a", isReady: true, cpuSeconds: 0, rssBytes: NUMBER.test(said) ? Number(said) : Number.NaN }];
  return {
    source: new UnitsSource(unitsOf, { wallMs: Date.now, engineMs: Date.now }),
    query: "memory",
    say: (text) => {
      said = text;
    },
  };
});

describe("units", () => {
  const unit = (nonce: string, cpuSeconds: number, more: Partial<UnitUsage> = {}): UnitUsage => ({ nonce, isReady: true, cpuSeconds, rssBytes: 100, ...more });
  const looks = (...found: readonly (readonly UnitUsage[] | undefined)[]) => {
    let look = -1;
    let nowMs = 0;
    const source = new UnitsSource(() => found[look], { wallMs: () => 1_000_000 + nowMs, engineMs: () => nowMs });
    return async (...queries: readonly string[]): Promise<readonly (number | string | undefined)[]> => {
      look++;
      nowMs += 2_000;
      const readings = await source.read(
        queries.map((query) => ({ ...QUERY, query })),
        NEVER,
      );
      return readings.map(({ status, value, reason, sampledAtMs }) => {
        if (status === "value") expect(sampledAtMs).toBe(1_000_000 + nowMs);
        return status === "value" ? value : reason;
      });
    };
  };

  test("use cores by what they used since the last look: the mean of those that are ready and were there", async () => {
    const read = looks(
      [unit("a", 10), unit("b", 5)],
      // (0.5 + 1.5) / 2 s, of two; one is new, and one is not ready.
      [unit("a", 10.5), unit("b", 6.5), unit("c", 99), unit("d", 99, { isReady: false })],
      // Another process in the place of a; b is not ready any more.
      [unit("e", 1), unit("b", 9, { isReady: false })],
      [unit("e", 3)],
    );
    expect(await read("cpu")).toEqual(["cpu is known from the second look on"]);
    expect(await read("cpu", "cpu")).toEqual([0.5, 0.5]);
    expect(await read("cpu")).toEqual(["no unit has been ready for two looks"]);
    expect(await read("cpu")).toEqual([1]);
  });

  test("are counted, and weighed by those that are ready; the mean of none is not zero", async () => {
    const read = looks(
      [unit("a", 0, { rssBytes: 100 }), unit("b", 0, { rssBytes: 300 }), unit("c", 0, { isReady: false, rssBytes: 9_000 })],
      [unit("c", 0, { isReady: false })],
      [],
      undefined,
    );
    expect(await read("count", "ready", "memory", "disk")).toEqual([3, 2, 200, 'found the query "disk", expected cpu, memory, ready or count']);
    expect(await read("count", "ready", "memory", "cpu")).toEqual([1, 0, "no unit is ready", "no unit has been ready for two looks"]);
    expect(await read("count", "ready", "memory")).toEqual([0, 0, "no unit is ready"]);
    expect(await read("count", "memory")).toEqual(["shop/web has no processes of ours", "shop/web has no processes of ours"]);
  });

  test("say why they cannot be looked at", async () => {
    const source = new UnitsSource(
      () => {
        throw new PathError("cannot use", "unit-1.json", Object.assign(new Error("damaged"), { code: "EBADUNIT" }));
      },
      { wallMs: Date.now, engineMs: Date.now },
    );
    expect(await source.read([{ ...QUERY, query: "cpu" }], NEVER)).toMatchObject([{ status: "absent", reason: expect.stringContaining("it is damaged") }]);
  });
});

describe("file", () => {
  test("is as old as the file", async () => {
    const name = fresh();
    writeFileSync(join(folder, name), "7\n");
    utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
    expect(await new FileSource(folder).read([{ ...QUERY, query: name }], NEVER)).toMatchObject([
      { status: "value", value: 7, sampledAtMs: 1_700_000_000_000 },
    ]);
  });

  test("follows links, and takes folders and long files for no number", async () => {
    const name = fresh();
    writeFileSync(join(folder, name), "7");
    symlinkSync(join(folder, name), join(folder, `${name}-link`));
    mkdirSync(join(folder, `${name}-folder`));
    writeFileSync(join(folder, `${name}-long`), "1".repeat(1_000));
    const source = new FileSource(folder);
    const read = async (query: string): Promise<SourceReading["status"]> =>
      (await source.read([{ ...QUERY, query }], NEVER))[0]?.status as SourceReading["status"];
    expect([await read(`${name}-link`), await read(`${name}-folder`), await read(`${name}-long`)]).toEqual(["value", "absent", "invalid"]);
  });
});

describe("prometheus", () => {
  const read = async (listener: RequestListener, queries = [QUERY]): Promise<readonly SourceReading[]> => {
    const { url, close } = await serve(listener);
    try {
      return await new PrometheusSource({ url, credentials: { headers: { authorization: "Bearer s3cret" } }, asking: asking(500) }).read(queries, NEVER);
    } finally {
      await close();
    }
  };

  test("asks the same query once, whoever wants it", async () => {
    let asked = 0;
    const readings = await read(
      (_, response) => {
        asked++;
        response.end(JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1_700_000_000.5, "3"] } }));
      },
      Array.from({ length: 100 }, (_, i) => ({ workload: `shop/w${i}`, metric: "cpu", query: i % 2 === 0 ? "a" : "b" })),
    );
    expect(asked).toBe(2);
    expect(readings.every(({ value, sampledAtMs }, i) => value === 3 && sampledAtMs === 1_700_000_000_500 && readings[i]?.workload === `shop/w${i}`)).toBe(
      true,
    );
  });

  test("says where it was sent to without the secret that came back in it", async () => {
    const [reading] = await read((request, response) =>
      response.writeHead(302, { location: `http://elsewhere.example/${request.headers.authorization?.split(" ")[1]}` }).end(),
    );
    expect(reading).toMatchObject({ status: "absent", reason: expect.stringContaining("elsewhere.example/***") });
    expect(reading?.reason).not.toContain("s3cret");
  });

  test.for([
    [
      "an error of the query",
      400,
      JSON.stringify({ status: "error", errorType: "bad_data", error: "parse error" }),
      "absent",
      /answered 400, bad_data: parse error/,
    ],
    ["a server that is not well", 503, "busy", "absent", /answered 503/],
    ["a page", 200, "<html>", "invalid", /not JSON/],
    [
      "several series",
      200,
      JSON.stringify({ status: "success", data: { resultType: "vector", result: [{ value: [1, "1"] }, { value: [1, "2"] }] } }),
      "invalid",
      /2 series/,
    ],
    ["a matrix", 200, JSON.stringify({ status: "success", data: { resultType: "matrix", result: [] } }), "invalid", /matrix/],
    ["what is no sample", 200, JSON.stringify({ status: "success", data: { resultType: "vector", result: [{ value: "x" }] } }), "invalid", /no pair/],
    ["a token that it says back", 200, "s3cret", "invalid", /not JSON/],
  ] as const)("says why %s is no reading", async ([, status, body, expected, reason]) => {
    const [reading] = await read((_, response) => response.writeHead(status).end(body));
    expect(reading).toMatchObject({ status: expected, reason: expect.stringMatching(reason) });
    expect(JSON.stringify(reading)).not.toContain("s3cret");
  });

  test("does not wait for one that hangs, nor for one without end", async () => {
    expect((await read(() => {}))[0]).toMatchObject({ status: "absent" });
    const [endless] = await read((_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write("x".repeat(65_536), () => setImmediate(more));
      };
      more();
    });
    expect(endless).toMatchObject({ status: "absent" });
  });

  test("says that warnings mean that something is missing", async () => {
    const [reading] = await read((_, response) =>
      response.end(JSON.stringify({ status: "success", warnings: ["a store is gone"], data: { resultType: "vector", result: [{ value: [1, "1"] }] } })),
    );
    expect(reading).toMatchObject({ status: "value", partial: true });
  });
});

const NUMBER_BODY = JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1, "5"] }, q: 5 });
const HTTP_SOURCES = {
  prometheus: (url: URL, how: Asking): Source => new PrometheusSource({ url, credentials: { headers: {} }, asking: how }),
  "http-json": (url: URL, how: Asking): Source => new HttpJsonSource({ url, credentials: { headers: {} }, asking: how }),
};

describe.each(Object.entries(HTTP_SOURCES))("%s: a server that fails", (_, open) => {
  /** A source of a server that answers as it is told, with a clock that is moved. */
  async function stage(deadlineMs?: number, probesMax?: number) {
    const world = { nowMs: 0, asked: 0, answer: ((__, response) => response.end(NUMBER_BODY)) as RequestListener };
    const { url, close } = await serve((request, response) => {
      world.asked++;
      world.answer(request, response);
    });
    const source = open(
      url,
      asking(deadlineMs, () => world.nowMs, probesMax),
    );
    const ask = async (): Promise<SourceReading> => (await source.read([{ ...QUERY, query: "/q" }], NEVER))[0] as SourceReading;
    return { world, source, ask, close };
  }

  test("is not asked after five failures, says so in the same words all the time, and is asked again within 30 s", async () => {
    const { world, ask, close } = await stage();
    world.answer = (request) => request.socket.destroy();
    const reasons = [];
    for (let i = 0; i < 8; i++) reasons.push((await ask()).reason);
    const paused = "the connection was cut; failed 5 times or more, next attempt within 30 s";
    expect(reasons).toEqual([...Array<string>(4).fill("the connection was cut"), ...Array<string>(4).fill(paused)]);
    expect(world.asked).toBe(5);
    // However long it fails.
    for (let i = 0; i < 30; i++) {
      const { asked } = world;
      world.nowMs += 30_000;
      expect(await ask()).toMatchObject({ status: "absent", reason: paused });
      expect(world.asked).toBe(asked + 1);
    }
    world.answer = (__, response) => response.end(NUMBER_BODY);
    world.nowMs += 30_000;
    expect(await ask()).toMatchObject({ status: "value", value: 5 });
    expect(await ask()).toMatchObject({ status: "value", value: 5 });
    await close();
  });

  test.for([
    [503, "answered 503"],
    [429, "answered 429"],
  ] as const)("with %i and Retry-After is not asked for as long as it says", async ([status, said]) => {
    const { world, ask, close } = await stage();
    world.answer = (__, response) => response.writeHead(status, { "retry-after": "20" }).end("busy");
    expect((await ask()).reason).toMatch(new RegExp(`^${said}.*; asked to wait, next attempt within 30 s$`));
    world.answer = (__, response) => response.end(NUMBER_BODY);
    world.nowMs = 19_999;
    expect((await ask()).status).toBe("absent");
    expect(world.asked).toBe(1);
    world.nowMs = 20_000;
    expect((await ask()).status).toBe("value");
    await close();
  });

  test("is well when it refuses, and when what it says is no number", async () => {
    const { world, ask, close } = await stage();
    world.answer = (__, response) => response.writeHead(world.asked % 2 === 0 ? 404 : 200).end("{}");
    for (let i = 0; i < 12; i++) expect((await ask()).status).not.toBe("value");
    expect(world.asked).toBe(12);
    await close();
  });

  test("counts as failing when it has no answer by the end of the tick, and is not asked for what was stopped before", async () => {
    const { world, source, close } = await stage();
    let stop = new AbortController();
    world.answer = () => stop.abort();
    const read = (signal: AbortSignal) => source.read([{ ...QUERY, query: "/q" }], signal);
    for (let i = 0; i < 8; i++) await read(AbortSignal.abort());
    expect(world.asked).toBe(0);
    for (let i = 0; i < 5; i++) {
      stop = new AbortController();
      await read(stop.signal);
    }
    expect((await read(NEVER))[0]).toMatchObject({ status: "absent", reason: "no answer in time; failed 5 times or more, next attempt within 30 s" });
    expect(world.asked).toBe(5);
    await close();
  });
});

test("prometheus: one query that is too much for it silences no other", async () => {
  const heavy: (() => void)[] = [];
  const { url, close } = await serve((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      if (new URLSearchParams(body).get("query") === "heavy") heavy.push(() => response.destroy());
      else response.end(NUMBER_BODY);
    });
  });
  const source = new PrometheusSource({ url, credentials: { headers: {} }, asking: asking(2_000, () => 0, 8) });
  for (let i = 0; i < 10; i++) {
    const readings = source.read(
      ["heavy", "a", "b"].map((query) => ({ ...QUERY, query })),
      NEVER,
    );
    const others = await source.read([{ ...QUERY, query: "c" }], NEVER);
    expect(others).toMatchObject([{ status: "value" }]);
    for (const cut of heavy.splice(0)) cut();
    expect((await readings).map(({ status }) => status)).toEqual(["absent", "value", "value"]);
  }
  await close();
});
