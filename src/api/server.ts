import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BODY_MAX, bodyOf, json, lines, refuse, text, wholeOf, wrongMethod } from "./answers.ts";
import {
  type ApiEvent,
  CommandRequest,
  type CounterfactualAnswer,
  type EndpointsAnswer,
  type FleetAnswer,
  type HealthAnswer,
  type SeriesAnswer,
  type StateAnswer,
  type SummaryAnswer,
  type WorkloadAnswer,
} from "./contract.ts";
import type { DemoState } from "./demo.ts";
import { Counters, metricsText } from "./metrics.ts";
import { servePage } from "./page-files.ts";
import { API_VERSION } from "./version.ts";

/** A demonstration that runs beside the controller. */
export interface DemoSubject {
  readonly state: DemoState;
  /** @returns false when there is no such trouble */
  make(trouble: string): boolean;
}

/** What the API is about: a controller, seen from outside. */
export interface ApiSubject {
  state(): StateAnswer;
  fleet(): FleetAnswer;
  workload(workload: string): WorkloadAnswer | undefined;
  health(): Promise<HealthAnswer>;
  /** ms since 1970. */
  nowMs(): number;
  /** Whether there is such a workload. */
  has(workload: string): boolean;
  /** Whether ticks come as they should. */
  isHealthy(): boolean;
  /** @returns false when there is no such workload */
  command(request: CommandRequest): Promise<boolean>;
  readonly demo?: DemoSubject;
  /** Entries about a workload, newest first. */
  entries(workload: string, count: number): Promise<readonly unknown[]>;
  /** Ready units; undefined when its target does not say who they are. */
  endpoints(workload: string): Pick<EndpointsAnswer, "version" | "endpoints"> | undefined;
  /** The last entries about anything, newest first. */
  tail(count: number): Promise<readonly unknown[]>;
  /** Whether the record is whole, in words where it is not. */
  verify(): Promise<{ readonly isWhole: boolean; readonly entries: number; readonly problems: readonly string[] }>;
  /** The record as a file that can be verified alone, line by line. */
  exported(): AsyncIterable<string>;
  /** The same load on other engines and with perfect foresight; a sentence when it cannot be replayed. */
  counterfactual(
    workload: string,
    window: { readonly fromMs: number; readonly toMs: number; readonly points: number },
    isWanted: () => boolean,
  ): Promise<Omit<CounterfactualAnswer, "schemaVersion"> | string>;
  /** What was observed, in so many buckets at most. */
  series(workload: string, fromMs: number, toMs: number, points: number): Promise<Omit<SeriesAnswer, "schemaVersion">>;
  /** What was observed, oldest first, by engine time. */
  history(workload: string, fromMs: number, toMs: number): Promise<readonly unknown[]>;
}

/** `targets` are endpoints in the words of Prometheus' `http_sd_config`. */
const WORKLOAD_PARTS: readonly string[] = ["entries", "history", "series", "counterfactual", "endpoints", "targets"];
const LISTENERS_MAX = 64;
/** Comparisons that wait for each other. */
const SIMULATIONS_MAX = 8;
const CONNECTIONS_MAX = 256;
const ENTRIES_MAX = 1_000;
/** And the instant itself. */
const DAY_MS = 86_400_000;
const POINTS_MAX = 2_000;
/** So that silence means that something is wrong, and soon. */
const HEARTBEAT_MS = 5_000;
/** What is waiting for a slow listener; beyond that it is cut off, and comes again. */
const LISTENER_BYTES_MAX = 1_048_576;
/** Names of this machine: pages of others must not reach us by a name of theirs. */
const OWN_NAMES = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/** The local API: state, decisions, history, commands, events, health and metrics, on loopback. */
export class ApiServer {
  readonly #subject: ApiSubject;
  readonly #token: Buffer;
  readonly #version: string;
  readonly #server: Server;
  readonly #listeners = new Set<ServerResponse>();
  readonly counters = new Counters();
  #heartbeat: NodeJS.Timeout | undefined;
  #simulations = 0;

  constructor(subject: ApiSubject, { token, version }: { readonly token: string; readonly version: string }) {
    this.#subject = subject;
    this.#token = Buffer.from(token);
    this.#version = version;
    this.#server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000, keepAliveTimeout: 5_000, maxHeaderSize: 16_384 },
      (request, response) => {
        this.#answer(request, response).catch(() => refuse(response, 500, "internal", "something went wrong here; it is in the log of the controller"));
      },
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @param port 0 takes any that is free   @returns the address it is at   @throws when the port is taken */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#heartbeat = setInterval(() => this.#write(": still here\n\n"), HEARTBEAT_MS);
    this.#heartbeat.unref();
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Tells whoever listens. */
  send(event: ApiEvent): void {
    this.counters.take(event);
    this.#write(`event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`);
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const listener of this.#listeners) listener.end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #write(text: string): void {
    for (const listener of this.#listeners) {
      if (listener.writableLength > LISTENER_BYTES_MAX) listener.destroy();
      else listener.write(text);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    const { method = "GET", headers } = request;
    if (!OWN_NAMES.test(headers.host ?? ""))
      return refuse(response, 421, "misdirected", `this is not ${headers.host ?? "anything with a name"}; ask 127.0.0.1`);
    if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
      return refuse(response, 403, "foreign_origin", "pages of others may not ask here");
    const path = request.url ?? "/";
    if (!path.startsWith("/") || path.startsWith("//") || !URL.canParse(path, "http://127.0.0.1"))
      return refuse(response, 400, "bad_request", "expected a path such as /healthz");
    const url = new URL(path, "http://127.0.0.1");
    if (url.pathname === "/healthz" || url.pathname === "/readyz") {
      const isGood = this.#subject.isHealthy();
      return text(response, isGood ? 200 : 503, isGood ? "ok\n" : "no tick lately\n");
    }
    if (url.pathname === "/metrics")
      return text(response, 200, metricsText(this.#subject.state(), this.counters, this.#version), "text/plain; version=0.0.4; charset=utf-8");
    if (servePage(url.pathname, method, response)) return;
    if (!this.#isKnown(headers.authorization)) {
      response.setHeader("www-authenticate", "Bearer");
      return refuse(response, 401, "unauthorised", "send the token of the data folder: authorization: Bearer …");
    }
    const [, root, version, ...route] = url.pathname.split("/");
    if (root !== "api" || version !== `v${API_VERSION}`)
      return refuse(response, 404, "not_found", `there is nothing at ${url.pathname}; the API is at /api/v${API_VERSION}`);
    return await this.#route(method, route, url, request, response);
  }

  async #route(method: string, path: readonly string[], url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [head, namespace, name, what] = path;
    if (head === "commands" && path.length === 1) return method === "POST" ? await this.#command(request, response) : wrongMethod(response, "POST");
    if (head === "demo" && this.#subject.demo !== undefined) return void this.#demo(this.#subject.demo, method, path.slice(1), response);
    if (method !== "GET") return wrongMethod(response, "GET");
    if (head === "state" && path.length === 1) return json(response, 200, this.#subject.state());
    if (head === "fleet" && path.length === 1) return json(response, 200, this.#subject.fleet());
    if (head === "summary" && path.length === 1) {
      const { workloads: _, ...summary } = this.#subject.fleet();
      return json(response, 200, summary satisfies SummaryAnswer);
    }
    if (head === "health" && path.length === 1) return json(response, 200, await this.#subject.health());
    if (head === "ledger" && path.length <= 2) return await this.#ledger(namespace, url, response);
    if (head === "events" && path.length === 1) return this.#listen(request, response);
    if (head !== "workloads" || path.length < 3 || path.length > 4 || (what !== undefined && !WORKLOAD_PARTS.includes(what)))
      return refuse(
        response,
        404,
        "not_found",
        `there are state, summary, fleet, health, ledger, events, commands, workloads/<namespace>/<name>, and below that: ${WORKLOAD_PARTS.join(", ")}`,
      );
    const workload = `${namespace}/${name}`;
    if (!this.#subject.has(workload)) return refuse(response, 404, "no_such_workload", `there is no workload ${workload}`);
    if (what === undefined) return json(response, 200, this.#subject.workload(workload));
    return await this.#part(workload, what, url, response);
  }

  async #part(workload: string, what: string, url: URL, response: ServerResponse): Promise<void> {
    if (what === "entries") {
      const count = wholeOf(url, "count", 50);
      if (count === undefined || count < 1 || count > ENTRIES_MAX)
        return refuse(response, 400, "wrong_count", `count: expected a whole number from 1 to ${ENTRIES_MAX}`);
      return json(response, 200, { schemaVersion: API_VERSION, entries: await this.#subject.entries(workload, count) });
    }
    if (what === "endpoints" || what === "targets") {
      const published = this.#subject.endpoints(workload);
      if (published === undefined) return refuse(response, 404, "no_endpoints", `the target of ${workload} does not say which units it has`);
      if (what === "endpoints") return json(response, 200, { schemaVersion: API_VERSION, ...published } satisfies EndpointsAnswer);
      const targets = published.endpoints.map(({ host, port }) => `${host}:${port}`);
      return json(response, 200, [{ targets, labels: { workload } }]);
    }
    const nowMs = this.#subject.nowMs();
    const [fromMs, toMs] = [wholeOf(url, "from", nowMs - (wholeOf(url, "last", 3_600_000) ?? Number.NaN)), wholeOf(url, "to", nowMs + 1)];
    if (fromMs === undefined || toMs === undefined || !(toMs - fromMs > 0 && toMs - fromMs <= DAY_MS + 1))
      return refuse(response, 400, "wrong_range", "from and to, or last: expected whole ms, from before to, a day apart at most");
    if (what === "series" || what === "counterfactual") {
      const points = wholeOf(url, "points", 600);
      if (points === undefined || points < 1 || points > POINTS_MAX)
        return refuse(response, 400, "wrong_points", `points: expected a whole number from 1 to ${POINTS_MAX}`);
      if (what === "series")
        return json(response, 200, { schemaVersion: API_VERSION, ...(await this.#subject.series(workload, fromMs, toMs, points)) } satisfies SeriesAnswer);
      if (this.#simulations >= SIMULATIONS_MAX)
        return refuse(response, 429, "too_many", `${SIMULATIONS_MAX} comparisons are being made already; ask again later`);
      this.#simulations++;
      let found: Awaited<ReturnType<ApiSubject["counterfactual"]>>;
      try {
        found = await this.#subject.counterfactual(workload, { fromMs, toMs, points }, () => !response.destroyed);
      } finally {
        this.#simulations--;
      }
      if (typeof found === "string") return refuse(response, 409, "cannot_replay", found);
      return json(response, 200, { schemaVersion: API_VERSION, ...found } satisfies CounterfactualAnswer);
    }
    return json(response, 200, { schemaVersion: API_VERSION, history: await this.#subject.history(workload, fromMs, toMs) });
  }

  async #ledger(what: string | undefined, url: URL, response: ServerResponse): Promise<void> {
    if (what === "verification") return json(response, 200, { schemaVersion: API_VERSION, ...(await this.#subject.verify()) });
    if (what === "export") {
      response.setHeader("content-disposition", 'attachment; filename="ledger.ndjson"');
      return await lines(response, this.#subject.exported(), "application/x-ndjson");
    }
    if (what !== undefined) return refuse(response, 404, "not_found", "there are ledger, ledger/verification and ledger/export");
    const count = wholeOf(url, "count", 50);
    if (count === undefined || count < 1 || count > ENTRIES_MAX)
      return refuse(response, 400, "wrong_count", `count: expected a whole number from 1 to ${ENTRIES_MAX}`);
    return json(response, 200, { schemaVersion: API_VERSION, entries: await this.#subject.tail(count) });
  }

  #demo(demo: DemoSubject, method: string, [what, trouble, ...more]: readonly string[], response: ServerResponse): unknown {
    if (what === undefined) return method === "GET" ? json(response, 200, { schemaVersion: API_VERSION, ...demo.state }) : wrongMethod(response, "GET");
    if (what !== "troubles" || trouble === undefined || more.length > 0) return refuse(response, 404, "not_found", "there are demo and demo/troubles/<name>");
    if (method !== "POST") return wrongMethod(response, "POST");
    if (!demo.make(trouble)) return refuse(response, 404, "no_such_trouble", `there is no trouble ${trouble}`);
    return json(response, 202, { schemaVersion: API_VERSION, accepted: true });
  }

  async #command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (body === undefined) return refuse(response, 413, "too_large", `a command has at most ${BODY_MAX} bytes`);
    let given: unknown;
    try {
      given = JSON.parse(body);
    } catch {
      return refuse(response, 400, "not_json", "expected a JSON object");
    }
    const parsed = CommandRequest.safeParse(given);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return refuse(response, 400, "invalid_command", `${issue?.path.join(".") || "the command"}: ${issue?.message ?? "not understood"}`);
    }
    if ("untilMs" in parsed.data && parsed.data.untilMs !== undefined && parsed.data.untilMs <= this.#subject.nowMs())
      return refuse(response, 400, "invalid_command", "untilMs: is over already");
    if (!(await this.#subject.command(parsed.data))) return refuse(response, 404, "no_such_workload", `there is no workload ${parsed.data.workload}`);
    return json(response, 202, { schemaVersion: API_VERSION, accepted: true });
  }

  #listen(request: IncomingMessage, response: ServerResponse): void {
    if (this.#listeners.size >= LISTENERS_MAX) {
      refuse(response, 503, "too_many_listeners", `there are ${LISTENERS_MAX} listeners already`);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("retry: 2000\n\n");
    this.#listeners.add(response);
    request.on("close", () => this.#listeners.delete(response));
    response.on("error", () => this.#listeners.delete(response));
  }

  #isKnown(authorization: string | undefined): boolean {
    const given = Buffer.from(/^Bearer (.+)$/i.exec(authorization ?? "")?.[1] ?? "");
    return given.length === this.#token.length && timingSafeEqual(given, this.#token);
  }
}
