import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import type { FleetAnswer, FleetRow, WorkloadState } from "../src/api/contract.ts";
import { ApiServer, type ApiSubject } from "../src/api/server.ts";
import { encodeObservations } from "../src/control/observations.ts";
import { pastOf } from "../src/control/past.ts";
import { SqliteStore } from "../src/ledger/sqlite/sqlite-store.ts";

// The page with a thousand workloads that all change every second, and a day of one of them; the day read from a store in which all
// thousand were recorded every fifteen seconds. Needs Chromium (CHROMIUM says where) and a build. Run: tsx bench/page.ts [workloads]

const count = Number(process.argv[2] ?? 1_000);
const DAY_MS = 86_400_000;
const WATCHED_MS = 15_000;
const ids = Array.from({ length: count }, (_, i) => `shop/service-${i}`);
const startedMs = Date.now();
const nowMs = (): number => Date.now();

function rowOf(workload: string, i: number): FleetRow {
  const turn = Math.floor(nowMs() / 1_000) + i;
  const ready = 4 + (turn % 40);
  return {
    ...{ workload, mode: "live", posture: "normal", seenMs: nowMs(), isLate: false, requested: ready, ready, wanted: ready + (turn % 3) },
    ...{ bounds: { min: 2, max: 50 }, ceiling: 0.8, utilisation: 0.4 + (turn % 50) / 100, costPerHour: ready * 0.096, currency: "USD" },
    objective: {
      ...{ name: "p95", kind: "threshold", metric: "p95", op: "lte", limit: 0.3, state: turn % 97 === 0 ? "at_risk" : "met", isKept: true },
      ...{ good: 0.9997, minimum: 0.99, budgetUsed: (turn % 100) / 500, burn: 0.3, windowMs: 30 * DAY_MS, judgedMs: DAY_MS },
    },
    reason: `cpu: a load of ${(ready * 0.7).toFixed(2)} over a target of 0.7 for one unit`,
    attention: turn % 97 === 0 ? [{ level: "soon", text: "p95 is at risk: 80 % of its error budget is used up" }] : [],
  };
}

const observation = {
  capacity: { readable: true, requested: 12, ready: 12, starting: 0, draining: 0 },
  readings: ["cpu", "requests", "p95"].map((metric, i) => ({
    ...{ metric, status: "value" as const, value: [0.7123, 1234.5, 0.1234][i] as number, sampledAtMs: nowMs(), windowMs: 60_000, partial: false },
  })),
};
const folder = mkdtempSync(join(tmpdir(), "vernier-bench-page-"));
const store = SqliteStore.open(folder, new Date().toISOString());
const bytes = encodeObservations(ids.map((workload) => ({ workload, observation })));
let head = await store.head(0);
const ticks = DAY_MS / 15_000;
for (let i = 0; i < ticks; i++) {
  await store.commit(head, { entries: [], observations: { atMs: startedMs - DAY_MS + i * 15_000, bytes } });
  head = await store.head(0);
}

const fleet = (): FleetAnswer => {
  const workloads = ids.map(rowOf);
  return {
    ...{ schemaVersion: 1, nowMs: nowMs(), isStopped: false, hasDemo: false, workloads },
    totals: {
      requested: 20_000,
      ready: 20_000,
      costs: [{ currency: "USD", perHour: 1_920 }],
      objectives: { met: 990, at_risk: 10, missed: 0, unknown: 0 },
      urgent: 0,
    },
  };
};
const state = (workload: string): WorkloadState => {
  const row = rowOf(workload, 0);
  return {
    ...row,
    ...{ policyHash: "h", intervalMs: 15_000, tickMs: nowMs(), unreadable: null, effect: "none", decision: null, openIntents: 0, orders: {} },
    about: {
      bounds: row.bounds,
      ceiling: 0.8,
      price: { amountPerHour: 0.096, currency: "USD" },
      metrics: [
        { name: "cpu", measures: "utilisation", scope: "unit" },
        { name: "requests", measures: "rate", scope: "total" },
        { name: "p95", measures: "latency", scope: "unit" },
      ],
    },
    capacity: { requested: row.requested ?? 0, ready: row.ready ?? 0, starting: 0, draining: 0 },
    readings: [{ metric: "p95", status: "value", value: 0.12 }],
    objectives: row.objective === null ? [] : [row.objective],
    desired: row.wanted,
    reasons: [{ stage: "recommend", code: "target_tracking", from: 4, to: 5, operands: { metric: "cpu" }, text: row.reason ?? "" }],
  };
};
const notHere = (): never => {
  throw new Error("not part of this benchmark");
};
const subject: ApiSubject = {
  ...{ nowMs, fleet, has: () => true, isHealthy: () => true, command: async () => true, endpoints: () => undefined, history: async () => [] },
  state: notHere,
  workload: (id) => ({ schemaVersion: 1, nowMs: nowMs(), isStopped: false, state: state(id) }),
  health: notHere,
  entries: async () => [],
  tail: async () => [],
  exported: notHere,
  verify: notHere,
  counterfactual: notHere,
  series: async (workload, fromMs, toMs, points) => {
    const timesMs: number[] = [];
    const ready: number[] = [];
    for await (const { atMs } of pastOf(store, workload, { fromMs, toMs, buckets: points })) {
      timesMs.push(atMs);
      ready.push(10 + Math.round(5 * Math.sin(atMs / 3_600_000)));
    }
    const like = (factor: number): number[] => ready.map((units) => units * factor);
    return { timesMs, requested: ready, ready, utilisation: like(0.05), metrics: { cpu: like(0.05), requests: like(120), p95: like(0.01) } };
  },
};
const server = new ApiServer(subject, { token: "t", version: "0" });
const address = await server.listen(0);
const tick = setInterval(() => server.send({ event: "tick", data: { atMs: nowMs() } }), 1_000);

const profile = mkdtempSync(join(tmpdir(), "vernier-bench-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
  viewport: { width: 1440, height: 900 },
});
const page = await context.newPage();
const devtools = await context.newCDPSession(page);
await devtools.send("Performance.enable");
const metric = async (name: string): Promise<number> => {
  await devtools.send("HeapProfiler.collectGarbage");
  return (await devtools.send("Performance.getMetrics")).metrics.find((one) => one.name === name)?.value ?? Number.NaN;
};
const watch = `new Promise((resolve) => {
  const tasks = []; const frames = []; let last = performance.now();
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) tasks.push(duration); }).observe({ type: "longtask" });
  const until = last + ${WATCHED_MS};
  const frame = (now) => { frames.push(now - last); last = now; now < until ? requestAnimationFrame(frame) : resolve({ tasks, frames: frames.sort((a, b) => a - b) }); };
  requestAnimationFrame(frame);
})`;
const smooth = async (): Promise<string> => {
  const { tasks, frames } = (await page.evaluate(watch)) as { tasks: number[]; frames: number[] };
  return `${frames.length} frames, 99 % within ${(frames[Math.floor(frames.length * 0.99)] ?? 0).toFixed(0)} ms; ${tasks.length} tasks over 50 ms, the longest ${Math.max(0, ...tasks).toFixed(0)} ms`;
};
const size = (name: string): number => gzipSync(readFileSync(join("dist/web", name)), { level: 9 }).length;
try {
  console.log(`node ${process.version}, ${count} workloads, all of them other every second`);
  console.log(`script and style, gzipped: ${((size("app.js") + size("app.css")) / 1_000).toFixed(1)} kB (bar 60)`);
  await page.goto(`${address}/#token=t`);
  await page.locator("table.fleet tbody tr").first().waitFor();
  const paint = (await page.evaluate(`performance.getEntriesByName("first-contentful-paint")[0]?.startTime`)) as number;
  console.log(`first paint after ${paint.toFixed(0)} ms (bar 1,000); the fleet's answer is ${(JSON.stringify(fleet()).length / 1e6).toFixed(2)} MB`);
  console.log(`fleet: ${await smooth()}`);
  console.log(`fleet: heap ${((await metric("JSHeapUsedSize")) / 1e6).toFixed(1)} MB, ${await metric("Nodes")} nodes`);
  for (let more = page.getByRole("button", { name: /^Show \d+ more/ }); (await more.count()) > 0; ) await more.click();
  console.log(`fleet, all rows: ${await smooth()}`);
  console.log(`fleet, all rows: heap ${((await metric("JSHeapUsedSize")) / 1e6).toFixed(1)} MB (bar 100), ${await metric("Nodes")} nodes`);
  const began = performance.now();
  await page.evaluate(`location.hash = "#/workload/shop/service-7"`);
  await page.locator(".spans input").nth(3).click();
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  await page.locator(".chart canvas").nth(3).waitFor();
  loop.disable();
  console.log(
    `a day of one workload drawn after ${(performance.now() - began).toFixed(0)} ms; meanwhile the longest pause of the controller's loop ${(loop.max / 1e6).toFixed(0)} ms`,
  );
  console.log(`workload: ${await smooth()}`);
  console.log(`workload: heap ${((await metric("JSHeapUsedSize")) / 1e6).toFixed(1)} MB (bar 100), ${await metric("Nodes")} nodes`);
} finally {
  clearInterval(tick);
  await context.close();
  await server.close();
  await store.close();
  rmSync(profile, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}
