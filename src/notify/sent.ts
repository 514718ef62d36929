import { type Posted, post } from "../lib/post.ts";
import { retryAfterMs } from "../lib/retry.ts";
import type { Sent } from "./notifier.ts";

/** One attempt may take so long. */
export const DEADLINE_MS = 10_000;

/** Posts one notice, and says what became of it. */
export async function postNotice(
  url: string,
  message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  signal: AbortSignal,
  wallMs: () => number,
): Promise<Sent> {
  return sentOf(await post(url, message, { deadlineMs: DEADLINE_MS, signal }), wallMs());
}

function sentOf(posted: Posted, nowMs: number): Sent {
  if (posted.kind === "failed") return { kind: "failed", message: posted.why, mayHeal: true };
  const { status, retryAfter } = posted;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  // The other side is busy or ill; what it says of the notice itself will not change.
  const mayHeal = status === 408 || status === 425 || status === 429 || status >= 500;
  const afterMs = retryAfterMs(retryAfter, nowMs);
  return { kind: "failed", message: `answered ${status}`, mayHeal, ...(afterMs !== undefined && { afterMs }) };
}
