import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

/** A range query as it arrived. */
export interface Asked {
  readonly query: string;
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly points: number;
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
}

/** Answers a range query itself and returns true, or leaves it to the usual answer. */
export type Script = (asked: Asked, response: ServerResponse, times: number) => boolean;

/** The value at an instant (seconds) as Prometheus writes it; undefined where there is none. */
export type Series = (at: number) => string | undefined;

/** A server on loopback that knows one series and can be told to misbehave. */
export class FakePrometheus {
  readonly asked: Asked[] = [];
  readonly #server: Server;

  constructor(series: Series, script: Script = () => false, tls?: ServerOptions) {
    const listener: RequestListener = (request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += part;
      });
      request.on("end", () => {
        const url = new URL(request.url ?? "/", "http://fake");
        if (url.pathname === "/api/v1/status/buildinfo") {
          json(response, 200, { status: "success", data: { version: "9.9.9-fake" } });
          return;
        }
        if (url.pathname === "/api/v1/query") {
          const now = Date.now() / 1_000;
          const value = series(now);
          const result = value === undefined ? [] : [{ metric: {}, value: [now, value] }];
          json(response, 200, { status: "success", data: { resultType: "vector", result } });
          return;
        }
        if (url.pathname !== "/api/v1/query_range") {
          response.writeHead(404).end("404 page not found\n");
          return;
        }
        const parameters = request.method === "POST" ? new URLSearchParams(body) : url.searchParams;
        const [start, end, step] = ["start", "end", "step"].map((name) => Number(parameters.get(name))) as [number, number, number];
        const points = Math.floor((end - start) / step + 1e-6) + 1;
        const asked = { query: parameters.get("query") ?? "", start, end, step, points, method: request.method ?? "", headers: request.headers };
        this.asked.push(asked);
        if (script(asked, response, this.asked.length)) return;
        // As Prometheus counts: intervals, not points.
        if ((end - start) / step > 11_000) {
          json(response, 400, { status: "error", errorType: "bad_data", error: "exceeded maximum resolution of 11,000 points per timeseries" });
          return;
        }
        json(response, 200, matrix(valuesOf(series, asked)));
      });
    };
    this.#server = tls === undefined ? createServer(listener) : (createTlsServer(tls, listener) as unknown as Server);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

export function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

export function valuesOf(series: Series, { start, step, points }: Asked): [number, string][] {
  const values: [number, string][] = [];
  for (let i = 0; i < points; i++) {
    const at = start + i * step;
    const value = series(at);
    if (value !== undefined) values.push([at, value]);
  }
  return values;
}

/** A successful answer with one series, or with none when it has no values. */
export function matrix(values: readonly unknown[], metric: object = {}, more: object = {}): object {
  return { status: "success", data: { resultType: "matrix", result: values.length === 0 ? [] : [{ metric, values }] }, ...more };
}
