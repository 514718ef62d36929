import type { Engine, EngineState, Posture } from "../engine/model.ts";
import type { SharedLimits } from "../engine/shared-limits.ts";
import type { Store } from "../ledger/store.ts";
import { decideShared, noteAll } from "./decision.ts";
import { decodeObservations } from "./observations.ts";

/** History that an engine without a snapshot sees before it decides: longer than any window of its guards that counts removals. */
const REPLAY_MS = 3_600_000;

interface Remembering {
  readonly id: string;
  readonly mode: string;
  readonly engine: Engine;
  posture: Posture | undefined;
}

/** Lets engines see what was recorded before, so that windows, cooldowns and the blast radius go on. */
export async function remember(workloads: readonly Remembering[], shared: SharedLimits, store: Store, shard: number, nowMs: number): Promise<void> {
  const since = new Map<string, number>();
  for (const { id, engine } of workloads) {
    since.set(id, nowMs - REPLAY_MS);
    const snapshot = await store.snapshot(id, nowMs);
    if (snapshot === undefined) continue;
    const kept = JSON.parse(snapshot.state) as { readonly policyHash: string; readonly state: EngineState };
    // Another policy reads its windows otherwise: it sees the last hour anew instead.
    if (kept.policyHash !== engine.policyHash || kept.state.version !== engine.state().version) continue;
    engine.restore(kept.state);
    since.set(id, snapshot.atMs + 1);
  }
  const byId = new Map(workloads.map((workload) => [workload.id, workload]));
  for await (const { atMs, bytes } of store.observations(shard, Math.min(nowMs, ...since.values()), nowMs)) {
    const ticks = decodeObservations(bytes);
    noteAll(shared, ticks, atMs);
    for (const { workload: id, observation } of ticks) {
      const workload = byId.get(id);
      if (workload === undefined || workload.mode === "observe" || atMs < (since.get(id) as number)) continue;
      workload.posture = decideShared(shared, workload, observation, atMs).posture;
    }
  }
}
