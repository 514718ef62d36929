import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { ProcessActuator } from "../actuators/process/process-actuator.ts";
import { SystemClock } from "../control/clock.ts";
import { type OwnOrder, othersChanges } from "../control/others-changes.ts";
import { type Past, pastOf } from "../control/past.ts";
import { type OthersChanges, type Preflight, preflight } from "../control/preflight.ts";
import { type ServerClock, watchServerClocks } from "../lib/server-clocks.ts";
import type { Policy } from "../policy/parse.ts";
import { actuatorOf } from "./actuators.ts";
import { refuseForLive } from "./problems.ts";
import { metricSourcesOf, sourcesOf, unitsSource } from "./sources.ts";
import { readLedger } from "./store.ts";

/** How far back the record is looked through for what others did, in so many places, and entries of ours that explain a change. */
const LOOK_BACK_MS = 86_400_000;
const LOOKED_AT = 2_000;
const ENTRIES_MAX = 5_000;

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
  const othersOf = async (workload: string): Promise<OthersChanges | undefined> => {
    if (record === undefined) return undefined;
    const toMs = clock.wallMs();
    const past: Past[] = [];
    for await (const one of pastOf(record, workload, { fromMs: toMs - LOOK_BACK_MS, toMs, buckets: LOOKED_AT })) past.push(one);
    const orders = (await record.entriesOf(workload, ENTRIES_MAX)).flatMap((text): OwnOrder[] => {
      const { at, body } = JSON.parse(text) as { readonly at: string; readonly body: { readonly kind: string; readonly do?: { readonly units?: number } } };
      return body.kind === "intent" && body.do?.units !== undefined ? [{ atMs: Date.parse(at), units: body.do.units }] : [];
    });
    return othersChanges(past, orders, LOOK_BACK_MS);
  };
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
    const workloads = await Promise.all(subjects.map(async (subject) => preflight({ ...subject, others: await othersOf(subject.policy.id) }, clock)));
    return { workloads, clocks: clocks.end() };
  } finally {
    clocks.end();
    for (const one of open) await one.close();
  }
}
