import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiEvent, CommandRequest, HealthAnswer, SeriesAnswer, SourceHealth } from "../api/contract.ts";
import { ApiServer, type ApiSubject, type DemoSubject } from "../api/server.ts";
import { API_VERSION } from "../api/version.ts";
import { type Controller, SHARD } from "../control/controller.ts";
import type { Command } from "../control/orders.ts";
import { type Past, pastOf } from "../control/past.ts";
import type { ControllerEvents } from "../control/ports.ts";
import { utilisationOf } from "../control/shortage.ts";
import { exportLines } from "../ledger/export.ts";
import type { Store } from "../ledger/store.ts";
import { LedgerVerifier } from "../ledger/verify.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { PathError, systemErrorCode } from "../lib/system-error.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { counterfactual, type RunJobs } from "./counterfactual.ts";
import { LiveViews } from "./views.ts";

// The local API over a controller: what it knows, in the words of the contract.

/** Where the API is looked for first. */
const API_PORT = 7461;

/** Observations that a simulation is made of, at most. */
const REPLAYED_MAX = 6_000;
/** Listeners hear of ticks this often at most. */
const TOLD_EVERY_MS = 900;

/** Where commands are sent, and what lets them in. */
export interface ApiPlace {
  readonly address: string;
  readonly token: string;
}

export interface LiveApi {
  readonly address: string;
  close(): Promise<void>;
}

/** Passes on what happens to whoever listens to the API, too. */
export function tellingApi(events: ControllerEvents, api: () => Pick<OpenApi, "server" | "note"> | undefined, wallMs: () => number): ControllerEvents {
  const send = (event: ApiEvent): void => api()?.server.send(event);
  let toldMs = 0;
  return {
    ...events,
    onDecision: (decision, mode, effect, observation) => {
      events.onDecision?.(decision, mode, effect, observation);
      const { workload, from, requested, posture, atMs } = decision;
      if (effect !== "none") send({ event: "decision", data: { workload, from, requested, effect, posture, atMs } });
    },
    onOutcome: (intent, outcome, message) => {
      events.onOutcome?.(intent, outcome, message);
      send({ event: "outcome", data: { workload: intent.workload, units: intent.do.units, outcome, message: message ?? null } });
    },
    onStopped: (isStopped) => {
      events.onStopped?.(isStopped);
      send({ event: "stopped", data: { isStopped } });
    },
    onWarning: (message) => {
      events.onWarning?.(message);
      send({ event: "warning", data: { message } });
    },
    onTick: (tookMs, workloads) => {
      events.onTick?.(tookMs, workloads);
      api()?.server.counters.tick(tookMs, wallMs());
      api()?.note();
      // Often enough for eyes.
      if (wallMs() - toldMs < TOLD_EVERY_MS) return;
      toldMs = wallMs();
      send({ event: "tick", data: { atMs: toldMs } });
    },
  };
}

export interface ApiOptions {
  readonly data: string;
  /** Undefined: {@link API_PORT}, or any that is free when that one is taken. */
  readonly port: number | undefined;
  readonly version: string;
  readonly wallMs: () => number;
  readonly endpointsOf: ApiSubject["endpoints"];
  readonly keep: { readonly retentionMs: number; readonly budgetBytes: number };
  /** How sources answered last, and the type of a workload's target. */
  readonly sources: () => readonly SourceHealth[];
  readonly targetOf: (workload: string) => string;
  readonly runJobs: RunJobs;
  readonly demo?: DemoSubject | undefined;
}

interface OpenApi extends LiveApi {
  readonly server: ApiServer;
  /** Takes note of what the last tick saw. */
  note(): void;
}

/** Opens the API of a controller, and writes down where it is. @throws PathError when a port that was asked for is taken */
export async function openApi(controller: Controller, store: Store, options: ApiOptions): Promise<OpenApi> {
  const { data, port, version, wallMs, endpointsOf, demo, runJobs } = options;
  const views = new LiveViews(controller, wallMs);
  const now = () => ({ schemaVersion: API_VERSION, nowMs: wallMs(), isStopped: controller.isStopped }) as const;
  // One at a time: each takes a core while it runs.
  let turn: Promise<unknown> = Promise.resolve();
  const policyOf = (workload: string): ResolvedWorkload | undefined => controller.view(workload)?.policy;
  const server: ApiServer = new ApiServer(
    {
      state: () => ({ ...now(), startedMs: views.startedMs, ledgerSeq: controller.ledgerSeq, workloads: views.states() }),
      fleet: () => views.fleet(demo !== undefined),
      workload: (workload) => {
        const state = views.state(workload);
        return state === undefined ? undefined : { ...now(), state };
      },
      health: async () => ({
        ...now(),
        version,
        startedMs: views.startedMs,
        isHealthy: views.isHealthy(),
        tick: server.counters.lastTick,
        ...(await healthOf(controller, store, options)),
      }),
      nowMs: wallMs,
      has: (workload) => controller.has(workload),
      isHealthy: () => views.isHealthy(),
      command: (request) => controller.command(commandOf(request)),
      entries: async (workload, count) => (await store.entriesOf(workload, count)).map((text) => JSON.parse(text) as unknown),
      endpoints: endpointsOf,
      ...(demo !== undefined && { demo }),
      tail: async (count) => (await store.tail(SHARD, count)).map((text) => JSON.parse(text) as unknown),
      exported: () => exportLines(store),
      verify: () => verificationOf(store),
      series: (workload, fromMs, toMs, points) => seriesOf(store, policyOf(workload), workload, { fromMs, toMs, points }),
      counterfactual: (workload, { fromMs, toMs, points }, isWanted) => {
        const mine = turn.then(async () => {
          if (!isWanted()) return "nobody waits for it any more";
          const policy = policyOf(workload) as ResolvedWorkload;
          const seen: Past[] = [];
          for await (const one of pastOf(store, workload, { fromMs, toMs, buckets: REPLAYED_MAX })) seen.push(one);
          return await counterfactual(policy, seen, { toMs, points }, runJobs);
        });
        turn = mine.catch(() => {});
        return mine;
      },
      history: (workload, fromMs, toMs) => historyOf(store, workload, fromMs, toMs),
    },
    { token: tokenOf(data), version },
  );
  const address = await listen(server, port);
  const place = join(data, "api.json");
  replaceFile(place, `${JSON.stringify({ address, pid: process.pid })}\n`);
  return {
    server,
    address,
    note: () => views.note(),
    close: async () => {
      rmSync(place, { force: true });
      await server.close();
    },
  };
}

async function healthOf(
  controller: Controller,
  store: Store,
  { keep, sources, targetOf }: Pick<ApiOptions, "keep" | "sources" | "targetOf">,
): Promise<Pick<HealthAnswer, "sources" | "targets" | "store">> {
  const checkpoint = await store.lastCheckpoint();
  return {
    sources: sources(),
    targets: controller.views().map(({ id, last, unreadable, openIntents }) => ({
      workload: id,
      type: targetOf(id),
      readMs: last?.observation.capacity.readable ? last.wallMs : null,
      unreadable: unreadable ?? null,
      openIntents,
    })),
    store: {
      entries: controller.ledgerSeq,
      bytes: await store.usedBytes(),
      ...keep,
      checkpointMs: checkpoint === undefined ? null : Date.parse(checkpoint.at),
    },
  };
}

async function listen(server: ApiServer, port: number | undefined): Promise<string> {
  try {
    return await server.listen(port ?? API_PORT);
  } catch (error) {
    if (port !== undefined) throw new PathError("cannot listen on port", String(port), error);
    if (systemErrorCode(error) !== "EADDRINUSE") throw error;
    return await server.listen(0);
  }
}

/** The token of a data folder; made at the first start. */
function tokenOf(data: string): string {
  const path = join(data, "api.token");
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const token = randomBytes(32).toString("base64url");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: "wx" });
  return token;
}

/** Where the API of a running controller is; undefined when none runs. */
export function findApi(data: string): ApiPlace | undefined {
  try {
    const { address } = JSON.parse(readFileSync(join(data, "api.json"), "utf8")) as { readonly address: string };
    return { address, token: readFileSync(join(data, "api.token"), "utf8").trim() };
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new PathError("cannot read", join(data, "api.json"), error);
  }
}

/** A command as the controller knows it. */
export function commandOf(request: CommandRequest): Command {
  const { workload, who, why } = request;
  const what =
    request.kind === "set"
      ? { kind: request.kind, units: request.units }
      : request.kind === "approve"
        ? { kind: request.kind, decision: request.decision }
        : { kind: request.kind };
  return { workload, who, why, do: what, ...("untilMs" in request && request.untilMs !== undefined && { untilMs: request.untilMs }) };
}

async function historyOf(store: Store, workload: string, fromMs: number, toMs: number): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  for await (const { atMs, observation } of pastOf(store, workload, { fromMs, toMs })) rows.push({ atMs, ...observation });
  return rows;
}

/** The last of each bucket of time. */
async function seriesOf(
  store: Store,
  policy: ResolvedWorkload | undefined,
  workload: string,
  { fromMs, toMs, points }: { readonly fromMs: number; readonly toMs: number; readonly points: number },
): Promise<Omit<SeriesAnswer, "schemaVersion">> {
  const timesMs: number[] = [];
  const requested: (number | null)[] = [];
  const ready: (number | null)[] = [];
  const utilisation: (number | null)[] = [];
  const metrics: Record<string, (number | null)[]> = {};
  for await (const { atMs, observation } of pastOf(store, workload, { fromMs, toMs, buckets: points })) {
    const { capacity, readings } = observation;
    const at = timesMs.length;
    timesMs[at] = atMs;
    requested[at] = capacity.readable ? capacity.requested : null;
    ready[at] = capacity.readable ? capacity.ready : null;
    utilisation[at] = policy === undefined ? null : (utilisationOf(policy, observation) ?? null);
    for (const { metric, status, value } of readings) {
      metrics[metric] ??= new Array<null>(at).fill(null);
      (metrics[metric] as (number | null)[])[at] = status === "value" && Number.isFinite(value) ? value : null;
    }
  }
  for (const values of Object.values(metrics)) for (let i = 0; i < timesMs.length; i++) values[i] ??= null;
  return { timesMs, requested, ready, utilisation, metrics };
}

async function verificationOf(store: Store): Promise<{ readonly isWhole: boolean; readonly entries: number; readonly problems: readonly string[] }> {
  const verifier = new LedgerVerifier();
  for await (const line of exportLines(store)) verifier.push(line);
  const { entries, problems } = verifier.finish();
  return { isWhole: problems.length === 0, entries, problems: problems.map(({ message }) => message) };
}
