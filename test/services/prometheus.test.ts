import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, outcomeOf } from "../support/outcome.ts";
import { prometheusOrSkip, type RunningPrometheus, startPrometheus } from "./prometheus.ts";

const MAIN = resolve("dist/cli/main.cjs");
const BEGIN = Date.UTC(2026, 10, 20) / 1_000;
const SCRAPE = 15;
const DAY = 86_400;
/** Two pods, one of them restarted at noon so that its counter begins again; nothing was scraped from 10:00 to 10:30. */
const rate = (at: number): number => 100 + Math.round(80 * Math.sin(((at - BEGIN) / DAY) * 2 * Math.PI));
const isScraped = (at: number): boolean => at < BEGIN + 36_000 || at >= BEGIN + 37_800;
const busy = (at: number): number => (at >= BEGIN + 43_200 && at < BEGIN + 46_800 ? 0.97 : 0.5);

function dayOfHistory(): string {
  const lines: string[] = [];
  const times = Array.from({ length: DAY / SCRAPE + 1 }, (_, i) => BEGIN + i * SCRAPE);
  lines.push("# TYPE http_requests counter");
  for (const pod of ["a", "b"]) {
    let total = 0;
    for (const at of times) {
      if (pod === "b" && at === BEGIN + DAY / 2) total = 0;
      if (isScraped(at)) lines.push(`http_requests_total{pod="${pod}"} ${total} ${at}`);
      total += SCRAPE * rate(at);
    }
  }
  lines.push("# TYPE cpu_busy_ratio gauge");
  for (const at of times) if (isScraped(at)) lines.push(`cpu_busy_ratio ${at % 21_600 === 0 ? "NaN" : busy(at)} ${at}`);
  lines.push("# TYPE units_ready gauge");
  for (const at of times) if (isScraped(at)) lines.push(`units_ready ${at < BEGIN + 50_000 ? 10 : 14} ${at}`);
  return `${lines.join("\n")}\n# EOF\n`;
}

describe.skipIf(!prometheusOrSkip())("a real Prometheus with a day of history", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "vernier-history-"));
  let prometheus: RunningPrometheus;
  beforeAll(async () => {
    prometheus = await startPrometheus(dayOfHistory());
  }, 60_000);
  afterAll(async () => {
    await prometheus?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function vernier(args: readonly string[], killWhen?: () => boolean): Promise<Outcome> {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache") } });
    const watch = setInterval(() => killWhen?.() && child.kill("SIGKILL"), 2);
    const outcome = await outcomeOf(child);
    clearInterval(watch);
    return outcome;
  }
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const rows = (name: string): [string, number][] =>
    read(name)
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => [line.split(",")[0] as string, line.split(",")[1] === "" ? Number.NaN : Number(line.split(",")[1])]);
  const RANGE = ["--from", "2026-11-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"];
  const load = (): string[] => ["fetch", "prometheus", "--url", prometheus.url, "--query", "sum(rate(http_requests_total[1m]))"];

  test("gives back the load that was written, bin by bin, with its hole", async () => {
    const { code, out, err } = await vernier([...load(), ...RANGE, "--step", "1m", "--out", "day.csv"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("1440 bins of 1m");
    const bins = rows("day.csv");
    expect(bins).toHaveLength(1_440);
    for (const [i, [time, value]] of bins.entries()) {
      const from = BEGIN + i * 60;
      expect(time).toBe(new Date(from * 1_000).toISOString().replace(".000Z", "Z"));
      // Within a minute the rate hardly moves; at the edges of the hole, and where a counter began again, less was seen.
      if (from >= BEGIN + 36_060 && from < BEGIN + 37_740) expect(value, time).toBe(Number.NaN);
      else if (isScraped(from - 60) && isScraped(from + 60) && from >= BEGIN + 60 && Math.abs(from - BEGIN - DAY / 2) > 60)
        expect(Math.abs(value - 2 * rate(from)), time).toBeLessThan(4);
    }
    expect(JSON.parse(read("day.csv.meta.json")).provenance).toMatchObject({
      url: prometheus.url,
      prometheusVersion: expect.stringMatching(/^\d+\.\d+/),
      warnings: [],
    });
  });

  /** A second's step and three columns: long enough to be killed in the middle. */
  const seconds = (): string[] => [...load(), ...RANGE, "--step", "1s", "--column", "busy=cpu_busy_ratio", "--column", "ready_units=units_ready"];

  test("a second's step takes eight chunks a query, each accepted, and the limit is where it was thought to be", async () => {
    const { code, out } = await vernier([...seconds(), "--out", "seconds.csv", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ begins: "2026-11-20T00:00:14Z", bins: 86_386, requests: 1 + 3 * 8, missingBins: expect.any(Number) });
    const ask = (points: number) => fetch(`${prometheus.url}/api/v1/query_range?query=vector(1)&start=${BEGIN}&end=${BEGIN + points - 1}&step=1`);
    expect((await ask(11_001)).status).toBe(200);
    expect((await ask(11_002)).status).toBe(400);
  });

  test("makes a load of utilisation and ready units, the censored part marked", async () => {
    const args = ["fetch", "prometheus", "--url", prometheus.url, "--query", "cpu_busy_ratio", "--ready-query", "units_ready", ...RANGE, "--step", "15s"];
    const { code, out } = await vernier([...args, "--out", "busy.csv", "--json"]);
    expect(code).toBe(0);
    // An hour at 97 %, but its first sample is one of the NaN.
    expect(JSON.parse(out)).toMatchObject({ semantics: "utilisation", censoredBins: expect.any(Number) });
    expect(JSON.parse(out).censoredBins).toBe(239);
    expect(JSON.parse(out).missingBins).toBeGreaterThan(80); // 25 minutes after the last sample was too old, and NaN
    writeFileSync(join(folder, "vernier.yaml"), readFileSync("examples/small-steps/vernier.yaml"));
    const run = await vernier(["simulate", "--trace", "busy.csv", "--json"]);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.out).trace.censoredBins).toBe(239);
  });

  test("goes on after it was killed, and while the server comes back, with the same bytes", async () => {
    const args = [...seconds(), "--out", "again.csv"];
    const partial = join(folder, "again.csv.partial");
    // Two lines are a head and a whole chunk; what is cut in the middle of one is not kept.
    const isUnderWay = (): boolean => existsSync(partial) && statSync(partial).size > 100_000 && readFileSync(partial, "utf8").split("\n").length > 3;
    const { code } = await vernier(args, isUnderWay);
    expect(code).toBe(null);
    expect(existsSync(join(folder, "again.csv"))).toBe(false);
    const kept = statSync(partial).size;
    await prometheus.restart(async () => {
      const down = await vernier(args);
      expect(down).toMatchObject({ code: 3, err: expect.stringMatching(/what was read is kept[\s\S]*connection refused/) });
      expect(statSync(partial).size).toBeGreaterThan(kept / 2);
    });
    const last = await vernier([...args, "--json"]);
    expect(last.code).toBe(0);
    expect(JSON.parse(last.out).resumedBins).toBeGreaterThan(0);
    expect(JSON.parse(last.out).requests).toBeLessThan(1 + 3 * 8);
    expect(read("again.csv")).toBe(read("seconds.csv"));
    expect(existsSync(partial)).toBe(false);
  });

  test.for([
    ["http_requests_total", 1, 'pod="b"'],
    ["nothing_of_the_kind", 1, "is the metric's name right"],
    ["sum(rate(", 2, "parse error"],
    ["sum(rate(http_requests_total[$__rate_interval]))", 2, "variable of Grafana"],
    ["cpu_busy_ratio - 0.7", 1, "a load and a number of units are 0 or more"],
  ] as const)("says what is wrong with %s", async ([query, code, said]) => {
    const outcome = await vernier(["fetch", "prometheus", "--url", prometheus.url, "--query", query, ...RANGE, "--out", "wrong.csv"]);
    expect(outcome).toMatchObject({ code, out: "", err: expect.stringContaining(said) });
    expect(existsSync(join(folder, "wrong.csv"))).toBe(false);
  });

  const hasOpenssl = process.env["VERNIER_REQUIRE_SERVICES"] === "1" || spawnSync("openssl", ["version"]).status === 0;
  if (!hasOpenssl) process.stderr.write("no openssl found: TLS to a real Prometheus was not tested\n");
  test.skipIf(!hasOpenssl)("lets in whom it knows, over TLS with its own authority", async () => {
    const password = "let-me-in-4711";
    const made = spawnSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=loopback -keyout server.key -out server.pem".split(" "),
        ..."-addext subjectAltName=IP:127.0.0.1".split(" "),
      ],
      { cwd: folder, encoding: "utf8" },
    );
    expect(made, made.stderr).toMatchObject({ status: 0 });
    writeFileSync(join(folder, "password"), `${password}\n`);
    writeFileSync(join(folder, "other"), "let-me-in-4712\n");
    const guarded = await startPrometheus(`# TYPE a gauge\n${[0, 60, 120, 180].map((s) => `a ${s} ${BEGIN + s}`).join("\n")}\n# EOF\n`, {
      guard: {
        authorization: `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`,
        webConfig: [
          `tls_server_config: {cert_file: ${join(folder, "server.pem")}, key_file: ${join(folder, "server.key")}}`,
          // bcrypt of the password, at the least cost.
          "basic_auth_users: {ann: $2b$05$3jMLtkQqCOH1MLPSL2148eI4vhkPjCPDIDfDxxTJVSDNoVgJTotfi}",
        ].join("\n"),
      },
    });
    try {
      const range = ["--from", "2026-11-20T00:00:00Z", "--to", "2026-11-20T00:03:00Z", "--step", "1m", "--out", "guarded.csv"];
      const args = ["fetch", "prometheus", "--url", guarded.url, "--query", "a", ...range];
      expect(await vernier(args)).toMatchObject({ code: 3, err: expect.stringContaining("--ca") });
      expect(await vernier([...args, "--ca", "server.pem"])).toMatchObject({ code: 3, err: expect.stringContaining("answered 401") });
      const wrong = await vernier([...args, "--ca", "server.pem", "--basic-user", "ann", "--password-file", "other"]);
      expect(wrong).toMatchObject({ code: 3, err: expect.stringContaining("answered 401") });
      expect(await vernier([...args, "--ca", "server.pem", "--basic-user", "ann", "--password-file", "password"])).toMatchObject({ code: 0, err: "" });
      expect(rows("guarded.csv").map(([, value]) => value)).toEqual([60, 120, 180]);
    } finally {
      await guarded.stop();
    }
  });

  test("run follows it, holds while it is gone, and goes on when it is back", async () => {
    writeFileSync(join(folder, "units"), "4\n");
    // One series, of the time of the query; a unit of capacity makes it less busy.
    writeFileSync(
      join(folder, "live.yaml"),
      `version: 1
sources: {prom: {type: prometheus, url: "${prometheus.url}"}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    interval: 1s
    bounds: {min: 2, max: 5}
    unit: {startup: 1s}
    target: {type: file, path: units}
    metrics: {cpu: {measures: utilisation, window: 1s, lag: 0s, scrape: 1s, source: prom, query: vector(0.95)}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`,
    );
    const child = spawn(process.execPath, [MAIN, "run", "live.yaml", "--data", "live"], { cwd: folder });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    const until = async (is: () => boolean): Promise<void> => {
      for (let i = 0; i < 600 && !is(); i++) await new Promise((go) => setTimeout(go, 50));
      if (!is()) throw new Error(`waited in vain; it said ${out}`);
    };
    await until(() => out.includes("5 units applied"));
    await prometheus.restart(async () => {
      await until(() => /cpu cannot be read: .*refused[\s\S]*shop\/web blind/.test(out));
      writeFileSync(join(folder, "units"), "3\n");
      await new Promise((go) => setTimeout(go, 2_500));
      expect(read("units")).toBe("3\n");
    });
    await until(() => read("units") === "5\n");
    expect(out).toContain("cpu can be read again");
    child.kill("SIGTERM");
    await outcomeOf(child);
    for (const command of ["verify", "replay"]) expect(await vernier(["ledger", command, "--data", "live"])).toMatchObject({ code: 0 });
  });

  test("simulate and compare run on it", async () => {
    const history = ["--prometheus", prometheus.url, "--query", "sum(rate(http_requests_total[1m]))", ...RANGE, "--step", "1m", "--peak-units", "30"];
    const run = await vernier(["simulate", ...history, "--json"]);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ trace: { semantics: "rate", bins: 1_440 }, score: { scoredHours: expect.any(Number) } });
    const compared = await vernier(["compare", ...history, "--engine", "static-peak", "--json"]);
    expect(compared).toMatchObject({ code: 0, err: expect.stringContaining("read before") });
  });
});
