import { dirname } from "node:path";
import { ProcessActuator } from "../actuators/process/process-actuator.ts";
import { SystemClock } from "../control/clock.ts";
import { type Preflight, preflight } from "../control/preflight.ts";
import { type ServerClock, watchServerClocks } from "../lib/server-clocks.ts";
import type { Policy } from "../policy/parse.ts";
import { actuatorOf } from "./actuators.ts";
import { refuseForLive } from "./problems.ts";
import { metricSourcesOf, sourcesOf, unitsSource } from "./sources.ts";

/** What was found out before anything runs. */
export interface LivePreflight {
  readonly workloads: readonly Preflight[];
  /** Clocks of the servers that answered. */
  readonly clocks: readonly ServerClock[];
}

/**
 * Asks every source and target of policies once, as a controller would, and changes nothing. The data folder is only looked at for processes of ours.
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
    const workloads = await Promise.all(subjects.map((subject) => preflight(subject, clock)));
    return { workloads, clocks: clocks.end() };
  } finally {
    clocks.end();
    for (const one of open) await one.close();
  }
}
