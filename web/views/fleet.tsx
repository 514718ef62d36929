// biome-ignore-all lint/a11y/noRedundantRoles: drawn as cards on a narrow screen, a table is one only where it says so
import { Component, type JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { FleetAnswer, FleetRow } from "../../src/api/contract.ts";
import { useAnswer } from "../live.ts";
import { Badge, Empty, Gauge, Loading, ModeBadge, Money, ObjectiveBadge, PostureBadge, Stale, toneOf, Vital } from "../parts/vital.tsx";
import { percent, perHour, share, units } from "../words.ts";

const LEVELS = { urgent: 0, soon: 1, note: 2 } as const;

/** Rows that are drawn at first: nobody reads more of them at once. */
const SHOWN = 100;
/** Beyond so many, all are asked for less often. */
const LARGE = 200;

type Order = "attention" | "workload" | "ready" | "utilisation" | "cost" | "budget";
const ORDERS: Readonly<Record<Order, readonly [string, (row: FleetRow) => number | string]>> = {
  attention: ["what needs a person", (row) => (row.attention[0] === undefined ? 3 : LEVELS[row.attention[0].level])],
  workload: ["name", (row) => row.workload],
  ready: ["units, most first", (row) => -(row.ready ?? -1)],
  utilisation: ["utilisation, highest first", (row) => -(row.utilisation ?? -1)],
  cost: ["cost, dearest first", (row) => -(row.costPerHour ?? -1)],
  budget: ["error budget, least left first", (row) => -(row.objective?.budgetUsed ?? -1)],
};

/** Every workload on a line; what needs a person first. */
export function Fleet(): JSX.Element {
  const [isLarge, setLarge] = useState(false);
  const { answer, trouble, atMs } = useAnswer<FleetAnswer>("/fleet", isLarge ? 3_000 : 1_000);
  const [most, setMost] = useState(SHOWN);
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState<Order>("attention");
  const rows = useMemo(() => {
    const key = ORDERS[order][1];
    return (answer?.workloads ?? [])
      .filter(({ workload, reason }) => `${workload} ${reason ?? ""}`.toLowerCase().includes(search.toLowerCase()))
      .map((row) => ({ row, key: key(row) }))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row.workload < b.row.workload ? -1 : 1))
      .map(({ row }) => row);
  }, [answer, search, order]);
  const count = answer?.workloads.length ?? 0;
  useEffect(() => setLarge(count > LARGE), [count]);
  if (answer === undefined) return <Loading trouble={trouble} />;
  const { totals, workloads } = answer;
  const { met, at_risk: atRisk, missed, unknown } = totals.objectives;
  const judged = met + atRisk + missed;
  return (
    <>
      <h1>Fleet</h1>
      <Stale trouble={trouble} atMs={atMs} />
      <dl class="vitals">
        <Vital
          name="Need a person now"
          tone={totals.urgent > 0 ? "bad" : "good"}
          note={totals.urgent === 0 ? "nobody has to get up" : `of ${workloads.length} workloads`}
        >
          {totals.urgent}
        </Vital>
        <Vital name="Units ready" note={`${units(totals.requested)} requested`}>
          {units(totals.ready)}
        </Vital>
        <Vital
          name="Objectives kept"
          tone={missed > 0 ? "bad" : atRisk > 0 ? "warn" : "calm"}
          note={
            [missed > 0 && `${missed} missed`, atRisk > 0 && `${atRisk} at risk`, unknown > 0 && `${unknown} unknown`].filter(Boolean).join(", ") ||
            "all are met"
          }
        >
          {judged === 0 ? "–" : `${met} of ${judged}`}
        </Vital>
        {totals.costs.map(({ currency, perHour: amount }) => (
          <Vital key={currency} name="Cost per hour" note={currency === null ? "no currency given" : undefined}>
            <Money amount={amount} currency={currency} />
          </Vital>
        ))}
      </dl>
      <search>
        <form class="tools" onSubmit={(event) => event.preventDefault()}>
          <label>
            Search
            <input type="search" value={search} placeholder="workload or reason" onInput={(event) => setSearch(event.currentTarget.value)} />
          </label>
          <label>
            First
            <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
              {Object.entries(ORDERS).map(([name, [title]]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <output aria-live="polite">
            {rows.length === workloads.length ? `${workloads.length} workload${workloads.length === 1 ? "" : "s"}` : `${rows.length} of ${workloads.length}`}
          </output>
        </form>
      </search>
      {rows.length === 0 ? (
        <Empty>{workloads.length === 0 ? "No policy names a workload." : `No workload and no reason has “${search}” in it.`}</Empty>
      ) : (
        <table class="fleet" role="table">
          <thead>
            <tr role="row">
              <th scope="col" role="columnheader">
                Workload
              </th>
              <th scope="col" role="columnheader" class="right">
                Ready
              </th>
              <th scope="col" role="columnheader">
                Utilisation
              </th>
              <th scope="col" role="columnheader">
                Objective
              </th>
              <th scope="col" role="columnheader" class="right">
                Cost / h
              </th>
              <th scope="col" role="columnheader">
                Posture
              </th>
              <th scope="col" role="columnheader">
                Last reason
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((row) => (
              <Row key={row.workload} row={row} text={JSON.stringify(row)} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + 400)}>
          Show {Math.min(400, rows.length - most)} more of {rows.length}
        </button>
      )}
    </>
  );
}

/** Drawn again only when something of it is another: `text` says so. */
class Row extends Component<{ readonly row: FleetRow; readonly text: string }> {
  override shouldComponentUpdate({ text }: { readonly text: string }): boolean {
    return text !== this.props.text;
  }

  override render(): JSX.Element {
    const { row } = this.props;
    const { workload, mode, posture, requested, ready, wanted, utilisation, ceiling, objective, costPerHour, currency, reason, attention } = row;
    const [first] = attention;
    const isMoving = requested !== null && (ready !== requested || (wanted !== null && wanted !== requested));
    return (
      <tr role="row" class={`${first === undefined ? "" : toneOf(first.level)}${row.isLate ? " late" : ""}`}>
        <th scope="row" role="rowheader">
          <a href={`#/workload/${workload}`}>{workload}</a>
          {mode !== "live" && <ModeBadge mode={mode} />}
          {first !== undefined && first.level !== "note" && (
            <span class="first">
              <Badge tone={toneOf(first.level)}>{first.text}</Badge>
              {attention.length > 1 && ` and ${attention.length - 1} more`}
            </span>
          )}
        </th>
        <td role="cell" class="right" data-name="Ready">
          <strong>{units(ready)}</strong>
          {isMoving && <span class="moving"> → {units(wanted !== null && wanted !== requested ? wanted : requested)}</span>}
        </td>
        <td role="cell" data-name="Utilisation">
          <span class="busy">
            <Gauge value={utilisation} ceiling={ceiling} />
            {percent(utilisation)}
          </span>
        </td>
        <td role="cell" data-name="Objective">
          {objective === null ? (
            <span class="quiet">none</span>
          ) : (
            <>
              <ObjectiveBadge state={objective.state} />
              <span class="note">
                {objective.name}
                {objective.budgetUsed !== null && `: ${share(objective.budgetUsed)} of budget`}
                {objective.burn !== null && objective.burn >= 1 && `, burns ${objective.burn.toFixed(1)}×`}
              </span>
            </>
          )}
        </td>
        <td role="cell" class="right" data-name="Cost / h">
          {perHour(costPerHour, currency)}
        </td>
        <td role="cell" data-name="Posture">
          <PostureBadge posture={posture} />
        </td>
        <td role="cell" class="reason" data-name="Last reason">
          {reason ?? "nothing decided yet"}
        </td>
      </tr>
    );
  }
}
