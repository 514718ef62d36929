import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { SeriesAnswer, WorkloadAnswer, WorkloadState } from "../../src/api/contract.ts";
import { formatNumber, formatSpan } from "../../src/lib/format.ts";
import { type DecisionView, decisionsOf, type EntryView } from "../decisions.ts";
import { useAnswer } from "../live.ts";
import { DecisionCard, DecisionList } from "../parts/decision.tsx";
import { Orders } from "../parts/orders.tsx";
import { zone } from "../parts/time.tsx";
import { AttentionList, Empty, Loading, ModeBadge, Money, ObjectiveBadge, PostureBadge, Stale, type Tone, Vital } from "../parts/vital.tsx";
import { Charts, POINTS } from "../parts/workload-charts.tsx";
import { objectiveText, percent, perHour, share, units, valueText } from "../words.ts";

const SPANS = [
  ["15 min", 900_000],
  ["1 h", 3_600_000],
  ["6 h", 21_600_000],
  ["24 h", 86_400_000],
] as const;
/** Entries that are looked through for decisions. */
const ENTRIES = 1_000;
/** One workload: what it has, what it does, why, and what to do about it. */
export function Workload({ id }: { readonly id: string }): JSX.Element {
  const [span, setSpan] = useState(900_000);
  const { answer, trouble, atMs, refresh } = useAnswer<WorkloadAnswer>(`/workloads/${id}`, 1_000);
  const series = useAnswer<SeriesAnswer>(`/workloads/${id}/series?last=${span}&points=${POINTS}`, span <= 3_600_000 ? 2_000 : 15_000);
  const entries = useAnswer<{ readonly entries: readonly EntryView[] }>(`/workloads/${id}/entries?count=${ENTRIES}`, 2_000);
  const decisions = useMemo(() => decisionsOf(entries.answer?.entries ?? []), [entries.answer]);
  const [cursorMs, setCursor] = useState<number | null>(null);
  const [pinned, setPinned] = useState<number>();
  if (answer === undefined)
    return (
      <>
        <p class="crumbs">
          <a href="#/fleet">Fleet</a>
        </p>
        <h1>{id}</h1>
        <Loading trouble={trouble} />
      </>
    );
  const { state, nowMs } = answer;
  const chosen = pinned === undefined ? undefined : decisions.find(({ seq }) => seq === pinned);
  const at = (atMs: number): DecisionView | undefined => decisions.find((one) => one.atMs <= atMs);
  const under = cursorMs === null || chosen !== undefined ? undefined : at(cursorMs);
  return (
    <>
      <p class="crumbs">
        <a href="#/fleet">Fleet</a>
      </p>
      <h1>{id}</h1>
      <p class="badges">
        <ModeBadge mode={state.mode} /> <PostureBadge posture={state.posture} />
      </p>
      <Stale trouble={trouble} atMs={atMs} />
      <div class={state.isLate ? "stale" : ""}>
        <Vitals state={state} />
      </div>
      <AttentionList attention={state.attention} />
      <section class="why" aria-label="Why it has what it has">
        <h2>Why {state.wanted ?? "nothing"}</h2>
        {state.reasons.length === 0 ? (
          <Empty>Nothing has been decided yet.</Empty>
        ) : (
          <ol class="stages">
            {state.reasons.map(({ stage, code, from, to, text }) => (
              <li key={`${stage} ${code}`} class={from === to ? "" : "changes"}>
                <span class="stage">{stage.replaceAll("_", " ")}</span> {text}
                {from !== to && (
                  <span class="change">
                    {" "}
                    {units(from)} → {units(to)}
                  </span>
                )}
              </li>
            ))}
          </ol>
        )}
      </section>
      <Orders state={state} nowMs={nowMs} onDone={refresh} />
      <Objectives state={state} />
      <fieldset class="spans">
        <legend>Past, in {zone()}</legend>
        {SPANS.map(([name, ms]) => (
          <label key={name}>
            <input type="radio" name="span" checked={span === ms} onChange={() => setSpan(ms)} /> {name}
          </label>
        ))}
      </fieldset>
      {series.answer === undefined ? (
        <Loading trouble={series.trouble} />
      ) : series.answer.timesMs.length === 0 ? (
        <Empty>Nothing was observed in this time.</Empty>
      ) : (
        <Charts state={state} series={series.answer} decisions={decisions} span={span} onCursor={setCursor} onPick={(atMs) => setPinned(at(atMs)?.seq)} />
      )}
      <section aria-label="Decisions">
        <h2>Decisions</h2>
        <p class="quiet">
          Move over a chart to see the decision in force, click to keep it, or choose one here.{" "}
          {decisions.length === 0 ? "" : `The last ${formatNumber(decisions.length)} that changed something or wanted to.`}
        </p>
        {chosen !== undefined && <DecisionCard decision={chosen} onClose={() => setPinned(undefined)} />}
        <DecisionList decisions={decisions} chosen={pinned} onChoose={setPinned} />
      </section>
      {under !== undefined && <DecisionCard decision={under} />}
    </>
  );
}

function Vitals({ state }: { readonly state: WorkloadState }): JSX.Element {
  const { capacity, wanted, utilisation, about, objectives, costPerHour, unreadable } = state;
  const tone: Tone = utilisation === null ? "calm" : utilisation > about.ceiling ? "bad" : "calm";
  const first = objectives.find(({ kind }) => kind !== "band") ?? objectives[0];
  const value = state.readings.find(({ metric }) => metric === first?.metric);
  const measures = about.metrics.find(({ name }) => name === first?.metric)?.measures ?? "";
  const notes = [
    capacity !== null && `${units(capacity.requested)} requested`,
    capacity !== null && capacity.starting > 0 && `${units(capacity.starting)} starting`,
    capacity !== null && capacity.draining > 0 && `${units(capacity.draining)} draining`,
    wanted !== null && capacity !== null && wanted !== capacity.requested && `${units(wanted)} wanted`,
  ].filter(Boolean);
  return (
    <dl class="vitals">
      <Vital name="Units ready" tone={unreadable === null ? "calm" : "bad"} note={capacity === null ? (unreadable ?? "not read yet") : notes.join(", ")}>
        {units(capacity?.ready)}
      </Vital>
      <Vital name="Utilisation" tone={tone} note={`ceiling ${percent(about.ceiling)}`}>
        {percent(utilisation)}
      </Vital>
      {first !== undefined && (
        <Vital
          name={first.name}
          tone={first.isKept === false ? "bad" : "calm"}
          note={first.limit === undefined ? undefined : `${first.op === "gte" || first.op === "gt" ? "at least" : "limit"} ${valueText(measures, first.limit)}`}
        >
          {valueText(measures, value?.value)}
        </Vital>
      )}
      {costPerHour !== null && (
        <Vital name="Cost per hour" note={about.price === null ? undefined : `${perHour(about.price.amountPerHour, about.price.currency)} a unit`}>
          <Money amount={costPerHour} currency={about.price?.currency ?? null} />
        </Vital>
      )}
    </dl>
  );
}

function Objectives({ state: { objectives, about } }: { readonly state: WorkloadState }): JSX.Element | null {
  if (objectives.length === 0) return <p class="quiet">No objective is declared: nothing says whether it does well.</p>;
  return (
    <section aria-label="Objectives">
      <h2>Objectives</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Table of objectives">
        <table>
          <thead>
            <tr>
              <th scope="col">Objective</th>
              <th scope="col">State</th>
              <th scope="col">Good so far</th>
              <th scope="col">Budget used</th>
              <th scope="col">Burn, last hour</th>
              <th scope="col">Judged for</th>
            </tr>
          </thead>
          <tbody>
            {objectives.map((objective) => (
              <tr key={objective.name}>
                <th scope="row">
                  {objective.name} <span class="note">{objectiveText(objective, about)}</span>
                </th>
                <td>
                  <ObjectiveBadge state={objective.state} />
                </td>
                <td>{objective.good === null ? "–" : share(objective.good)}</td>
                <td>{objective.budgetUsed === null ? "–" : share(objective.budgetUsed)}</td>
                <td>{objective.burn === null ? "–" : `${objective.burn.toFixed(1)}×`}</td>
                <td>
                  {formatSpan(Math.round(objective.judgedMs / 1_000) * 1_000) || "0s"} of {formatSpan(objective.windowMs)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
