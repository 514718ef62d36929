import { dirname } from "node:path";
import { SystemClock } from "./control/clock.ts";
import { type Preflight, preflight } from "./control/preflight.ts";
import { type ServerClock, watchServerClocks } from "./lib/server-clocks.ts";
import { actuatorOf, type LiveOptions, metricSourcesOf, refuseShared, sourcesOf } from "./live.ts";
import type { Policy } from "./policy/parse.ts";

/** What was found out before anything runs. */
export interface LivePreflight {
  readonly workloads: readonly Preflight[];
  /** Clocks of the servers that answered. */
  readonly clocks: readonly ServerClock[];
}

/**
 * Asks every source and target of policies once, as a controller would, and changes nothing. Needs no data folder.
 * @throws FileError for what no controller would start with   @throws PathError for a variable with a token that is not set
 */
export async function preflightPolicies(policies: readonly Policy[], options: Pick<LiveOptions, "environment">): Promise<LivePreflight> {
  refuseShared(policies);
  const clock = new SystemClock();
  const open: { close(): Promise<void> }[] = [];
  const subjects = policies.flatMap((policy) => {
    const byName = sourcesOf(policy, options, () => clock.wallMs());
    open.push(...byName.values());
    return policy.workloads.map((workload) => {
      const actuator = workload.written.target === undefined ? undefined : actuatorOf(workload, dirname(policy.file), options);
      if (actuator !== undefined) open.push(actuator);
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
