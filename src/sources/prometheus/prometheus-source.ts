import { concurrently } from "../../lib/concurrently.ts";
import { sendHttp } from "../../lib/http.ts";
import { type Credentials, secretHeaders, whyItFailed, withoutSecrets } from "../credentials.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../source.ts";
import { parseInstantAnswer } from "./instant.ts";

/** How to reach a Prometheus for live readings. */
export interface PrometheusSourceConfig {
  /** Where its API begins, without `/api/v1`. */
  readonly url: URL;
  readonly credentials: Credentials;
  readonly deadlineMs: number;
}

const BYTES_MAX = 1 << 20;
/** Requests that are open at the same time. */
const CONCURRENT_MAX = 8;

/** Instant queries to a Prometheus, one for each metric; the same query is asked once, whoever wants it. */
export class PrometheusSource implements Source {
  readonly #config: PrometheusSourceConfig;

  constructor(config: PrometheusSourceConfig) {
    this.#config = config;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const texts = [...new Set(queries.map(({ query }) => query))];
    const answers = new Map(await concurrently(texts, CONCURRENT_MAX, async (text) => [text, await this.#ask(text, signal)] as const));
    return queries.map((query) => (answers.get(query.query) as (query: MetricQuery) => SourceReading)(query));
  }

  async close(): Promise<void> {}

  async #ask(text: string, signal: AbortSignal): Promise<(query: MetricQuery) => SourceReading> {
    const { url, credentials, deadlineMs } = this.#config;
    let secrets: readonly string[] = [];
    try {
      const secret = secretHeaders(credentials);
      secrets = secret.secrets;
      const to = new URL(url);
      to.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/query`;
      const answer = await sendHttp(
        { url: to, headers: secret.headers, form: new URLSearchParams({ query: text }) },
        { deadlineMs, bytesMax: BYTES_MAX },
        signal,
      );
      const read = parseInstantAnswer(answer.body);
      if (read.kind === "value" && answer.status === 200) return (query) => present(query, read.value, read.atMs, read.partial);
      if (read.kind === "absent") return (query) => absent(query, read.reason);
      const reason = withoutSecrets(read.kind === "invalid" ? read.reason : `answered ${answer.status}`, secrets);
      // A server that is not well says nothing about the metric; an answer that is no number does.
      return (query) => absent(query, `${answer.status === 200 ? "" : `answered ${answer.status}, `}${reason}`, answer.status === 200 ? "invalid" : "absent");
    } catch (error) {
      const reason = whyItFailed(error, secrets);
      return (query) => absent(query, reason);
    }
  }
}
