import { get } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandRequest, FleetAnswer, HealthAnswer, StateAnswer, WorkloadState } from "./contract.ts";
import { ApiServer, type ApiSubject } from "./server.ts";

const TOKEN = "a token that nobody guesses";
const STATE: StateAnswer = {
  schemaVersion: 1,
  nowMs: 1_000_000,
  startedMs: 0,
  isStopped: false,
  ledgerSeq: 7,
  workloads: [
    {
      workload: "shop/web",
      mode: "live",
      posture: "partial",
      policyHash: "ab",
      intervalMs: 15_000,
      about: {
        bounds: { min: 2, max: 20 },
        ceiling: 0.8,
        price: null,
        metrics: [{ name: "cpu", measures: "utilisation", scope: "unit" }],
      },
      tickMs: 999_000,
      seenMs: 999_000,
      isLate: false,
      capacity: { requested: 4, ready: 3, starting: 1, draining: 0 },
      unreadable: null,
      readings: [{ metric: "cpu", status: "absent", value: null }],
      utilisation: null,
      costPerHour: null,
      objectives: [],
      attention: [],
      desired: 5,
      wanted: 5,
      effect: "begun",
      decision: null,
      reasons: [],
      openIntents: 0,
      orders: {},
    },
  ],
};

const FLEET: FleetAnswer = {
  schemaVersion: 1,
  nowMs: 1_000_000,
  isStopped: false,
  hasDemo: false,
  totals: { requested: 4, ready: 3, costs: [], objectives: { met: 1, at_risk: 0, missed: 0, unknown: 0 }, urgent: 0 },
  workloads: [],
};
const HEALTH: HealthAnswer = {
  ...{ schemaVersion: 1, nowMs: 1_000_000, version: "1.2.3", startedMs: 0, isHealthy: true, isStopped: false },
  tick: { lastMs: 999_000, tookMs: 12, count: 9 },
  sources: [],
  targets: [],
  store: { entries: 7, bytes: 4_096, budgetBytes: 1, retentionMs: 1, checkpointMs: null },
};

let server: ApiServer;
let address: string;
let isHealthy: boolean;
let commands: CommandRequest[];
let published: ReturnType<ApiSubject["endpoints"]>;
beforeEach(async () => {
  isHealthy = true;
  commands = [];
  published = { version: 7, endpoints: [{ unit: 1, host: "127.0.0.1", port: 9000 }] };
  server = new ApiServer(
    {
      state: () => STATE,
      fleet: () => FLEET,
      workload: (id) => ({
        schemaVersion: 1,
        nowMs: 1_000_000,
        isStopped: false,
        state: STATE.workloads.find(({ workload }) => workload === id) as WorkloadState,
      }),
      health: async () => HEALTH,
      exported: async function* () {
        yield* ["one", "two"];
      },
      counterfactual: async (_workload, { fromMs, points }) =>
        points === 7
          ? "there is no load to replay"
          : { timesMs: [fromMs], notes: [], rows: [{ name: "optimum", units: [points], unitHours: 1, aboveCeiling: null }] },
      nowMs: () => STATE.nowMs,
      has: (id) => STATE.workloads.some(({ workload }) => workload === id),
      isHealthy: () => isHealthy,
      command: async (request) => {
        commands.push(request);
        return request.workload === "shop/web";
      },
      entries: async (workload, count) => [{ workload, count }],
      endpoints: (workload) => (workload === "shop/web" ? published : undefined),
      tail: async (count) => [{ count }],
      verify: async () => ({ isWhole: true, entries: 7, problems: [] }),
      series: async (_workload, fromMs, toMs, points) => ({
        timesMs: [fromMs, toMs],
        requested: [points, null],
        ready: [1, 2],
        utilisation: [0.5, null],
        metrics: {},
      }),
      history: async (workload, fromMs, toMs) => [{ workload, fromMs, toMs }],
    },
    { token: TOKEN, version: "1.2.3" },
  );
  address = await server.listen(0);
});
afterEach(() => server.close());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${address}${path}`, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string>) } });
const pause = { kind: "pause", workload: "shop/web", who: "ada", why: "launch" };
const post = (body: unknown): Promise<Response> => ask("/api/v1/commands", { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });

describe("the local API", () => {
  test("tells the ledger, and the past in so many points", async () => {
    expect(await (await ask("/api/v1/ledger?count=3")).json()).toEqual({ schemaVersion: 1, entries: [{ count: 3 }] });
    expect(await (await ask("/api/v1/ledger/verification")).json()).toMatchObject({ isWhole: true, entries: 7 });
    expect(await (await ask("/api/v1/workloads/shop/web/series?from=1&to=9&points=5")).json()).toMatchObject({ timesMs: [1, 9], requested: [5, null] });
    expect((await ask("/api/v1/workloads/shop/web/series?from=1&to=9&points=0")).status).toBe(400);
    expect((await ask("/api/v1/ledger?count=0")).status).toBe(400);
    expect((await ask("/api/v1/ledger/other")).status).toBe(404);
  });

  test("tells load balancers and Prometheus which units are ready", async () => {
    expect(await (await ask("/api/v1/workloads/shop/web/endpoints")).json()).toEqual({ schemaVersion: 1, ...published });
    expect(await (await ask("/api/v1/workloads/shop/web/targets")).json()).toEqual([{ targets: ["127.0.0.1:9000"], labels: { workload: "shop/web" } }]);
    published = undefined;
    expect((await ask("/api/v1/workloads/shop/web/endpoints")).status).toBe(404);
  });

  test("tells state, entries and history", async () => {
    expect(await (await ask("/api/v1/state")).json()).toEqual(STATE);
    expect(await (await ask("/api/v1/workloads/shop/web/entries?count=3")).json()).toEqual({ schemaVersion: 1, entries: [{ workload: "shop/web", count: 3 }] });
    expect(await (await ask("/api/v1/workloads/shop/web/history?from=5&to=9")).json()).toEqual({
      schemaVersion: 1,
      history: [{ workload: "shop/web", fromMs: 5, toMs: 9 }],
    });
  });

  test("takes commands, and says what is wrong with others", async () => {
    expect((await post(pause)).status).toBe(202);
    expect(commands).toEqual([pause]);
    const refused = async (body: unknown): Promise<unknown> => {
      const answer = await post(body);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      return [answer.status, ((await answer.json()) as { detail: string }).detail];
    };
    expect(await refused("no json")).toEqual([400, "expected a JSON object"]);
    expect(await refused({ ...pause, why: "" })).toEqual([400, "why: expected a reason"]);
    expect(await refused({ ...pause, workload: "Shop" })).toEqual([400, "workload: expected a workload such as shop/web"]);
    expect(await refused({ ...pause, kind: "set" })).toMatchObject([400, expect.stringContaining("units")]);
    expect(await refused({ ...pause, workload: "shop/nobody" })).toEqual([404, "there is no workload shop/nobody"]);
    expect(await refused("x".repeat(70_000))).toEqual([413, "a command has at most 65536 bytes"]);
    expect(commands).toHaveLength(2);
  });

  test("tells the fleet, one workload, health, what others would have done, and the record as a file", async () => {
    expect(await (await ask("/api/v1/fleet")).json()).toEqual(FLEET);
    expect(await (await ask("/api/v1/health")).json()).toEqual(HEALTH);
    expect(await (await ask("/api/v1/workloads/shop/web")).json()).toMatchObject({ nowMs: 1_000_000, state: { workload: "shop/web" } });
    const others = await ask("/api/v1/workloads/shop/web/counterfactual?last=5000&points=9");
    expect(await others.json()).toMatchObject({ schemaVersion: 1, timesMs: [995_000], rows: [{ name: "optimum", units: [9] }] });
    const cannot = await ask("/api/v1/workloads/shop/web/counterfactual?points=7");
    expect([cannot.status, ((await cannot.json()) as { detail: string }).detail]).toEqual([409, "there is no load to replay"]);
    const file = await ask("/api/v1/ledger/export");
    expect(file.headers.get("content-disposition")).toContain("ledger.ndjson");
    expect(await file.text()).toBe("one\ntwo\n");
  });

  test("serves its page to whoever asks, with a policy that lets nothing else in", async () => {
    for (const [path, type] of [
      ["/", "text/html"],
      ["/app.js", "text/javascript"],
      ["/app.css", "text/css"],
    ] as const) {
      const found = await ask(path, { headers: { authorization: "" } });
      expect(found.status).toBe(200);
      expect(found.headers.get("content-type")).toContain(type);
      const policy = found.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect((await found.text()).length).toBeGreaterThan(500);
    }
    expect((await ask("/", { method: "HEAD" })).status).toBe(200);
    // Nothing else lies beside them.
    for (const path of ["/report.js", "/index.html", "/../package.json", "/constructor"])
      expect((await ask(path, { headers: { authorization: "" } })).status).toBe(401);
    expect((await ask("/", { method: "POST" })).status).toBe(404);
  });

  test.each([
    ["/api/v1/state", "", 401],
    ["/api/v1/state", "Bearer wrong", 401],
    ["/api/v1/commands", "Bearer a token that nobody guesse", 401],
    ["/api/v1/events", "Basic abc", 401],
    ["/elsewhere", "", 401],
    ["/healthz", "", 200],
    ["/metrics", "", 200],
  ])("%s with the authorisation %j is answered %i", async (path, authorization, status) => {
    expect((await ask(path, { headers: { authorization } })).status).toBe(status);
  });

  test.each([
    ["/api/v2/state", "GET", 404],
    ["/api/v1/nothing", "GET", 404],
    ["/api/v1/workloads/shop/nobody/entries", "GET", 404],
    ["/api/v1/workloads/shop/web/entries?count=0", "GET", 400],
    ["/api/v1/workloads/shop/web/history?from=9&to=5", "GET", 400],
    ["/api/v1/workloads/shop/web/history?from=-1", "GET", 400],
    ["/api/v1/workloads/shop/web/series?last=86400000", "GET", 200],
    ["/api/v1/workloads/shop/web/series?last=86400001", "GET", 400],
    ["/api/v1/workloads/shop/web/series?last=x", "GET", 400],
    ["/api/v1/workloads/shop/nobody", "GET", 404],
    ["/api/v1/workloads/shop", "GET", 404],
    ["/api/v1/workloads/shop/web/series/more", "GET", 404],
    ["/api/v1/ledger/elsewhere", "GET", 404],
    ["/api/v1/state", "POST", 405],
    ["/api/v1/commands", "GET", 405],
  ])("%s by %s is answered %i", async (path, method, status) => {
    expect((await ask(path, { method })).status).toBe(status);
  });

  test("listens to nobody who came by another name, nor to pages of others", async () => {
    const status = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get(`${address}/api/v1/state`, { headers: { authorization: `Bearer ${TOKEN}`, ...headers } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    expect(await status({})).toBe(200);
    expect(await status({ host: "rebound.example" })).toBe(421);
    expect(await status({ host: "localhost.evil.example" })).toBe(421);
    expect(await status({ origin: "https://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    // What else this machine serves is a page of others, too.
    expect(await status({ origin: "http://localhost:3000" })).toBe(403);
    expect(await status({ origin: address })).toBe(200);
  });

  test("says that it is ill", async () => {
    isHealthy = false;
    expect((await ask("/healthz")).status).toBe(503);
  });

  test("tells what happens to whoever listens, until they leave", async () => {
    const leave = new AbortController();
    const answer = await ask("/api/v1/events", { signal: leave.signal });
    expect(answer.headers.get("content-type")).toMatch("text/event-stream");
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    let heard = "";
    const until = async (part: string): Promise<void> => {
      while (!heard.includes(part)) heard += new TextDecoder().decode((await reader.read()).value);
    };
    await until("retry");
    server.send({ event: "warning", data: { message: "two\nlines" } });
    await until("\n\nevent: warning");
    await until('data: {"message":"two\\nlines"}\n\n');
    leave.abort();
  });

  test("counts what happened, with labels that are escaped", async () => {
    server.counters.tick(120, 5_000);
    server.send({ event: "outcome", data: { workload: "shop/web", units: 5, outcome: "applied", message: null } });
    const text = await (await ask("/metrics")).text();
    for (const line of [
      'vernier_build_info{version="1.2.3"} 1',
      'vernier_capacity_units{workload="shop/web",kind="ready"} 3',
      'vernier_posture{workload="shop/web"} 1',
      'vernier_readings_unusable{workload="shop/web"} 1',
      'vernier_tick_seconds_bucket{le="0.1"} 0',
      'vernier_tick_seconds_bucket{le="0.25"} 1',
      "vernier_last_tick_timestamp_seconds 5",
      'vernier_outcomes_total{outcome="applied"} 1',
    ])
      expect(text.split("\n")).toContain(line);
  });
});
