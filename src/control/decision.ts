import type { Decision } from "../engine/model.ts";
import type { DraftEntry } from "../ledger/entry.ts";

/** How far a workload may go: `observe` reads and records, `shadow` also decides, `live` also acts. */
export type Mode = "observe" | "shadow" | "approve" | "live";

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
  if (mode !== "live" && mode !== "approve") return "not_live";
  if (isStopped) return "stopped";
  if (mode === "approve" && !isApproved) return "awaiting";
  return open.length > 0 || isActing ? "waiting" : "begun";
}

/** A decision as the ledger keeps it. */
export function decisionBody(decision: Decision, mode: Mode): DraftEntry["body"] {
  const { workload, engine, policyHash, atMs, posture, from, desired, requested, ready } = decision;
  return { kind: "decision", workload, engine, policyHash, mode, engineMs: atMs, posture, from, desired, requested, ready, reasons: decision.reasons() };
}
