// A small HTTP service: one request at a time, 20 ms each, so that capacity grows with processes on any number of cores.
// Run: node worker.mjs <port>. Prometheus text at /metrics.
import { createServer } from "node:http";

const SERVICE_MS = 20;
const BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const counts = BUCKETS.map(() => 0);
let [count, sum, busy] = [0, 0, 0];
const waiting = [];
let isBusy = false;

function next() {
  const one = waiting.shift();
  if (one === undefined) {
    isBusy = false;
    return;
  }
  isBusy = true;
  setTimeout(() => {
    busy += SERVICE_MS / 1_000;
    const seconds = (performance.now() - one.at) / 1_000;
    count++;
    sum += seconds;
    for (const [i, end] of BUCKETS.entries()) if (seconds <= end) counts[i]++;
    one.response.end("ok\n");
    next();
  }, SERVICE_MS);
}

createServer((request, response) => {
  if (request.url === "/healthz") return response.end("ok\n");
  if (request.url === "/metrics")
    return response.end(
      `${[
        "# TYPE http_requests_total counter",
        `http_requests_total ${count}`,
        "# TYPE worker_busy_seconds_total counter",
        `worker_busy_seconds_total ${busy}`,
        "# TYPE http_request_duration_seconds histogram",
        ...BUCKETS.map((end, i) => `http_request_duration_seconds_bucket{le="${end}"} ${counts[i]}`),
        `http_request_duration_seconds_bucket{le="+Inf"} ${count}`,
        `http_request_duration_seconds_sum ${sum}`,
        `http_request_duration_seconds_count ${count}`,
      ].join("\n")}\n`,
    );
  waiting.push({ at: performance.now(), response });
  if (!isBusy) next();
}).listen(Number(process.argv[2]), "127.0.0.1");
