import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type * as Vernier from "../src/index.ts";

// Speed and memory of what users run: the built package. Pairs are compared in one run; nothing here is a test.

const bundle = resolve("dist/index.js");
if (!existsSync(bundle)) throw new Error("run npm run build first");
const { parsePolicy, readTrace, runSimulation, VernierEngine } = (await import(bundle)) as typeof Vernier;
const folder = mkdtempSync(join(tmpdir(), "vernier-bench-"));

const POLICIES = {
  "target tracking": "{type: targetTracking, metric: cpu, target: 70%}",
  tiers: "{type: tiers, metric: cpu, up: [{at: 70%, add: 5%}, {at: 80%, add: 10%}, {at: 90%, add: 30%}], down: [{below: 60%, remove: 5%}]}",
};

function workloadOf(strategy: string): Vernier.PolicyWorkload {
  const text = `version: 1\nworkloads:\n  a/b:\n    kind: stateless\n    bounds: {min: 2, max: 200}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [${strategy}]\n`;
  const workload = parsePolicy(text, "bench").workloads[0];
  if (workload === undefined) throw new Error("no workload");
  return workload;
}

/** A day's wave with 5 % noise in bins of 15 s. */
function wave(steps: number): Vernier.Trace {
  const load = new Float64Array(steps);
  for (let i = 0, seed = 1; i < steps; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    load[i] = 50 + 40 * Math.sin((2 * Math.PI * i) / 5_760) + (seed / 0x7fffffff - 0.5) * 6;
  }
  return { name: "wave", semantics: "rate", binMs: 15_000, startMs: 0, load, columns: new Map(), masks: [], censoredBins: 0, guesses: [] };
}

function timeRun(strategy: string, trace: Vernier.Trace): number {
  const workload = workloadOf(strategy);
  let reasons = 0;
  const beganMs = performance.now();
  const engine = new VernierEngine(workload.resolved, { policyHash: workload.hash });
  runSimulation(workload.resolved, engine, trace, { peakUnits: 100 }, { onChange: (record) => (reasons += record().reasons.length) });
  const tookMs = performance.now() - beganMs;
  if (reasons === 0) throw new Error("no reasons");
  return tookMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function row(what: string, measured: string, bar: string): void {
  console.log(`${what.padEnd(66)} ${measured.padStart(22)}   bar ${bar}`);
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);

const month = wave(172_800);
for (const [name, strategy] of Object.entries(POLICIES)) {
  const first = timeRun(strategy, month);
  const second = timeRun(strategy, month);
  row(`30 days at 15 s, ${name}, scored: first run, second run`, `${first.toFixed(0)} ms, ${second.toFixed(0)} ms`, "50 ms, second run");
}
const long = wave(5_000_000);
for (const [name, strategy] of Object.entries(POLICIES)) {
  const ms = median([1, 2, 3].map(() => timeRun(strategy, long)));
  row(`engine, plant, pipeline, score, all guards, reasons on: ${name}`, `${(5_000 / ms).toFixed(2)} M steps/s`, "5 M steps/s");
}

const csv = join(folder, "five-million.csv.gz");
const rows: string[] = ["timestamp,value"];
for (let i = 0; i < 5_000_000; i++) rows.push(`${i * 15},${(long.load[i] as number).toFixed(3)}`);
writeFileSync(csv, gzipSync(rows.join("\n"), { level: 6 }));
rows.length = 0;
const ours = median(
  await Promise.all([0]).then(async () => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const beganMs = performance.now();
      await readTrace(csv);
      times.push(performance.now() - beganMs);
    }
    return times;
  }),
);
const awk = median(
  [1, 2, 3].map(() => {
    const beganMs = performance.now();
    execFileSync("sh", ["-c", `zcat "${csv}" | awk -F, 'NR>1 {sum += $2} END {print sum}'`]);
    return performance.now() - beganMs;
  }),
);
row("reading 5 M rows of csv.gz; zcat | awk, which only sums", `${(ours / 1_000).toFixed(2)} s; ${(awk / 1_000).toFixed(2)} s`, "1.5 s");

const child = spawnSync(process.execPath, [join(import.meta.dirname, "peak-memory.js"), csv], { encoding: "utf8" });
row("peak memory of reading, simulating and scoring 5 M points", `${child.stdout.trim()} MB`, "300 MB");

const starts = { bare: [] as number[], help: [] as number[] };
for (let i = 0; i < 21; i++) {
  for (const [name, args] of [
    ["bare", ["-e", "0"]],
    ["help", ["dist/cli/main.cjs", "--help"]],
  ] as const) {
    const beganMs = performance.now();
    spawnSync(process.execPath, args, { env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined } });
    starts[name].push(performance.now() - beganMs);
  }
}
row("vernier --help; bare Node", `${median(starts.help).toFixed(0)} ms; ${median(starts.bare).toFixed(0)} ms`, "15 ms over bare Node");
rmSync(folder, { recursive: true, force: true });
