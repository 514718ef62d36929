import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendHttp } from "../../src/lib/http.ts";
import { parsePromql } from "../../src/lib/promql.ts";
import { createRng } from "../../src/lib/rng.ts";
import { evaluatePromql, type Outcome } from "../../src/sources/scrape/evaluate.ts";
import { parseExposition } from "../../src/sources/scrape/exposition.ts";
import { ScrapeSource } from "../../src/sources/scrape/scrape-source.ts";
import { type Batch, SeriesStore } from "../../src/sources/scrape/series-store.ts";
import { FakeExporter } from "../support/fake-exporter.ts";
import { prometheusOrSkip, type RunningPrometheus, startPrometheus } from "./prometheus.ts";

const hasPrometheus = prometheusOrSkip();
const BEGIN_MS = Date.UTC(2026, 10, 20);
const SCRAPES = 400;
const TARGETS = ["10.0.0.1:9000", "10.0.0.2:9000"].map((instance) => ({ identity: instance, instance }));

/** The value of a query at an instant, as Prometheus gives it: undefined where it gives no series. */
async function askPrometheus({ url }: RunningPrometheus, query: string, atMs: number): Promise<number | undefined> {
  const form = new URLSearchParams({ query, time: String(atMs / 1_000) });
  const answer = await sendHttp({ url: new URL(`${url}/api/v1/query`), headers: {}, form }, { deadlineMs: 10_000, bytesMax: 1 << 20 });
  const { status, data } = JSON.parse(answer.body) as { status: string; data: { result: readonly { value: [number, string] }[] } };
  expect({ query, status }).toEqual({ query, status: "success" });
  expect(data.result.length, query).toBeLessThanOrEqual(1);
  const value = data.result[0]?.value[1];
  return value === undefined ? undefined : Number(value.replace("Inf", "Infinity"));
}

/** What we give, in the words of Prometheus: a quantile of nothing is NaN there, and absent here. */
function numberOf(outcome: Outcome): number | undefined {
  if (outcome.kind === "value") return outcome.value;
  if (outcome.kind === "invalid") return Number(/^the value is (\S+)$/.exec(outcome.reason)?.[1]);
  return outcome.reason === "the histogram counted nothing" ? Number.NaN : undefined;
}

/** One line of an exposition for each series that there is, by scrape and target. */
function expositions(): readonly { readonly atMs: number; readonly lines: readonly (readonly string[])[] }[] {
  const rng = createRng(11);
  const counters = new Map<string, number>();
  const count = (series: string, more: number): string => {
    const value = (counters.get(series) ?? 0) + more;
    counters.set(series, value);
    return `${series} ${value}`;
  };
  return Array.from({ length: SCRAPES }, (_, i) => {
    const lines = TARGETS.map((_, target) => {
      const own: string[] = [];
      const key = (series: string): string => series.replace("}", `,t="${target}"}`);
      if (rng.next() < 0.02) counters.set(key('r_total{kind="restarts"}'), 0);
      own.push(count(key('r_total{kind="restarts"}'), Math.floor(rng.next() * 40)));
      own.push(count(key('r_total{kind="steady",code="500"}'), i === 0 ? 1e6 : 7.5));
      own.push(count(key('r_total{kind="steady",code="204"}'), i === 0 ? 1e6 : rng.next() * 900));
      // What is missing for a while is far from its zero: older versions of Prometheus reckon that otherwise.
      if (i % 50 < 20 || i % 50 > 27) own.push(count(key('r_total{kind="gaps"}'), i === 0 ? 1e6 : Math.floor(rng.next() * 9)));
      if (i % 100 > 60) own.push(count(key(`r_total{kind="young",born="${Math.floor(i / 100)}"}`), i % 100 === 61 ? 0 : 3));
      if (rng.next() < 0.01) for (const le of ["0.1", "0.5", "1.0", "+Inf"]) counters.set(key(`d_bucket{le="${le}"}`), 0);
      const slow = Math.floor(rng.next() * 5);
      const [low, middle] = i % 40 < 10 ? [0, 0] : [Math.floor(rng.next() * 20), Math.floor(rng.next() * 20)];
      for (const [le, more] of [
        ["0.1", low],
        ["0.5", low + middle],
        ["1.0", low + middle],
        ["+Inf", low + middle + (i % 40 < 10 ? 0 : slow)],
      ] as const)
        own.push(count(key(`d_bucket{le="${le}"}`), more));
      own.push(`g{pool="${target}"} ${Math.sin(i / 9) * 1e3}`, `g{pool="${target}",part="1"} ${i % 7 === 0 ? "NaN" : i}`);
      return own;
    });
    // About 5 s apart, never so much that a sample is missed.
    return { atMs: BEGIN_MS + i * 5_000 + Math.floor(rng.next() * 100), lines };
  });
}

/** The same for Prometheus: every series with its times. */
function openMetricsOf(scrapes: ReturnType<typeof expositions>): string {
  const series = new Map<string, string[]>();
  for (const { atMs, lines } of scrapes)
    for (const [target, own] of lines.entries())
      for (const line of own) {
        const [name, value] = [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)];
        const full = name.replace("}", `,instance="${TARGETS[target]?.instance}",job="app"}`);
        series.set(full, [...(series.get(full) ?? []), `${full} ${value} ${atMs / 1_000}`]);
      }
  return `${[...series.keys()]
    .sort()
    .flatMap((name) => series.get(name) ?? [])
    .join("\n")}\n# EOF\n`;
}

const QUERIES = [
  "sum(rate(r_total[1m]))",
  "sum(increase(r_total[1m]))",
  'sum(rate(r_total{kind="restarts"}[37s]))',
  'max(increase(r_total{kind="restarts"}[5m]))',
  'min(rate(r_total{kind="gaps"}[2m]))',
  'sum(rate(r_total{kind="gaps"}[20s]))',
  'avg(rate(r_total{kind="young"}[3m]))',
  'count(rate(r_total{kind=~"young|gaps"}[1m]))',
  'sum(rate(r_total{code!~"5.."}[1m])) / sum(rate(r_total[1m]))',
  'sum(rate(r_total{code=~"5..|204", instance="10.0.0.2:9000"}[1m])) * 60',
  'sum(rate(r_total{code="",job="app"}[90s]))',
  'sum(rate(r_total{kind!="gaps",t=~".*1$"}[1m]) * 2) - 3 / 4 + -1',
  "histogram_quantile(0.5, sum by (le) (rate(d_bucket[1m])))",
  "histogram_quantile(0.95, sum(increase(d_bucket[30s])) by (le))",
  "histogram_quantile(0.999, sum by (le) (rate(d_bucket[5m])))",
  "histogram_quantile(0, sum by (le) (rate(d_bucket[5m])))",
  "histogram_quantile(1, sum by (le) (d_bucket))",
  "1e3 * histogram_quantile(0.9, sum by (le) (d_bucket))",
  "sum(g)",
  "max(g)",
  "min(g)",
  "avg(g{part=''})",
  "count(g{part!=''})",
  "g{pool='1',part=``} / 7",
  "10 - max(g) * 2 + min(g{part=''}) / (1 - 3)",
  "sum(g{part=''}) / 0",
  "sum(nothing)",
  "count(rate(r_total{kind='restarts'}[6s]))",
];

describe.skipIf(!hasPrometheus)("queries over the same samples as a real Prometheus", { timeout: 120_000 }, () => {
  const scrapes = expositions();
  let prometheus: RunningPrometheus;
  beforeAll(async () => {
    prometheus = await startPrometheus(openMetricsOf(scrapes));
  }, 60_000);
  afterAll(() => prometheus?.stop());

  test("give the same numbers, to nine digits", async () => {
    const store = new SeriesStore("app");
    const queries = QUERIES.map((text) => parsePromql(text));
    for (const { selections } of queries) for (const { selector, windowMs } of selections) store.select(selector, windowMs);
    let compared = 0;
    for (const [i, { atMs, lines }] of scrapes.entries()) {
      for (const [index, target] of TARGETS.entries()) {
        const batch: Batch = new Map();
        const text = `${(lines[index] ?? []).join("\n")}\n`;
        parseExposition(text, { format: "text", samplesMax: 100, wants: (name) => store.wants(name) }, (sample) => store.collect(batch, target, sample));
        store.take(target, batch, atMs, 0);
      }
      store.forget(TARGETS, atMs);
      // What has just begun is far from no zero: older versions of Prometheus reckon that otherwise.
      if (i < 65 || i % 9 !== 3) continue;
      // At the moment of a scrape, and a while after it; never at the border of a window, which was moved between versions of Prometheus.
      for (const askedMs of [atMs, atMs + 2_345])
        for (const query of queries) {
          const ours = numberOf(evaluatePromql(query, store, askedMs));
          const theirs = await askPrometheus(prometheus, query.text, askedMs);
          const about = `${query.text} at ${(askedMs - BEGIN_MS) / 1_000} s`;
          if (ours === undefined || theirs === undefined || !Number.isFinite(theirs)) expect(ours, about).toBe(theirs);
          else expect(Math.abs(ours - theirs), `${about}: ${ours} and ${theirs}`).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(theirs)));
          if (theirs !== undefined && Number.isFinite(theirs)) compared++;
        }
    }
    expect(compared).toBeGreaterThan(1_200);
  });
});

/** What an exporter says, and whether Prometheus and we take it. */
const EXPOSITIONS: readonly (readonly [what: string, text: string, format: "text" | "openmetrics", prometheus: boolean, ours: boolean])[] = [
  ["a sample", "q 1\n", "text", true, true],
  ["nothing", "", "text", true, true],
  ["blanks and tabs", 'q{ a = "b" , } \t 1 \t \n', "text", true, true],
  ["blanks before a name", "  q 1\n", "text", false, true],
  ["blanks after a name", 'q {a="b"} 1\n', "text", true, true],
  ["comments", "# why\n#why\n# HELP q \n# TYPE q gauge\n\n\nq 1\n", "text", true, true],
  ["escapes", 'q{a="\\\\ \\" \\n € \\x"} 1\n', "text", true, true],
  ["special values", 'q{a="1"} NaN\nq{a="2"} +Inf\nq{a="3"} -inf\nq{a="4"} 1e-9\n', "text", true, true],
  ["a page", "<html>\n", "text", false, false],
  ["no value", "q\n", "text", false, false],
  ["a hexadecimal number", "q 0x10\n", "text", false, false],
  ["a comma in a number", "q 1,5\n", "text", false, false],
  ["a number with underscores", "q 1_0\n", "text", false, false],
  ["carriage returns", "q 1\r\n", "text", false, false],
  ["a fraction of a millisecond", "q 1 1.5\n", "text", false, false],
  ["three numbers", "q 1 2 3\n", "text", false, false],
  ["an exemplar in the older format", 'q_total 1 # {a="b"} 1\n', "text", false, false],
  ["a line in a label", 'q{a="b\n"} 1\n', "text", true, false],
  ["no quotes", "q{a=b} 1\n", "text", false, false],
  ["an unknown type", "# TYPE q countre\nq 1\n", "text", false, false],
  ["half a line", "q 12", "text", true, false],
  ["two values of one series", "q 1\nq 2\n", "text", true, false],
  ["OpenMetrics", "# TYPE q counter\n# UNIT q \nq_total 1 # {} 2\n# EOF\n", "openmetrics", true, true],
  ["no end", "q 1\n", "openmetrics", false, false],
  ["more after the end", "q 1\n# EOF\nq 2\n", "openmetrics", false, false],
  ["a comment in OpenMetrics", "# why\nq 1\n# EOF\n", "openmetrics", false, false],
  ["an empty line in OpenMetrics", "\nq 1\n# EOF\n", "openmetrics", false, false],
  ["two spaces in OpenMetrics", "q  1\n# EOF\n", "openmetrics", false, false],
  ["a comma at the end in OpenMetrics", 'q{a="b",} 1\n# EOF\n', "openmetrics", false, false],
  ["a counter below zero", "# TYPE q counter\nq_total -1\n# EOF\n", "openmetrics", true, false],
];

describe.skipIf(!hasPrometheus)("beside a real Prometheus that scrapes the same exporters every second", { timeout: 120_000 }, () => {
  let prometheus: RunningPrometheus;
  let variants: Server;
  let variantsPort = 0;
  const exporters: FakeExporter[] = [];
  let isThere = true;
  /** Resolves when Prometheus has asked the first exporter. */
  let onAsked: (() => void) | undefined;

  beforeAll(async () => {
    const beganMs = Date.now();
    for (const [i, perSecond] of [120, 45].entries()) {
      const exporter = await FakeExporter.start();
      exporters.push(exporter);
      let times = 0;
      exporter.does((request, response) => {
        const seconds = 1_000 + (Date.now() - beganMs) / 1_000;
        const isPrometheus = request.headers["user-agent"]?.startsWith("Prometheus") ?? false;
        const buckets = [0.3, 0.8, 1].map((share) => share * perSecond * seconds);
        const lines = [
          `r_total{code="200"} ${perSecond * seconds}`,
          `r_total{code="503"} ${3 * seconds}`,
          ...['"0.1"', '"0.5"', '"+Inf"'].map((le, k) => `d_bucket{le=${le}} ${buckets[k]}`),
          `g{instance="own"} ${i + 1}`,
          ...(isThere ? ["gone 5"] : []),
        ];
        response.writeHead(200, { "content-type": "application/openmetrics-text; version=1.0.0" }).end(`${lines.join("\n")}\n# EOF\n`);
        if (i === 0 && isPrometheus && ++times > 1) onAsked?.();
      });
    }
    variants = createServer((request, response) => {
      const [, text, format] = EXPOSITIONS[Number(request.url?.slice(1))] ?? ["", "", "text"];
      response.writeHead(200, { "content-type": format === "text" ? "text/plain; version=0.0.4" : "application/openmetrics-text; version=1.0.0" }).end(text);
    });
    await new Promise<void>((done) => variants.listen(0, "127.0.0.1", done));
    variantsPort = (variants.address() as AddressInfo).port;
    const scrapeConfigs = [
      {
        job_name: "app",
        scrape_interval: "1s",
        scrape_timeout: "1s",
        static_configs: [{ targets: [...exporters.map(({ instance }) => instance), "127.0.0.1:1"] }],
      },
      ...EXPOSITIONS.map((_, i) => ({
        job_name: `v${i}`,
        scrape_interval: "2s",
        scrape_timeout: "2s",
        metrics_path: `/${i}`,
        static_configs: [{ targets: [`127.0.0.1:${variantsPort}`] }],
      })),
    ];
    prometheus = await startPrometheus("# TYPE a gauge\na 1 1795132800\n# EOF\n", { scrapeConfigs: JSON.stringify(scrapeConfigs) });
  }, 60_000);
  afterAll(async () => {
    await prometheus?.stop();
    for (const exporter of exporters) await exporter.close();
    variants?.closeAllConnections();
    await new Promise((done) => variants?.close(done));
  });

  test("says the same of them, within 3 %", async () => {
    const scrape = new ScrapeSource(
      {
        job: "app",
        targets: [...exporters.map(({ url }) => url), new URL("http://127.0.0.1:1/metrics")],
        credentials: { headers: {} },
        deadlineMs: 500,
        budgetMs: 900,
        seriesMax: 1_000,
      },
      { wallMs: Date.now, steadyMs: Date.now },
    );
    const exact = [
      "sum(g)",
      `sum(g{instance="${exporters[0]?.instance}"})`,
      "count(g{exported_instance='own'})",
      "avg(up)",
      "count(up{job='app'})",
      "sum(gone)",
    ];
    const near = [
      "sum(rate(r_total[8s]))",
      'sum(increase(r_total{code!~"5.."}[5s]))',
      "max(rate(r_total[8s]))",
      'sum(rate(r_total{code=~"5.."}[8s])) / sum(rate(r_total[8s]))',
      "histogram_quantile(0.7, sum by (le) (rate(d_bucket[8s])))",
      "histogram_quantile(0.99, sum by (le) (d_bucket))",
    ];
    const ask = async () =>
      await scrape.read(
        [...exact, ...near].map((query, i) => ({ workload: "shop/web", metric: `m${i}`, query })),
        new AbortController().signal,
      );
    const seen: string[] = [];
    for (let second = 0; second < 13; second++) {
      // When Prometheus looks, we look.
      await new Promise<void>((resolve) => {
        onAsked = resolve;
      });
      const askedMs = Date.now();
      const readings = await ask();
      const newest = `timestamp(g{job="app",instance="${exporters[0]?.instance}"})`;
      while (((await askPrometheus(prometheus, newest, Date.now())) ?? 0) * 1_000 < askedMs - 500);
      const atMs = Date.now();
      for (const [i, query] of [...exact, ...near].entries()) {
        // Both need windows that are full.
        if (second < 10 && query !== "sum(gone)") continue;
        // Where one target is not there, all else is partial; which targets are there is known.
        const { status, value, partial } = readings[i] as (typeof readings)[number];
        const theirs = await askPrometheus(prometheus, query.includes("up") ? query.replace(/up(?=\))/, "up{job='app'}") : query, atMs);
        if (query === "sum(gone)") {
          seen.push(`${status} ${theirs === undefined ? "absent" : "value"}`);
          continue;
        }
        expect({ query, status, partial, theirs }).toMatchObject({ status: "value", partial: !query.includes("up"), theirs: expect.any(Number) });
        const tolerance = exact.includes(query) ? 1e-9 : 0.03;
        expect(Math.abs(value / (theirs as number) - 1), `${query}: ${value} and ${theirs}`).toBeLessThanOrEqual(tolerance);
      }
      // From the next scrape on no value, not the last one.
      isThere = second < 5;
    }
    await scrape.close();
    expect(new Set(seen)).toEqual(new Set(["value value", "absent absent"]));
  });

  test.for(EXPOSITIONS.map(([what, , , isTaken, isOurs], i) => [what, isTaken ? 1 : 0, isOurs ? 1 : 0, i] as const))(
    "%s: taken by Prometheus %i, by us %i",
    async ([, isTaken, isOurs, i]) => {
      const url = new URL(`http://127.0.0.1:${variantsPort}/${i}`);
      const scrape = new ScrapeSource(
        { job: "app", targets: [url], credentials: { headers: {} }, deadlineMs: 5_000, budgetMs: 9_000, seriesMax: 100 },
        { wallMs: Date.now, steadyMs: Date.now },
      );
      const queries = ["sum(up)", "sum(q)", "sum(q_total)"].map((query) => ({ workload: "shop/web", metric: "up", query }));
      const [reading] = await scrape.read(queries, new AbortController().signal);
      await scrape.close();
      let theirs: number | undefined;
      while (theirs === undefined) theirs = await askPrometheus(prometheus, `up{job="v${i}"}`, Date.now());
      expect([theirs, reading?.value]).toEqual([isTaken, isOurs]);
    },
  );
});
