import { createServer } from "node:http";

// Answers instant queries as Prometheus does, for bench/live.ts: `{app="w7"}` with one series, anything else with one for each workload. Prints its port.
const count = Number(process.argv[2]);
const beganMs = Date.now();
// Slow waves, each workload at another place on it.
const value = (i: number): string => (0.6 + 0.3 * Math.sin(i + (Date.now() - beganMs) / 40_000)).toFixed(6);

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => {
    body += chunk;
  });
  request.on("end", () => {
    const query = new URLSearchParams(body).get("query") ?? "";
    const one = /app="w(\d+)"/.exec(query)?.[1];
    const atS = Date.now() / 1_000;
    const series = one === undefined ? Array.from({ length: count }, (_, i) => i) : [Number(one)];
    const result = series.map((i) => `{"metric":{"app":"w${i}"},"value":[${atS},"${value(i)}"]}`).join(",");
    response.end(`{"status":"success","data":{"resultType":"vector","result":[${result}]}}`);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : "");
});
