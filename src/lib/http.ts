import { type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { messageOf, systemErrorCode } from "./system-error.ts";

/** What to trust and who to be on a TLS connection; PEM texts. */
export interface HttpTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False accepts any certificate. */
  readonly rejectUnauthorized?: boolean;
}

/** A read: GET, or POST of a form when there is one. Repeating it must do no harm. */
export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: URLSearchParams;
}

export interface HttpLimits {
  /** From the first byte sent to the last received, redirects included. */
  readonly deadlineMs: number;
  /** Largest body taken. */
  readonly bytesMax: number;
  readonly tls?: HttpTls;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Why there is no answer: nobody there, cut, too slow, too large, sent elsewhere, not trusted, not HTTP, stopped by us. */
export type HttpFailure = "unreachable" | "interrupted" | "deadline" | "answer_too_large" | "redirected" | "tls_refused" | "not_http" | "stopped";

/** A request without a usable answer. The message has no headers and no query in it. */
export class HttpError extends Error {
  readonly code: HttpFailure;

  constructor(code: HttpFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "HttpError";
    this.code = code;
  }
}

const REDIRECTS_MAX = 5;
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name cannot be resolved now",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "the connection timed out",
  EACCES: "not permitted",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
};
const UNREACHABLE = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EACCES", "EADDRNOTAVAIL"]);

/**
 * Sends one request and reads the whole answer, whatever its status. Redirects are followed on the same origin only:
 * credentials never go to another.
 * @throws HttpError
 */
export async function sendHttp(request: HttpRequest, limits: HttpLimits, signal?: AbortSignal): Promise<HttpAnswer> {
  const deadline = AbortSignal.timeout(limits.deadlineMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let url = request.url;
  for (let redirects = 0; ; redirects++) {
    let answer: HttpAnswer;
    try {
      answer = await sendOnce({ ...request, url }, limits, either);
    } catch (error) {
      if (signal?.aborted) throw new HttpError("stopped", "stopped", error);
      if (deadline.aborted) throw new HttpError("deadline", `no full answer within ${limits.deadlineMs / 1_000} s`, error);
      throw error instanceof HttpError ? error : explained(error);
    }
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    // Its query may carry tickets of a login; where it leads is enough.
    const where = next === undefined ? "an address that is none" : `${next.origin}${next.pathname}`;
    if (next?.origin !== url.origin) throw new HttpError("redirected", `answered ${answer.status}, pointing to ${where}`);
    if (redirects === REDIRECTS_MAX) throw new HttpError("redirected", `redirected more than ${REDIRECTS_MAX} times, last to ${where}`);
    url = next;
  }
}

function sendOnce(request: HttpRequest, limits: HttpLimits, signal: AbortSignal): Promise<HttpAnswer> {
  const form = request.form?.toString();
  const options = {
    method: form === undefined ? "GET" : "POST",
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      ...request.headers,
      ...(form !== undefined && { "content-type": "application/x-www-form-urlencoded", "content-length": String(Buffer.byteLength(form)) }),
    },
    signal,
  };
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage): void => {
      const parts: Buffer[] = [];
      let size = 0;
      const tooLarge = (): void => {
        reject(new HttpError("answer_too_large", `an answer of more than ${limits.bytesMax >> 20} MiB`));
        sent.destroy();
      };
      if (Number(response.headers["content-length"] ?? 0) > limits.bytesMax) {
        tooLarge();
        return;
      }
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > limits.bytesMax) tooLarge();
        else parts.push(part);
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.complete) resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString("utf8") });
        else reject(new HttpError("interrupted", "the answer was cut"));
      });
    };
    const sent =
      request.url.protocol === "https:" ? requestTls(request.url, { ...options, ...limits.tls }, onAnswer) : requestPlain(request.url, options, onAnswer);
    sent.on("error", reject);
    sent.end(form);
  });
}

/** An error of Node's in words. */
function explained(error: unknown): HttpError {
  // Every address of a host was tried; the last is as good as any.
  const cause = error instanceof AggregateError && error.errors.length > 0 ? (error.errors.at(-1) as unknown) : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const meaning = MEANINGS[code] ?? messageOf(cause);
  if (code.startsWith("HPE_")) return new HttpError("not_http", "the answer is not HTTP", error);
  // A server that speaks no TLS shows as a protocol error.
  if (
    code === "EPROTO" ||
    code.startsWith("ERR_SSL") ||
    code.startsWith("ERR_TLS") ||
    code.startsWith("ERR_OSSL") ||
    /CERT|SELF_SIGNED|VERIFY|ISSUER/.test(code)
  )
    return new HttpError("tls_refused", code.includes("WRONG_VERSION_NUMBER") || code === "EPROTO" ? "the other side speaks no TLS" : meaning, error);
  if (UNREACHABLE.has(code)) return new HttpError("unreachable", meaning, error);
  if (systemErrorCode(cause) !== undefined || code === "ABORT_ERR" || /hang up|aborted|premature/i.test(meaning))
    return new HttpError("interrupted", MEANINGS[code] ?? "the connection was cut", error);
  throw error;
}
