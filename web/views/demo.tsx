import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { DemoState, FleetState } from "../../src/api/demo.ts";
import { formatLatency, formatNumber, formatSpan } from "../../src/lib/format.ts";
import { makeTrouble, troubleText } from "../api.ts";
import { type DecisionView, decisionsOf, type EntryView } from "../decisions.ts";
import { useAnswer } from "../live.ts";
import { Chart, type Series } from "../parts/chart.tsx";
import { DecisionList } from "../parts/decision.tsx";
import { Badge, Loading, Stale } from "../parts/vital.tsx";
import { latency, share, units } from "../words.ts";

/** How each fleet is drawn: ours is the strongest line. */
const LINES: Readonly<Record<string, { readonly colour: string; readonly width: number; readonly dash?: readonly number[] }>> = {
  "demo/fixed": { colour: "quiet", width: 1.5, dash: [2, 4] },
  "demo/doubling": { colour: "second", width: 2, dash: [8, 4] },
  "demo/small-steps": { colour: "accent", width: 3 },
};

/** Three fleets under the same load, what each has cost, and trouble on purpose. */
export function Demo(): JSX.Element {
  const { answer, trouble, atMs, refresh } = useAnswer<DemoState>("/demo", 1_000);
  const entries = useAnswer<{ readonly entries: readonly EntryView[] }>("/workloads/demo/small-steps/entries?count=200", 2_000);
  const decisions = useMemo((): DecisionView[] => decisionsOf(entries.answer?.entries ?? []), [entries.answer]);
  const [chosen, setChosen] = useState<number>();
  if (answer === undefined) return <Loading trouble={trouble} />;
  const { fleets, speed, seconds, rate, ceiling, playedAtMs, unitRate } = answer;
  return (
    <>
      <h1>Three fleets, one load</h1>
      <Stale trouble={trouble} atMs={atMs} />
      <p class="lead">
        Each fleet serves the same requests with real processes on this machine: World Cup match days of 1998, {formatNumber(speed)} times as fast. It is{" "}
        {recordedText(playedAtMs)} there, {units(Math.round(rate))} requests a second.
      </p>
      <Scores fleets={fleets} ceiling={ceiling} speed={speed} seconds={seconds} />
      <DemoCharts state={answer} />
      <Troubles troubles={answer.troubles} onMade={refresh} />
      <section aria-label="Steps of the small-steps fleet">
        <h2>
          What <a href="#/workload/demo/small-steps">demo/small-steps</a> did, and why
        </h2>
        <p class="quiet">
          A unit serves {unitRate} requests a second at 100 %. The other two: <a href="#/workload/demo/fixed">demo/fixed</a>,{" "}
          <a href="#/workload/demo/doubling">demo/doubling</a>.
        </p>
        <DecisionList decisions={decisions.slice(0, 12)} chosen={chosen} onChoose={setChosen} />
      </section>
    </>
  );
}

function recordedText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

interface ScoresProps {
  readonly fleets: readonly FleetState[];
  readonly ceiling: number;
  readonly speed: number;
  readonly seconds: number;
}

function Scores({ fleets, ceiling, speed, seconds }: ScoresProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class="scroll" tabIndex={0} aria-label="What each fleet has cost and how it has served">
      <table class="scores">
        <caption>
          Measured over {formatSpan(Math.max(1, Math.round(seconds * speed)) * 1_000)} of the recording, {formatSpan(Math.max(1, seconds) * 1_000)} here
        </caption>
        <thead>
          <tr>
            <th scope="col">Fleet</th>
            <th scope="col">Units now</th>
            <th scope="col">Cost, USD</th>
            <th scope="col">Unit-hours</th>
            <th scope="col">Above {formatNumber(100 * ceiling)} %</th>
            <th scope="col">p95</th>
            <th scope="col">Failed</th>
          </tr>
        </thead>
        <tbody>
          {fleets.map(({ workload, title, about, units: now, money, unitHours, aboveCeiling, p95Ms, failed, answered }) => (
            <tr key={workload} class={workload === "demo/small-steps" ? "ours" : ""}>
              <th scope="row">
                <span class="fleet-name">
                  <i
                    class="swatch thick"
                    style={{
                      borderTopColor: `var(--${LINES[workload]?.colour ?? "ink"})`,
                      borderTopStyle: LINES[workload]?.dash === undefined ? "solid" : "dashed",
                    }}
                  />
                  <a href={`#/workload/${workload}`}>{title}</a>
                </span>
                <span class="note">{about}</span>
              </th>
              <td class="number">{units(now.ready)}</td>
              <td class="number">{formatNumber(money, 2)}</td>
              <td>{formatNumber(unitHours, 1)}</td>
              <td>{share(aboveCeiling)}</td>
              <td>{p95Ms === null ? "–" : formatLatency(p95Ms)}</td>
              <td>
                {units(failed)} <span class="note">of {units(answered + failed)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function DemoCharts({ state }: { readonly state: DemoState }): JSX.Element | null {
  const { fleets, speed, playedAtMs, unitRate, ceiling } = state;
  const most = Math.max(0, ...fleets.map(({ points }) => points.length));
  const drawn = useMemo(() => {
    const timesMs = Array.from({ length: most }, (_, i) => playedAtMs - (most - 1 - i) * 1_000 * speed);
    const column = ({ points }: FleetState, of: (point: FleetState["points"][number]) => number | null): (number | null)[] => [
      ...new Array<null>(most - points.length).fill(null),
      ...points.map(of),
    ];
    const [first] = fleets;
    const needed: Series = {
      label: "needed",
      values: first === undefined ? [] : column(first, ({ rate }) => rate / (unitRate * ceiling)),
      colour: "area-line",
      width: 1,
      isArea: true,
    };
    const lines = (of: (point: FleetState["points"][number]) => number | null, isStepped: boolean): Series[] =>
      fleets.map((fleet) => ({ label: fleet.title, values: column(fleet, of), isStepped, ...(LINES[fleet.workload] ?? { colour: "ink", width: 2 }) }));
    return { timesMs, units: [needed, ...lines(({ paid }) => paid, true)], latencies: lines(({ p95Ms }) => p95Ms, false) };
  }, [fleets, most, playedAtMs, speed, unitRate, ceiling]);
  if (most < 2) return null;
  const clock = { name: "UTC, of the recording", text: (atMs: number) => new Date(atMs).toISOString().slice(11, 16) };
  return (
    <div class="charts">
      <Chart
        title={`Units paid for, and needed to stay below ${formatNumber(100 * ceiling)} %`}
        group="demo"
        format={(value) => units(Math.round(value * 10) / 10)}
        timesMs={drawn.timesMs}
        series={drawn.units}
        clock={clock}
        height={260}
      />
      <Chart
        title="p95 of each second"
        group="demo"
        format={(value) => latency(value / 1_000)}
        timesMs={drawn.timesMs}
        series={drawn.latencies}
        clock={clock}
        height={150}
        most={200}
      />
    </div>
  );
}

function Troubles({ troubles, onMade }: { readonly troubles: DemoState["troubles"]; readonly onMade: () => void }): JSX.Element {
  const [failed, setFailed] = useState<string>();
  const make = async (name: string): Promise<void> => {
    setFailed(undefined);
    try {
      await makeTrouble(name);
      onMade();
    } catch (error) {
      setFailed(troubleText(error));
    }
  };
  const nowMs = Date.now();
  return (
    <section class="troubles" aria-label="Trouble on purpose">
      <h2>Make trouble</h2>
      <ul>
        {troubles.map(({ name, title, about, untilMs }) => {
          const leftMs = untilMs === null ? 0 : untilMs - nowMs;
          return (
            <li key={name}>
              <button type="button" aria-disabled={leftMs > 0} onClick={() => leftMs <= 0 && void make(name)}>
                {title}
              </button>
              <span>
                {about}
                {leftMs > 0 && (
                  <>
                    {" "}
                    <Badge tone="warn">for {Math.ceil(leftMs / 1_000)} s more</Badge>
                  </>
                )}
              </span>
            </li>
          );
        })}
      </ul>
      <div aria-live="polite">{failed !== undefined && <p class="bad">{failed}</p>}</div>
    </section>
  );
}
