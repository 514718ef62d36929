import { createHash } from "node:crypto";
import type { Decision, Orders } from "../engine/model.ts";
import { canonicalJson } from "../lib/canonical-json.ts";

/** What a person may order of one workload. */
export type CommandDo =
  | { readonly kind: "pause" | "resume" | "hold-in" | "release" }
  | { readonly kind: "set"; readonly units: number }
  /** `decision` is the hash of the decision that was shown. */
  | { readonly kind: "approve"; readonly decision: string };

/** An order, with who gave it and why. */
export interface Command {
  readonly workload: string;
  readonly do: CommandDo;
  readonly who: string;
  readonly why: string;
  /** Wall time, ms since 1970, until which it holds; until it is taken back when absent. */
  readonly untilMs?: number;
}

/** An order that stands. Times are wall time, ms since 1970. */
interface Standing {
  readonly who: string;
  readonly why: string;
  readonly atMs: number;
  readonly untilMs?: number;
}

/** All orders of one workload that stand. Plain JSON. */
export interface StandingOrders {
  readonly pause?: Standing;
  readonly holdIn?: Standing;
  readonly set?: Standing & { readonly units: number };
  readonly approval?: Standing & { readonly decision: string };
}

/** An approval holds for so long. */
const APPROVED_FOR_MS = 600_000;

/** The orders that stand after a command. */
export function obey(orders: StandingOrders, { do: what, who, why, untilMs }: Command, nowMs: number): StandingOrders {
  const standing: Standing = { who, why, atMs: nowMs, ...(untilMs !== undefined && { untilMs }) };
  const { pause: _, ...unpaused } = orders;
  const { holdIn: __, set: ___, ...released } = orders;
  switch (what.kind) {
    case "pause":
      return { ...orders, pause: standing };
    case "resume":
      return unpaused;
    case "hold-in":
      return { ...orders, holdIn: standing };
    case "set":
      return { ...orders, set: { ...standing, units: what.units } };
    case "release":
      return released;
    case "approve":
      return { ...orders, approval: { ...standing, untilMs: nowMs + APPROVED_FOR_MS, decision: what.decision } };
  }
}

/** Without what has run out; the same object when nothing has. */
export function expire(orders: StandingOrders, nowMs: number): StandingOrders {
  const entries = Object.entries(orders) as [keyof StandingOrders, Standing][];
  const left = entries.filter(([, { untilMs }]) => untilMs === undefined || nowMs < untilMs);
  return left.length === entries.length ? orders : (Object.fromEntries(left) as StandingOrders);
}

/** What the engine has to know of them; undefined when there is nothing. */
export function ordersFor({ pause, holdIn, set }: StandingOrders): Orders | undefined {
  if (pause === undefined && holdIn === undefined && set === undefined) return undefined;
  return { ...(pause !== undefined && { isPaused: true }), ...(holdIn !== undefined && { holdsIn: true }), ...(set !== undefined && { units: set.units }) };
}

/** What an approval is bound to: another number, or another policy, is another decision. */
export function hashOfDecision({ workload, policyHash, from, requested }: Decision): string {
  return createHash("sha256").update(canonicalJson({ workload, policyHash, from, requested })).digest("hex").slice(0, 16);
}

const NONE: StandingOrders = {};

/** The orders of all workloads that stand. */
export class OrderBook {
  readonly #orders = new Map<string, StandingOrders>();

  load(kept: readonly { readonly workload: string; readonly text: string }[]): void {
    for (const { workload, text } of kept) this.#orders.set(workload, JSON.parse(text) as StandingOrders);
  }

  of(workload: string): StandingOrders {
    return this.#orders.get(workload) ?? NONE;
  }

  /** Replaces what stands; returns it as it is to be kept. */
  put(workload: string, orders: StandingOrders): { readonly workload: string; readonly text: string } {
    this.#orders.set(workload, orders);
    return { workload, text: canonicalJson(orders) };
  }
}
