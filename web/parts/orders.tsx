import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { CommandRequest, WorkloadState } from "../../src/api/contract.ts";
import { order, troubleText } from "../api.ts";
import { Ago, instantText, zone } from "./time.tsx";
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

/** An order that was given, and what makes it as it was before. */
interface Done {
  readonly text: string;
  readonly undo: readonly CommandRequest[];
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
  const send = async (commands: readonly CommandRequest[], undo: readonly CommandRequest[], text: string): Promise<void> => {
    setTrouble(undefined);
    try {
      for (const command of commands) await order(command);
      setOpen(undefined);
      setDone({ text, undo });
      onDone();
    } catch (error) {
      setTrouble(troubleText(error));
    }
  };
  return (
    <section class="orders" aria-label="Orders">
      {Object.entries(orders).map(([name, { who, why, atMs, untilMs, units }]) => (
        <p key={name} class="standing">
          <Badge tone="warn">{{ pause: "paused", holdIn: "held in", set: `set to ${units ?? "?"}`, approval: "approved" }[name] ?? name}</Badge> by {who},{" "}
          <Ago atMs={atMs} nowMs={nowMs} />: {why}
          {untilMs !== undefined && ` (until ${instantText(untilMs, nowMs)} ${zone()})`}
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
            {done.undo.length > 0 && (
              <button type="button" onClick={() => void send(done.undo, [], `Taken back for ${workload}.`)}>
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
  readonly send: (commands: readonly CommandRequest[], undo: readonly CommandRequest[], text: string) => Promise<void>;
}

/** What stood before, given again: a release takes away more than one order. */
function asBefore(
  orders: WorkloadState["orders"],
  names: readonly string[],
  { workload, who }: { readonly workload: string; readonly who: string },
): CommandRequest[] {
  return names.flatMap((name): CommandRequest[] => {
    const before = orders[name];
    if (before === undefined) return [];
    const common = {
      workload,
      who,
      why: `as before, for ${before.who}: ${before.why}`.slice(0, 1_000),
      ...(before.untilMs !== undefined && { untilMs: before.untilMs }),
    };
    if (name === "set") return [{ kind: "set", ...common, units: before.units ?? 0 }];
    return [{ kind: name === "pause" ? "pause" : "hold-in", ...common }];
  });
}

/** What makes an order as if it had not been given. */
function undoOf(kind: Kind, { workload, orders }: WorkloadState, who: string, why: string): CommandRequest[] {
  const back = { workload, who, why: `taken back: ${why}`.slice(0, 1_000) };
  switch (kind) {
    case "pause":
      return [{ kind: "resume", ...back }];
    case "resume":
      return asBefore(orders, ["pause"], { workload, who });
    case "hold-in":
      return [{ kind: "release", ...back }, ...asBefore(orders, ["set"], { workload, who })];
    case "set":
      // A number of before is given again; else all is released, and what was held stays held.
      return orders["set"] !== undefined
        ? asBefore(orders, ["set"], { workload, who })
        : [{ kind: "release", ...back }, ...asBefore(orders, ["holdIn"], { workload, who })];
    case "release":
      return asBefore(orders, ["holdIn", "set"], { workload, who });
    case "approve":
      return [];
  }
}

function OrderForm({ kind, state, nowMs, send }: FormProps): JSX.Element {
  const { workload, about, capacity } = state;
  const [who, setWho] = useState(localStorage.getItem(WHO) ?? "");
  const [why, setWhy] = useState("");
  const [count, setCount] = useState(String(capacity?.requested ?? about.bounds.min));
  const [span, setSpan] = useState(1);
  // The step as it was when somebody made up their mind to look at it: what comes of it later is another.
  const [step] = useState({ decision: state.decision, from: capacity?.requested, to: state.wanted });
  const isAnother = kind === "approve" && state.decision !== step.decision;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isAnother) return;
    localStorage.setItem(WHO, who);
    const forMs = SPANS[span]?.[1];
    const common = { workload, who, why };
    const until = ABOUT[kind].hasSpan && forMs !== undefined ? { untilMs: Math.round(nowMs + forMs) } : {};
    const command = (
      kind === "set"
        ? { kind, ...common, ...until, units: Number(count) }
        : kind === "approve"
          ? { kind, ...common, decision: step.decision as string }
          : { kind, ...common, ...until }
    ) as CommandRequest;
    void send([command], undoOf(kind, state, who, why), `${ABOUT[kind].button.replace("…", "")} for ${workload}, in force from the next tick on.`);
  };
  return (
    <form class="order" onSubmit={submit}>
      <p>
        <strong>{ABOUT[kind].button.replace("…", "")}</strong> {workload}. {ABOUT[kind].does} It is written into the ledger with your name and reason.
      </p>
      {kind === "approve" && (
        <p class={isAnother ? "bad" : ""} role={isAnother ? "alert" : undefined}>
          {isAnother ? (
            <>
              <Badge tone="bad">another step</Badge> The step from {step.from} to {step.to} does not wait any more. Close this, and look again.
            </>
          ) : (
            <strong>
              The step from {step.from} to {step.to} units.
            </strong>
          )}
        </p>
      )}
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
      <button type="submit" class="main" disabled={isAnother}>
        {ABOUT[kind].button.replace("…", "")}
      </button>
    </form>
  );
}
