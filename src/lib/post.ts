import { within } from "./any-signal.ts";
import { messageOf, systemErrorCode } from "./system-error.ts";

/** What came back, as far as a sender of messages wants to know; `failed` in words without address, headers or body. */
export type Posted =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: "failed"; readonly why: string };

/**
 * Posts a text once and reads nothing of the answer but its status. Redirects are not followed: what is posted is meant for one
 * address. Never rejects.
 */
export async function post(
  url: string,
  message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
): Promise<Posted> {
  return await within(deadlineMs, signal, async (either, deadline): Promise<Posted> => {
    try {
      const answer = await fetch(url, { method: "POST", redirect: "manual", signal: either, ...message });
      await answer.body?.cancel();
      return { kind: "answered", status: answer.status, retryAfter: answer.headers.get("retry-after") ?? undefined };
    } catch (error) {
      if (signal.aborted) return { kind: "failed", why: "stopped" };
      if (deadline.isOver) return { kind: "failed", why: `no answer within ${deadlineMs / 1_000} s` };
      return { kind: "failed", why: whyOf(error) };
    }
  });
}

/** Node's own words repeat addresses, which may be secrets; its codes do not. */
function whyOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const one = cause instanceof AggregateError ? cause.errors.at(-1) : cause;
  const code = systemErrorCode(one) ?? (one instanceof Error && "code" in one ? String(one.code) : undefined);
  if (code !== undefined && /^[A-Z0-9_]{1,60}$/.test(code)) return `no connection, or it was cut (${code})`;
  return /certificate|self.signed/i.test(messageOf(one)) ? "the certificate is not trusted" : "the request could not be sent";
}
