import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createRng } from "../src/lib/rng.ts";
import { Arrivals } from "../src/load/arrivals.ts";
import { followEndpoints } from "../src/load/follow-endpoints.ts";
import { LoadPlayer } from "../src/load/player.ts";
import { durationOf, recordedShape } from "../src/load/shape.ts";
import { Tally } from "../src/load/tally.ts";
import { readTrace } from "../src/read-trace.ts";
import { startPrometheus } from "../test/services/prometheus.ts";

// The whole loop at the pace of life, with default guards: a real Prometheus, a real HTTP service on processes, the load of a match day by open
// loop. Prometheus is gone for five minutes in the middle. Prints what each minute was like, and whether what has to hold has held.
// Run: npm run build && npx tsx bench/acceptance.ts [minutes]

const minutes = Number(process.argv[2] ?? 45);
const OBJECTIVE_MS = 250;
const PEAK_RATE = 300;
/** The hours of the recording that are played: before the kick-off to after the end. */
const [FROM_H, TO_H] = [14, 22];
/** Units begin, connections are made. */
const WARM_UP_MINUTES = 2;
const BLIND_MINUTES = 5;
const MINUTE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "vernier-acceptance-"));
const at = (name: string): string => join(folder, name);
writeFileSync(at("sd.json"), "[]");
writeFileSync(
  at("sd.mjs"),
  `import { readFileSync, renameSync, writeFileSync } from "node:fs";
const { endpoints } = JSON.parse(readFileSync(process.argv[2], "utf8"));
writeFileSync("sd.json.new", JSON.stringify([{ targets: endpoints.map(({ host, port }) => host + ":" + port) }]));
renameSync("sd.json.new", "sd.json");
`,
);
const prometheus = await startPrometheus("# EOF\n", {
  scrapeConfigs: `[{job_name: web, scrape_interval: 5s, scrape_timeout: 2s, file_sd_configs: [{files: ["${at("sd.json")}"], refresh_interval: 5s}]}]`,
});
writeFileSync(
  at("vernier.yaml"),
  `version: 1
sources: {prom: {type: prometheus, url: "${prometheus.url}"}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 20}
    unit: {serves: {rate: 50/s}, startup: 2s, price: 0.1 USD/h}
    target:
      type: process
      command: ["${process.execPath}", "${resolve("test/support/worker.mjs")}", "{port}"]
      ports: 23300-23399
      ready: {http: /healthz, within: 10s}
      drain: {signal: SIGTERM, within: 5s}
      onExit: stop
      endpoints: {file: endpoints.json, hook: ["${process.execPath}", sd.mjs, "{file}"]}
    metrics:
      requests: {measures: rate, window: 20s, lag: 0s, scrape: 5s, source: prom, query: "sum(rate(http_requests_total[20s]))"}
      p95: {measures: latency, window: 1m, lag: 0s, scrape: 5s, source: prom, query: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))"}
    strategies: [{type: targetTracking, metric: requests, target: 30/s}]
    objectives: [{threshold: {metric: p95, value: ${OBJECTIVE_MS}ms}, minimum: 99%}]
`,
);
const vernier = (...args: string[]): string => {
  const { stdout, stderr } = spawnSync(process.execPath, [resolve("dist/cli/main.cjs"), ...args], { cwd: folder, encoding: "utf8" });
  return stdout + stderr;
};
let out = "";
const controller = spawn(process.execPath, [resolve("dist/cli/main.cjs"), "run", "--listen", "0"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
for (const stream of [controller.stdout, controller.stderr])
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
let targets: readonly string[] = [];
const followed = followEndpoints(at("endpoints.json"), "/", 500, (found) => {
  targets = found.map(({ url }) => url.href);
});
const failures: string[] = [];
const check = (what: string, holds: boolean): void => {
  console.log(`${holds ? "holds " : "FAILS "} ${what}`);
  if (!holds) failures.push(what);
};
try {
  while (targets.length < 2) await new Promise((go) => setTimeout(go, 200));
  const hour = 3_600_000;
  const speed = ((TO_H - FROM_H) * hour) / (minutes * MINUTE_MS);
  const shape = recordedShape(await readTrace("examples/world-cup/match-days.csv.gz"), {
    speed,
    peakRate: PEAK_RATE,
    fromMs: FROM_H * hour,
    toMs: TO_H * hour,
  });
  const ofMinute: { p95: number; rate: number; failed: number; units: number }[] = [];
  let minute = new Tally();
  let least = Number.POSITIVE_INFINITY;
  const player = new LoadPlayer({
    arrivals: new Arrivals(shape, { rng: createRng(7) }),
    durationMs: durationOf(shape),
    targets: () => targets,
    connections: 64,
    timeoutMs: 10_000,
    onSecond: (_, parts) => minute.add(parts),
  });
  const ticking = setInterval(() => {
    const { latency, sent, failed } = minute.report(0, MINUTE_MS, 0);
    minute = new Tally();
    ofMinute.push({ p95: latency?.p95 ?? Number.POSITIVE_INFINITY, rate: sent / 60, failed, units: targets.length });
    const last = ofMinute.at(-1) as (typeof ofMinute)[number];
    console.log(
      `minute ${String(ofMinute.length).padStart(2)}: ${last.rate.toFixed(0).padStart(3)}/s, ${String(last.units).padStart(2)} units, p95 ${last.p95.toFixed(0)} ms, ${last.failed} failed`,
    );
  }, MINUTE_MS);
  const blindAtMs = (minutes / 2) * MINUTE_MS;
  const blind = setTimeout(async () => {
    await prometheus.restart(async () => {
      const before = targets.length;
      console.log(`Prometheus is gone, with ${before} units`);
      least = before;
      const untilMs = performance.now() + BLIND_MINUTES * MINUTE_MS;
      for (; performance.now() < untilMs; await new Promise((go) => setTimeout(go, 500))) least = Math.min(least, targets.length);
      check(`nothing shrank in ${BLIND_MINUTES} minutes without metrics (${before} units, never fewer than ${least})`, least >= before);
      check("the hold was announced", /blind/.test(out));
      console.log("Prometheus comes back");
    });
  }, blindAtMs);
  await player.run(new AbortController().signal);
  clearInterval(ticking);
  clearTimeout(blind);
  const judged = ofMinute.slice(WARM_UP_MINUTES);
  const good = judged.filter(({ p95 }) => p95 <= OBJECTIVE_MS).length;
  check(`p95 within ${OBJECTIVE_MS} ms in ${good} of ${judged.length} minutes after warm-up (99 %)`, good >= 0.99 * judged.length);
  const counts = ofMinute.map(({ units }) => units);
  check(
    `capacity went up and down (${counts[0]} units, ${Math.max(...counts)} at the most, ${counts.at(-1)} at the end)`,
    Math.max(...counts) > 2 * (counts[0] ?? 0) && (counts.at(-1) ?? 0) < Math.max(...counts),
  );
  check("control resumed", /normal:/.test(out.slice(out.indexOf("blind"))));
  const failed = ofMinute.reduce((sum, one) => sum + one.failed, 0);
  console.log(`${failed} requests failed`);
} finally {
  followed.close();
  controller.kill("SIGTERM");
  await once(controller, "close");
  await prometheus.stop();
}
type Body = { kind: string; reasons?: unknown[]; outcome?: string };
vernier("ledger", "export", "--out", "ledger.ndjson");
const entries = readFileSync(at("ledger.ndjson"), "utf8")
  .trim()
  .split("\n")
  .flatMap((line) => (JSON.parse(line) as { body?: Body }).body ?? []);
const decisions = entries.filter(({ kind }) => kind === "decision");
check(`every one of ${decisions.length} steps is explained`, decisions.length > 0 && decisions.every(({ reasons }) => (reasons ?? []).length > 0));
check("the record replays byte for byte", vernier("ledger", "replay").includes("as recorded, byte for byte"));
check("the ledger is whole", vernier("ledger", "verify").includes("whole"));
rmSync(folder, { recursive: true, force: true });
process.exitCode = failures.length === 0 ? 0 : 1;
