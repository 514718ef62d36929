import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { FakeExporter } from "../../../test/support/fake-exporter.ts";
import { sourceCases } from "../source.cases.ts";
import type { MetricQuery, SourceReading } from "../source.ts";
import { type ScrapeConfig, ScrapeSource } from "./scrape-source.ts";

const NEVER = new AbortController().signal;
const CLOCK = { wallMs: Date.now, steadyMs: Date.now };

function config(targets: ScrapeConfig["targets"], given: Partial<ScrapeConfig> = {}): ScrapeConfig {
  return { job: "app", targets, credentials: { headers: {} }, deadlineMs: 5_000, budgetMs: 10_000, seriesMax: 1_000, ...given };
}

const asking = (...queries: readonly string[]): MetricQuery[] => queries.map((query, i) => ({ workload: "shop/web", metric: `m${i}`, query }));

async function ask(source: ScrapeSource, query: string, signal = NEVER): Promise<SourceReading> {
  return (await source.read(asking(query), signal))[0] as SourceReading;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function exporter(text?: string, port?: number): Promise<FakeExporter> {
  const started = await FakeExporter.start(text, port);
  open.push(started);
  return started;
}

function source(given: ScrapeConfig, clock = CLOCK): ScrapeSource {
  const made = new ScrapeSource(given, clock);
  open.push(made);
  return made;
}

sourceCases("scrape", async () => {
  const fake = await FakeExporter.start();
  return {
    source: new ScrapeSource(config([fake.url]), CLOCK),
    query: "value",
    say: (text) => fake.says(text === undefined ? "" : `value ${text}\n`),
    close: () => fake.close(),
  };
});

const folder = mkdtempSync(join(tmpdir(), "vernier-scrape-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("scrape", () => {
  test("computes rates of all targets by a clock that no calendar moves, and says of when they are", async () => {
    const [a, b] = [await exporter(), await exporter()];
    let steadyMs = 5_000_000;
    const wallMs = (): number => Date.UTC(2026, 0, 1) + steadyMs - 5_000_000;
    const scrape = source(config([a.url, b.url]), { wallMs, steadyMs: () => steadyMs });
    const query = 'sum(rate(http_requests_total{code!~"5.."}[1m]))';
    const readings: SourceReading[] = [];
    for (const [i, value] of [100, 200, 300, 400].entries()) {
      steadyMs = 5_000_000 + 15_000 * (i + 1);
      a.says(`http_requests_total{code="200"} ${value}\nhttp_requests_total{code="500"} ${value}\n`);
      // Goes from 200 to 0: 200 were lost.
      b.says(`# TYPE http_requests counter\nhttp_requests_total{code="204"} ${value > 200 ? value - 300 : value}\n# EOF\n`, "openmetrics");
      readings.push(await ask(scrape, query));
    }
    expect(readings[0]).toMatchObject({ status: "absent", reason: 'needs two scrapes within 60 s of http_requests_total{code!~"5.."}' });
    // 300 and 200 in 45 s, and so on to the beginning of a window of 60 s.
    expect(readings[3]?.value).toBeCloseTo((300 + 200) / 45, 9);
    expect(readings[3]).toMatchObject({ partial: false, sampledAtMs: Date.UTC(2026, 0, 1) + 60_000 });
  });

  test("asks every target once, whatever how many want to know, and with what it understands", async () => {
    const [a, b] = [await exporter("q 1\n"), await exporter("q 2\n")];
    const scrape = source(config([a.url, b.url]));
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => scrape.read(asking(`sum(q) + ${i}`, "sum(q)", "max(q)"), new AbortController().signal)));
    expect(all.map((readings) => readings.map(({ value }) => value))).toEqual(Array.from({ length: 20 }, (_, i) => [3 + i, 3, 2]));
    expect([a.asked.length, b.asked.length]).toEqual([1, 1]);
    expect(a.asked[0]?.accept).toMatch(/^application\/openmetrics-text;version=1\.0\.0,text\/plain;version=0\.0\.4/);
    await ask(scrape, "sum(q)");
    expect(a.asked.length).toBe(2);
  });

  test("sees what is new, however little time goes by", async () => {
    const fake = await exporter("q 1\n");
    const scrape = source(config([fake.url]), { wallMs: () => 5_000, steadyMs: () => 5_000 });
    expect(await ask(scrape, "q")).toMatchObject({ value: 1 });
    fake.says("q 2\n");
    expect(await ask(scrape, "q")).toMatchObject({ value: 2 });
  });

  test("looks again for who wants more while it looks", async () => {
    const fake = await exporter();
    const scrape = source(config([fake.url]));
    let late: Promise<SourceReading> | undefined;
    fake.does((_, response) => {
      late ??= ask(scrape, "sum(r)");
      response.end("q 1\nr 2\n");
    });
    expect(await ask(scrape, "sum(q)")).toMatchObject({ value: 1 });
    expect(await late).toMatchObject({ status: "value", value: 2 });
    expect(fake.asked.length).toBe(2);
  });

  test.for([
    ["is not well", (fake: FakeExporter) => fake.does((_, response) => response.writeHead(500).end("q 1\n")), "answered 500"],
    ["is no exporter", (fake: FakeExporter) => fake.does((_, response) => response.end("<html>\n")), 'line 1: found "<html>", expected the name of a metric'],
    ["says half a line", (fake: FakeExporter) => fake.does((_, response) => response.end("q 12")), "line 1: the last line has no end: the exposition was cut"],
    ["ends without its end", (fake: FakeExporter) => fake.says("q 1\n", "openmetrics"), "line 2: the exposition ends without # EOF: it was cut"],
    [
      "compresses what it was not asked to",
      (fake: FakeExporter) => fake.does((_, response) => response.end(Buffer.from([0x1f, 0x8b, 8, 0]))),
      "expected the name of a metric",
    ],
    ["contradicts itself", (fake: FakeExporter) => fake.says("q 1\nq 2\n"), "line 2: q a second time with the same labels, 2 after 1"],
    ["exposes too many series", (fake: FakeExporter) => fake.says("other 1\n".repeat(1_001)), "line 1001: more than 1000 series"],
    [
      "sends elsewhere",
      (fake: FakeExporter) => fake.does((_, response) => response.writeHead(302, { location: "http://169.254.169.254/latest" }).end()),
      "answered 302, pointing to http://169.254.169.254/latest",
    ],
    [
      "cuts the line",
      (fake: FakeExporter) => fake.does((_, response) => response.writeHead(200, { "content-length": 100 }).write("q 1\n", () => response.destroy())),
      "the connection was cut",
    ],
    ["hangs", (fake: FakeExporter) => fake.does(() => {}), "no full answer within 0.3 s"],
    [
      "has no end",
      (fake: FakeExporter) =>
        fake.does((_, response) => {
          const more = (): void => {
            if (!response.destroyed) response.write("q 1\n".repeat(20_000), () => setImmediate(more));
          };
          more();
        }),
      "an answer of more than 1 MiB",
    ],
    ["trickles", (fake: FakeExporter) => fake.does((_, response) => void response.write("q 1\n")), "no full answer within 0.3 s"],
  ] as const)("goes on with the others when one %s", async ([, misbehave, reason]) => {
    const [good, bad] = [await exporter("q 5\n"), await exporter()];
    misbehave(bad);
    const scrape = source(config([good.url, bad.url], { deadlineMs: 300 }));
    const readings = await scrape.read(asking("sum(q)", "sum(up)", "sum(nothing)"), NEVER);
    expect(readings).toMatchObject([
      { status: "value", value: 5, partial: true },
      // Which targets answer is known.
      { status: "value", value: 1, partial: false },
      { status: "absent", reason: expect.stringContaining("no series matches nothing; 1 of 2 targets failed") },
    ]);
    expect(readings[0]?.reason).toContain(`1 of 2 targets failed; ${bad.instance}: `);
    expect(readings[0]?.reason).toContain(reason);
    good.says("q 6\n");
    bad.says("q 7\n");
    const after = await ask(scrape, "sum(q)");
    expect(after).toMatchObject({ status: "value", value: 13, partial: false });
    expect(after.reason).toBeUndefined();
  });

  test("has nothing to say when no target answers, but that", async () => {
    const [a, b] = [await exporter("q 1\n"), await exporter("q 1\n")];
    const scrape = source(config([a.url, b.url]));
    expect(await ask(scrape, "sum(q)")).toMatchObject({ value: 2 });
    for (const one of [a, b]) one.does((_, response) => response.writeHead(503).end());
    expect(await scrape.read(asking("sum(q)", "avg(up)"), NEVER)).toMatchObject([
      { status: "absent", reason: `no target answers; ${a.instance}: answered 503` },
      { status: "value", value: 0 },
    ]);
  });

  test("follows a target that sends on to itself, and no further", async () => {
    const fake = await exporter();
    fake.does((request, response) => (request.url === "/real" ? response.end("q 4\n") : response.writeHead(307, { location: "/real" }).end()));
    expect(await ask(source(config([fake.url])), "q")).toMatchObject({ value: 4 });
  });

  test("asks no more than some at a time, and ends when its time is over", async () => {
    const fakes = await Promise.all(Array.from({ length: 3 }, () => exporter()));
    let openNow = 0;
    let openMost = 0;
    for (const fake of fakes)
      fake.does((_, response) => {
        openMost = Math.max(openMost, ++openNow);
        response.on("close", () => openNow--);
      });
    // 201 targets of which none answers; three servers with many names.
    const urls = fakes.flatMap((fake) => Array.from({ length: 67 }, (_, i) => new URL(`/${i}`, fake.url)));
    const scrape = source(config(urls, { deadlineMs: 200, budgetMs: 300 }));
    const reading = await ask(scrape, "sum(q)");
    expect(reading).toMatchObject({ status: "absent", reason: expect.stringMatching(/^no target answers; 127\.0\.0\.1:\d+: no full answer within 0\.2 s$/) });
    expect(openMost).toBeLessThanOrEqual(64);
    expect(fakes.reduce((sum, { asked }) => sum + asked.length, 0)).toBeLessThan(urls.length);
    expect(await ask(scrape, "count(up)")).toMatchObject({ value: 201 });
  });

  test("whoever stops waiting is let go at once, and the others are not", async () => {
    const fake = await exporter();
    const scrape = source(config([fake.url]));
    const stop = new AbortController();
    let answer: (() => void) | undefined;
    const asked = new Promise<void>((resolve) =>
      fake.does((_, response) => {
        answer = () => response.end("q 3\n");
        resolve();
      }),
    );
    const [gone, stays] = [ask(scrape, "q", stop.signal), ask(scrape, "q")];
    await asked;
    stop.abort();
    expect(await gone).toMatchObject({ status: "absent", reason: "stopped before the targets had answered" });
    answer?.();
    expect(await stays).toMatchObject({ value: 3 });
  });

  test("ends what is under way when it is closed", async () => {
    const fake = await exporter();
    const scrape = source(config([fake.url]));
    const asked = new Promise<void>((resolve) => fake.does(() => resolve()));
    const reading = ask(scrape, "q");
    await asked;
    await scrape.close();
    expect(await reading).toMatchObject({ status: "absent" });
    expect(await ask(scrape, "q")).toMatchObject({ status: "absent" });
    expect(fake.asked.length).toBe(1);
  });

  test("says what is wrong with a query, and asks nobody for it", async () => {
    const fake = await exporter("q 1\n");
    const scrape = source(config([fake.url]));
    expect(await ask(scrape, "topk(3, q)")).toMatchObject({ status: "absent", reason: "the function topk is not supported, at character 1 of the query" });
    expect(fake.asked.length).toBe(0);
    expect((await scrape.read(asking("q", "q[1m]"), NEVER)).map(({ status }) => status)).toEqual(["value", "absent"]);
  });

  describe("with a token", () => {
    const token = join(folder, "token");
    afterEach(() => rmSync(token, { force: true }));

    test("sends it, as it is at the moment, and keeps it to itself", async () => {
      const fake = await exporter("q 1\n");
      const scrape = source(config([fake.url], { credentials: { headers: {}, bearerFile: token } }));
      writeFileSync(token, "s3cret-1\n");
      expect(await ask(scrape, "q")).toMatchObject({ value: 1 });
      writeFileSync(token, "s3cret-2\n");
      fake.does((request, response) => response.end(`${request.headers.authorization}\n`));
      const reading = await ask(scrape, "q");
      expect(fake.asked.map(({ authorization }) => authorization)).toEqual(["Bearer s3cret-1", "Bearer s3cret-2"]);
      expect(reading.reason).toContain('line 1: found "***", expected');
      expect(JSON.stringify(reading)).not.toContain("s3cret");
      fake.does((request, response) => response.writeHead(302, { location: `http://elsewhere.example/${request.headers.authorization?.split(" ")[1]}` }).end());
      expect((await ask(scrape, "q")).reason).toContain("elsewhere.example/***");
    });

    test("asks nobody without it, and then nobody answers", async () => {
      const fake = await exporter("q 1\n");
      const scrape = source(config([fake.url], { credentials: { headers: {}, bearerFile: token } }));
      writeFileSync(token, "s3cret\n");
      expect(await ask(scrape, "avg(up)")).toMatchObject({ value: 1 });
      rmSync(token);
      expect(await scrape.read(asking("q", "avg(up)"), NEVER)).toMatchObject([
        { status: "absent", reason: expect.stringContaining("cannot read") },
        { value: 0 },
      ]);
      expect(fake.asked.length).toBe(1);
    });
  });

  describe("with endpoints in a file", () => {
    const file = join(folder, "endpoints.json");
    const publish = (...units: readonly (readonly [unit: string, fake: FakeExporter])[]): void =>
      writeFileSync(file, JSON.stringify({ version: 1, endpoints: units.map(([unit, { port }]) => ({ unit, host: "127.0.0.1", port })) }));
    afterEach(() => rmSync(file, { force: true }));

    test("follows them, and says why there are none", async () => {
      const [a, b] = [await exporter("q 1\n"), await exporter("q 2\n")];
      const scrape = source(config({ file, path: "/metrics" }));
      expect(await ask(scrape, "sum(q)")).toMatchObject({
        status: "absent",
        reason: expect.stringContaining("is not there: nobody has published endpoints yet"),
      });
      publish();
      expect(await ask(scrape, "sum(q)")).toMatchObject({ status: "absent", reason: "there are no targets at the moment" });
      publish(["web-1", a]);
      expect(await ask(scrape, "sum(q)")).toMatchObject({ value: 1 });
      publish(["web-1", a], ["web-2", b]);
      expect(await ask(scrape, "sum(q)")).toMatchObject({ value: 3, partial: false });
      publish(["web-2", b]);
      expect(await ask(scrape, "sum(q)")).toMatchObject({ value: 2, partial: false });
      writeFileSync(file, '{"endpoints": [');
      expect(await ask(scrape, "sum(q)")).toMatchObject({ status: "absent", reason: expect.stringContaining('endpoints.json": not JSON') });
    });

    test("a unit that is replaced at the same address begins anew, one that begins again does not", async () => {
      let steadyMs = 0;
      const fake = await exporter();
      const scrape = source(config({ file, path: "/metrics" }), { wallMs: () => steadyMs, steadyMs: () => steadyMs });
      const query = "sum(increase(r_total[1m]))";
      const at = async (seconds: number, unit: string, value: number): Promise<SourceReading> => {
        steadyMs = seconds * 1_000;
        publish([unit, fake]);
        fake.says(`r_total ${value}\n`);
        return await ask(scrape, query);
      };
      await at(100, "web-1", 1_000);
      expect((await at(130, "web-1", 1_030)).value).toBe(60);
      // The same unit, from zero: it lost 1030 and counted 5 in 30 s, 10 in 60 s.
      expect((await at(160, "web-1", 5)).value).toBe(10);
      // Another unit: what it counted before it was seen is nobody's.
      expect((await at(190, "web-2", 900)).status).toBe("absent");
      expect((await at(220, "web-2", 910)).value).toBe(20);
    });
  });

  test("a target that comes back at its address goes on", async () => {
    const first = await FakeExporter.start("q 1\n");
    const { port, url } = first;
    const scrape = source(config([url]));
    expect(await ask(scrape, "q")).toMatchObject({ value: 1 });
    await first.close();
    expect(await ask(scrape, "q")).toMatchObject({ status: "absent", reason: expect.stringMatching(/no target answers; .*(refused|cut)/) });
    await exporter("q 2\n", port);
    expect(await ask(scrape, "q")).toMatchObject({ value: 2 });
  });

  test("whoever speaks no HTTP is no target", async () => {
    const server = createServer((socket) => {
      open.push({ close: async () => void socket.destroy() });
      socket.end("220 mail.example ESMTP\r\n");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    open.push({ close: () => new Promise((done) => server.close(() => done())) });
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    expect(await ask(source(config([new URL(`http://127.0.0.1:${port}/`)])), "q")).toMatchObject({
      status: "absent",
      reason: expect.stringContaining("the answer is not HTTP"),
    });
  });

  test("keeps what it needs and no more, however long it goes on", async () => {
    let steadyMs = 0;
    const fake = await exporter();
    const scrape = source(config([fake.url]), { wallMs: () => steadyMs, steadyMs: () => steadyMs });
    for (let i = 1; i <= 200; i++) {
      steadyMs = i * 1_000;
      fake.says(`r_total{code="200"} ${i}\nr_total{code="500"} 0\nq{churn="${i}"} 1\nother 5\n`);
      await scrape.read(asking('sum(rate(r_total{code="200"}[10s]))', "sum(q)"), NEVER);
    }
    expect(scrape.size).toEqual({ series: 2, samples: 11 });
  });
});
