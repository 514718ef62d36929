import { saysLatency } from "../policy/resolve-unit.ts";
import type { Season } from "../policy/schema.ts";
import type { ObjectiveResult } from "../sim/objective-judge.ts";
import type { Scale } from "../sim/scale.ts";
import { settleScale } from "../sim/scale.ts";
import type { Score } from "../sim/score.ts";
import { drawSeasons, type SeasonDraw } from "../sim/season.ts";
import { settleStepMs } from "../sim/steps.ts";
import type { Job, RunOutcome } from "../simulation-job.ts";
import { formatNumber, formatPercent, table } from "./format.ts";
import type { PreparedRun } from "./run-options.ts";
import { doJobs } from "./simulation-pool.ts";
import { Progress, type Terminal } from "./terminal.ts";

/** How a policy comes through seasons that may come, as `--json` prints it. Ratios are 0..1. */
export interface SeasonReport {
  readonly schemaVersion: 1;
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly season: Season & { readonly name: string };
  readonly objectives: readonly SeasonVerdict[];
  readonly draws: readonly (SeasonDraw & { readonly peakUnits: number; readonly score: Score })[];
}

/** One objective over all draws. */
interface SeasonVerdict {
  readonly name: string;
  readonly met: number;
  readonly atRisk: number;
  readonly missed: number;
  readonly unknown: number;
  /** Share of seasons up to which nothing is missed, in steps of the draws; null when nobody can tell. */
  readonly safeShare: number | null;
  /** The largest load drawn up to which nothing is missed; null when there is none. */
  readonly safeTimes: number | null;
}

/** Plays a run once for each season drawn. */
export async function playSeasons(
  prepared: PreparedRun,
  { name, season, draws, engine }: { name: string; season: Season; draws: number; engine: string },
): Promise<SeasonReport> {
  const { trace, workload, settings } = prepared;
  const normal = settleScale(trace, workload, workload.ceiling, settings.peakUnits);
  const drawn = drawSeasons(season, draws);
  const scales = drawn.map(({ times }): Scale => ({ ...normal, loadFactor: normal.loadFactor * times, peakUnits: Math.ceil(normal.peakUnits * times - 1e-9) }));
  const jobs = scales.map((scale): Job => ({ kind: "run", trace, workload, engine, settings: { ...settings, scale } }));
  const progress = new Progress(`playing ${name}`);
  // Response times cost some three times as much as everything else in a step.
  const weight = (1 + (settings.system?.called.length ?? 0)) * (saysLatency(workload.unit) ? 4 : 1);
  const steps = ((trace.load.length * trace.binMs) / settleStepMs(trace.binMs, workload.intervalMs)) * draws * weight;
  const outcomes = (await doJobs(jobs, steps, { onDone: (done, of) => progress.update(done / of) })) as RunOutcome[];
  progress.end();
  const { policyHash, engine: ran } = (outcomes[0] as RunOutcome).report;
  const scores = outcomes.map(({ report }) => report.score);
  return {
    schemaVersion: 1,
    workload: workload.id,
    engine: ran,
    policyHash,
    season: { name, ...season },
    objectives: (scores[0] as Score).objectives.map((objective, i) =>
      verdict(
        objective.name,
        drawn,
        scores.map(({ objectives }) => objectives[i] as ObjectiveResult),
      ),
    ),
    draws: drawn.map((draw, i) => ({ ...draw, peakUnits: (scales[i] as Scale).peakUnits, score: scores[i] as Score })),
  };
}

function verdict(name: string, drawn: readonly SeasonDraw[], results: readonly ObjectiveResult[]): SeasonVerdict {
  const count = (state: ObjectiveResult["state"]): number => results.filter((result) => result.state === state).length;
  const firstMiss = results.findIndex(({ state }) => state === "missed");
  const safe = firstMiss < 0 ? results.length : firstMiss;
  const isKnown = results.some(({ state }) => state !== "unknown");
  return {
    name,
    met: count("met"),
    atRisk: count("at_risk"),
    missed: count("missed"),
    unknown: count("unknown"),
    safeShare: isKnown ? safe / results.length : null,
    safeTimes: isKnown && safe > 0 ? (drawn[safe - 1] as SeasonDraw).times : null,
  };
}

/** Objectives that are missed in a season that nine of ten stay below. */
export function missedInSeason({ objectives }: SeasonReport): readonly string[] {
  return objectives.filter(({ safeShare }) => safeShare !== null && safeShare < 0.9).map(({ name }) => name);
}

export function seasonText({ workload, engine, season, objectives, draws }: SeasonReport, max: number, terminal: Terminal): string {
  const { paint } = terminal;
  const shown = [0.1, 0.5, 0.9, 1].map((share) => draws[Math.max(0, Math.ceil(share * draws.length) - 1)] as SeasonReport["draws"][number]);
  const rows = [...new Set(shown)].map(({ quantile, times, peakUnits, score }) => [
    `${Math.round(quantile * 100)} % below`,
    `x ${formatNumber(times, 2)}`,
    `${formatNumber(peakUnits)}${peakUnits > max ? ` (max ${formatNumber(max)})` : ""}`,
    formatNumber(score.costUnitHours, 1),
    formatPercent(score.timeAboveCeilingRatio),
    formatPercent(score.requestsFailedRatio),
    score.objectives
      .filter(({ state }) => state === "missed")
      .map(({ name }) => name)
      .join(", ") || "nothing",
  ]);
  const verdicts = objectives.map(({ name, safeShare, safeTimes, missed, atRisk }) => {
    const says =
      safeShare === null
        ? "nobody can tell: unknown in every draw"
        : `kept in ${safeShare === 1 ? "all" : formatNumber(safeShare * draws.length)} of ${draws.length} seasons${safeTimes === null ? "" : `, up to ${formatNumber(safeTimes, 2)} times the load`}${missed > 0 ? `; missed in ${missed}` : ""}${atRisk > 0 ? `; at risk in ${atRisk}` : ""}`;
    return paint(safeShare === null ? "yellow" : safeShare < 0.9 ? "red" : missed > 0 ? "yellow" : "green", `${name}: ${says}`);
  });
  return [
    `${paint("bold", workload)}  ${paint("dim", `engine ${engine}, season ${season.name}: half stay below ${season.p50} times the load, nine of ten below ${season.p90}; ${draws.length} draws`)}`,
    "",
    table([["seasons", "load", "peak units", "unit-hours", "above the ceiling", "failed", "missed"], ...rows], [false, true, true, true, true, true]),
    "",
    ...(verdicts.length > 0 ? verdicts : [paint("yellow", "no objectives are declared, so nothing can be missed")]),
  ].join("\n");
}
