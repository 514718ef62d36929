import type { ComponentChildren, JSX } from "preact";
import type { Attention, ObjectiveView, WorkloadState } from "../../src/api/contract.ts";
import { formatNumber } from "../../src/lib/format.ts";

import { clockText } from "./time.tsx";

// The few numbers that somebody needs at three in the morning, as large as they get; and words with colour, never colour alone.

export type Tone = "calm" | "good" | "warn" | "bad";

/** A number with its name. */
export function Vital({
  name,
  tone = "calm",
  note,
  children,
}: {
  readonly name: string;
  readonly tone?: Tone;
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`vital ${tone}`}>
      <dt>{name}</dt>
      <dd>
        <span class="number">{children}</span>
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

const SIGNS: Readonly<Record<Tone, string>> = { calm: "", good: "✓", warn: "▲", bad: "✕" };

/** An amount, with its currency small beside it. */
export function Money({ amount, currency }: { readonly amount: number | null; readonly currency: string | null }): JSX.Element {
  if (amount === null) return <>–</>;
  return (
    <>
      {formatNumber(amount, amount >= 1_000 ? 0 : 2)}
      {currency !== null && <small> {currency}</small>}
    </>
  );
}

/** A word with its sign. */
export function Badge({ tone = "calm", children }: { readonly tone?: Tone; readonly children: ComponentChildren }): JSX.Element {
  return (
    <span class={`badge ${tone}`}>
      {SIGNS[tone] !== "" && <i aria-hidden="true">{SIGNS[tone]}</i>}
      {children}
    </span>
  );
}

export function toneOf(level: Attention["level"] | undefined): Tone {
  return level === "urgent" ? "bad" : level === "soon" ? "warn" : "calm";
}

const STATES: Readonly<Record<ObjectiveView["state"], readonly [Tone, string]>> = {
  met: ["good", "met"],
  at_risk: ["warn", "at risk"],
  missed: ["bad", "missed"],
  unknown: ["calm", "unknown"],
};

export function ObjectiveBadge({ state }: Pick<ObjectiveView, "state">): JSX.Element {
  const [tone, text] = STATES[state];
  return <Badge tone={tone}>{text}</Badge>;
}

export function PostureBadge({ posture }: Pick<WorkloadState, "posture">): JSX.Element {
  return <Badge tone={posture === null ? "calm" : posture === "normal" ? "good" : posture === "blind" ? "bad" : "warn"}>{posture ?? "not judged"}</Badge>;
}

export function ModeBadge({ mode }: Pick<WorkloadState, "mode">): JSX.Element {
  return <Badge>{mode}</Badge>;
}

/** What a person should look at. */
export function AttentionList({ attention }: { readonly attention: readonly Attention[] }): JSX.Element | null {
  if (attention.length === 0) return null;
  return (
    <ul class="attention">
      {attention.map(({ level, text }) => (
        <li key={text} class={toneOf(level)}>
          <Badge tone={toneOf(level)}>{level === "urgent" ? "now" : level === "soon" ? "today" : "know"}</Badge> {text}
        </li>
      ))}
    </ul>
  );
}

/** Utilisation on a line: where it is, and the ceiling that it should stay below. */
export function Gauge({ value, ceiling }: { readonly value: number | null; readonly ceiling: number }): JSX.Element {
  const most = 1.2;
  const at = (share: number): string => `${(100 * Math.min(most, Math.max(0, share))) / most}%`;
  return (
    <span class={`gauge${value !== null && value > ceiling ? " over" : ""}`} aria-hidden="true">
      {value !== null && <i style={{ width: at(value) }} />}
      <b style={{ left: at(ceiling) }} />
    </span>
  );
}

/** What is not there yet, went wrong, or is not there at all. */
export function Empty({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

/** Said when what is shown could not be asked for again. */
export function Stale({ trouble, atMs }: { readonly trouble: string | undefined; readonly atMs: number }): JSX.Element | null {
  if (trouble === undefined) return null;
  return (
    <p class="banner warn" role="alert">
      <strong>Of {clockText(atMs)}, not of now:</strong> {trouble}.
    </p>
  );
}

export function Loading({ trouble }: { readonly trouble: string | undefined }): JSX.Element {
  return trouble === undefined ? (
    <p class="empty" aria-busy="true">
      Asking the controller…
    </p>
  ) : (
    <p class="empty bad" role="alert">
      <Badge tone="bad">no answer</Badge> {trouble}
    </p>
  );
}
