import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { clockText, dayText, useZone, zone } from "./time.tsx";

// A thin wrapper: uPlot draws, the page says in which colours; behind each chart is a table with the same numbers.

/** Room for a scale at the right, px. */
const RIGHT_SIZE = 46;
/** Distances between ticks of time, s: nothing is shown more closely than a second. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];
/** Rows of the table behind a chart: as many as somebody reads. */
const TABLE_ROWS = 60;

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Name of a colour of the style sheet. */
  readonly colour: string;
  readonly width?: number;
  readonly dash?: readonly number[];
  /** Steps instead of slopes: for what changes at once. */
  readonly isStepped?: boolean;
  /** Filled down to zero. */
  readonly isArea?: boolean;
}

/** A line across: a limit, a ceiling. */
export interface Limit {
  readonly label: string;
  readonly value: number;
}

/** An instant at which something happened. */
export interface Mark {
  readonly atMs: number;
  readonly kind: "up" | "down" | "other";
}

export interface ChartProps {
  readonly title: string;
  readonly format: (value: number) => string;
  /** ms since 1970. */
  readonly timesMs: readonly number[];
  readonly series: readonly Series[];
  readonly limits?: readonly Limit[];
  readonly marks?: readonly Mark[];
  readonly height?: number;
  /** Charts of one group share a cursor. */
  readonly group: string;
  /** Told where the cursor is; null: nowhere. */
  readonly onCursor?: (atMs: number | null) => void;
  /** Told where somebody clicked. */
  readonly onPick?: (atMs: number) => void;
  /** A second scale at the right, so many times the first. */
  readonly right?: { readonly factor: number; readonly format: (value: number) => string } | undefined;
  /** Leaves room where another chart of the group has a second scale. */
  readonly isNarrower?: boolean;
  /** Least upper end of the scale. */
  readonly most?: number;
  /** Times by another clock than this zone's. */
  readonly clock?: { readonly name: string; readonly text: (atMs: number) => string };
}

export function Chart(props: ChartProps): JSX.Element {
  const { title, series, timesMs, format, limits = [], height = 180 } = props;
  const inZone = useZone();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const theme = useTheme();
  const id = useId();
  const shape = JSON.stringify([
    series.map(({ label, colour, width, dash, isStepped, isArea }) => [label, colour, width, dash, isStepped, isArea]),
    theme,
    height,
    inZone,
    props.right?.factor,
  ]);
  const data = (): uPlot.AlignedData => [latest.current.timesMs.map((ms) => ms / 1_000), ...latest.current.series.map(({ values }) => [...values])];
  // Built anew when its shape changes, not when numbers do.
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const made = new uPlot(optionsOf(latest, element), data(), element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  // Numbers are compared by the arrays that hold them.
  useEffect(() => plot.current?.setData(data()), [timesMs, props.marks, props.limits, ...series.map(({ values }) => values)]);
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {series.map(({ label, colour, dash }) => (
            <span key={label}>
              <i class="swatch" style={{ borderTopColor: `var(--${colour})`, borderTopStyle: dash === undefined ? "solid" : "dashed" }} />
              {label}
            </span>
          ))}
          {limits.map(({ label, value }) => (
            <span key={label}>
              <i class="swatch limit" />
              {label} {format(value)}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="plot" style={{ height: `${height}px` }} aria-hidden="true" />
      <ChartTable {...props} />
    </figure>
  );
}

/** The numbers of a chart, made when somebody asks for them. */
function ChartTable({ title, timesMs, series, format, clock }: ChartProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const step = Math.max(1, Math.ceil(timesMs.length / TABLE_ROWS));
  const rows = isOpen ? timesMs.flatMap((atMs, i) => (i % step === (timesMs.length - 1) % step ? [{ atMs, i }] : [])).reverse() : [];
  const zoneName = useZone();
  const name = clock?.name ?? zoneName;
  return (
    <details class="numbers" onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>
        Numbers<span class="sr"> of {title}</span>
      </summary>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        <section class="scroll" tabIndex={0} aria-label={`Numbers of ${title}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time ({name})</th>
                {series.map(({ label }) => (
                  <th scope="col" key={label}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ atMs, i }) => (
                <tr key={atMs}>
                  <th scope="row">{clock?.text(atMs) ?? clockText(atMs)}</th>
                  {series.map(({ label, values }) => (
                    <td key={label}>{values[i] == null ? "–" : format(values[i] as number)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

function optionsOf(latest: { readonly current: ChartProps }, element: HTMLElement): uPlot.Options {
  const { series, format, group, height = 180, right } = latest.current;
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const axis: uPlot.Axis = { stroke: colour("quiet"), font, grid: { stroke: colour("rule"), width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(50, element.clientWidth),
    height,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), latest.current.clock === undefined ? zone() : "UTC"),
    // Charts of one group are as wide, so that one instant is one place.
    padding: [8, right === undefined ? (latest.current.isNarrower ? RIGHT_SIZE : 8) : 0, 0, 0],
    cursor: {
      sync: { key: group, setSeries: false },
      points: { size: 7 },
      drag: { x: false, y: false, setScale: false },
    },
    scales: {
      x: { time: true },
      y: {
        range: (_, __, max) => {
          const { limits = [], most = 0 } = latest.current;
          const top = Math.max(max ?? 0, most, ...limits.map(({ value }) => value));
          return [0, top > 0 ? top * 1.08 : 1];
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 28,
        incrs: TIME_STEPS,
        space: 84,
        values: (plot, ticks) => timeTicks(plot, ticks, latest.current.clock?.text),
      },
      { ...axis, size: 64, space: 32, values: (_, ticks) => ticks.map(format) },
      ...(right === undefined
        ? []
        : [
            {
              ...axis,
              side: 1 as const,
              size: 46,
              space: 32,
              grid: { show: false },
              values: (_: uPlot, ticks: number[]) => ticks.map((tick) => right.format(tick * right.factor)),
            },
          ]),
    ],
    series: [
      {},
      ...series.map(
        ({ label, colour: name, width = 2, dash, isStepped, isArea }): uPlot.Series => ({
          label,
          stroke: colour(name),
          width,
          points: { show: false },
          spanGaps: false,
          ...(dash !== undefined && { dash: [...dash] }),
          ...(isArea && { fill: colour(`${name}-area`) || colour("area") }),
          ...(isStepped && { paths: (uPlot.paths.stepped as uPlot.Series.SteppedPathBuilderFactory)({ align: 1 }) }),
        }),
      ),
    ],
    hooks: {
      drawAxes: [(plot) => drawMarks(plot, latest.current.marks ?? [], colour)],
      draw: [(plot) => drawLimits(plot, latest.current.limits ?? [], colour("warn"))],
      ready: [(plot) => plot.over.addEventListener("click", () => latest.current.onPick?.(plot.posToVal(plot.cursor.left ?? 0, "x") * 1_000))],
      setCursor: [
        (plot) => {
          const { onCursor } = latest.current;
          if (onCursor === undefined) return;
          const { left = -1 } = plot.cursor;
          onCursor(left < 0 ? null : plot.posToVal(left, "x") * 1_000);
        },
      ],
    },
  };
}

/** Steps as short lines at the bottom: up to the right of the axis, down dashed. */
function drawMarks(plot: uPlot, marks: readonly Mark[], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const size = 5 * devicePixelRatio;
  ctx.save();
  for (const { atMs, kind } of marks) {
    const x = plot.valToPos(atMs / 1_000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const y = bbox.top + bbox.height - size;
    ctx.fillStyle = colour(kind === "up" ? "accent" : kind === "down" ? "second" : "warn");
    ctx.beginPath();
    // A triangle that says where it goes, so that nobody needs the colour.
    const tip = kind === "down" ? size : -size;
    ctx.moveTo(x - size, y - tip * 0.6);
    ctx.lineTo(x + size, y - tip * 0.6);
    ctx.lineTo(x, y + tip * 0.9);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

function drawLimits(plot: uPlot, limits: readonly Limit[], stroke: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { value } of limits) {
    const y = plot.valToPos(value, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

function timeTicks(plot: uPlot, ticks: readonly number[], text: ((atMs: number) => string) | undefined): string[] {
  const spanS = (plot.scales["x"]?.max ?? 0) - (plot.scales["x"]?.min ?? 0);
  return ticks.map((tick) => text?.(tick * 1_000) ?? (spanS > 2 * 86_400 ? dayText(tick * 1_000) : clockText(tick * 1_000, spanS < 900)));
}

/** Changes when the page turns dark or light. */
function useTheme(): boolean {
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const watch = (): void => setDark(media.matches);
    media.addEventListener("change", watch);
    return () => media.removeEventListener("change", watch);
  }, []);
  return isDark;
}
