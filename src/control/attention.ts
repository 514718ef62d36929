import type { Observation } from "../engine/model.ts";
import type { Reason } from "../engine/reasons.ts";
import { formatOperand, formatPercent, formatSpan } from "../lib/format.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { type Effect, mayAct } from "./decision.ts";
import type { ObjectiveStanding } from "./objective-account.ts";
import type { StandingOrders } from "./orders.ts";
import { isShort } from "./shortage.ts";

/** `urgent`: now; `soon`: today; `note`: to be known. */
export type Urgency = "urgent" | "soon" | "note";

/** Something that a person should know or do. */
export interface Attention {
  readonly level: Urgency;
  readonly text: string;
}

/** Ticks that may be missed before a workload counts as not looked after, and what a slow one may take besides. */
const LATE_TICKS = 3;
const LATE_MS = 10_000;
const ORDER: readonly Urgency[] = ["urgent", "soon", "note"];

/** A workload as it was seen last, with what a person has to know to judge it. Times are wall times. */
export interface LookedAfter {
  readonly mode: string;
  readonly posture: string | undefined;
  readonly policy: Pick<ResolvedWorkload, "id" | "ceiling" | "metrics" | "objectives" | "unit" | "bounds">;
  readonly intervalMs: number;
  /** When it was seen; when the controller began before that. */
  readonly seenMs: number;
  readonly unreadable: string | undefined;
  readonly observation: Observation | undefined;
  readonly decision: { readonly from: number; readonly requested: number } | undefined;
  readonly effect: Effect | undefined;
  readonly reasons: readonly Reason[];
  readonly objectives: readonly (ObjectiveStanding & { readonly name: string })[];
  readonly orders: StandingOrders;
  readonly openIntents: number;
}

/** Whether ticks come as they should. */
export function isLate({ intervalMs, seenMs }: Pick<LookedAfter, "intervalMs" | "seenMs">, nowMs: number): boolean {
  return nowMs - seenMs > LATE_TICKS * intervalMs + LATE_MS;
}

/** What a person should look at, most urgent first. */
export function attentionOf(workload: LookedAfter, nowMs: number): Attention[] {
  const { mode, posture, policy, unreadable, observation, decision, effect, reasons, objectives, orders, openIntents, seenMs } = workload;
  const found: Attention[] = [];
  const say = (level: Urgency, text: string): void => void found.push({ level, text });
  if (isLate(workload, nowMs)) say("urgent", `not looked at for ${formatSpan(Math.floor((nowMs - seenMs) / 1_000) * 1_000)}`);
  if (unreadable !== undefined) say("urgent", `capacity cannot be read: ${unreadable}`);
  if (posture === "blind") say("urgent", "no metric can be used: it is held where it is");
  if (posture === "partial") say("soon", "a metric cannot be used: it may grow, and not shrink");
  const absent = (observation?.readings ?? []).filter(({ status }) => status !== "value").map(({ metric }) => metric);
  if (absent.length > 0 && posture !== "blind") say("soon", `${absent.join(", ")} ${absent.length === 1 ? "has" : "have"} no value`);
  if (observation?.capacity.readable) {
    const { requested } = observation.capacity;
    const isAtMax = reasons.some(({ code }) => code === "clamped_max") || requested >= policy.bounds.max;
    if (isAtMax && isShort(policy, observation, reasons)) say("urgent", `at its maximum of ${formatOperand(policy.bounds.max)}, and short`);
  }
  for (const { name, state, isKept, budgetUsed, burn } of objectives) {
    if (state === "missed") say("urgent", `${name} is missed: its error budget is used up`);
    else if (state === "at_risk") say("soon", `${name} is at risk: ${formatPercent(budgetUsed ?? 0)} of its error budget is used up${burnText(burn)}`);
    else if (isKept === false) say("note", `${name} is not kept at the moment`);
  }
  if (effect === "awaiting" && decision !== undefined) {
    const isPressing = decision.requested > decision.from && observation !== undefined && isShort(policy, observation, reasons);
    say(isPressing ? "urgent" : "soon", `a step from ${decision.from} to ${decision.requested} waits for approval${isPressing ? ", and units are short" : ""}`);
  }
  if (openIntents > 0) say("soon", "nobody knows yet what came of its last step");
  if (orders.pause !== undefined) say("note", `paused by ${orders.pause.who}: ${orders.pause.why}`);
  if (orders.set !== undefined) say("note", `set to ${orders.set.units} by ${orders.set.who}: ${orders.set.why}`);
  if (orders.holdIn !== undefined) say("note", `nothing is taken away, by ${orders.holdIn.who}: ${orders.holdIn.why}`);
  if (!mayAct(mode)) say("note", mode === "shadow" ? "in shadow: it decides, and changes nothing" : "observed only: nothing is decided");
  return found.sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}

function burnText(burn: number | null): string {
  return burn === null || burn < 1 ? "" : `, and it burns ${formatOperand(Math.round(burn * 10) / 10)} times too fast`;
}
