import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Report, ReportSection, ReportTable, ReportTimeline } from "../../src/api/report.ts";
import { formatSpan } from "../../src/lib/format.ts";
import { Chart, type Series } from "../parts/chart.tsx";
import { Scatter, SeriesMark, seriesColour, seriesDash } from "../parts/scatter.tsx";
import { units } from "../words.ts";

/** Rows that are drawn at first: the first two that were compared. */
const SHOWN_FIRST = [1, 2];

/** Engines side by side on recordings: tables, cost against violation, units over time. */
export function Comparison({ report: { heading, lead, summary, sections, pipelines } }: { readonly report: Report }): JSX.Element {
  return (
    <>
      <h1>{heading}</h1>
      <p class="lead">{lead}</p>
      {summary !== null && (
        <section>
          <h2>{summary.title}</h2>
          <Figures table={summary.table} name={summary.title} />
        </section>
      )}
      {sections.map((section, i) =>
        sections.length > 1 ? (
          <Folded key={section.title} section={section} isFirst={i === 0} />
        ) : (
          <section key={section.title}>
            <h2>{section.title}</h2>
            <Section section={section} />
          </section>
        ),
      )}
      <section>
        <h2>How each engine sees the world</h2>
        <p>Every engine decides at its own times and reads metrics through its own pipeline, as late and as averaged as its vendor delivers them.</p>
        <ul>
          {pipelines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </section>
    </>
  );
}

/** Drawn when it is opened: a hundred recordings are a hundred times as many charts. */
function Folded({ section, isFirst }: { readonly section: ReportSection; readonly isFirst: boolean }): JSX.Element {
  const [isOpen, setOpen] = useState(isFirst);
  return (
    <details class="folded" open={isFirst} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>
        <h2>{section.title}</h2>
      </summary>
      {isOpen && <Section section={section} />}
    </details>
  );
}

function Section({ section: { title, provenance, notes, tables, pareto, timeline } }: { readonly section: ReportSection }): JSX.Element {
  return (
    <>
      <p class="quiet">{provenance}</p>
      {notes.map((note) => (
        <p key={note} class="remark">
          {note}
        </p>
      ))}
      {tables.map((table, i) => (
        <Figures key={table.header.join()} table={table} name={`${title}, table ${i + 1}`} />
      ))}
      {pareto !== null && <Scatter pareto={pareto} />}
      {timeline !== null && <Timeline timeline={timeline} />}
    </>
  );
}

/** A table whose rows carry the number and colour that stand for them in the charts. */
function Figures({ table: { header, rows, firstSeries }, name }: { readonly table: ReportTable; readonly name: string }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class="scroll" tabIndex={0} aria-label={name}>
      <table class="figures">
        <thead>
          <tr>
            {header.map((cell) => (
              <th scope="col" key={cell}>
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...cells], i) => (
            <tr key={`${first} ${i}`}>
              <th scope="row">
                {firstSeries !== null && <SeriesMark series={i + firstSeries} />}
                {first}
              </th>
              {cells.map((cell, column) => (
                <td key={header[column + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Units over time: what was needed as an area, each engine as a line to be switched on and off. */
function Timeline({ timeline: { startMs, stepSeconds, needed, series } }: { readonly timeline: ReportTimeline }): JSX.Element {
  const [shown, setShown] = useState<readonly number[]>(SHOWN_FIRST);
  const stepMs = stepSeconds * 1_000;
  const timesMs = useMemo(() => needed.map((_, i) => (startMs ?? 0) + i * stepMs), [needed, startMs, stepMs]);
  const spanMs = needed.length * stepMs;
  const lines = useMemo(
    (): Series[] => [
      { label: "needed", values: needed, colour: "area-line", width: 1, isArea: true, isStepped: true },
      ...series.flatMap(({ name, units: values }, i): Series[] =>
        shown.includes(i) ? [{ label: name, values, colour: seriesColour(i), isStepped: true, ...seriesDash(i) }] : [],
      ),
    ],
    [needed, series, shown],
  );
  const clock =
    startMs === null
      ? { name: "from the start", text: (atMs: number) => formatSpan(Math.round(atMs)) || "0" }
      : {
          name: "UTC",
          text: (atMs: number) => {
            const iso = new Date(atMs).toISOString();
            return spanMs > 21 * 86_400_000 ? iso.slice(0, 10) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
          },
        };
  return (
    <>
      <fieldset class="switches">
        <legend>
          Units over time: needed (the most in each {formatSpan(stepMs)}) and requested (the mean), {clock.name === "UTC" ? "in UTC" : "from the start"}. Choose
          whom to see.
        </legend>
        {series.map(({ name }, i) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={shown.includes(i)}
              onChange={() => setShown(shown.includes(i) ? shown.filter((one) => one !== i) : [...shown, i].sort((a, b) => a - b))}
            />
            <SeriesMark series={i} />
            {name}
          </label>
        ))}
      </fieldset>
      <Chart
        title="Units"
        group="timeline"
        format={(value) => units(Math.round(value * 10) / 10)}
        timesMs={timesMs}
        series={lines}
        clock={clock}
        height={340}
      />
    </>
  );
}
