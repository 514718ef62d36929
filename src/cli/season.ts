import { formatNumber, formatPercent } from "../lib/format.ts";
import { saysLatency } from "../policy/resolve-unit.ts";
import type { Season } from "../policy/schema.ts";
import type { ObjectiveResult } from "../sim/objective-judge.ts";
import type { SimulationReport } from "../sim/run.ts";
import { type Scale, settleScale } from "../sim/scale.ts";
import type { Score } from "../sim/score.ts";
import { drawSeasons, type SeasonDraw } from "../sim/season.ts";
import { settleStepMs } from "../sim/steps.ts";
import type { Job, RunOutcome } from "../simulation-job.ts";
import { table } from "./format.ts";
import { allObjectives } from "./report-text.ts";
import type { PreparedRun } from "./run-options.ts";
import { doJobs } from "./simulation-pool.ts";
import { Progress, type Terminal } from "./terminal.ts";

/** What "nine of ten" means for the gate. */
const SAFE_SHARE = 0.9;

/** How a policy comes through seasons that may come, as `--json` prints it. Ratios are 0..1. */
export interface SeasonReport {
  readonly schemaVersion: 1;
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly season: Season & { readonly name: string };
  readonly warnings: readonly string[];
  readonly objectives: readonly SeasonVerdict[];
  /** Draws that stand for equal shares of all seasons, and the one that nine of ten stay below. */
  readonly draws: readonly PlayedSeason[];
  readonly p90: PlayedSeason;
}

interface PlayedSeason extends SeasonDraw {
  readonly peakUnits: number;
  readonly score: Score;
  readonly called: SimulationReport["called"];
}

/** One objective over all draws. */
interface SeasonVerdict {
  readonly name: string;
  readonly met: number;
  readonly atRisk: number;
  readonly missed: number;
  readonly unknown: number;
  /** Whether it is kept in the season that nine of ten stay below, and in all drawn below it; null when nobody can tell. */
  readonly isSafe: boolean | null;
  /** The smallest and the largest load drawn with which it is missed; null when it never is. */
  readonly missedFrom: number | null;
  readonly missedTo: number | null;
}

/** Plays a run once for each season drawn. */
export async function playSeasons(
  prepared: PreparedRun,
  { name, season, draws, engine }: { readonly name: string; readonly season: Season; readonly draws: number; readonly engine: string },
): Promise<SeasonReport> {
  const { trace, workload, settings } = prepared;
  const normal = settleScale(trace, workload, workload.ceiling, settings.peakUnits);
  const drawn = [...drawSeasons(season, draws), { quantile: SAFE_SHARE, times: season.p90 }];
  const scales = drawn.map(
    ({ times }): Scale => ({ ...normal, loadFactor: normal.loadFactor * times, peakUnits: Math.max(0, Math.ceil(normal.peakUnits * times - 1e-9)) }),
  );
  const jobs = scales.map((scale): Job => ({ kind: "run", trace, workload, engine, settings: { ...settings, scale } }));
  const progress = new Progress(`playing ${name}`);
  // Response times cost some three times as much as everything else in a step.
  const weight = (1 + (settings.system?.called.length ?? 0)) * (saysLatency(workload.unit) ? 4 : 1);
  const steps = ((trace.load.length * trace.binMs) / settleStepMs(trace.binMs, workload.intervalMs)) * drawn.length * weight;
  const outcomes = (await doJobs(jobs, steps, { onDone: (done, of) => progress.update(done / of) })) as RunOutcome[];
  progress.end();
  const reports = outcomes.map(({ report }) => report);
  const played = reports.map(
    ({ score, called }, i): PlayedSeason => ({ ...(drawn[i] as SeasonDraw), peakUnits: (scales[i] as Scale).peakUnits, score, called }),
  );
  const { policyHash, engine: ran } = reports[0] as SimulationReport;
  return {
    schemaVersion: 1,
    workload: workload.id,
    engine: ran,
    policyHash,
    season: { name, ...season },
    warnings: [...new Set([...reports.flatMap(({ trace: of, warnings }) => [...of.guesses.map((guess) => `guessed: ${guess}`), ...warnings])])],
    objectives: allObjectives(reports[0] as SimulationReport).map((objective, i) => verdict(objective.name, played, i)),
    draws: played.slice(0, -1),
    p90: played.at(-1) as PlayedSeason,
  };
}

function verdict(name: string, played: readonly PlayedSeason[], position: number): SeasonVerdict {
  const results = played.map((one) => ({ ...one, state: (allObjectives(one)[position] as { objective: ObjectiveResult }).objective.state }));
  const draws = results.slice(0, -1);
  const count = (state: ObjectiveResult["state"]): number => draws.filter((one) => one.state === state).length;
  const missed = results.filter(({ state }) => state === "missed").map(({ times }) => times);
  const isKnown = results.some(({ state }) => state !== "unknown");
  return {
    name,
    met: count("met"),
    atRisk: count("at_risk"),
    missed: count("missed"),
    unknown: count("unknown"),
    isSafe: isKnown ? !results.some(({ state, quantile }) => state === "missed" && quantile <= SAFE_SHARE + 1e-9) : null,
    missedFrom: missed.length === 0 ? null : Math.min(...missed),
    missedTo: missed.length === 0 ? null : Math.max(...missed),
  };
}

/** What a gate says of seasons, one thing a line, and whether they pass. What nobody can tell is said, and passes. */
export function seasonGate({ workload, objectives, p90 }: SeasonReport): { readonly passes: boolean; readonly says: readonly string[] } {
  if (p90.score.scoredHours === 0) return { passes: false, says: [`${workload}: nothing was scored, so nothing is proven`] };
  const says = objectives.flatMap(({ name, isSafe }) =>
    isSafe === true ? [] : [isSafe === null ? `${workload} cannot tell ${name}` : `${workload} misses ${name} in a season that nine of ten stay below`],
  );
  if (objectives.length === 0) says.push(`${workload} declares no objectives, so nothing can be missed`);
  return { passes: objectives.every(({ isSafe }) => isSafe !== false), says };
}

export function seasonText({ workload, engine, season, warnings, objectives, draws, p90 }: SeasonReport, max: number, terminal: Terminal): string {
  const { paint } = terminal;
  const at = (share: number): PlayedSeason => draws[Math.min(draws.length - 1, Math.floor(share * draws.length))] as PlayedSeason;
  const shown = [...new Set([at(0), at(0.5), p90, at(1)])].toSorted((a, b) => a.quantile - b.quantile);
  const rows = shown.map((one) => [
    `${Math.round(one.quantile * 100)} % below`,
    `x ${formatNumber(one.times, 2)}`,
    `${formatNumber(one.peakUnits)}${one.peakUnits > max ? ` (max ${formatNumber(max)})` : ""}`,
    formatNumber(one.score.costUnitHours, 1),
    formatPercent(one.score.timeAboveCeilingRatio),
    formatPercent(one.score.requestsFailedRatio),
    allObjectives(one)
      .filter(({ objective }) => objective.state === "missed")
      .map(({ name }) => name)
      .join(", ") || "nothing",
  ]);
  const count = `${draws.length} draw${draws.length === 1 ? "" : "s"}`;
  const verdicts = objectives.map((one) => {
    const colour = one.isSafe === null ? "yellow" : one.isSafe ? (one.missed > 0 ? "yellow" : "green") : "red";
    return paint(colour, `${one.name}: ${verdictText(one, draws.length)}`);
  });
  return [
    `${paint("bold", workload)}  ${paint("dim", `engine ${engine}, season ${season.name}: half stay below ${season.p50} times the load, nine of ten below ${season.p90}; ${count}`)}`,
    ...warnings.map((warning) => paint("yellow", `warning: ${warning}`)),
    "",
    table([["seasons", "load", "peak units", "unit-hours", "above the ceiling", "failed", "missed"], ...rows], [false, true, true, true, true, true]),
    "",
    ...(verdicts.length > 0 ? verdicts : [paint("yellow", "no objectives are declared, so nothing can be missed")]),
  ].join("\n");
}

function verdictText({ met, atRisk, missed, unknown, isSafe, missedFrom, missedTo }: SeasonVerdict, draws: number): string {
  if (isSafe === null) return "nobody can tell: unknown in every draw";
  const parts = [`kept in ${met + atRisk} of ${draws} seasons${atRisk > 0 ? `, at risk in ${atRisk} of them` : ""}`];
  if (missedFrom !== null && missedTo !== null) {
    const loads = `${formatNumber(missedFrom, 2)}${missedTo === missedFrom ? "" : ` to ${formatNumber(missedTo, 2)}`} times the load`;
    parts.push(missed > 0 ? `missed in ${missed}, with ${loads}` : `missed in the season that nine of ten stay below, ${loads}`);
  }
  if (unknown > 0) parts.push(`unknown in ${unknown}`);
  parts.push(isSafe ? "safe for nine of ten" : "not safe for nine of ten");
  return parts.join("; ");
}
