import type { JSX } from "preact";
import type { ReportPareto } from "../../src/api/report.ts";
import { formatPercent } from "../../src/lib/format.ts";

// Series carry a number besides their colour; the optimum is the star.

/** Colours of the style sheet: 0 is the optimum. */
const COLOURS = 9;
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [7, 3], [2, 3]];

export function seriesColour(series: number): string {
  return `s${series === 0 ? 0 : 1 + ((series - 1) % (COLOURS - 1))}`;
}

/** Dashed where a colour comes for the second time. */
export function seriesDash(series: number): { readonly dash?: readonly number[] } {
  const dash = series === 0 ? [4, 3] : DASHES[Math.floor((series - 1) / (COLOURS - 1)) % DASHES.length];
  return dash === undefined ? {} : { dash };
}

export function SeriesMark({ series }: { readonly series: number }): JSX.Element {
  return (
    <span class="mark" style={{ background: `var(--${seriesColour(series)})` }}>
      {series === 0 ? "★" : series}
    </span>
  );
}

/** Lowest cost over the optimum that is drawn at its place: whoever is far below it serves next to nothing. */
const COST_LEAST = 0.7;
const ABOVE_TICKS = [0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
const COST_TICKS = [0.25, 0.5, 0.8, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2, 3, 5, 10, 20, 50, 100];

/** Cost over the optimum against time above the ceiling. Both axes are stretched near the good corner, where decisions are made. */
export function Scatter({ pareto: { points, curves } }: { readonly pareto: ReportPareto }): JSX.Element {
  const all = [...points, ...curves.flatMap((curve) => curve.points)];
  const aboveMost = Math.max(0.01, ...all.map(({ above }) => above)) * 1.05;
  const costMost = Math.max(1.2, ...all.map(({ cost }) => cost)) * 1.05;
  const costLeast = Math.max(COST_LEAST, Math.min(1, ...all.map(({ cost }) => cost)) * 0.999);
  const x = (above: number): number => 100 * Math.sqrt(above / aboveMost);
  const y = (cost: number): number => 100 * Math.sqrt(Math.max(0, Math.log(cost / costLeast)) / Math.log(costMost / costLeast));
  const aboveTicks = ABOVE_TICKS.filter((tick) => tick <= aboveMost);
  const costTicks = COST_TICKS.filter((tick) => tick >= costLeast && tick <= costMost)
    .filter((tick) => tick === 1 || Math.abs(y(tick) - y(1)) > 6)
    .filter((tick, i, kept) => i === 0 || tick === 1 || kept[i - 1] === 1 || y(tick) - y(kept[i - 1] as number) > 6);
  const place = (above: number, cost: number): Record<string, string> => ({ left: `${x(above)}%`, bottom: `${y(cost)}%` });
  return (
    <figure class="chart scatter">
      <figcaption>
        Cost over the optimum against time above the ceiling{curves.length > 0 && "; lines are the settings of each engine"}. Towards the lower left is better.
      </figcaption>
      <div class="frame" role="img" aria-label="Scatter of cost over the optimum against time above the ceiling; the numbers are in the table above">
        <div class="y-axis">
          {costTicks.map((tick) => (
            <span key={tick} style={{ bottom: `${y(tick)}%` }}>
              {tick}×
            </span>
          ))}
        </div>
        <div class="field">
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            {aboveTicks.map((tick) => (
              <line key={tick} class="grid" x1={x(tick)} x2={x(tick)} y1="0" y2="100" />
            ))}
            {costTicks.map((tick) => (
              <line key={tick} class="grid" x1="0" x2="100" y1={100 - y(tick)} y2={100 - y(tick)} />
            ))}
            {curves.map((curve) => (
              <polyline
                key={curve.series}
                class="curve"
                style={{ stroke: `var(--${seriesColour(curve.series)})` }}
                points={curve.points
                  .toSorted((a, b) => a.above - b.above || a.cost - b.cost)
                  .map(({ above, cost }) => `${x(above)},${100 - y(cost)}`)
                  .join(" ")}
              />
            ))}
          </svg>
          {curves.flatMap((curve) =>
            curve.points.map(({ above, cost, setting }) => (
              <span
                key={`${curve.series} ${setting}`}
                class="dot"
                style={{ ...place(above, cost), background: `var(--${seriesColour(curve.series)})` }}
                title={`setting ${setting}: ${cost.toFixed(3)} × optimum, ${formatPercent(above)} above the ceiling`}
              />
            )),
          )}
          {points.map(({ series, name, above, cost }) => (
            <span
              key={series}
              class="mark on-chart"
              style={{ ...place(above, cost), background: `var(--${seriesColour(series)})` }}
              title={`${name}: ${cost.toFixed(3)} × optimum, ${formatPercent(above)} above the ceiling`}
            >
              {series}
            </span>
          ))}
          <span class="mark on-chart" style={{ ...place(0, 1), background: `var(--${seriesColour(0)})` }} title="optimum">
            ★
          </span>
        </div>
        <div class="x-axis">
          {aboveTicks.map((tick, i) => (
            <span key={tick} class={i % 2 === 1 ? "wide-only" : ""} style={{ left: `${x(tick)}%` }}>
              {Number((tick * 100).toPrecision(3))} %
            </span>
          ))}
        </div>
      </div>
      <p class="axis-name">time above the ceiling</p>
    </figure>
  );
}
