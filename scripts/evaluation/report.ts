import { type Grid, gridMarkdown } from "../../src/cli/comparison-text.ts";
import { formatPercent } from "../../src/lib/format.ts";
import { clusterBootstrap, holm, type Interval, signedRank } from "../../src/lib/resampling.ts";
import { createRng } from "../../src/lib/rng.ts";
import { geometricMean, median } from "../../src/lib/statistics.ts";
import { ISO_VIOLATIONS } from "../../src/sim/iso-violation.ts";
import { type EvaluatedRow, type EvaluatedTrace, ROWS, SWEPT, TARGETS } from "./protocol.ts";

const OURS = ROWS[0];
const SEED = 1;
/** Worse by less than this is the same. */
const MARGIN = 1e-9;
/** Share of time above the ceiling that a recording may have to count as kept. */
const KEPT = 0.01;

/** A table with what stands above it. */
export interface TitledGrid extends Grid {
  readonly title: string;
  readonly text: string;
}

/** Ours against another on the same recordings: ratio of costs, below 1 is cheaper. */
export interface Paired {
  readonly against: string;
  readonly at: string;
  readonly traces: number;
  readonly sources: number;
  readonly ratio: number | null;
  readonly interval: readonly [number, number] | null;
  readonly p: number;
  readonly pHolm: number;
}

export interface Loss {
  readonly file: string;
  readonly against: string;
  readonly what: string;
}

const row = (trace: EvaluatedTrace, engine: string): EvaluatedRow => trace.rows.find((candidate) => candidate.engine === engine) as EvaluatedRow;

/** Each opponent at its own setting, and HPA tuned in hindsight for each recording, at equal violation. */
export function pairedRatios(traces: readonly EvaluatedTrace[]): Paired[] {
  const comparisons: { against: string; at: string; ratios: { family: string; log: number }[] }[] = ROWS.slice(1).map((engine) => ({
    against: engine,
    at: "own setting",
    ratios: traces.map((trace) => ({ family: trace.family, log: Math.log(row(trace, OURS).costToOptimum / row(trace, engine).costToOptimum) })),
  }));
  for (const [i, share] of ISO_VIOLATIONS.entries()) {
    comparisons.push({
      against: "hpa-v2, tuned in hindsight",
      at: `${formatPercent(share)} violation`,
      ratios: traces.flatMap((trace) => {
        const [ours, theirs] = SWEPT.map((engine) => trace.sweeps[engine]?.iso[i]?.costUnitHours ?? null);
        return ours == null || theirs == null ? [] : [{ family: trace.family, log: Math.log(ours / theirs) }];
      }),
    });
  }
  // Recordings of one source are one observation.
  const tests = comparisons.map(({ ratios }) =>
    signedRank([...groupBy(ratios).values()].map((members) => members.reduce((sum, { log }) => sum + log, 0) / members.length)),
  );
  const corrected = holm(tests);
  return comparisons.map(({ against, at, ratios }, i) => {
    const families = groupBy(ratios);
    const interval: Interval | undefined = clusterBootstrap(
      [...families.values()].map((members) => members.map(({ log }) => log)),
      createRng(SEED),
    );
    return {
      against,
      at,
      traces: ratios.length,
      sources: families.size,
      ratio: geometricMean(ratios.map(({ log }) => Math.exp(log))),
      interval: interval === undefined ? null : [Math.exp(interval.low), Math.exp(interval.high)],
      p: tests[i] as number,
      pHolm: corrected[i] as number,
    };
  });
}

function groupBy<T extends { readonly family: string }>(values: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(value.family, [...(groups.get(value.family) ?? []), value]);
  return groups;
}

/** Every recording on which ours is beaten: on both cost and violation by one setting, or on cost at equal violation. */
export function losses(traces: readonly EvaluatedTrace[]): Loss[] {
  return traces.flatMap((trace) => {
    const found: Loss[] = [];
    const ours = row(trace, OURS);
    for (const engine of ROWS.slice(1)) {
      const other = row(trace, engine);
      const costs = ours.costToOptimum - other.costToOptimum;
      const above = ours.score.timeAboveCeilingRatio - other.score.timeAboveCeilingRatio;
      if (costs >= -MARGIN && above >= -MARGIN && costs + above > MARGIN)
        found.push({ file: trace.file, against: engine, what: "worse on both cost and time above the ceiling" });
    }
    const own = ours.costToOptimumAtSameViolation;
    for (const engine of ROWS.slice(1)) {
      const other = row(trace, engine).costToOptimumAtSameViolation;
      if (own !== null && other !== null && own > other * (1 + MARGIN))
        found.push({
          file: trace.file,
          against: engine,
          what: `further from what was possible at its own violation: ${own.toFixed(3)} to ${other.toFixed(3)}`,
        });
    }
    for (const [i, share] of ISO_VIOLATIONS.entries()) {
      const [mine, theirs] = SWEPT.map((engine) => trace.sweeps[engine]?.iso[i]?.costUnitHours ?? null);
      const at = `at ${formatPercent(share)}`;
      if (mine == null && theirs != null) found.push({ file: trace.file, against: "hpa-v2, tuned in hindsight", what: `infeasible ${at} where it is not` });
      else if (mine != null && theirs != null && mine > theirs * (1 + MARGIN))
        found.push({ file: trace.file, against: "hpa-v2, tuned in hindsight", what: `${((mine / theirs - 1) * 100).toFixed(1)} % dearer ${at}` });
    }
    return found;
  });
}

/** Everything worth a table. */
export function grids(traces: readonly EvaluatedTrace[]): TitledGrid[] {
  const smooth = traces.filter((trace) => trace.isSmooth);
  const noisy = traces.filter((trace) => !trace.isSmooth);
  return [
    recordings("Smooth recordings", "Cost over the optimum / share of time above the ceiling.", smooth),
    recordings("Noisy recordings", "The same where every unit handles few requests, or load comes in bursts.", noisy),
    groups(smooth, noisy),
    sameViolation(traces),
    oneSetting(traces),
    hindsight(traces),
    paired(traces),
    lossGrid(traces),
  ].filter((grid) => grid.rows.length > 0);
}

function recordings(title: string, text: string, traces: readonly EvaluatedTrace[]): TitledGrid {
  return {
    title,
    text,
    header: ["recording", "mean need", "optimum, unit-hours", ...ROWS, "noise reference at 1 %"],
    rows: traces.map((trace) => [
      trace.file,
      trace.meanNeeded.toFixed(1),
      trace.optimumUnitHours.toFixed(1),
      ...trace.rows.map(({ costToOptimum, score }) => `${costToOptimum.toFixed(3)} / ${formatPercent(score.timeAboveCeilingRatio)}`),
      trace.noiseReference === null ? "never" : trace.noiseReference.toFixed(3),
    ]),
  };
}

function groups(smooth: readonly EvaluatedTrace[], noisy: readonly EvaluatedTrace[]): TitledGrid {
  const parts = [
    ["smooth", smooth],
    ["noisy", noisy],
  ] as const;
  return {
    title: "Groups",
    text: "Geometric mean and worst of cost over the optimum, median and worst share of time above the ceiling, mean share of load beyond capacity, changes of capacity in a day.",
    header: ["group", "engine", "recordings", "cost", "worst cost", "above ceiling", "worst", "beyond capacity", "steps a day"],
    rows: parts.flatMap(([name, traces]) =>
      traces.length === 0
        ? []
        : ROWS.map((engine) => {
            const rows = traces.map((trace) => row(trace, engine));
            const worst = traces.reduce((a, b) => (row(b, engine).costToOptimum > row(a, engine).costToOptimum ? b : a));
            const above = rows.map(({ score }) => score.timeAboveCeilingRatio);
            const hours = rows.reduce((sum, { score }) => sum + score.scoredHours, 0);
            return [
              name,
              engine,
              String(traces.length),
              (geometricMean(rows.map(({ costToOptimum }) => costToOptimum)) as number).toFixed(3),
              `${row(worst, engine).costToOptimum.toFixed(2)} (${worst.file})`,
              formatPercent(median(above)),
              formatPercent(Math.max(...above)),
              formatPercent(rows.reduce((sum, { score }) => sum + score.requestsBeyondCapacityRatio, 0) / rows.length),
              ((rows.reduce((sum, { score }) => sum + score.changes, 0) / hours) * 24).toFixed(0),
            ];
          }),
    ),
  };
}

function sameViolation(traces: readonly EvaluatedTrace[]): TitledGrid {
  const engines = ROWS.filter((engine) => traces.some((trace) => row(trace, engine).costToOptimumAtSameViolation !== null));
  return {
    title: "Against what was possible at the same violation",
    text: "Cost over the optimum that may be above the ceiling as long as the engine was.",
    header: ["recording", ...engines],
    rows: traces.map((trace) => [trace.file, ...engines.map((engine) => (row(trace, engine).costToOptimumAtSameViolation as number).toFixed(3))]),
  };
}

function oneSetting(traces: readonly EvaluatedTrace[]): TitledGrid {
  return {
    title: "One setting for all recordings",
    text: `Geometric mean of cost over the optimum; median and worst share of time above the ceiling; recordings kept within ${formatPercent(KEPT)}.`,
    header: ["target", ...SWEPT.flatMap((engine) => [`${engine}: cost`, "above", "worst", "kept"])],
    rows: TARGETS.map((target, k) => [
      `${target} %`,
      ...SWEPT.flatMap((engine) => {
        const points = traces.map((trace) => trace.sweeps[engine]?.points[k] as { costUnitHours: number; timeAboveCeilingRatio: number });
        const above = points.map((point) => point.timeAboveCeilingRatio);
        return [
          (geometricMean(points.map((point, i) => point.costUnitHours / (traces[i] as EvaluatedTrace).optimumUnitHours)) as number).toFixed(3),
          formatPercent(median(above)),
          formatPercent(Math.max(...above)),
          `${above.filter((share) => share <= KEPT).length} of ${traces.length}`,
        ];
      }),
    ]),
  };
}

function hindsight(traces: readonly EvaluatedTrace[]): TitledGrid {
  return {
    title: "Tuned in hindsight, at equal violation",
    text: "Cost over the optimum read off the lower convex hull of thirteen targets, and the cheapest target that keeps to it alone.",
    header: ["recording", ...ISO_VIOLATIONS.flatMap((share) => SWEPT.map((engine) => `${engine} at ${formatPercent(share)}`))],
    rows: traces.map((trace) => [
      trace.file,
      ...ISO_VIOLATIONS.flatMap((_, i) =>
        SWEPT.map((engine) => {
          const reading = trace.sweeps[engine]?.iso[i];
          return reading?.costUnitHours == null ? "infeasible" : `${(reading.costUnitHours / trace.optimumUnitHours).toFixed(3)} [${reading.setting}]`;
        }),
      ),
    ]),
  };
}

function paired(traces: readonly EvaluatedTrace[]): TitledGrid {
  return {
    title: "Ours against each, paired",
    text: "Geometric mean of cost ratios on the same recordings (below 1: ours is cheaper), with a 95 % interval from 10,000 resamples of whole sources (some 87 % in truth with eight of them), and Wilcoxon's signed-rank test over sources. At own settings the violations differ: read it with the tables above.",
    header: ["against", "at", "recordings", "sources", "cost ratio", "95 % interval", "p", "p (Holm)"],
    rows: pairedRatios(traces).map((one) => [
      one.against,
      one.at,
      String(one.traces),
      String(one.sources),
      one.ratio === null ? "" : one.ratio.toFixed(3),
      one.interval === null ? "too few sources" : `${one.interval[0].toFixed(3)} to ${one.interval[1].toFixed(3)}`,
      one.p.toFixed(3),
      one.pHolm.toFixed(3),
    ]),
  };
}

function lossGrid(traces: readonly EvaluatedTrace[]): TitledGrid {
  return {
    title: "Every loss",
    text: "Recordings on which ours is beaten.",
    header: ["recording", "against", "how"],
    rows: losses(traces).map((loss) => [loss.file, loss.against, loss.what]),
  };
}

export function markdown(parts: readonly TitledGrid[]): string {
  return parts.map((part) => [`## ${part.title}`, "", part.text, "", ...gridMarkdown(part)].join("\n")).join("\n\n");
}
