import type { Decision, Engine, Observation } from "../engine/model.ts";
import { SharedLimits } from "../engine/shared-limits.ts";
import type { Store } from "../ledger/store.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { decideShared, decisionBody, type Mode, noteAll } from "./decision.ts";
import { decodeObservations } from "./observations.ts";
import { remember } from "./remember.ts";

/** Engine time; everything that is kept when absent. */
export interface ReplayRange {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** A decision that came out otherwise. */
export interface ReplayDifference {
  readonly workload: string;
  readonly engineMs: number;
  /** Canonical JSON; undefined where there is none. */
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

export interface ReplayReport {
  readonly sessions: number;
  readonly ticks: number;
  readonly decisions: number;
  /** Engine time of the first and last observation that was replayed; undefined without any. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  /** Decisions before the first observation that is still kept: nobody can replay those. */
  readonly beyondRetention: number;
  readonly differences: readonly ReplayDifference[];
}

interface Assignment {
  readonly engineMs: number;
  readonly workloads: readonly { readonly id: string; readonly mode: Mode; readonly policyHash: string }[];
}

/** From one start of a controller to the next. */
interface Session extends Assignment {
  /** Policies that were changed while it ran, oldest first. */
  readonly reloads: Assignment[];
}

interface Recorded {
  readonly workload: string;
  readonly engineMs: number;
  readonly text: string;
}

/** Makes an engine of a policy, given its hash and its text. */
export type MakeEngine = (hash: string, text: string, nowMs: number) => Engine;

interface ReplayedTick {
  readonly atMs: number;
  readonly workload: string;
  readonly mode: Mode;
  readonly observation: Observation;
  readonly decision: Decision;
}

const DIFFERENCES_MAX = 100;

/**
 * Runs recorded observations through engines of the recorded policies again, from one start of the controller to the next, and
 * compares what they decide with what was recorded, byte for byte.
 */
export async function replay(store: Store, { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER }: ReplayRange, make: MakeEngine): Promise<ReplayReport> {
  const differences: ReplayDifference[] = [];
  const differ = (difference: ReplayDifference): void => {
    if (differences.length < DIFFERENCES_MAX) differences.push(difference);
  };
  let [sessionCount, ticks, decisions, beyondRetention] = [0, 0, 0, 0];
  let first: number | undefined;
  let last: number | undefined;
  for (const shard of await store.shards()) {
    const { sessions, recorded } = await readEntries(store, shard);
    for (const [i, session] of sessions.entries()) {
      const endMs = Math.min(toMs, sessions[i + 1]?.engineMs ?? Number.MAX_SAFE_INTEGER);
      if (endMs <= fromMs || session.engineMs >= toMs) continue;
      sessionCount++;
      const expected = new Map(
        recorded.filter(({ engineMs }) => engineMs >= session.engineMs && engineMs < endMs).map((one) => [`${one.workload} ${one.engineMs}`, one]),
      );
      let seenMs: number | undefined;
      for await (const { atMs, workload: id, mode, observation, decision } of replayTicks(store, shard, session, endMs, make)) {
        seenMs ??= atMs;
        const isChange = observation.capacity.readable && decision.requested !== decision.from;
        const key = `${id} ${atMs}`;
        const was = expected.get(key);
        expected.delete(key);
        if (atMs < fromMs) continue;
        ticks++;
        first ??= atMs;
        last = atMs;
        if (isChange || was !== undefined) decisions++;
        const replayed = isChange ? canonicalJson(decisionBody(decision, mode)) : undefined;
        if (replayed !== was?.text) differ({ workload: id, engineMs: atMs, recorded: was?.text, replayed });
      }
      for (const one of expected.values()) {
        if (one.engineMs < fromMs) continue;
        if (seenMs === undefined || one.engineMs < seenMs) beyondRetention++;
        else differ({ workload: one.workload, engineMs: one.engineMs, recorded: one.text, replayed: undefined });
      }
    }
  }
  return { sessions: sessionCount, ticks, decisions, fromMs: first, toMs: last, beyondRetention, differences };
}

/** Runs what one controller saw through engines of its policies again. Decisions are the engines' own objects: read them at once. */
async function* replayTicks(store: Store, shard: number, session: Session, endMs: number, make: MakeEngine): AsyncIterable<ReplayedTick> {
  const workloads = await Promise.all(
    session.workloads.map(async ({ id, mode, policyHash }) => ({
      id,
      mode,
      ...(await engineOf(store, id, policyHash, session.engineMs, make)),
      posture: undefined,
    })),
  );
  let shared = new SharedLimits(workloads.map(({ policy }) => policy));
  await remember(workloads, shared, store, shard, session.engineMs);
  const byId = new Map(workloads.map((workload) => [workload.id, workload]));
  const reloads = [...session.reloads];
  for await (const { atMs, bytes } of store.observations(shard, session.engineMs, endMs)) {
    for (; reloads[0] !== undefined && reloads[0].engineMs <= atMs; reloads.shift()) {
      for (const { id, mode, policyHash } of reloads[0].workloads) {
        const before = byId.get(id);
        if (before === undefined) continue;
        const after = before.engine.policyHash === policyHash ? before : await engineOf(store, id, policyHash, reloads[0].engineMs, make);
        if (after !== before) after.engine.restore(before.engine.state());
        byId.set(id, { ...before, ...after, mode });
      }
      shared = new SharedLimits(
        [...byId.values()].map(({ policy }) => policy),
        shared,
      );
    }
    const ticks = decodeObservations(bytes);
    noteAll(shared, ticks, atMs);
    for (const { workload: id, observation } of ticks) {
      const workload = byId.get(id);
      if (workload === undefined || workload.mode === "observe") continue;
      yield { atMs, workload: id, mode: workload.mode, observation, decision: decideShared(shared, workload, observation, atMs) };
    }
  }
}

async function engineOf(
  store: Store,
  id: string,
  policyHash: string,
  nowMs: number,
  make: MakeEngine,
): Promise<{ readonly engine: Engine; readonly policy: ResolvedWorkload }> {
  const text = await store.policy(policyHash);
  if (text === undefined) throw new Error(`the policy ${policyHash} of ${id} is not kept`);
  return { engine: make(policyHash, text, nowMs), policy: JSON.parse(text) as ResolvedWorkload };
}

/**
 * Decides once more what was decided at an instant, with every stage. @param take is given the last tick of the workload at or before
 * `atMs`; the decision is the engine's own object   @returns false when nothing of it is kept
 */
export async function explainRecorded(
  store: Store,
  { workload: wanted, atMs }: { readonly workload: string; readonly atMs: number },
  make: MakeEngine,
  take: (decision: Decision, observation: Observation) => void,
): Promise<boolean> {
  for (const shard of await store.shards()) {
    const { sessions } = await readEntries(store, shard);
    // A controller that ended before it saw anything leaves the one before it to be looked at.
    for (const session of sessions.toReversed()) {
      if (session.engineMs > atMs || !session.workloads.some(({ id }) => id === wanted)) continue;
      let lastMs: number | undefined;
      for await (const { atMs: tickMs, bytes } of store.observations(shard, session.engineMs, atMs + 1))
        if (decodeObservations(bytes).some(({ workload }) => workload === wanted)) lastMs = tickMs;
      if (lastMs === undefined) continue;
      for await (const { atMs: tickMs, workload, decision, observation } of replayTicks(store, shard, session, lastMs + 1, make))
        if (tickMs === lastMs && workload === wanted) take(decision, observation);
      return true;
    }
  }
  return false;
}

async function readEntries(store: Store, shard: number): Promise<{ sessions: Session[]; recorded: Recorded[] }> {
  const sessions: Session[] = [];
  const recorded: Recorded[] = [];
  for await (const { text } of store.entries(shard, 1)) {
    const { body } = JSON.parse(text) as { body: { readonly kind: string } };
    if (body.kind === "start") sessions.push({ ...(body as unknown as Assignment), reloads: [] });
    if (body.kind === "reload") sessions.at(-1)?.reloads.push(body as unknown as Assignment);
    if (body.kind !== "decision") continue;
    const { workload, engineMs } = body as unknown as Recorded;
    recorded.push({ workload, engineMs, text: canonicalJson(body) });
  }
  return { sessions, recorded };
}
