import { doJobs } from "../../src/cli/simulation-pool.ts";
import { geometricMean } from "../../src/lib/statistics.ts";
import type { Trace } from "../../src/sim/trace.ts";
import type { Job, RunOutcome } from "../../src/simulation-job.ts";
import { defaultWorkload, type EvaluatedTrace, PEAK_UNITS, stepsOf } from "./protocol.ts";
import type { TitledGrid } from "./report.ts";

/** What is changed, and the guards that say so. */
const VARIANTS: readonly (readonly [string, string])[] = [
  ["all guards as they are", "{}"],
  ["proof off", "{proof: off}"],
  ["stabilisation down off", "{down: {window: 0s}}"],
  ["stabilisation down 3 min", "{down: {window: 3m}}"],
  ["stabilisation down 10 min", "{down: {window: 10m}}"],
  ["rate limit up off", "{up: {limits: off}}"],
  ["rate limit down off", "{down: {limits: off}}"],
  ["cliff off", "{cliff: off}"],
  ["cliff without habit", "{cliff: {habit: 0s}}"],
  ["cliff with a habit of 1 h", "{cliff: {habit: 1h}}"],
  ["blast radius off", "{blastRadius: off}"],
  ["blast radius 5 % in 10 min", "{blastRadius: {share: 5%, window: 10m}}"],
  ["implausible zero off", "{implausibleZero: off}"],
  ["cliff, blast radius, rate down off", "{cliff: off, blastRadius: off, down: {limits: off}}"],
];

/** What each guard costs and spares: our default with one guard changed, over the default as it is. */
export async function guardGrid(traces: readonly Trace[], evaluated: readonly EvaluatedTrace[]): Promise<TitledGrid> {
  const workloads = VARIANTS.map(([, guards]) => defaultWorkload(guards));
  const jobs = traces.flatMap((trace) =>
    workloads.map((workload): Job => ({ kind: "run", trace, workload, settings: { peakUnits: PEAK_UNITS }, engine: "vernier" })),
  );
  const outcomes = (await doJobs(jobs, traces.reduce((sum, trace) => sum + stepsOf(trace), 0) * VARIANTS.length)) as RunOutcome[];
  const score = (trace: number, variant: number) => (outcomes[trace * VARIANTS.length + variant] as RunOutcome).report.score;
  const groups = [true, false].map((isSmooth) => evaluated.flatMap((trace, i) => (trace.isSmooth === isSmooth ? [i] : [])));
  return {
    title: "Price and harm of each guard",
    text: "Cost over that of the default (geometric mean), and change of the share of time above the ceiling (mean, percentage points), with one thing changed.",
    header: ["", "smooth: cost", "smooth: above ceiling", "noisy: cost", "noisy: above ceiling"],
    rows: VARIANTS.map(([name], variant) => [
      name,
      ...groups.flatMap((members) => {
        if (members.length === 0) return ["", ""];
        const cost = geometricMean(members.map((i) => score(i, variant).costUnitHours / score(i, 0).costUnitHours)) as number;
        const above = members.reduce((sum, i) => sum + score(i, variant).timeAboveCeilingRatio - score(i, 0).timeAboveCeilingRatio, 0) / members.length;
        return [`${cost >= 1 ? "+" : ""}${((cost - 1) * 100).toFixed(2)} %`, `${above >= 0 ? "+" : ""}${(above * 100).toFixed(3)}`];
      }),
    ]),
  };
}
