import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { MemoryActuator } from "../src/actuators/memory/memory-actuator.ts";
import { SystemClock } from "../src/control/clock.ts";
import { Controller } from "../src/control/controller.ts";
import { WorkloadReadings } from "../src/control/workload-readings.ts";
import { VernierEngine } from "../src/engine/engine.ts";
import { CheckpointKey } from "../src/ledger/checkpoint.ts";
import { SqliteStore } from "../src/ledger/sqlite/sqlite-store.ts";
import { Breaker } from "../src/lib/breaker.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { BatchedSource } from "../src/sources/batched.ts";
import { PrometheusSource } from "../src/sources/prometheus/prometheus-source.ts";

// As `vernier run` does.
setFlagsFromString("--heap-growing-percent=40");

// The live loop with 10,000 workloads (or as many as told) at a tick of 2 s: everything recorded and acted on in memory, readings
// made up on the spot, or read from a Prometheus-compatible server in a process of its own by one query for all (grouped) or one for
// each (individual). Prints JSON. Run: npx tsx bench/live.ts [workloads] [seconds] [made-up|grouped|individual]

const [count = 10_000, seconds = 24] = process.argv.slice(2, 4).map(Number);
const how = process.argv[4] ?? "made-up";
const policy = `version: 1
workloads:
  a/b:
    kind: stateless
    interval: 2s
    bounds: {min: 2, max: 200}
    unit: {startup: 2s}
    metrics: {cpu: {measures: utilisation, window: 2s, lag: 0s, scrape: 1s}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;
const workload = parsePolicy(policy, "bench").workloads[0];
if (workload === undefined) throw new Error("no workload");
const clock = new SystemClock();
const folder = mkdtempSync(join(tmpdir(), "vernier-bench-"));
const store = SqliteStore.open(folder, new Date().toISOString());
const beganMs = clock.engineMs();
const server = how === "made-up" ? undefined : spawn(process.execPath, ["--import", "tsx", "bench/prometheus-double.ts", String(count)]);
const port = server === undefined ? "" : String((await once(server.stdout, "data"))[0]).trim();
const asking = {
  limits: { deadlineMs: 10_000, bytesMax: 32 << 20 },
  breaker: new Breaker({ nowMs: () => clock.engineMs(), random: Math.random }),
  wallMs: () => clock.wallMs(),
};
const source =
  server === undefined
    ? undefined
    : new BatchedSource(new PrometheusSource({ url: new URL(`http://127.0.0.1:${port}`), credentials: { headers: {} }, asking }), () => clock.wallMs());
const from = (i: number) => (how === "grouped" ? { query: "avg by (app) (cpu)", select: { app: `w${i}` } } : { query: `avg(cpu{app="w${i}"})` });
const workloads = Array.from({ length: count }, (_, i) => {
  const one = { ...workload.resolved, id: `a/w${i}` };
  const actuator = new MemoryActuator(10);
  const reading = { metric: "cpu", status: "value" as const, value: 0.7, sampledAtMs: 0, windowMs: 2_000, partial: false };
  const read = async () => {
    const atMs = clock.engineMs();
    reading.sampledAtMs = atMs;
    // Slow waves, each workload at another place on it.
    reading.value = 0.6 + 0.3 * Math.sin(i + (atMs - beganMs) / 40_000);
    return [reading];
  };
  const engine = new VernierEngine(one, { policyHash: "bench" });
  const readings =
    source === undefined
      ? { read }
      : new WorkloadReadings(
          one.id,
          engine.metrics.map((metric) => ({ metric, from: { source, ...from(i) } })),
          clock,
        );
  return { id: one.id, mode: "live" as const, engine, policy: one, actuator, readings };
});
const took: number[] = [];
const controller = new Controller(
  workloads,
  { clock, store, key: new CheckpointKey(), newId: randomUUID, isStopped: () => false, keepCheckpoint: () => {} },
  { onTick: (ms) => took.push(ms) },
);
await controller.start({});
const stop = new AbortController();
const cpuBefore = process.cpuUsage();
const wallBefore = performance.now();
setTimeout(() => stop.abort(), seconds * 1_000);
await controller.run(stop.signal);
const wallMs = performance.now() - wallBefore;
const { user, system } = process.cpuUsage(cpuBefore);
const blind = controller.views().filter(({ posture }) => posture !== "normal").length;
await controller.stop("bench");
server?.kill();
const { seq } = await store.head(0);
await store.close();
const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
rmSync(folder, { recursive: true });
took.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    workloads: count,
    readings: how,
    blind,
    ticks: took.length,
    medianTickMs: took[took.length >> 1],
    p99TickMs: took[Math.ceil(0.99 * took.length) - 1],
    longestTickMs: took.at(-1),
    cores: Number(((user + system) / 1_000 / wallMs).toFixed(2)),
    rssMB: Math.round(process.memoryUsage().rss / 1e6),
    entries: seq,
    diskMB: Math.round(bytes / 1e6),
    diskKBPerSecond: Math.round(bytes / 1e3 / (wallMs / 1_000)),
  }),
);
