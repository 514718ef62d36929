import type { Breaker } from "./breaker.ts";
import { type HttpAnswer, HttpError, type HttpFailure, type HttpLimits, type HttpRequest, sendHttp } from "./http.ts";
import { oneLine } from "./one-line.ts";
import { retryAfterMs } from "./retry.ts";
import { messageOf } from "./system-error.ts";

/** How to ask a server that may be down. */
export interface Asking {
  readonly limits: HttpLimits;
  readonly breaker: Breaker;
  /** Wall time, for what a server says of it. */
  readonly wallMs: () => number;
}

/** An answer of a server that is well, or why there is none: `unwell` when it said so itself, `paused` when it was not asked. */
export type Asked =
  | { readonly kind: "answered"; readonly answer: HttpAnswer }
  | { readonly kind: "failed"; readonly code: HttpFailure | "unwell" | "paused"; readonly why: string };

/**
 * Asks once, through the breaker of the server: never while it is known to be down. Errors are values.
 * @param tell what to say: `unwell` of an answer that says the server is not well, `hide` takes secrets out of a text
 */
export async function ask(
  request: HttpRequest,
  { limits, breaker, wallMs }: Asking,
  tell: { readonly unwell: (answer: HttpAnswer) => string; readonly hide: (text: string) => string },
  signal: AbortSignal,
): Promise<Asked> {
  if (signal.aborted) return { kind: "failed", code: "stopped", why: "stopped" };
  const attempt = breaker.begin();
  if (typeof attempt === "string") return { kind: "failed", code: "paused", why: attempt };
  try {
    const answer = await sendHttp(request, limits, signal);
    if (answer.status !== 408 && answer.status !== 429 && answer.status < 500) {
      attempt.succeeded();
      return { kind: "answered", answer };
    }
    return { kind: "failed", code: "unwell", why: attempt.failed(tell.hide(tell.unwell(answer)), retryAfterMs(answer.headers["retry-after"], wallMs())) };
  } catch (error) {
    // Who stops us in the middle is the end of the tick.
    const isLate = error instanceof HttpError && error.code === "stopped";
    const why = attempt.failed(isLate ? "no answer in time" : tell.hide(oneLine(messageOf(error))));
    if (error instanceof HttpError) return { kind: "failed", code: error.code, why };
    throw error;
  }
}
