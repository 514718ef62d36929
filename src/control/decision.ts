import type { Decision, Engine, Observation } from "../engine/model.ts";
import type { SharedLimits } from "../engine/shared-limits.ts";
import type { DraftEntry } from "../ledger/entry.ts";

/** How far a workload may go: `observe` reads and records, `shadow` also decides, `live` also acts. */
export type Mode = "observe" | "shadow" | "approve" | "live";

/** Whether its decisions may be carried out. */
export function mayAct(mode: string): boolean {
  return mode === "live" || mode === "approve";
}

/** What becomes of a decision: nothing to do, done, or why it is not. */
export type Effect = "none" | "begun" | "not_live" | "stopped" | "awaiting" | "waiting" | "unreadable";

/** What becomes of a decision. */
export function effectOf(
  { from, requested }: Decision,
  { mode, open, isActing }: { readonly mode: Mode; readonly open: readonly unknown[]; readonly isActing: boolean },
  { isReadable, isStopped, isApproved }: { readonly isReadable: boolean; readonly isStopped: boolean; readonly isApproved: boolean },
): Effect {
  if (!isReadable) return "unreadable";
  if (requested === from) return "none";
  if (!mayAct(mode)) return "not_live";
  if (isStopped) return "stopped";
  if (mode === "approve" && !isApproved) return "awaiting";
  return open.length > 0 || isActing ? "waiting" : "begun";
}

/** A decision as the ledger keeps it. */
export function decisionBody(decision: Decision, mode: Mode): DraftEntry["body"] {
  const { workload, engine, policyHash, atMs, posture, from, desired, requested, ready } = decision;
  return { kind: "decision", workload, engine, policyHash, mode, engineMs: atMs, posture, from, desired, requested, ready, reasons: decision.reasons() };
}

interface Deciding {
  readonly id: string;
  readonly mode: Mode | string;
  readonly engine: Engine;
}

/** Takes note of what all that are due have, before the first of them asks for more. */
export function noteAll(shared: SharedLimits, ticks: readonly { readonly workload: string; readonly observation: Observation }[], nowMs: number): void {
  for (const { workload, observation } of ticks) if (observation.capacity.readable) shared.found(workload, observation.capacity.requested, nowMs);
}

/** What an engine decides on an observation, and what others leave to it. The same live, after a restart, and in a replay. */
export function decideShared(shared: SharedLimits, { id, mode, engine }: Deciding, observation: Observation, nowMs: number): Decision {
  engine.propose(observation, nowMs);
  const decision = engine.settle(shared.allowances(id));
  const { readable, requested } = observation.capacity;
  // What it gives up is free when it is seen to be gone.
  if (mayAct(mode) && readable) shared.promise(id, Math.max(requested, decision.requested), nowMs);
  return decision;
}
