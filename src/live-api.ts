import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  API_VERSION,
  type ApiEvent,
  type CommandRequest,
  type SeriesAnswer,
  type StateAnswer,
  type WorkloadAbout,
  type WorkloadState,
} from "./api/contract.ts";
import { ApiServer, type ApiSubject, type DemoSubject } from "./api/server.ts";
import { type Controller, SHARD, type WorkloadView } from "./control/controller.ts";
import { decodeObservations } from "./control/observations.ts";
import { type Command, hashOfDecision } from "./control/orders.ts";
import type { ControllerEvents } from "./control/ports.ts";
import { describeReason } from "./engine/describe-reason.ts";
import type { Observation } from "./engine/model.ts";
import { exportLines } from "./ledger/export.ts";
import type { Store } from "./ledger/store.ts";
import { LedgerVerifier } from "./ledger/verify.ts";
import { replaceFile } from "./lib/replace-file.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import type { ResolvedWorkload } from "./policy/resolve.ts";

// The local API over a controller: what it knows, in the words of the contract.

/** Where the API is looked for first. */
const API_PORT = 7461;
/** Ticks that may be late before it counts as ill. */
const LATE_TICKS = 3;
const LATE_MS = 10_000;

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
export function tellingApi(events: ControllerEvents, api: () => ApiServer | undefined, wallMs: () => number): ControllerEvents {
  const send = (event: ApiEvent): void => api()?.send(event);
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
      api()?.counters.tick(tookMs, wallMs());
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
  readonly demo?: DemoSubject | undefined;
}

/** Opens the API of a controller, and writes down where it is. @throws PathError when a port that was asked for is taken */
export async function openApi(
  controller: Controller,
  store: Store,
  { data, port, version, wallMs, endpointsOf, demo }: ApiOptions,
): Promise<LiveApi & { readonly server: ApiServer }> {
  const startedMs = wallMs();
  const state = (): StateAnswer => ({
    schemaVersion: API_VERSION,
    nowMs: wallMs(),
    startedMs,
    isStopped: controller.isStopped,
    ledgerSeq: controller.ledgerSeq,
    workloads: controller.views().map(stateOf),
  });
  const server = new ApiServer(
    {
      state,
      nowMs: wallMs,
      has: (workload) => controller.has(workload),
      isHealthy: () => controller.views().every(({ last, intervalMs }) => wallMs() - (last?.wallMs ?? startedMs) <= LATE_TICKS * intervalMs + LATE_MS),
      command: (request) => controller.command(commandOf(request)),
      entries: async (workload, count) => (await store.entriesOf(workload, count)).map((text) => JSON.parse(text) as unknown),
      endpoints: endpointsOf,
      ...(demo !== undefined && { demo }),
      tail: async (count) => (await store.tail(SHARD, count)).map((text) => JSON.parse(text) as unknown),
      verify: () => verificationOf(store),
      series: (workload, fromMs, toMs, points) => seriesOf(store, workload, fromMs, toMs, points),
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
    close: async () => {
      rmSync(place, { force: true });
      await server.close();
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

function stateOf({ id, mode, posture, last, unreadable, policyHash, intervalMs, openIntents, orders, policy }: WorkloadView): WorkloadState {
  const capacity = last?.observation.capacity;
  const decision = last?.decision;
  return {
    workload: id,
    mode,
    posture: posture ?? null,
    policyHash,
    intervalMs,
    about: aboutOf(policy),
    tickMs: last?.atMs ?? null,
    capacity: capacity?.readable ? { requested: capacity.requested, ready: capacity.ready, starting: capacity.starting, draining: capacity.draining } : null,
    unreadable: unreadable ?? null,
    readings: (last?.observation.readings ?? []).map(({ metric, status, value }) => ({
      metric,
      status,
      value: status === "value" && Number.isFinite(value) ? value : null,
    })),
    desired: decision?.desired ?? null,
    wanted: decision?.requested ?? null,
    effect: last?.effect ?? null,
    decision: decision !== undefined && last?.effect === "awaiting" ? hashOfDecision(decision) : null,
    reasons: (decision?.reasons() ?? []).map((reason) => ({ ...reason, text: describeReason(reason) })),
    openIntents,
    orders: orders as WorkloadState["orders"],
  };
}

/** What one workload was shown, oldest first. */
async function* observationsOf(store: Store, workload: string, fromMs: number, toMs: number): AsyncGenerator<{ readonly atMs: number } & Observation> {
  for await (const { atMs, bytes } of store.observations(SHARD, fromMs, toMs))
    for (const { workload: id, observation } of decodeObservations(bytes)) if (id === workload) yield { atMs, ...observation };
}

async function historyOf(store: Store, workload: string, fromMs: number, toMs: number): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  for await (const row of observationsOf(store, workload, fromMs, toMs)) rows.push(row);
  return rows;
}

function aboutOf({ bounds, ceiling, unit, metrics, objectives }: ResolvedWorkload): WorkloadAbout {
  return {
    bounds,
    ceiling,
    price: unit.price === undefined ? null : { amountPerHour: unit.price.amountPerHour, currency: unit.price.currency ?? null },
    metrics: metrics.map(({ name, measures, scope }) => ({ name, measures, scope })),
    objectives: objectives.map((objective) => {
      const { name } = objective;
      if (objective.kind === "threshold") return { name, metric: objective.metric, op: objective.op, limit: objective.value };
      if (objective.kind === "band") return { name, metric: objective.metric, from: objective.from, to: objective.to };
      return { name, metric: objective.bad ?? objective.total };
    }),
  };
}

async function seriesOf(store: Store, workload: string, fromMs: number, toMs: number, points: number): Promise<Omit<SeriesAnswer, "schemaVersion">> {
  const bucketMs = (toMs - fromMs) / points;
  const timesMs: number[] = [];
  const requested: (number | null)[] = [];
  const ready: (number | null)[] = [];
  const metrics: Record<string, (number | null)[]> = {};
  let bucket = -1;
  for await (const { atMs, capacity, readings } of observationsOf(store, workload, fromMs, toMs)) {
    const next = Math.floor((atMs - fromMs) / bucketMs);
    const at = next === bucket ? timesMs.length - 1 : timesMs.length;
    bucket = next;
    timesMs[at] = atMs;
    requested[at] = capacity.readable ? capacity.requested : null;
    ready[at] = capacity.readable ? capacity.ready : null;
    for (const { metric, status, value } of readings) {
      metrics[metric] ??= new Array<null>(at).fill(null);
      (metrics[metric] as (number | null)[])[at] = status === "value" && Number.isFinite(value) ? value : null;
    }
  }
  for (const values of Object.values(metrics)) for (let i = 0; i < timesMs.length; i++) values[i] ??= null;
  return { timesMs, requested, ready, metrics };
}

async function verificationOf(store: Store): Promise<{ readonly isWhole: boolean; readonly entries: number; readonly problems: readonly string[] }> {
  const verifier = new LedgerVerifier();
  for await (const line of exportLines(store)) verifier.push(line);
  const { entries, problems } = verifier.finish();
  return { isWhole: problems.length === 0, entries, problems: problems.map(({ message }) => message) };
}
