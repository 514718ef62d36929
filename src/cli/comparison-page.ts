import { formatNumber, formatSpan } from "../lib/format.ts";
import { summarise } from "../sim/compare.ts";
import type { Timeline } from "../sim/timeline.ts";
import type { ComparedTrace } from "./comparison.ts";
import { type Grid, isoGrid, pipelines, provenance, rowName, rowsGrid, summaryGrid } from "./comparison-text.ts";
import { formatPercent } from "./format.ts";
import { escapeHtml, htmlPage, htmlTable, seriesClass } from "./page.ts";

// Charts are lines stretched over HTML labels, so that text keeps its size on any screen.

/** The comparison as a page of its own: tables, cost against violation, capacity over time. */
export function comparisonPage(comparisons: readonly ComparedTrace[]): string {
  const many = comparisons.length > 1;
  const first = comparisons[0];
  const parts = [
    ...(many
      ? [`<section><h2>Over ${comparisons.length} recordings</h2>${tableOf(summaryGrid(summarise(comparisons), comparisons.length), 1)}</section>`]
      : []),
    ...comparisons.map((comparison, i) => section(comparison, i, many)),
    `<section>
<h2>How each engine sees the world</h2>
<p>Every engine decides at its own times and reads metrics through its own pipeline, as late and as averaged as its vendor delivers them.</p>
<ul>${
      first === undefined
        ? ""
        : pipelines(first)
            .map((line) => `<li>${escapeHtml(line)}</li>`)
            .join("")
    }</ul>
</section>`,
  ];
  return htmlPage({
    title: `Capacity compared: ${first?.trace.file ?? ""}${many ? ` and ${comparisons.length - 1} more` : ""}`,
    heading: "Capacity compared",
    lead: "What each autoscaler would have done with the same recorded load on the same units, beside the least that was possible with perfect foresight. Lower is better, in both cost and time above the ceiling.",
    body: parts.join("\n"),
  });
}

function section(comparison: ComparedTrace, index: number, isFolded: boolean): string {
  const notes = [...comparison.trace.guesses.map((guess) => `Guessed: ${guess}`), ...comparison.warnings.map((warning) => `Warning: ${warning}`)];
  const body = `
<p class="provenance">${escapeHtml(provenance(comparison))}</p>
${notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join("\n")}
${tableOf(rowsGrid(comparison), 0)}
${comparison.sweeps === undefined ? "" : tableOf(isoGrid(comparison.sweeps))}
${paretoChart(comparison)}
${timelineChart(comparison, index)}`;
  const title = escapeHtml(comparison.trace.file);
  return isFolded
    ? `<details${index === 0 ? " open" : ""}><summary><h2>${title}</h2></summary>${body}</details>`
    : `<section><h2>${title}</h2>${body}</section>`;
}

/** Rows carry the number and colour that stand for them in the charts; `first` is that of the first row. */
function tableOf({ header, rows }: Grid, first?: number): string {
  return htmlTable(header, rows, (i) => (first === undefined ? "" : `<span class="mark ${seriesClass(i + first)}">${markText(i + first)}</span>`));
}

function markText(series: number): string {
  return series === 0 ? "★" : String(series);
}

/** Axis from least to most with round steps. */
function ticks(most: number, count: number): number[] {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Lowest cost over the optimum that is drawn at its place. */
const COST_LEAST = 0.7;

/** Cost over the optimum against time above the ceiling. Both axes are stretched near the good corner, where decisions are made. */
function paretoChart({ rows, sweeps }: ComparedTrace): string {
  const points = rows.flatMap((row, i) =>
    row.costToOptimum === null ? [] : [{ series: i + 1, name: rowName(row), above: row.score.timeAboveCeilingRatio, cost: row.costToOptimum }],
  );
  if (points.length === 0) return "";
  const curves = (sweeps ?? []).map((sweep) => ({
    series: sweep.row + 1,
    points: sweep.points.flatMap((point) =>
      point.costToOptimum === null ? [] : [{ above: point.timeAboveCeilingRatio, cost: point.costToOptimum, setting: point.setting }],
    ),
  }));
  const all = [...points, ...curves.flatMap((curve) => curve.points)];
  const aboveMost = Math.max(0.01, ...all.map((point) => point.above)) * 1.05;
  const costMost = Math.max(1.2, ...all.map((point) => point.cost)) * 1.05;
  // Far below the optimum is out of the picture: whoever is there serves next to nothing.
  const costLeast = Math.max(COST_LEAST, Math.min(1, ...all.map((point) => point.cost)) * 0.999);
  const x = (above: number): number => 100 * Math.sqrt(above / aboveMost);
  const y = (cost: number): number => 100 * Math.sqrt(Math.max(0, Math.log(cost / costLeast)) / Math.log(costMost / costLeast));
  const aboveTicks = [0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8].filter((tick) => tick <= aboveMost);
  const costTicks = [0.25, 0.5, 0.8, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 5, 10, 20, 50, 100]
    .filter((tick) => tick >= costLeast && tick <= costMost)
    .filter((tick) => tick === 1 || Math.abs(y(tick) - y(1)) > 6)
    .filter((tick, i, kept) => i === 0 || tick === 1 || kept[i - 1] === 1 || y(tick) - y(kept[i - 1] as number) > 6);
  const lines = [
    ...aboveTicks.map((tick) => `<line class="grid" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="0" y2="100"/>`),
    ...costTicks.map((tick) => `<line class="grid" x1="0" x2="100" y1="${at(100 - y(tick))}" y2="${at(100 - y(tick))}"/>`),
    ...curves.map(
      (curve) =>
        `<polyline class="line thin ${seriesClass(curve.series)}" points="${curve.points
          .toSorted((a, b) => a.above - b.above || a.cost - b.cost)
          .map((point) => `${at(x(point.above))},${at(100 - y(point.cost))}`)
          .join(" ")}"/>`,
    ),
  ];
  const dots = [
    ...curves.flatMap((curve) =>
      curve.points.map(
        (point) =>
          `<span class="dot ${seriesClass(curve.series)}" style="left:${at(x(point.above))}%;bottom:${at(y(point.cost))}%" title="setting ${escapeHtml(point.setting)}: ${point.cost.toFixed(3)} x optimum, ${formatPercent(point.above)} above the ceiling"></span>`,
      ),
    ),
    ...points.map(
      (point) =>
        `<span class="mark on-chart ${seriesClass(point.series)}" style="left:${at(x(point.above))}%;bottom:${at(y(point.cost))}%" title="${escapeHtml(point.name)}: ${point.cost.toFixed(3)} x optimum, ${formatPercent(point.above)} above the ceiling">${point.series}</span>`,
    ),
    `<span class="mark on-chart ${seriesClass(0)}" style="left:0%;bottom:${at(y(1))}%" title="optimum">★</span>`,
  ];
  return `<figure class="chart">
<figcaption>Cost over the optimum against time above the ceiling${curves.length > 0 ? "; lines are the settings of each engine" : ""}. Towards the lower left is better.</figcaption>
<div class="frame" role="img" aria-label="Scatter of cost over the optimum against time above the ceiling; the numbers are in the table above">
<div class="y-axis">${costTicks.map((tick) => `<span style="bottom:${at(y(tick))}%">${tick}×</span>`).join("")}</div>
<div class="plot"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">${lines.join("")}</svg>${dots.join("")}</div>
<div class="x-axis">${aboveTicks.map((tick, i) => `<span class="${i % 2 === 1 ? "wide-only" : ""}" style="left:${at(x(tick))}%">${Number((tick * 100).toPrecision(3))} %</span>`).join("")}</div>
</div>
<p class="axis-name">time above the ceiling</p>
</figure>`;
}

/** Capacity over time: what was needed as an area, each engine as a line to be switched on and off. */
function timelineChart({ timelines, rows, trace }: ComparedTrace, index: number): string {
  if (timelines === undefined) return "";
  const series = [timelines.optimum, ...timelines.rows];
  const points = timelines.optimum.needed.length;
  const shown = Math.max(...timelines.optimum.needed, ...timelines.rows.slice(0, 2).flatMap((row) => row.units)) * 1.05;
  const y = (units: number): number => Math.max(0, 100 * (1 - units / shown));
  const x = (i: number): number => (100 * i) / points;
  const stepped = (values: readonly number[]): string => values.map((value, i) => `${i === 0 ? "M" : "L"}${at(x(i))} ${at(y(value))}H${at(x(i + 1))}`).join("");
  const unitTicks = ticks(shown, 5);
  const names = ["optimum", ...rows.map(rowName)];
  const isOn = (i: number): boolean => i === 1 || i === 2;
  const inputs = names.map((_, i) => `<input type="checkbox" class="switch on${i}" id="t${index}-${i}"${isOn(i) ? " checked" : ""}>`);
  const labels = names.map(
    (name, i) => `<label for="t${index}-${i}" class="for${i}"><span class="mark ${seriesClass(i)}">${markText(i)}</span>${escapeHtml(name)}</label>`,
  );
  const paths = series.map((timeline: Timeline, i) => `<path class="line show${i} ${seriesClass(i)}" d="${stepped(timeline.units)}"/>`);
  return `<figure class="chart timeline">
<figcaption>Units over time: needed (area, the most in each stretch of ${formatSpan(timelines.optimum.stepSeconds * 1_000)}) and requested (lines, the mean). Choose whom to see.</figcaption>
${inputs.join("")}
<div class="legend">${labels.join("")}</div>
<div class="frame" role="img" aria-label="Units needed and requested over time">
<div class="y-axis">${unitTicks.map((tick) => `<span style="bottom:${at(100 - y(tick))}%">${formatNumber(tick)}</span>`).join("")}</div>
<div class="plot"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">${unitTicks.map((tick) => `<line class="grid" x1="0" x2="100" y1="${at(y(tick))}" y2="${at(y(tick))}"/>`).join("")}<path class="needed" d="${stepped(timelines.optimum.needed)}L100 100L0 100Z"/>${paths.join("")}</svg></div>
<div class="x-axis">${timeTicks(points * timelines.optimum.stepSeconds, trace.start)}</div>
</div>
</figure>`;
}

/** Six labels along the time axis: dates when the recording says when it began, else offsets. */
function timeTicks(seconds: number, start: string | null): string {
  const parts = 6;
  return Array.from({ length: parts + 1 }, (_, i) => {
    const offset = (seconds * i) / parts;
    const text = start === null ? formatSpan(Math.round(offset) * 1_000) || "0" : instantText(Date.parse(start) + offset * 1_000, seconds);
    return `<span class="${i % 3 === 0 ? "" : "wide-only"} ${i === 0 ? "first" : i === parts ? "last" : ""}" style="left:${at((100 * i) / parts)}%">${text}</span>`;
  }).join("");
}

function instantText(atMs: number, seconds: number): string {
  const iso = new Date(atMs).toISOString();
  return seconds > 3 * 86_400 ? iso.slice(0, 10) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}Z`;
}

function at(value: number): string {
  return String(Math.round(value * 100) / 100);
}
