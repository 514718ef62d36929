import type { Observation } from "../engine/model.ts";
import type { Reason } from "../engine/reasons.ts";
import type { Store } from "../ledger/store.ts";
import { decodeObservations } from "./observations.ts";

/** What is known of one workload from the record, whoever runs. */
export interface WorkloadStatus {
  readonly workload: string;
  readonly mode: string;
  readonly posture: string | undefined;
  /** The last tick, and what was seen at it; undefined when none is kept. */
  readonly seenAtMs: number | undefined;
  readonly observation: Observation | undefined;
  readonly lastChange:
    | { readonly at: string; readonly from: number; readonly requested: number; readonly mode: string; readonly reasons: readonly Reason[] }
    | undefined;
  readonly lastOutcome: { readonly at: string; readonly outcome: string; readonly message?: string } | undefined;
  /** Effects of which nobody knows yet what came of them. */
  readonly open: number;
}

export interface ControllerStatus {
  /** Whether the last thing written is that it ended. */
  readonly hasEnded: boolean;
  readonly startedAt: string | undefined;
  readonly workloads: readonly WorkloadStatus[];
}

/** Entries that are looked through for what was last. */
const ENTRIES_MAX = 20_000;
/** Before the last tick, time in which every workload has ticked. */
const LOOK_BACK_MS = 3_600_000;

interface Kept {
  readonly at: string;
  readonly body: Readonly<Record<string, unknown>> & { readonly kind: string; readonly workload?: string };
}

/** @param nowMs wall time; ticks are looked for from an hour before */
export async function readStatus(store: Store, nowMs: number): Promise<ControllerStatus> {
  const workloads: WorkloadStatus[] = [];
  let startedAt: string | undefined;
  let hasEnded = false;
  for (const shard of await store.shards()) {
    const entries = (await store.tail(shard, ENTRIES_MAX)).map((text) => JSON.parse(text) as Kept);
    const start = entries.find(({ body }) => body.kind === "start");
    startedAt ??= start?.at;
    hasEnded = ["stop", "restored"].includes(entries[0]?.body.kind ?? "");
    const seen = new Map<string, { atMs: number; observation: Observation }>();
    for await (const { atMs, bytes } of store.observations(shard, nowMs - LOOK_BACK_MS, Number.MAX_SAFE_INTEGER))
      for (const { workload, observation } of decodeObservations(bytes)) seen.set(workload, { atMs, observation });
    const open = await store.openIntents(shard);
    for (const { id, mode } of (start?.body["workloads"] ?? []) as readonly { readonly id: string; readonly mode: string }[]) {
      const last = (kind: string): Kept | undefined => entries.find(({ body }) => body.kind === kind && body.workload === id);
      const [posture, decision, outcome] = [last("posture"), last("decision"), last("outcome")];
      const found = seen.get(id);
      workloads.push({
        workload: id,
        mode,
        posture: posture?.body["to"] as string | undefined,
        seenAtMs: found?.atMs,
        observation: found?.observation,
        lastChange:
          decision === undefined
            ? undefined
            : {
                at: decision.at,
                from: decision.body["from"] as number,
                requested: decision.body["requested"] as number,
                mode: decision.body["mode"] as string,
                reasons: decision.body["reasons"] as readonly Reason[],
              },
        lastOutcome:
          outcome === undefined
            ? undefined
            : {
                at: outcome.at,
                outcome: outcome.body["outcome"] as string,
                ...(outcome.body["message"] !== undefined && { message: outcome.body["message"] as string }),
              },
        open: open.filter(({ workload }) => workload === id).length,
      });
    }
  }
  return { hasEnded, startedAt, workloads };
}
