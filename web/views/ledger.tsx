import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { formatNumber } from "../../src/lib/format.ts";
import { ask, save, troubleText } from "../api.ts";
import { type EntryView, sentence } from "../decisions.ts";
import { useAnswer } from "../live.ts";
import { instantText, useZone } from "../parts/time.tsx";
import { Badge, Empty, Loading, Stale } from "../parts/vital.tsx";

interface Verification {
  readonly isWhole: boolean;
  readonly entries: number;
  readonly problems: readonly string[];
}

/** The record: its latest entries, whether it is whole, and all of it as a file. */
export function Ledger(): JSX.Element {
  const zone = useZone();
  const [count, setCount] = useState(100);
  const { answer, trouble, atMs } = useAnswer<{ readonly entries: readonly EntryView[] }>(`/ledger?count=${count}`, 2_000);
  const [found, setFound] = useState<Verification & { readonly atMs: number }>();
  const [doing, setDoing] = useState<string>();
  const [failed, setFailed] = useState<string>();
  const act = async (what: string, work: () => Promise<void>): Promise<void> => {
    setDoing(what);
    setFailed(undefined);
    try {
      await work();
    } catch (error) {
      setFailed(troubleText(error));
    }
    setDoing(undefined);
  };
  return (
    <>
      <h1>Ledger</h1>
      <Stale trouble={answer === undefined ? undefined : trouble} atMs={atMs} />
      <p class="lead">Everything that was decided and done, each entry bound to the one before it. Whoever changes one is found out.</p>
      <div class="buttons">
        <button
          type="button"
          class="main"
          disabled={doing !== undefined}
          onClick={() => void act("verify", async () => setFound({ ...(await ask<Verification>("/ledger/verification")), atMs: Date.now() }))}
        >
          {doing === "verify" ? "Verifying…" : "Verify"}
        </button>
        <button type="button" disabled={doing !== undefined} onClick={() => void act("export", () => save("/ledger/export", "ledger.ndjson"))}>
          {doing === "export" ? "Exporting…" : "Export"}
        </button>
      </div>
      <div aria-live="polite">
        {failed !== undefined && <p class="bad">{failed}</p>}
        {found !== undefined && (
          <div class="verified">
            <p>
              <Badge tone={found.isWhole ? "good" : "bad"}>{found.isWhole ? "whole" : "not whole"}</Badge> {formatNumber(found.entries)} signed entries were
              checked at {instantText(found.atMs)} {zone}.
            </p>
            {found.problems.length > 0 && (
              <ul>
                {found.problems.slice(0, 20).map((problem) => (
                  <li key={problem}>{problem}</li>
                ))}
              </ul>
            )}
          </div>
        )}
      </div>
      {answer === undefined ? (
        <Loading trouble={trouble} />
      ) : answer.entries.length === 0 ? (
        <Empty>Nothing is written down yet.</Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        <section class="scroll" tabIndex={0} aria-label="Latest entries">
          <table class="entries">
            <thead>
              <tr>
                <th scope="col">Entry</th>
                <th scope="col">At ({zone})</th>
                <th scope="col">Kind</th>
                <th scope="col">Workload</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {answer.entries.map((entry) => (
                <tr key={entry.seq}>
                  <th scope="row">{entry.seq}</th>
                  <td>{instantText(Date.parse(entry.at))}</td>
                  <td>{entry.body.kind.replaceAll("_", " ")}</td>
                  <td>{entry.body.workload === undefined ? "" : <a href={`#/workload/${entry.body.workload}`}>{entry.body.workload}</a>}</td>
                  <td class="reason">{sentence(entry)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {answer !== undefined && answer.entries.length === count && count < 1_000 && (
        <button type="button" onClick={() => setCount(Math.min(1_000, count * 3))}>
          Show earlier ones
        </button>
      )}
    </>
  );
}
