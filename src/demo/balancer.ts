import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { type FollowedEndpoints, followEndpoints } from "../load/follow-endpoints.ts";
import type { Endpoint } from "../sources/scrape/endpoints.ts";

const FOLLOW_MS = 100;
const CONNECTIONS = 64;
/** Units that are tried for one request. */
const TRIES = 3;
/** As long as anybody would wait for an answer. */
const TIMEOUT_MS = 10_000;

interface Unit {
  readonly pool: Pool;
  underWay: number;
}

/** A load balancer over the units that an actuator publishes in a file: each request to the one with the fewest under way. */
export class Balancer {
  readonly #file: string;
  readonly #server: Server;
  readonly #units = new Map<string, Unit>();
  #followed: FollowedEndpoints | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#server = createServer((_request, response) => this.#pass(response, []));
  }

  /** Units that get requests now. */
  get size(): number {
    return this.#units.size;
  }

  /** @returns its address */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.#followed = followEndpoints(this.#file, "/", FOLLOW_MS, (found) => this.#follow(found));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#followed?.close();
    this.#server.closeAllConnections();
    this.#server.close();
    for (const { pool } of this.#units.values()) pool.destroy().catch(() => {});
  }

  #follow(found: readonly Endpoint[]): void {
    const origins = new Set(found.map(({ url }) => url.origin));
    for (const [origin, { pool }] of this.#units) {
      if (origins.has(origin)) continue;
      this.#units.delete(origin);
      // What it has, it answers.
      pool.close().catch(() => {});
    }
    for (const origin of origins)
      if (!this.#units.has(origin)) this.#units.set(origin, { pool: new Pool(origin, { connections: CONNECTIONS, pipelining: 1 }), underWay: 0 });
  }

  /** @param tried units that went away with the request: one that refuses at once always has the fewest under way */
  #pass(response: ServerResponse, tried: readonly Unit[]): void {
    let best: Unit | undefined;
    for (const unit of this.#units.values()) if ((best === undefined || unit.underWay < best.underWay) && !tried.includes(unit)) best = unit;
    if (best === undefined) return void response.writeHead(503).end();
    const unit = best;
    unit.underWay++;
    let status = 0;
    const end = (code: number): void => {
      unit.underWay--;
      if (code > 0) response.writeHead(code).end();
      else this.#pass(response, [...tried, unit]);
    };
    unit.pool.dispatch(
      { path: "/", method: "GET", headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: () => {},
        onResponseEnd: () => end(status),
        // It is gone before it answered: another can have it, for nothing was changed.
        onResponseError: () => end(tried.length + 1 < TRIES ? 0 : 502),
      },
    );
  }
}
