import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ExecSource } from "./exec/exec-source.ts";
import { FileSource } from "./file/file-source.ts";
import { HttpJsonSource } from "./http-json/http-json-source.ts";
import { PrometheusSource } from "./prometheus/prometheus-source.ts";
import { sourceCases } from "./source.cases.ts";
import type { MetricQuery, SourceReading } from "./source.ts";

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
    source: new HttpJsonSource({ url, credentials: { headers: {} }, deadlineMs: 2_000 }, Date.now),
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
    source: new PrometheusSource({ url, credentials: { headers: {} }, deadlineMs: 2_000 }),
    query: "avg(cpu)",
    close,
    say: (text) => {
      said = text;
    },
  };
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
      return await new PrometheusSource({ url, credentials: { headers: { authorization: "Bearer s3cret" } }, deadlineMs: 500 }).read(queries, NEVER);
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
