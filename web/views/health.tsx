import type { JSX } from "preact";
import type { HealthAnswer } from "../../src/api/contract.ts";
import { formatBytes } from "../../src/lib/bytes.ts";
import { formatNumber, formatSpan } from "../../src/lib/format.ts";
import { useAnswer } from "../live.ts";
import { Ago } from "../parts/time.tsx";
import { Badge, Empty, Loading, Stale, Vital } from "../parts/vital.tsx";

/** How the parts do that are not workloads: sources, targets, the store, and the loop itself. */
export function Health(): JSX.Element {
  const { answer, trouble, atMs } = useAnswer<HealthAnswer>("/health", 2_000);
  if (answer === undefined) return <Loading trouble={trouble} />;
  const { nowMs, isHealthy, isStopped, tick, sources, targets, store, startedMs, version } = answer;
  const unreadable = targets.filter((target) => target.unreadable !== null);
  const silent = sources.filter(({ askedMs, values, queries }) => askedMs !== null && values < queries);
  // Of many targets those that are well say nothing.
  const shown = targets.length > 50 ? unreadable : targets;
  return (
    <>
      <h1>Health</h1>
      <Stale trouble={trouble} atMs={atMs} />
      <dl class="vitals">
        <Vital
          name="Controller"
          tone={isStopped ? "warn" : isHealthy ? "good" : "bad"}
          note={`version ${version}, running for ${formatSpan(Math.max(1_000, Math.floor((nowMs - startedMs) / 1_000) * 1_000))}`}
        >
          {isStopped ? "stopped" : isHealthy ? "ticking" : "late"}
        </Vital>
        <Vital name="Last tick" note={<Ago atMs={tick.lastMs} nowMs={nowMs} />}>
          {tick.tookMs === null ? "–" : `${formatNumber(tick.tookMs)} ms`}
        </Vital>
        <Vital name="Sources without a gap" tone={silent.length > 0 ? "bad" : "calm"}>
          {sources.length - silent.length} of {sources.length}
        </Vital>
        <Vital name="Ledger" note={`${formatBytes(store.bytes)} of ${formatBytes(store.budgetBytes)}`}>
          {formatNumber(store.entries)}
        </Vital>
      </dl>
      <h2>Sources</h2>
      {sources.length === 0 ? (
        <Empty>No policy reads a source.</Empty>
      ) : (
        <Scrolling name="Sources">
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">State</th>
              <th scope="col">Answers</th>
              <th scope="col">Asked</th>
              <th scope="col">All there</th>
              <th scope="col">Took</th>
              <th scope="col">Why not</th>
            </tr>
          </thead>
          <tbody>
            {sources.map(({ name, type, askedMs, wholeMs, tookMs, queries, values, trouble: why }) => (
              <tr key={name}>
                <th scope="row">
                  {name} <span class="note">{type}</span>
                </th>
                <td>
                  {askedMs === null ? (
                    <Badge>not asked yet</Badge>
                  ) : values === queries ? (
                    <Badge tone="good">answers</Badge>
                  ) : (
                    <Badge tone={values === 0 ? "bad" : "warn"}>{values === 0 ? "silent" : "incomplete"}</Badge>
                  )}
                </td>
                <td>
                  {values} of {queries}
                </td>
                <td>
                  <Ago atMs={askedMs} nowMs={nowMs} />
                </td>
                <td>
                  <Ago atMs={wholeMs} nowMs={nowMs} />
                </td>
                <td>{tookMs === null ? "–" : `${formatNumber(tookMs)} ms`}</td>
                <td class="reason">{why ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </Scrolling>
      )}
      <h2>Targets</h2>
      {shown.length === 0 ? (
        <p>
          <Badge tone="good">readable</Badge> All {targets.length} are read.
        </p>
      ) : (
        <Scrolling name="Targets">
          <thead>
            <tr>
              <th scope="col">Workload</th>
              <th scope="col">Target</th>
              <th scope="col">State</th>
              <th scope="col">Read</th>
              <th scope="col">Not known what came of</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ workload, type, readMs, unreadable: why, openIntents }) => (
              <tr key={workload}>
                <th scope="row">
                  <a href={`#/workload/${workload}`}>{workload}</a>
                </th>
                <td>{type}</td>
                <td>{why !== null ? <Badge tone="bad">{why}</Badge> : readMs === null ? <Badge>not read yet</Badge> : <Badge tone="good">readable</Badge>}</td>
                <td>
                  <Ago atMs={readMs} nowMs={nowMs} />
                </td>
                <td>{openIntents === 0 ? "nothing" : `${openIntents} step${openIntents === 1 ? "" : "s"}`}</td>
              </tr>
            ))}
          </tbody>
        </Scrolling>
      )}
      <h2>Store</h2>
      <Scrolling name="Store">
        <tbody>
          <tr>
            <th scope="row">Entries</th>
            <td>{formatNumber(store.entries)}, never forgotten</td>
          </tr>
          <tr>
            <th scope="row">Size</th>
            <td>
              {formatBytes(store.bytes)} of {formatBytes(store.budgetBytes)}
            </td>
          </tr>
          <tr>
            <th scope="row">Observations</th>
            <td>kept for {formatSpan(store.retentionMs)}</td>
          </tr>
          <tr>
            <th scope="row">Signed</th>
            <td>
              <Ago atMs={store.checkpointMs} nowMs={nowMs} />
            </td>
          </tr>
        </tbody>
      </Scrolling>
    </>
  );
}

function Scrolling({ name, children }: { readonly name: string; readonly children: JSX.Element | readonly JSX.Element[] }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class="scroll" tabIndex={0} aria-label={name}>
      <table>{children}</table>
    </section>
  );
}
