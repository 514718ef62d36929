import { describeReason, whyText } from "../src/engine/describe-reason.ts";
import { type Reason, ROLLBACKS } from "../src/engine/reasons.ts";

// Entries of the ledger, as people read them.

/** An entry as the API gives it. */
export interface EntryView {
  readonly seq: number;
  readonly at: string;
  readonly body: Readonly<Record<string, unknown>> & { readonly kind: string; readonly workload?: string };
}

/** A decision with what became of it. */
export interface DecisionView {
  readonly seq: number;
  readonly atMs: number;
  readonly from: number;
  readonly requested: number;
  readonly desired: number;
  readonly mode: string;
  readonly posture: string;
  readonly reasons: readonly Reason[];
  /** applied, failed, not done…; undefined while nobody knows. */
  readonly outcome: string | undefined;
  readonly message: string | undefined;
  /** It took an earlier step back, and why. */
  readonly takesBack: string | undefined;
}

/** The decisions among entries, with what came of them; newest first, as entries are. */
export function decisionsOf(entries: readonly EntryView[]): DecisionView[] {
  const intents = new Map<number, string>();
  const outcomes = new Map<string, EntryView["body"]>();
  for (const { body } of entries) {
    if (body.kind === "intent") intents.set(body["decisionSeq"] as number, body["id"] as string);
    if (body.kind === "outcome") outcomes.set(body["intentId"] as string, body);
  }
  return entries.flatMap(({ seq, body }) => {
    if (body.kind !== "decision") return [];
    const intent = intents.get(seq);
    const outcome = intent === undefined ? undefined : outcomes.get(intent);
    const reasons = body["reasons"] as readonly Reason[];
    const rollback = reasons.find(({ code, from, to }) => ROLLBACKS.has(code) && to < from);
    return [
      {
        seq,
        atMs: body["engineMs"] as number,
        from: body["from"] as number,
        requested: body["requested"] as number,
        desired: body["desired"] as number,
        mode: body["mode"] as string,
        posture: body["posture"] as string,
        reasons,
        outcome: intent === undefined ? "not done" : (outcome?.["outcome"] as string | undefined),
        message: outcome?.["message"] as string | undefined,
        takesBack: rollback === undefined ? undefined : describeReason(rollback),
      },
    ];
  });
}

/** What an entry says, in a sentence. */
export function sentence({ body }: EntryView): string {
  const of = (name: string): string => String(body[name] ?? "");
  switch (body.kind) {
    case "start":
      return `the controller began, with ${(body["workloads"] as readonly unknown[] | undefined)?.length ?? 0} workloads`;
    case "stop":
      return `the controller ended (${of("why")})`;
    case "decision":
      return `${of("from")} → ${of("requested")} units: ${whyText(body["reasons"] as readonly Reason[])}`;
    case "intent":
      return `sets ${String((body["do"] as { readonly units: number }).units)} units`;
    case "outcome":
      return `${of("outcome")}${body["message"] === undefined ? "" : `: ${of("message")}`}`;
    case "posture":
      return `${body["from"] === null ? "" : `${of("from")} → `}${of("to")}`;
    case "command": {
      const what = body["do"] as { readonly kind: string; readonly units?: number };
      return `${of("who")} ordered ${what.kind}${what.units === undefined ? "" : ` ${what.units}`}: ${of("why")}`;
    }
    case "order_ended":
      return "an order ran out";
    case "stopped":
      return body["isStopped"] === true ? "stopped: no effect begins" : "no longer stopped";
    case "capacity":
      return body["isReadable"] === true ? "capacity can be read again" : `capacity cannot be read: ${of("message")}`;
    case "reload":
      return "policies changed";
    default:
      return body.kind;
  }
}
