import { type LookupAddress, lookup } from "node:dns";
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { type AllowedAddresses, addressKind, allowAddresses, mayReach } from "./addresses.ts";
import { type Deadline, within } from "./any-signal.ts";
import { messageOf, systemErrorCode } from "./system-error.ts";

/** What to trust and who to be on a TLS connection; PEM texts. */
export interface HttpTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False accepts any certificate. */
  readonly rejectUnauthorized?: boolean;
}

/** A read: GET, or POST of a form when there is one; repeating it must do no harm. Or an order: POST of a JSON text. */
export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: URLSearchParams;
  /** Goes out once, on a connection of its own; a redirect of it is an answer. */
  readonly order?: string;
}

export interface HttpLimits {
  /** From the first byte sent to the last received, redirects included. */
  readonly deadlineMs: number;
  /** Largest body taken. */
  readonly bytesMax: number;
  readonly tls?: HttpTls;
  /** Default: public addresses, and what the address itself names. */
  readonly allow?: AllowedAddresses;
  /** How names become addresses. Default: as this machine does it. */
  readonly lookup?: (hostname: string, options: { readonly all: true }, done: Resolved) => void;
}

type Resolved = (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Why there is no answer: nobody there, cut, too slow, too large, sent elsewhere, not trusted, not HTTP, not an address to ask, stopped by us. */
export type HttpFailure =
  | "unreachable"
  | "interrupted"
  | "deadline"
  | "answer_too_large"
  | "redirected"
  | "tls_refused"
  | "not_http"
  | "address_refused"
  | "stopped";

/** A request without a usable answer. The message has no headers and no query in it. */
export class HttpError extends Error {
  readonly code: HttpFailure;
  /** Whether the other side may have the request. */
  readonly isSent: boolean;

  constructor(code: HttpFailure, message: string, { isSent = true, cause }: { readonly isSent?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "HttpError";
    this.code = code;
    this.isSent = isSent;
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

const NOTHING_MORE = allowAddresses([]);

/**
 * Sends one request and reads the whole answer, whatever its status. Redirects are followed on the same origin only:
 * credentials never go to another. Where it goes is decided by the address that is connected to, not by the name.
 * @throws HttpError
 */
export async function sendHttp(request: HttpRequest, limits: HttpLimits, signal?: AbortSignal): Promise<HttpAnswer> {
  const wasStopped = (): boolean => signal?.aborted === true;
  return await within(limits.deadlineMs, signal, async (either, deadline) => await follow(request, { limits, either, deadline, wasStopped }));
}

interface Sending {
  readonly limits: HttpLimits;
  readonly either: AbortSignal;
  readonly deadline: Deadline;
  wasStopped(): boolean;
}

/** Sends it, and again where it is sent on to. */
async function follow(request: HttpRequest, { limits, either, deadline, wasStopped }: Sending): Promise<HttpAnswer> {
  const progress = { isSent: false };
  let url = request.url;
  for (let redirects = 0; ; redirects++) {
    let answer: HttpAnswer;
    try {
      answer = await sendOnce({ ...request, url }, limits, either, progress);
    } catch (cause) {
      const about = { ...progress, cause };
      if (wasStopped()) throw new HttpError("stopped", "stopped", about);
      if (deadline.isOver) throw new HttpError("deadline", `no full answer within ${limits.deadlineMs / 1_000} s`, about);
      throw cause instanceof HttpError ? cause : explained(cause, progress.isSent);
    }
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined || request.order !== undefined) return answer;
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    // Its query may carry tickets of a login; where it leads is enough.
    const where = next === undefined ? "an address that is none" : `${next.origin}${next.pathname}`;
    if (next?.origin !== url.origin) throw new HttpError("redirected", `answered ${answer.status}, pointing to ${where}`);
    if (redirects === REDIRECTS_MAX) throw new HttpError("redirected", `redirected more than ${REDIRECTS_MAX} times, last to ${where}`);
    // Who answers does not choose who we are.
    next.username = "";
    next.password = "";
    url = next;
  }
}

function sendOnce(request: HttpRequest, limits: HttpLimits, signal: AbortSignal, progress: { isSent: boolean }): Promise<HttpAnswer> {
  const { url } = request;
  const { allow = NOTHING_MORE } = limits;
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!isTls && url.protocol !== "http:") return Promise.reject(new HttpError("address_refused", `${url.protocol} is not asked`, { isSent: false }));
  // A name is looked at when it has become addresses.
  if (isIP(host) !== 0 && !mayReach(host, host, allow)) return Promise.reject(notAllowed(host, [{ address: host }]));
  const body = request.order ?? request.form?.toString();
  const type = request.order === undefined ? "application/x-www-form-urlencoded" : "application/json";
  const options = {
    method: body === undefined ? "GET" : "POST",
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      ...(body !== undefined && { "content-type": type }),
      ...request.headers,
      ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
    },
    signal,
    lookup: guarded(allow, limits.lookup ?? lookup),
  };
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const onAnswer = (response: IncomingMessage): void => {
      isAnswered = true;
      const parts: Buffer[] = [];
      let size = 0;
      const refuse = (code: HttpFailure, message: string): void => {
        reject(new HttpError(code, message));
        sent.destroy();
      };
      const tooLarge = (): void => refuse("answer_too_large", `an answer of more than ${sizeText(limits.bytesMax)}`);
      const encoding = response.headers["content-encoding"] ?? "identity";
      if (Number(response.headers["content-length"] ?? 0) > limits.bytesMax) {
        tooLarge();
        return;
      }
      if (encoding !== "identity") {
        refuse("not_http", "the answer is compressed, which was not asked for");
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
    const agents = request.order === undefined ? agentsFor(allow) : newAgents(false);
    const sent = isTls
      ? requestTls(url, { ...options, ...limits.tls, agent: agents.tls }, onAnswer)
      : requestPlain(url, { ...options, agent: agents.plain }, onAnswer);
    sent.on("socket", (socket) => {
      const onReady = (): void => {
        progress.isSent = true;
      };
      if (sent.reusedSocket) onReady();
      else socket.once(isTls ? "secureConnect" : "connect", onReady);
    });
    sent.on("error", reject);
    // Whoever switches to another protocol, unasked, gives neither an answer nor an error.
    sent.on("close", () => {
      if (!isAnswered) reject(new HttpError("interrupted", "the connection was cut", progress));
    });
    sent.end(body);
  });
}

/** Connections for later requests, by what they were allowed to lead to: one that somebody else was allowed is not ours to use. */
const kept = new Map<string, Agents>();

interface Agents {
  readonly plain: Agent;
  readonly tls: TlsAgent;
}

function agentsFor({ key }: AllowedAddresses): Agents {
  const agents = kept.get(key) ?? newAgents(true);
  kept.set(key, agents);
  return agents;
}

function newAgents(keepAlive: boolean): Agents {
  const options = keepAlive ? ({ keepAlive, scheduling: "lifo", timeout: 5_000 } as const) : {};
  return { plain: new Agent(options), tls: new TlsAgent(options) };
}

/** Names to addresses that may be asked: what was looked at is what is connected to, whatever the name means a moment later. */
function guarded(allow: AllowedAddresses, resolve: NonNullable<HttpLimits["lookup"]>): LookupFunction {
  return (hostname, options, done) =>
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, []);
      const reachable = found.filter(({ address }) => mayReach(address, hostname, allow));
      const [first] = reachable;
      if (first === undefined) done(notAllowed(hostname, found), []);
      else if (options.all) done(null, reachable);
      else done(null, first.address, first.family);
    });
}

function notAllowed(host: string, found: readonly Pick<LookupAddress, "address">[]): HttpError {
  const [first] = found;
  if (first === undefined) return new HttpError("unreachable", MEANINGS["ENOTFOUND"] as string, { isSent: false });
  const { address } = first;
  const kind = addressKind(address);
  const what = kind === "special" ? "no usual address of a server" : `a ${kind} address`;
  return new HttpError(
    "address_refused",
    `${host === address ? "" : `${host} is at `}${address}, ${what}, which needs allow: [${kind === "special" ? address.replace(/%.*$/, "") : kind}]`,
    { isSent: false },
  );
}

function sizeText(bytes: number): string {
  return bytes < 1 << 20 ? `${bytes >> 10} KiB` : `${bytes >> 20} MiB`;
}

/** An error of Node's in words. */
function explained(error: unknown, isSent: boolean): HttpError {
  const about = { isSent, cause: error };
  // Every address of a host was tried; the last is as good as any.
  const cause = error instanceof AggregateError && error.errors.length > 0 ? (error.errors.at(-1) as unknown) : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const meaning = MEANINGS[code] ?? messageOf(cause);
  if (code.startsWith("HPE_")) return new HttpError("not_http", "the answer is not HTTP", about);
  // A server that speaks no TLS shows as a protocol error.
  if (
    code === "EPROTO" ||
    code.startsWith("ERR_SSL") ||
    code.startsWith("ERR_TLS") ||
    code.startsWith("ERR_OSSL") ||
    /CERT|SELF_SIGNED|VERIFY|ISSUER/.test(code)
  )
    return new HttpError("tls_refused", code.includes("WRONG_VERSION_NUMBER") || code === "EPROTO" ? "the other side speaks no TLS" : meaning, about);
  if (UNREACHABLE.has(code)) return new HttpError("unreachable", meaning, about);
  if (systemErrorCode(cause) !== undefined || code === "ABORT_ERR" || /hang up|aborted|premature/i.test(meaning))
    return new HttpError("interrupted", MEANINGS[code] ?? "the connection was cut", about);
  throw error;
}
