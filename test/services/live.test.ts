import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prometheusOrSkip, type RunningPrometheus, startPrometheus } from "./prometheus.ts";

// The whole loop, faster than in life: real processes that serve HTTP, a real Prometheus that scrapes them, real load through their
// published endpoints, and `vernier run` between. Prometheus goes away in the middle.

const hasPrometheus = prometheusOrSkip();
const CLI = resolve("dist/cli/main.cjs");
const WORKER = resolve("test/support/worker.mjs");
/** One unit serves 50 a second at 100 %. */
const [LOW, HIGH] = [20, 130];
const OBJECTIVE_MS = 250;

let folder: string;
let prometheus: RunningPrometheus;
let child: ChildProcess;
let out = "";

const policy = (url: string): string => `version: 1
sources: {prom: {type: prometheus, url: "${url}"}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    interval: 1s
    bounds: {min: 2, max: 8}
    unit: {serves: {rate: 50/s}, startup: 2s}
    target:
      type: process
      command: ["${process.execPath}", "${WORKER}", "{port}"]
      ports: 23100-23199
      ready: {http: /healthz, within: 10s}
      drain: {signal: SIGTERM, within: 2s}
      onExit: stop
      endpoints: {file: endpoints.json, hook: ["${process.execPath}", sd.mjs, "{file}"]}
    metrics:
      requests: {measures: rate, window: 5s, lag: 1s, scrape: 1s, source: prom, query: "sum(rate(http_requests_total[5s]))"}
      p95: {measures: latency, window: 5s, lag: 1s, scrape: 1s, source: prom, query: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5s])))"}
    strategies: [{type: targetTracking, metric: requests, target: 30/s}]
    objectives: [{threshold: {metric: p95, value: ${OBJECTIVE_MS}ms}}]
    # A day's windows in a minute.
    guards:
      down: {window: 6s, limits: [{percent: 25%, per: 2s}, {units: 1, per: 2s}]}
      blastRadius: {share: 50%, window: 10s}
      cliff: {hold: 5s, holdAtZero: 5s, holdWithErrors: 5s}
      staleAfter: 5s
`;

/** What Prometheus reads as its targets, from what the actuator publishes. */
const SD = `import { readFileSync, renameSync, writeFileSync } from "node:fs";
const { endpoints } = JSON.parse(readFileSync(process.argv[2], "utf8"));
writeFileSync("sd.json.new", JSON.stringify([{ targets: endpoints.map(({ host, port }) => host + ":" + port) }]));
renameSync("sd.json.new", "sd.json");
`;

const endpoints = (): { host: string; port: number }[] => {
  const file = join(folder, "endpoints.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { endpoints: { host: string; port: number }[] }).endpoints : [];
};
const vernier = (...args: string[]): string => {
  const { stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: "utf8", timeout: 60_000 });
  return stdout + stderr;
};

/** Sends requests at their time, whatever comes of the others, to one endpoint after the other. Latency counts from when they were due. */
class Load {
  rate = LOW;
  readonly latencies: number[] = [];
  failed = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1_000 });
  #next = performance.now();
  #turn = 0;
  readonly #timer = setInterval(() => this.#send(), 5);

  #send(): void {
    const all = endpoints();
    for (; this.#next <= performance.now(); this.#next += 1_000 / this.rate) {
      const due = this.#next;
      const to = all[this.#turn++ % Math.max(1, all.length)];
      if (to === undefined) continue;
      get({ ...to, path: "/", agent: this.#agent, timeout: 5_000 }, (response) => {
        response.resume();
        response.on("end", () => this.latencies.push(performance.now() - due));
      }).on("error", () => this.failed++);
    }
  }

  end(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }
}

async function until(what: string, isDone: () => boolean, seconds = 60): Promise<void> {
  const endMs = performance.now() + seconds * 1_000;
  while (!isDone() && performance.now() < endMs) await new Promise((go) => setTimeout(go, 50));
  if (!isDone()) throw new Error(`${what}: waited in vain; ${endpoints().length} endpoints; ${out.slice(-3_000)}`);
}

describe.skipIf(!hasPrometheus)("real processes, real metrics, real load", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "vernier-live-"));
    const sd = join(folder, "sd.json");
    writeFileSync(sd, "[]");
    prometheus = await startPrometheus("# EOF\n", {
      scrapeConfigs: `[{job_name: web, scrape_interval: 1s, scrape_timeout: 900ms, file_sd_configs: [{files: ["${sd}"], refresh_interval: 1s}]}]`,
    });
    writeFileSync(join(folder, "sd.mjs"), SD);
    writeFileSync(join(folder, "vernier.yaml"), policy(prometheus.url));
    child = spawn(process.execPath, [CLI, "run", "--listen", "0"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        out += chunk;
      });
  }, 60_000);
  afterAll(async () => {
    if (child?.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "close");
    }
    await prometheus?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test("capacity follows load both ways, holds while nothing can be seen, and every step is explained", { timeout: 300_000 }, async () => {
    await until("the least there may be", () => endpoints().length >= 2);
    const load = new Load();
    try {
      await until("readings", () => out.includes("p95 can be read again"));
      const before = load.latencies.length;
      load.rate = HIGH;
      await until("growth", () => endpoints().length >= 5);
      await new Promise((go) => setTimeout(go, 4_000));
      const high = endpoints().length;
      await prometheus.restart(async () => {
        // Less load, and nobody to see it.
        load.rate = LOW;
        await until("the hold is said", () => out.includes("blind"));
        await new Promise((go) => setTimeout(go, 8_000));
        expect(endpoints().length).toBeGreaterThanOrEqual(high);
      });
      await until("sight again", () => /normal:/.test(out));
      await until("fewer units", () => endpoints().length <= 3, 90);
      const served = load.latencies.slice(before).toSorted((a, b) => a - b);
      const p95 = served[Math.floor(0.95 * served.length)] as number;
      const late = served.filter((ms) => ms > OBJECTIVE_MS).length;
      process.stdout.write(
        `live: ${served.length} requests, ${load.failed} failed, p95 ${Math.round(p95)} ms, ${((100 * late) / served.length).toFixed(1)} % over ${OBJECTIVE_MS} ms; ${high} units at the most\n`,
      );
      // Units go by draining: hardly a request is lost on the way.
      expect(load.failed).toBeLessThan(0.02 * served.length);
    } finally {
      load.end();
    }
    child.kill("SIGTERM");
    await once(child, "close");
    const entries = vernier("ledger", "tail", "--json", "--count", "10000")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { body: { kind: string; reasons?: unknown[]; outcome?: string } }).body);
    const decisions = entries.filter(({ kind }) => kind === "decision");
    expect(decisions.length).toBeGreaterThan(3);
    expect(decisions.every(({ reasons }) => (reasons ?? []).length > 0)).toBe(true);
    expect(entries.filter(({ kind, outcome }) => kind === "outcome" && outcome !== "applied")).toEqual([]);
    expect(vernier("ledger", "replay")).toContain("as recorded, byte for byte");
    expect(vernier("ledger", "verify")).toContain("whole");
    // Nothing is left behind.
    const left = readdirSync("/proc").filter((pid) => {
      if (!/^\d+$/.test(pid) || !existsSync(`/proc/${pid}/cmdline`)) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(WORKER) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
      } catch {
        return false;
      }
    });
    expect(left).toEqual([]);
  });
});
