import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readCapacityOrder, writeCapacityOrder } from "../../actuators/process/capacity-file.ts";
import type { FleetState } from "../../api/demo.ts";
import { loadPolicy } from "../../app.ts";
import { Demo } from "../../demo/demo.ts";
import { endpointsFile, FLEETS, fleetPolicy, PEAK_RATE, PORTS } from "../../demo/fleets.ts";
import type { LoadSecond, LoadSideConfig } from "../../demo/load-side.ts";
import { whyText } from "../../engine/describe-reason.ts";
import { formatLatency, formatMoney, formatNumber, formatPercent, formatSpan } from "../../lib/format.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { type ApiPlace, findApi } from "../../live/api.ts";
import { type Live, openLive } from "../../live/live.ts";
import { unitsFolder } from "../../live/process.ts";
import { recordedShape } from "../../load/shape.ts";
import { readTrace } from "../../read-trace.ts";
import { table } from "../format.ts";
import { parseSpan, parseWhole } from "../run-options.ts";
import { doJobsAside } from "../simulation-pool.ts";
import { storeTrouble } from "../store-trouble.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

export interface DemoCommandOptions {
  readonly speed: string;
  readonly from: string;
  readonly for?: string;
  readonly listen?: string;
  readonly json?: boolean;
  readonly version: string;
}

/** First of the ports that demonstrations use, and how many may run side by side. */
const FIRST_PORT = 21_000;
const SIDE_BY_SIDE = 20;
const KEEP = { budgetBytes: 256 << 20, retentionMs: 86_400_000 };
/** Between two tables on a terminal. */
const TABLE_EVERY_S = 30;
const SEED = 1998;
const LOAD_ENDS_MS = 2_000;

export async function runDemo(options: DemoCommandOptions): Promise<void> {
  const speed = Number(options.speed);
  if (!(speed >= 1 && speed <= 1_000)) throw new UsageError(`--speed: found "${options.speed}", expected a number from 1 to 1000`);
  const fromMs = parseSpan("from", options.from);
  const forMs = options.for === undefined ? Number.POSITIVE_INFINITY : parseSpan("for", options.for);
  const port = options.listen === undefined ? undefined : parseWhole("listen", options.listen, 0, 65_535);
  const trace = await readTrace(fileURLToPath(new URL("../../../examples/world-cup/match-days.csv.gz", import.meta.url)));
  const lastsMs = trace.load.length * trace.binMs;
  if (fromMs >= lastsMs) throw new UsageError(`--from: the recording lasts ${formatSpan(lastsMs)}`);
  const folder = newFolder();
  const { firstPort, release } = await takePorts();
  const data = join(folder, "data");
  const troubleFile = join(folder, "trouble.json");
  const policyFile = join(folder, "vernier.yaml");
  writeFileSync(policyFile, fleetPolicy({ command: [process.execPath, beside("demo-service")], troubleFile, firstPort }));
  const load = fork(beside("demo-load"), [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (): void => {
    if (++signals === 1) {
      stop.abort();
      return;
    }
    // Whoever cannot wait leaves no key behind, either; units end by themselves.
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGHUP", onSignal);
  // Whoever reads the output may go away; a closed terminal ends it.
  process.stdout.removeAllListeners("error").on("error", () => stop.abort());
  const { paint } = terminalOf(process.stdout);
  const say = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`);
  };
  let live: Live | undefined;
  const unitsOf = (workload: string): { ready: number; paid: number } => {
    const capacity = live?.controller.view(workload)?.last?.observation.capacity;
    return capacity?.readable ? { ready: capacity.ready, paid: capacity.ready + capacity.starting + capacity.draining } : { ready: 0, paid: 0 };
  };
  const demo = new Demo(
    { speed, fromMs: (trace.startMs ?? 0) + fromMs },
    {
      nowMs: Date.now,
      troubleFile,
      unitsOf,
      spike: (spike) => void load.send({ spike }),
      halve: (workload) => {
        const units = unitsFolder(data, workload);
        const order = readCapacityOrder(units);
        if (!("kind" in order)) writeCapacityOrder(units, { ...order, requested: Math.max(1, order.requested >> 1), version: order.version + 1 });
      },
    },
  );
  const beganMs = performance.now();
  try {
    live = await openLive(
      [loadPolicy(policyFile)],
      { data, isDryRun: false, keep: KEEP, environment: process.env, api: port, version: options.version, demo, runJobs: doJobsAside },
      {
        onDecision: (decision, _mode, effect) => {
          const { workload, from, requested } = decision;
          if (effect !== "begun" || from === requested || !workload.endsWith("small-steps")) return;
          say(`${paint("dim", clock(performance.now() - beganMs))} ${paint("bold", "small steps")} ${from} -> ${requested}: ${whyText(decision.reasons())}`);
        },
        onWarning: (message) => process.stderr.write(`vernier: ${message}\n`),
      },
    );
    await live.controller.start({ dryRun: false });
    await live.listen();
    const place = findApi(data);
    if (place !== undefined) say(welcome(place, data, speed, paint));
    const ended = once(load, "exit").then(([code, signal]) => {
      if (!stop.signal.aborted) throw new PathError("the process that makes the load has gone", String(signal ?? code), undefined);
    });
    load.on("message", (second: LoadSecond) => {
      demo.add(second);
      if (demo.seconds % TABLE_EVERY_S === 0) say(`${scores(demo.state.fleets)}\n`);
      if (demo.seconds * 1_000 >= forMs) stop.abort();
    });
    const begin: LoadSideConfig = {
      fleets: FLEETS.map(({ name }) => ({ name, endpoints: join(folder, endpointsFile(name)) })),
      shape: recordedShape(trace, { speed, peakRate: PEAK_RATE, fromMs }),
      seed: SEED,
    };
    load.send({ begin });
    await Promise.race([live.controller.run(stop.signal), ended]);
    await live.controller.stop("signal");
  } catch (error) {
    throw storeTrouble(error, data);
  } finally {
    if (load.connected) load.disconnect();
    // One that hangs has nothing that would have to be finished.
    setTimeout(() => load.kill("SIGKILL"), LOAD_ENDS_MS).unref();
    await live?.close();
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onSignal);
    release();
    rmSync(folder, { recursive: true, force: true });
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...demo.state }, null, 2)}\n`);
  else process.stdout.write(`\n${scores(demo.state.fleets)}\nAll units have ended.\n`);
}

function welcome({ address, token }: ApiPlace, data: string, speed: number, paint: (style: "bold" | "dim", text: string) => string): string {
  return `
${paint("bold", "Open this in a browser:")} ${address}/#token=${token}

Three fleets of real processes get the same load, that of World Cup match days of 1998, ${formatNumber(speed)} times as fast.
${FLEETS.map(({ title, about }) => `  ${paint("bold", title.padEnd(12))} ${about}`).join("\n")}

Look at what each costs and how long it is short of units; at why each step was taken; then make trouble, by the buttons of the page.
It is here too, every ${TABLE_EVERY_S} seconds. From another terminal:
  npx vernier status --data ${data} --watch
  npx vernier explain demo/small-steps --data ${data}
Ctrl-C ends it, and everything it began.
`;
}

function newFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "vernier-demo-"));
  } catch (error) {
    throw new PathError("cannot make a folder in", tmpdir(), error);
  }
}

function scores(fleets: readonly FleetState[]): string {
  const rows = fleets.map(({ title, units, unitHours, money, p95Ms, aboveCeiling, failed }) => [
    title,
    String(units.ready),
    formatNumber(unitHours, 1),
    formatMoney(money, "USD"),
    p95Ms === null ? "-" : formatLatency(p95Ms),
    formatPercent(aboveCeiling),
    String(failed),
  ]);
  return table([["", "units", "unit-hours", "cost", "p95", "above 80 %", "failed"], ...rows], [false, true, true, true, true, true, true]);
}

function clock(ms: number): string {
  return formatTimestamp(Math.max(0, ms)).slice(14, 19);
}

/** A built file beside the commands. */
function beside(name: string): string {
  const built = fileURLToPath(new URL(`../${name}.js`, import.meta.url));
  // From sources: what was built last.
  return existsSync(built) ? built : fileURLToPath(new URL(`../../../dist/cli/${name}.js`, import.meta.url));
}

/** Ports that no other demonstration on this machine uses: its first is held for as long as it runs. */
async function takePorts(): Promise<{ readonly firstPort: number; release(): void }> {
  for (let i = 0; i < SIDE_BY_SIDE; i++) {
    const held = FIRST_PORT + i * (PORTS + 1);
    const server = createServer();
    if (await listens(server, held)) return { firstPort: held + 1, release: () => void server.close() };
  }
  throw new UsageError(`${SIDE_BY_SIDE} demonstrations run already, or ports from ${FIRST_PORT} are taken`);
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => (systemErrorCode(error) === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(true));
  });
}
