import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { ProcessActuator } from "../actuators/process/process-actuator.ts";
import { SystemClock } from "../control/clock.ts";
import { OthersWatch, type OwnOrder } from "../control/others-changes.ts";
import { pastOfAll } from "../control/past.ts";
import { type OthersChanges, type Preflight, preflight } from "../control/preflight.ts";
import type { Store } from "../ledger/store.ts";
import { type ServerClock, watchServerClocks } from "../lib/server-clocks.ts";
import type { Policy } from "../policy/parse.ts";
import { actuatorOf } from "./actuators.ts";
import { refuseForLive } from "./problems.ts";
import { metricSourcesOf, sourcesOf, unitsSource } from "./sources.ts";
import { readLedger } from "./store.ts";

/** How far back the record is looked through for what others did, and entries of ours that explain a change. */
const LOOK_BACK_MS = 86_400_000;
const ENTRIES_MAX = 5_000;
/** So many places are looked at in that time, and so many observations in all: fewer places for many workloads. */
const PLACES_MAX = 2_000;
const PLACES_MIN = 200;
const LOOKED_AT = 1_000_000;

/** What was found out before anything runs. */
export interface LivePreflight {
  readonly workloads: readonly Preflight[];
  /** Clocks of the servers that answered. */
  readonly clocks: readonly ServerClock[];
}

/**
 * Asks every source and target of policies once, as a controller would, and changes nothing. The data folder is only looked at: for processes of ours, and for the record of an earlier run.
 * @throws FileError for what no controller would start with   @throws PathError for a variable with a token that is not set
 */
export async function preflightPolicies(
  policies: readonly Policy[],
  { environment, data }: { readonly environment: Readonly<Record<string, string | undefined>>; readonly data: string },
): Promise<LivePreflight> {
  refuseForLive(policies);
  const clock = new SystemClock();
  const open: { close(): Promise<void> }[] = [];
  const processes = new Map<string, ProcessActuator>();
  const units = unitsSource(() => processes, clock);
  const record = existsSync(join(data, "ledger.db")) ? readLedger(data) : undefined;
  if (record !== undefined) open.push(record);
  const subjects = policies.flatMap((policy) => {
    const byName = sourcesOf(policy, environment, clock, units);
    open.push(...byName.values());
    return policy.workloads.map((workload) => {
      const context = { folder: dirname(policy.file), data, environment, acts: false, clock };
      const actuator = workload.written.target === undefined ? undefined : actuatorOf(workload, context, () => {});
      if (actuator !== undefined) open.push(actuator);
      if (actuator instanceof ProcessActuator) processes.set(workload.id, actuator);
      return { mode: workload.written.mode, policy: workload.resolved, metrics: metricSourcesOf(workload, workload.resolved.metrics, byName), actuator };
    });
  });
  const clocks = watchServerClocks(() => clock.wallMs());
  try {
    const others =
      record === undefined ? undefined : await othersIn(record, new Map(subjects.map(({ policy }) => [policy.id, policy.intervalMs])), clock.wallMs());
    const workloads = await Promise.all(subjects.map((subject) => preflight({ ...subject, others: others?.get(subject.policy.id) }, clock)));
    return { workloads, clocks: clocks.end() };
  } finally {
    clocks.end();
    for (const one of open) await one.close();
  }
}

/** What others did to each workload, by the record of an earlier run. */
async function othersIn(record: Store, workloads: ReadonlyMap<string, number>, nowMs: number): Promise<ReadonlyMap<string, OthersChanges>> {
  const watches = new Map<string, OthersWatch>();
  const buckets = Math.max(PLACES_MIN, Math.min(PLACES_MAX, Math.round(LOOKED_AT / workloads.size)));
  for (const [workload, intervalMs] of workloads)
    watches.set(workload, new OthersWatch(await ordersIn(record, workload), LOOK_BACK_MS, Math.max(intervalMs, LOOK_BACK_MS / buckets)));
  for await (const one of pastOfAll(record, workloads, { fromMs: nowMs - LOOK_BACK_MS, toMs: nowMs, buckets })) watches.get(one.workload)?.note(one);
  return new Map([...watches].map(([workload, watch]) => [workload, watch.changes]));
}

/** What was ordered for a workload lately. */
async function ordersIn(record: Store, workload: string): Promise<readonly OwnOrder[]> {
  const texts = (await record.entriesOf(workload, ENTRIES_MAX)).filter((text) => text.includes('"kind":"intent"'));
  return texts.flatMap((text): OwnOrder[] => {
    const { at, body } = JSON.parse(text) as { readonly at: string; readonly body: { readonly kind: string; readonly do?: { readonly units?: number } } };
    return body.kind === "intent" && body.do?.units !== undefined ? [{ atMs: Date.parse(at), units: body.do.units }] : [];
  });
}
