import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { CommandRequest, WorkloadState } from "../../src/api/contract.ts";
import { order, troubleText } from "../api.ts";
import { Ago } from "./time.tsx";
import { Badge } from "./vital.tsx";

// Orders of people: who and why come with each, and most can be taken back at once.

const WHO = "vernier-who";
type Kind = CommandRequest["kind"];

const SPANS: readonly (readonly [string, number | undefined])[] = [
  ["15 minutes", 900_000],
  ["1 hour", 3_600_000],
  ["4 hours", 14_400_000],
  ["1 day", 86_400_000],
  ["until it is taken back", undefined],
];

const ABOUT: Readonly<Record<Kind, { readonly button: string; readonly does: string; readonly hasSpan?: true }>> = {
  pause: { button: "Pause", does: "No step of its own, not even to its bounds.", hasSpan: true },
  resume: { button: "Resume", does: "Ends the pause." },
  "hold-in": { button: "Hold in", does: "Nothing is taken away.", hasSpan: true },
  release: { button: "Release", does: "Ends set and hold-in." },
  set: { button: "Set…", does: "So many units, whatever load does. Bounds, limits and the blast radius hold all the same.", hasSpan: true },
  approve: { button: "Approve", does: "Agrees to the step that waits. It cannot be taken back once it is taken." },
};

interface Done {
  readonly text: string;
  readonly undo: CommandRequest | undefined;
}

export function Orders({ state, nowMs, onDone }: { readonly state: WorkloadState; readonly nowMs: number; readonly onDone: () => void }): JSX.Element {
  const [open, setOpen] = useState<Kind>();
  const [done, setDone] = useState<Done>();
  const [trouble, setTrouble] = useState<string>();
  const { orders, decision, workload } = state;
  const kinds: Kind[] = [
    orders["pause"] === undefined ? "pause" : "resume",
    orders["holdIn"] === undefined ? "hold-in" : "release",
    ...(orders["holdIn"] === undefined && orders["set"] !== undefined ? (["release"] as const) : []),
    "set",
    ...(decision === null ? [] : (["approve"] as const)),
  ];
  const send = async (command: CommandRequest, undo: CommandRequest | undefined, text: string): Promise<void> => {
    setTrouble(undefined);
    try {
      await order(command);
      setOpen(undefined);
      setDone({ text, undo });
      onDone();
    } catch (error) {
      setTrouble(troubleText(error));
    }
  };
  return (
    <section class="orders" aria-label="Orders">
      {Object.entries(orders).map(([name, { who, why, atMs, untilMs }]) => (
        <p key={name} class="standing">
          <Badge tone="warn">{{ pause: "paused", holdIn: "held in", set: `set to ${state.wanted ?? "?"}`, approval: "approved" }[name] ?? name}</Badge> by {who}
          , <Ago atMs={atMs} nowMs={nowMs} />: {why}
          {untilMs !== undefined && ` (until ${new Date(untilMs).toISOString().slice(11, 16)} UTC)`}
        </p>
      ))}
      <div class="buttons">
        {kinds.map((kind) => (
          <button
            type="button"
            key={kind}
            class={kind === "approve" ? "main" : ""}
            aria-expanded={open === kind}
            onClick={() => setOpen(open === kind ? undefined : kind)}
          >
            {ABOUT[kind].button}
          </button>
        ))}
      </div>
      {open !== undefined && <OrderForm key={open} kind={open} state={state} send={send} nowMs={nowMs} />}
      <div aria-live="polite">
        {trouble !== undefined && (
          <p class="bad">
            <Badge tone="bad">not ordered</Badge> {trouble}
          </p>
        )}
        {done !== undefined && (
          <p class="done">
            <Badge tone="good">ordered</Badge> {done.text}{" "}
            {done.undo !== undefined && (
              <button type="button" onClick={() => void send(done.undo as CommandRequest, undefined, `Taken back for ${workload}.`)}>
                Undo
              </button>
            )}
          </p>
        )}
      </div>
    </section>
  );
}

interface FormProps {
  readonly kind: Kind;
  readonly state: WorkloadState;
  readonly nowMs: number;
  readonly send: (command: CommandRequest, undo: CommandRequest | undefined, text: string) => Promise<void>;
}

function OrderForm({ kind, state, nowMs, send }: FormProps): JSX.Element {
  const { workload, about, capacity, decision } = state;
  const [who, setWho] = useState(localStorage.getItem(WHO) ?? "");
  const [why, setWhy] = useState("");
  const [count, setCount] = useState(String(capacity?.requested ?? about.bounds.min));
  const [span, setSpan] = useState(1);
  const submit = (event: Event): void => {
    event.preventDefault();
    localStorage.setItem(WHO, who);
    const forMs = SPANS[span]?.[1];
    const common = { workload, who, why };
    const until = ABOUT[kind].hasSpan && forMs !== undefined ? { untilMs: Math.round(nowMs + forMs) } : {};
    const back = { ...common, why: `taken back: ${why}`.slice(0, 1_000) };
    const command = (
      kind === "set"
        ? { kind, ...common, ...until, units: Number(count) }
        : kind === "approve"
          ? { kind, ...common, decision: decision as string }
          : { kind, ...common, ...until }
    ) as CommandRequest;
    const undo: CommandRequest | undefined =
      kind === "pause"
        ? { kind: "resume", ...back }
        : kind === "resume"
          ? { kind: "pause", ...back }
          : kind === "hold-in" || kind === "set"
            ? { kind: "release", ...back }
            : undefined;
    void send(command, undo, `${ABOUT[kind].button.replace("…", "")} for ${workload}, in force from the next tick on.`);
  };
  return (
    <form class="order" onSubmit={submit}>
      <p>
        <strong>{ABOUT[kind].button.replace("…", "")}</strong> {workload}. {ABOUT[kind].does} It is written into the ledger with your name and reason.
      </p>
      {kind === "set" && (
        <label>
          Units
          <input type="number" required min={0} max={1_000_000_000} step={1} value={count} onInput={(event) => setCount(event.currentTarget.value)} />
        </label>
      )}
      <label class="wide">
        Why
        <input required maxLength={1_000} value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
      </label>
      <label>
        Who
        <input required maxLength={200} autocomplete="username" value={who} onInput={(event) => setWho(event.currentTarget.value)} />
      </label>
      {ABOUT[kind].hasSpan && (
        <label>
          For
          <select value={span} onChange={(event) => setSpan(Number(event.currentTarget.value))}>
            {SPANS.map(([text], i) => (
              <option key={text} value={i}>
                {text}
              </option>
            ))}
          </select>
        </label>
      )}
      <button type="submit" class="main">
        {ABOUT[kind].button.replace("…", "")}
      </button>
    </form>
  );
}
