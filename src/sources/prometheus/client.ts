import { allowAddresses } from "../../lib/addresses.ts";
import { FileError } from "../../lib/file-error.ts";
import { type HttpAnswer, HttpError, type HttpFailure, type HttpTls, sendHttp } from "../../lib/http.ts";
import { oneLine } from "../../lib/one-line.ts";
import { type Backoff, retried, retryAfterMs } from "../../lib/retry.ts";
import { withoutSecrets } from "../../lib/secrets.ts";
import { type Credentials, type SecretHeaders, secretHeaders } from "../credentials.ts";
import { SourceError, type SourceFailure } from "../source-error.ts";
import { answerError, answerVersion, parseRangeAnswer, type RangeAnswer } from "./answer.ts";
import { type BinRange, type Chunk, chunkInstants, SPLIT_LEAST } from "./chunks.ts";

/** How to reach a Prometheus. */
export interface Connection {
  /** Where its API begins, without `/api/v1`. */
  readonly url: URL;
  readonly credentials: Credentials;
  readonly tls: HttpTls;
  readonly deadlineMs: number;
}

const BYTES_MAX = 32 << 20;
/** Who typed the address is there, and meant it. */
const NEAR = allowAddresses(["private", "loopback"]);
/** Longer queries go into the body of a POST: proxies cut long addresses. */
const ADDRESS_MAX = 3_000;

/** The query API of a Prometheus, or of what speaks like one. Every request has a deadline, a byte limit and bounded repetition. */
export class PrometheusClient {
  /** Address without credentials, for messages and records. */
  readonly source: string;
  readonly #connection: Connection;
  readonly #backoff: Backoff;
  readonly #nowMs: () => number;
  readonly #signal: AbortSignal | undefined;
  #requests = 0;

  constructor(connection: Connection, { backoff, nowMs, signal }: { backoff: Backoff; nowMs: () => number; signal?: AbortSignal }) {
    this.#connection = connection;
    this.source = `${connection.url.origin}${connection.url.pathname.replace(/\/+$/, "")}`;
    this.#backoff = backoff;
    this.#nowMs = nowMs;
    this.#signal = signal;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Its version, undefined when it does not say. The first contact: nobody there is an error at once, as an address with a
   * slip in it will not heal.
   */
  async version(): Promise<string | undefined> {
    try {
      const { answer } = await this.#send("/api/v1/status/buildinfo", new URLSearchParams());
      return answer.status === 200 ? answerVersion(answer.body) : undefined;
    } catch (error) {
      if (error instanceof SourceError && !["unreachable", "tls_refused", "redirected", "stopped"].includes(error.code)) return undefined;
      throw error;
    }
  }

  /** What a query says at the end of each bin of a chunk. */
  async range(query: string, bins: BinRange, chunk: Chunk): Promise<RangeAnswer> {
    const { firstMs, lastMs } = chunkInstants(bins, chunk);
    const parameters = new URLSearchParams({
      query,
      start: String(firstMs / 1_000),
      end: String(lastMs / 1_000),
      step: String(bins.stepMs / 1_000),
    });
    const work = async (): Promise<RangeAnswer> => {
      const { answer, secrets } = await this.#send("/api/v1/query_range", parameters);
      const hide = (text: string): string => withoutSecrets(text, secrets);
      this.#refuse(answer, query, hide);
      try {
        const read = parseRangeAnswer(
          answer.body,
          { firstMs, stepMs: bins.stepMs, points: chunk.count },
          `${this.source}/api/v1/query_range`,
          String(answer.headers["content-type"] ?? ""),
        );
        return { ...read, warnings: read.warnings.map(hide) };
      } catch (error) {
        if (error instanceof FileError)
          throw new FileError(
            error.file,
            error.problems.map((problem) => ({ ...problem, message: hide(problem.message) })),
          );
        throw error;
      }
    };
    return await retried(
      work,
      // What is too much for a long stretch is halved, not repeated.
      (error) =>
        error instanceof SourceError && (error.code !== "query_limited" || chunk.count <= SPLIT_LEAST)
          ? { again: error.retryable, afterMs: error.afterMs }
          : { again: false },
      this.#backoff,
    );
  }

  async #send(path: string, parameters: URLSearchParams): Promise<{ answer: HttpAnswer; secrets: readonly string[] }> {
    const { url, credentials, tls, deadlineMs } = this.#connection;
    const secret: SecretHeaders = secretHeaders(credentials);
    const to = new URL(url);
    to.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
    const isLong = parameters.toString().length > ADDRESS_MAX;
    if (!isLong) to.search = parameters.toString();
    this.#requests++;
    try {
      const answer = await sendHttp(
        { url: to, headers: secret.headers, ...(isLong && { form: parameters }) },
        { deadlineMs, bytesMax: BYTES_MAX, tls, allow: NEAR },
        this.#signal,
      );
      return { answer, secrets: secret.secrets };
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const { code, retryable, hint } = FAILURES[error.code];
      const message = withoutSecrets(oneLine(error.message), secret.secrets);
      throw new SourceError(this.source, code, { message, hint, retryable, cause: error });
    }
  }

  /** Turns a status that is not success into an error of the right class. */
  #refuse(answer: HttpAnswer, query: string, hide: (text: string) => string): void {
    const { status } = answer;
    if (status >= 200 && status < 300 && answerError(answer.body) === undefined) return;
    const error = answerError(answer.body);
    const said = error === undefined ? `answered ${status}` : `answered ${status}, ${error.type}: ${hide(error.message)}`;
    const fail = (code: SourceFailure, hint: string, retryable = false): never => {
      const afterMs = retryAfterMs(answer.headers["retry-after"], this.#nowMs());
      const asked = afterMs === undefined || afterMs === 0 ? "" : `, and asks to wait ${Math.ceil(afterMs / 1_000)} s`;
      throw new SourceError(this.source, code, { message: `${said}${asked}`, hint, retryable, afterMs });
    };
    const message = error?.message ?? "";
    if (status === 401 || status === 407) fail("denied", "who we are was not accepted: check --bearer-file, --basic-user with --password-file, or --header");
    if (status === 403) fail("denied", "this is not permitted to us: reading needs query_range alone");
    if (status === 404 || status === 405) fail("not_found", "no query API here: give the address before /api/v1, with its path prefix if it has one");
    const isTimeout = error?.type === "timeout";
    if (isTimeout || /too many samples|exceeded maximum resolution|query length|exceeds the (\w+ )?limit|max-?\w*points/i.test(message))
      fail("query_limited", "even a short stretch is too much for it: a larger --step, a simpler query, or a recording rule", isTimeout);
    if (error !== undefined && (status === 400 || status === 422 || status < 300))
      fail(
        "query_refused",
        /\$\{?\w/.test(query) ? "is there a variable of Grafana in it? write what it stands for, such as [5m]" : "try the query in the page of Prometheus",
      );
    if (status === 429 || status === 408 || status >= 500) fail("unavailable", "it may heal: the same command goes on from what was read", true);
    fail("query_refused", "expected an answer of query_range: is something else at this address?");
  }
}

const FAILURES: Readonly<Record<HttpFailure, { readonly code: SourceFailure; readonly retryable: boolean; readonly hint: string }>> = {
  unreachable: { code: "unreachable", retryable: true, hint: "is it running, and are host and port right?" },
  interrupted: { code: "unavailable", retryable: true, hint: "the same command goes on from what was read" },
  deadline: { code: "query_limited", retryable: false, hint: "a larger --step, a simpler query, a recording rule, or more --timeout" },
  answer_too_large: { code: "query_limited", retryable: false, hint: "does the query give many series? add them up with sum(…)" },
  redirected: {
    code: "redirected",
    retryable: false,
    hint: "credentials do not go to another address; if that is where Prometheus is, give it with its prefix only",
  },
  tls_refused: { code: "tls_refused", retryable: false, hint: "name its certificate authority with --ca, or check http against https and the host name" },
  address_refused: { code: "unreachable", retryable: false, hint: "a recording is not fetched from there" },
  not_http: { code: "unreachable", retryable: false, hint: "is this https, or another protocol?" },
  stopped: { code: "stopped", retryable: false, hint: "the same command goes on from what was read" },
};
