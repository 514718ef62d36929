import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { describeReason, whyText } from "../../src/engine/describe-reason.ts";
import { formatOperand } from "../../src/lib/format.ts";
import type { DecisionView } from "../decisions.ts";
import { units } from "../words.ts";
import { instantText, useZone } from "./time.tsx";
import { Badge, Empty, type Tone } from "./vital.tsx";

/** Shown at first; more when somebody asks. */
const SHOWN = 20;

const OUTCOMES: Readonly<Record<string, Tone>> = {
  applied: "good",
  unchanged: "good",
  "not done": "calm",
  failed: "bad",
  unknown: "warn",
  conflict: "warn",
  rejected: "warn",
  abandoned: "warn",
};

function Outcome({ decision: { outcome, takesBack } }: { readonly decision: DecisionView }): JSX.Element {
  return (
    <>
      <Badge tone={outcome === undefined ? "calm" : (OUTCOMES[outcome] ?? "warn")}>{outcome ?? "on its way"}</Badge>
      {takesBack !== undefined && <Badge tone="warn">taken back</Badge>}
    </>
  );
}

/** A decision with every stage it went through, and the numbers each saw; over the page while it only follows the cursor. */
export function DecisionCard({ decision, onClose }: { readonly decision: DecisionView; readonly onClose?: () => void }): JSX.Element {
  const zone = useZone();
  const { seq, atMs, from, requested, desired, reasons, message, posture, mode } = decision;
  return (
    <article class={`decision${onClose === undefined ? " floating" : ""}`} aria-label={`Decision ${seq}`}>
      <header>
        <strong>
          {units(from)} → {units(requested)} units
        </strong>{" "}
        <Outcome decision={decision} />
        <span class="quiet">
          {instantText(atMs)} {zone}, entry {seq}, {mode}, posture {posture}, load calls for {units(desired)}
        </span>
        {onClose !== undefined && (
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
        )}
      </header>
      {message !== undefined && <p>{message}</p>}
      <ol class="stages">
        {reasons.map((reason) => (
          <li key={`${reason.stage} ${reason.code}`} class={reason.from === reason.to ? "" : "changes"}>
            <span class="stage">{reason.stage.replaceAll("_", " ")}</span> {describeReason(reason)}
            {reason.from !== reason.to && (
              <span class="change">
                {" "}
                {units(reason.from)} → {units(reason.to)}
              </span>
            )}
            {Object.keys(reason.operands).length > 0 && (
              <span class="operands">
                {reason.code}
                {Object.entries(reason.operands).map(([name, value]) => ` ${name}=${typeof value === "number" ? formatOperand(value) : value}`)}
              </span>
            )}
          </li>
        ))}
      </ol>
    </article>
  );
}

/** Decisions, newest first; choosing one keeps it open. */
export function DecisionList({
  decisions,
  chosen,
  onChoose,
}: {
  readonly decisions: readonly DecisionView[];
  readonly chosen: number | undefined;
  readonly onChoose: (seq: number | undefined) => void;
}): JSX.Element {
  const zone = useZone();
  const [most, setMost] = useState(SHOWN);
  if (decisions.length === 0) return <Empty>No step yet: it has what it needs.</Empty>;
  return (
    <>
      <ul class="decisions">
        {decisions.slice(0, most).map((decision) => {
          const { seq, atMs, from, requested, reasons } = decision;
          return (
            <li key={seq}>
              <button type="button" aria-pressed={chosen === seq} onClick={() => onChoose(chosen === seq ? undefined : seq)}>
                <time dateTime={new Date(atMs).toISOString()} title={zone}>
                  {instantText(atMs)}
                </time>
                <span class="step">
                  <i aria-hidden="true">{requested > from ? "▲" : "▼"}</i> {units(from)} → {units(requested)}
                </span>
                <span class="because">{whyText(reasons)}</span>
                <Outcome decision={decision} />
              </button>
            </li>
          );
        })}
      </ul>
      {decisions.length > most && (
        <button type="button" onClick={() => setMost(most + 100)}>
          Show earlier ones
        </button>
      )}
    </>
  );
}
