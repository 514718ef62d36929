import { messageOf } from "./system-error.ts";

/** How often, how long apart, and with which clock. */
export interface Backoff {
  /** Attempts in all. */
  readonly attempts: number;
  /** Wait after the first attempt; doubles up to `mostMs`. */
  readonly baseMs: number;
  readonly mostMs: number;
  /** The longest that the other side may ask us to wait. */
  readonly askedMostMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly onWait?: (why: string, ms: number) => void;
}

/** Whether to try again, and the least wait that the other side asked for. */
export interface Verdict {
  readonly again: boolean;
  readonly afterMs?: number | undefined;
}

/** Repeats work that may heal: exponential waits with half of each at random, never sooner than asked. The last error is thrown. */
export async function retried<T>(work: () => Promise<T>, judge: (error: unknown) => Verdict, backoff: Backoff): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { again, afterMs = 0 } = judge(error);
      if (!again || attempt >= backoff.attempts || afterMs > backoff.askedMostMs) throw error;
      const wholeMs = Math.min(backoff.mostMs, backoff.baseMs * 2 ** (attempt - 1));
      const waitMs = Math.max(afterMs, Math.round(wholeMs * (0.5 + backoff.random() / 2)));
      backoff.onWait?.(messageOf(error), waitMs);
      await backoff.sleep(waitMs);
    }
  }
}

/**
 * Milliseconds that a Retry-After header asks for (RFC 9110, 10.2.3): seconds, or a date.
 * @returns undefined for what is neither; 0 for a date that is over
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
