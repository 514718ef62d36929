import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

// The load player beside wrk: the same small server, the same connections, in turns. Run: npx tsx bench/load.ts (after npm run build; wrk is a
// package of Debian). Open loop: what it adds by itself at a rate that nobody finds hard.

const SERVER = `require("node:http").createServer((_, response) => response.end("ok\\n")).listen(0, "127.0.0.1", function () { console.log(this.address().port) })`;
const CONNECTIONS = 32;
const SECONDS = 4;
const ROUNDS = 3;

const server = spawn(process.execPath, ["-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
const url = `http://127.0.0.1:${String((await once(server.stdout, "data"))[0]).trim()}/`;

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
  return stdout;
}
const ours = (...args: string[]): { answered: number; toMs: number; latency: { p50: number; p99: number }; lateness: { p99: number } } =>
  JSON.parse(run(process.execPath, "dist/cli/main.cjs", "load", "play", url, "--json", "--for", `${SECONDS}s`, ...args));
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

try {
  const rates = { ours: [] as number[], wrk: [] as number[] };
  for (let i = 0; i < ROUNDS; i++) {
    const { answered, toMs } = ours("--rate", "max", "--connections", String(CONNECTIONS));
    rates.ours.push((1_000 * answered) / toMs);
    const said = /Requests\/sec:\s+([\d.]+)/.exec(run("wrk", "-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, url))?.[1];
    rates.wrk.push(Number(said));
  }
  const [mine, theirs] = [median(rates.ours), median(rates.wrk)];
  console.log(
    `as fast as answers come, ${CONNECTIONS} connections: ${mine.toFixed(0)}/s, wrk ${theirs.toFixed(0)}/s: ${(mine / theirs).toFixed(2)} of it   bar 0.90`,
  );
  for (const rate of [500, 2_000, 5_000]) {
    const { latency, lateness } = ours("--rate", `${rate}/s`, "--connections", "128");
    console.log(`open loop, ${rate}/s: p50 ${latency.p50.toFixed(2)} ms, p99 ${latency.p99.toFixed(2)} ms; sent late by ${lateness.p99.toFixed(2)} ms at p99`);
  }
} finally {
  server.kill();
}
