import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type * as Vernier from "../src/index.ts";

// Speed and memory of what users run: the built package. Pairs are compared in one run; nothing here is a test.

const bundle = resolve("dist/index.js");
if (!existsSync(bundle)) throw new Error("run npm run build first");
const { optimumUnitHours, parsePolicy, readTrace, scoredLoad } = (await import(bundle)) as typeof Vernier;
const folder = mkdtempSync(join(tmpdir(), "vernier-bench-"));

const STRATEGIES = {
  "target tracking": "{type: targetTracking, metric: cpu, target: 70%}",
  tiers: "{type: tiers, metric: cpu, up: [{at: 70%, add: 5%}, {at: 80%, add: 10%}, {at: 90%, add: 30%}], down: [{below: 60%, remove: 5%}]}",
};

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function row(what: string, measured: string, bar: string): void {
  console.log(`${what.padEnd(66)} ${measured.padStart(22)}   bar ${bar}`);
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);

for (const [name, strategy] of Object.entries(STRATEGIES)) {
  const child = spawnSync(process.execPath, [join(import.meta.dirname, "chain.js"), strategy], { encoding: "utf8" });
  const { months, chains, scores } = JSON.parse(child.stdout) as { months: number[]; chains: number[]; scores: number[] };
  row(`${name}: 30 days at 15 s, scored; runs 1 to 4`, `${months.map((ms) => ms.toFixed(0)).join(", ")} ms`, "50 ms, second run");
  row(`${name}: engine, plant, pipeline, all guards, reasons on`, `${(5_000 / median(chains)).toFixed(2)} M steps/s`, "5 M steps/s");
  row(`${name}: scoring alone`, `${(5_000 / median(scores)).toFixed(0)} M steps/s`, "none");
}

const month = join(folder, "month.csv.gz");
const noise = (i: number): number => Math.abs(Math.sin(12.9898 * i) * 43_758.5453) % 1;
writeFileSync(
  month,
  gzipSync(
    ["timestamp,value", ...Array.from({ length: 172_800 }, (_, i) => `${i * 15},${(50 + 40 * Math.sin(i / 916) + 5 * noise(i)).toFixed(2)}`)].join("\n"),
  ),
);
const ENGINES = ["hpa-v2@50", "hpa-v2@60", "hpa-v2@70", "hpa-v2@80", "hpa-v2@90", "lcp", "delayed-off", "schedule", "doubling", "static-peak"];
const compare = (threads: string): number =>
  median(
    [1, 2, 3].map(() => {
      const beganMs = performance.now();
      const { status } = spawnSync(process.execPath, [
        "dist/cli/main.cjs",
        ...["compare", "--trace", month, "--semantics", "rate", "--peak-units", "100", "--threads", threads],
        ...ENGINES.flatMap((engine) => ["--engine", engine]),
      ]);
      if (status !== 0) throw new Error("compare failed");
      return performance.now() - beganMs;
    }),
  );
row(
  "compare, 30 days at 15 s: ours, five HPAs, references, optimum; 2 threads, 1",
  `${(compare("2") / 1_000).toFixed(2)} s; ${(compare("1") / 1_000).toFixed(2)} s`,
  "1.5 s",
);
const workload = parsePolicy(
  "version: 1\nworkloads: {a: {bounds: {min: 1, max: 400}, metrics: {cpu: {measures: utilisation}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}]}}",
  "bench",
).workloads[0] as Vernier.PolicyWorkload;
const load = scoredLoad(await readTrace(month, { semantics: "rate" }), workload.resolved, { peakUnits: 100 });
const optima = [1, 2, 3, 4, 5].map(() => {
  const beganMs = performance.now();
  optimumUnitHours(load);
  return performance.now() - beganMs;
});
row("the optimum of that recording; first run, median", `${(optima[0] as number).toFixed(0)} ms; ${median(optima).toFixed(0)} ms`, "50 ms");

const csv = join(folder, "five-million.csv.gz");
const rows: string[] = ["timestamp,value"];
for (let i = 0; i < 5_000_000; i++) rows.push(`${i * 15},${(50 + 40 * Math.sin(i / 916)).toFixed(3)}`);
writeFileSync(csv, gzipSync(rows.join("\n"), { level: 6 }));
rows.length = 0;
const reads: number[] = [];
for (let i = 0; i < 3; i++) {
  const beganMs = performance.now();
  await readTrace(csv);
  reads.push(performance.now() - beganMs);
}
const ours = median(reads);
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
