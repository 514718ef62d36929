import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type FollowedEndpoints, followEndpoints } from "../load/follow-endpoints.ts";
import { type Exchange, HttpOrigin, requestBytes } from "../load/http-origin.ts";
import type { Endpoint } from "../sources/scrape/endpoints.ts";

const FOLLOW_MS = 100;
const CONNECTIONS = 256;
/** Units that are tried for one request. */
const TRIES = 3;
/** As long as anybody would wait for an answer. */
const TIMEOUT_MS = 10_000;

interface Unit {
  readonly http: HttpOrigin;
  readonly bytes: Buffer;
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
    for (const { http } of this.#units.values()) http.destroy();
  }

  #follow(found: readonly Endpoint[]): void {
    const origins = new Set(found.map(({ url }) => url.origin));
    for (const [origin, { http }] of this.#units) {
      if (origins.has(origin)) continue;
      this.#units.delete(origin);
      // What it has, it answers.
      http.close();
    }
    for (const origin of origins)
      if (!this.#units.has(origin)) this.#units.set(origin, { http: new HttpOrigin(origin, CONNECTIONS), bytes: requestBytes(`${origin}/`), underWay: 0 });
  }

  /** @param tried units that went away with the request: one that refuses at once always has the fewest under way */
  #pass(response: ServerResponse, tried: readonly Unit[]): void {
    let best: Unit | undefined;
    for (const unit of this.#units.values()) if ((best === undefined || unit.underWay < best.underWay) && !tried.includes(unit)) best = unit;
    if (best === undefined) return void response.writeHead(503).end();
    const unit = best;
    unit.underWay++;
    const exchange: Exchange = {
      bytes: unit.bytes,
      ended: (status) => {
        clearTimeout(timer);
        unit.underWay--;
        // It was gone before it answered: another can have it, for nothing was changed.
        if (status === 0 && tried.length + 1 < TRIES) this.#pass(response, [...tried, unit]);
        else response.writeHead(status === 0 ? 502 : status).end();
      },
    };
    const timer = setTimeout(() => unit.http.abort(exchange), TIMEOUT_MS);
    unit.http.send(exchange);
  }
}
