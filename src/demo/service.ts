import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { isRecord } from "../lib/is-record.ts";

// One unit of the demonstration: a small HTTP service that works on few requests at a time, so that capacity grows with processes on any
// number of cores. Run: node demo-service.js <port> <trouble.json>. Prometheus text at /metrics.

/** Requests side by side, and how long each takes: 20 a second at 100 %. */
export const SLOTS = 2;
const SERVICE_MS = 100;
/** What one unit serves a second at 100 %. */
export const UNIT_RATE = (SLOTS * 1_000) / SERVICE_MS;
/** Beyond this many waiting, it refuses. */
const WAITING_MAX = 200;
/** Told to end, it serves on for so long: whoever balances load hears of it a moment later. */
const LINGER_MS = 400;
const BUCKETS = [0.11, 0.15, 0.2, 0.3, 0.4, 0.6, 1, 2, 5];

/** What is wrong on purpose, each until an instant (ms since 1970). */
export interface Troubles {
  /** Metrics are not answered. */
  readonly metrics?: number;
  /** Each request takes twice as long: a dependency is slow. */
  readonly slow?: number;
  /** New units end at once. */
  readonly starts?: number;
}

/** Serves until it is told to end; then finishes what it has. */
export function serve(port: number, troubleFile: string): void {
  const counts = BUCKETS.map(() => 0);
  let [arrived, answered, failed, sum, busyMs, working, isEnding] = [0, 0, 0, 0, 0, 0, false];
  let troubles = readTroubles(troubleFile);
  if (isOn(troubles.starts)) process.exit(1);
  const waiting: { readonly atMs: number; readonly response: ServerResponse }[] = [];

  const next = (): void => {
    if (working >= SLOTS) return;
    const one = waiting.shift();
    if (one === undefined) {
      if (isEnding && working === 0) server.close(() => process.exit(0));
      return;
    }
    working++;
    const takesMs = SERVICE_MS * (isOn(troubles.slow) ? 2 : 1);
    setTimeout(() => {
      working--;
      busyMs += takesMs;
      const seconds = (performance.now() - one.atMs) / 1_000;
      answered++;
      sum += seconds;
      for (const [i, end] of BUCKETS.entries()) if (seconds <= end) counts[i] = (counts[i] as number) + 1;
      one.response.end("ok\n");
      next();
    }, takesMs);
  };
  const metrics = (): string =>
    [
      "# TYPE demo_requests_total counter",
      `demo_requests_total ${arrived}`,
      "# TYPE demo_failed_total counter",
      `demo_failed_total ${failed}`,
      "# TYPE demo_busy_seconds_total counter",
      `demo_busy_seconds_total ${busyMs / 1_000}`,
      "# TYPE demo_seconds histogram",
      ...BUCKETS.map((end, i) => `demo_seconds_bucket{le="${end}"} ${counts[i]}`),
      `demo_seconds_bucket{le="+Inf"} ${answered}`,
      `demo_seconds_sum ${sum}`,
      `demo_seconds_count ${answered}`,
      "",
    ].join("\n");

  const server = createServer((request, response) => {
    if (request.url === "/healthz") return void response.end("ok\n");
    if (request.url === "/metrics") {
      // Asked every second: often enough to hear of troubles.
      troubles = readTroubles(troubleFile);
      if (isOn(troubles.metrics)) response.writeHead(503).end();
      else response.end(metrics());
      return;
    }
    arrived++;
    if (waiting.length >= WAITING_MAX) {
      failed++;
      return void response.writeHead(503).end();
    }
    waiting.push({ atMs: performance.now(), response });
    next();
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, "127.0.0.1");
  process.on("SIGTERM", () => {
    setTimeout(() => {
      isEnding = true;
      server.closeIdleConnections();
      next();
    }, LINGER_MS);
  });
}

function isOn(untilMs: number | undefined): boolean {
  return untilMs !== undefined && Date.now() < untilMs;
}

function readTroubles(file: string): Troubles {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isRecord(value) ? (value as Troubles) : {};
  } catch {
    // Nothing is wrong, or it is being written.
    return {};
  }
}
