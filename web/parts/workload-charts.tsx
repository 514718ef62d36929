import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { CounterfactualAnswer, SeriesAnswer, WorkloadState } from "../../src/api/contract.ts";
import { formatNumber } from "../../src/lib/format.ts";
import { ask, troubleText } from "../api.ts";
import type { DecisionView } from "../decisions.ts";
import { percent, share, units, valueText } from "../words.ts";
import { Chart, type Mark, type Series } from "./chart.tsx";

/** Points of each line. */
export const POINTS = 600;
/** Colours of metrics of one chart, in turn. */
const COLOURS = ["accent", "second", "third", "fourth"] as const;

interface ChartsProps {
  readonly state: WorkloadState;
  readonly series: SeriesAnswer;
  readonly decisions: readonly DecisionView[];
  readonly span: number;
  readonly onCursor: (atMs: number | null) => void;
  readonly onPick: (atMs: number) => void;
}

/** Load, utilisation, capacity, latency and errors over one axis of time. */
export function Charts({ state: { workload, about, objectives }, series, decisions, span, onCursor, onPick }: ChartsProps): JSX.Element {
  const { timesMs, requested, ready, utilisation, metrics } = series;
  const [others, setOthers] = useState<CounterfactualAnswer>();
  const marks = useMemo(
    () => decisions.map(({ atMs, from, requested: to, takesBack }): Mark => ({ atMs, kind: takesBack !== undefined ? "other" : to > from ? "up" : "down" })),
    [decisions],
  );
  const { price } = about;
  const same = { group: workload, timesMs, onCursor, onPick, isNarrower: price !== null };
  const byMeasure = (measures: readonly string[]): { readonly name: string; readonly measures: string }[] =>
    about.metrics.filter((metric) => measures.includes(metric.measures));
  const linesOf = (names: readonly { readonly name: string }[]): Series[] =>
    names.map(({ name }, i) => ({ label: name, values: metrics[name] ?? [], colour: COLOURS[i % COLOURS.length] as string }));
  const limitsOf = (names: readonly { readonly name: string }[]) =>
    objectives.flatMap(({ name, metric, limit, from, to }) =>
      names.some((one) => one.name === metric)
        ? [
            ...(limit === undefined ? [] : [{ label: name, value: limit }]),
            ...(from === undefined ? [] : [{ label: `${name}, from`, value: from }]),
            ...(to === undefined ? [] : [{ label: `${name}, to`, value: to }]),
          ]
        : [],
    );
  const other = (name: string): (number | null)[] => valuesAt(others, name, timesMs);
  const capacity: Series[] = [
    { label: "ready", values: ready, colour: "third", isStepped: true },
    { label: "requested", values: requested, colour: "accent", isStepped: true },
    ...(others?.rows ?? [])
      .filter(({ units: found }) => found.length > 0)
      .map(({ name }, i): Series => ({ label: name, values: other(name), colour: i === 0 ? "quiet" : "second", dash: [6, 4], isStepped: true })),
  ];
  /** All metrics of a kind, with the limits that objectives set them; nothing when there is none. */
  const panel = (title: string, measures: readonly string[]): JSX.Element | null => {
    const found = byMeasure(measures);
    const [first] = found;
    if (first === undefined) return null;
    return (
      <Chart
        {...same}
        key={title}
        title={title}
        format={(value) => valueText(first.measures, value)}
        series={linesOf(found)}
        limits={limitsOf(found)}
        height={150}
      />
    );
  };
  return (
    <div class="charts">
      <Chart
        title={price === null ? "Units" : `Units, and ${price.currency ?? "money"} an hour`}
        {...same}
        isNarrower={false}
        format={(value) => units(value)}
        series={capacity}
        marks={marks}
        height={220}
        right={price === null ? undefined : { factor: price.amountPerHour, format: (value) => formatNumber(value, value < 10 ? 2 : 0) }}
      />
      <Others workload={workload} span={span} answer={others} onAnswer={setOthers} />
      {panel("Load", ["rate", "throughput"])}
      <Chart
        title="Utilisation"
        {...same}
        format={percent}
        series={[{ label: "of the ready units", values: utilisation, colour: "accent", isArea: true }]}
        limits={[{ label: "ceiling", value: about.ceiling }]}
        most={1}
        height={150}
      />
      {panel("Latency", ["latency"])}
      {panel("Errors", ["errors"])}
      {panel("Waiting", ["backlog", "concurrency"])}
      {panel("Others", ["gauge"])}
    </div>
  );
}

/** Units of somebody else at the times of a chart: the last that was known at each. */
function valuesAt(others: CounterfactualAnswer | undefined, name: string, timesMs: readonly number[]): (number | null)[] {
  const found = others?.rows.find((row) => row.name === name)?.units ?? [];
  const times = others?.timesMs ?? [];
  let i = -1;
  const stepMs = (times[1] ?? 0) - (times[0] ?? 0);
  return timesMs.map((atMs) => {
    while (i + 1 < times.length && (times[i + 1] as number) <= atMs) i++;
    return i < 0 || atMs > (times[i] as number) + 2 * stepMs ? null : (found[i] ?? null);
  });
}

interface OthersProps {
  readonly workload: string;
  readonly span: number;
  readonly answer: CounterfactualAnswer | undefined;
  readonly onAnswer: (answer: CounterfactualAnswer | undefined) => void;
}

/** What others would have done with the same load, when somebody asks. */
function Others({ workload, span, answer, onAnswer }: OthersProps): JSX.Element {
  const [isAsking, setAsking] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  // Another stretch of time is another question.
  useEffect(() => onAnswer(undefined), [workload, span]);
  const compare = async (): Promise<void> => {
    setAsking(true);
    setTrouble(undefined);
    try {
      onAnswer(await ask<CounterfactualAnswer>(`/workloads/${workload}/counterfactual?last=${span}&points=${POINTS}`));
    } catch (error) {
      setTrouble(troubleText(error));
    }
    setAsking(false);
  };
  return (
    <section class="others" aria-label="What others would have done">
      <button type="button" onClick={() => void compare()} disabled={isAsking} aria-busy={isAsking}>
        {isAsking ? "Simulating…" : answer === undefined ? "Compare with the optimum and an HPA" : "Compare again"}
      </button>
      {trouble !== undefined && (
        <p class="bad" role="alert">
          {trouble}
        </p>
      )}
      {answer !== undefined && (
        <>
          <table>
            <caption class="sr">The same load by others, simulated</caption>
            <thead>
              <tr>
                <th scope="col">The same load</th>
                <th scope="col">Unit-hours</th>
                <th scope="col">Above the ceiling</th>
              </tr>
            </thead>
            <tbody>
              {answer.rows.map(({ name, unitHours, aboveCeiling }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{formatNumber(unitHours, unitHours < 100 ? 2 : 0)}</td>
                  <td>{aboveCeiling === null ? "as little as possible" : share(aboveCeiling)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="quiet">{answer.notes.join("; ")}.</p>
        </>
      )}
    </section>
  );
}
