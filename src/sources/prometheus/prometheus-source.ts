import { type Asking, ask } from "../../lib/ask.ts";
import { concurrently } from "../../lib/concurrently.ts";
import type { HttpAnswer } from "../../lib/http.ts";
import { whyUnusable, withoutSecrets } from "../../lib/secrets.ts";
import { type Credentials, type SecretHeaders, secretHeaders } from "../credentials.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../source.ts";
import { InstantSamples, parseInstantAnswer } from "./instant.ts";

/** How to reach a Prometheus for live readings. */
export interface PrometheusSourceConfig {
  /** Where its API begins, without `/api/v1`. */
  readonly url: URL;
  readonly credentials: Credentials;
  readonly asking: Asking;
}

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
    const { url, credentials, asking } = this.#config;
    let secret: SecretHeaders;
    try {
      secret = secretHeaders(credentials);
    } catch (error) {
      const reason = whyUnusable(error);
      return (query) => absent(query, reason);
    }
    const hide = (said: string): string => withoutSecrets(said, secret.secrets);
    const to = new URL(url);
    to.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/query`;
    const asked = await ask({ url: to, headers: secret.headers, form: new URLSearchParams({ query: text }) }, asking, { unwell: statusText, hide }, signal);
    if (asked.kind === "failed") return (query) => absent(query, asked.why);
    const { answer } = asked;
    // A refusal says nothing about the metric; an answer that is no number does.
    if (answer.status !== 200) return (query) => absent(query, hide(statusText(answer)));
    const samples = new InstantSamples(parseInstantAnswer(answer.body));
    return (query) => {
      const read = samples.find(query.select);
      return read.kind === "value" ? present(query, read.value, read.atMs, read.partial) : absent(query, hide(read.reason), read.kind);
    };
  }
}

/** What an answer that is not one says: the status, and what Prometheus adds to it. */
function statusText({ status, body }: HttpAnswer): string {
  const read = parseInstantAnswer(body);
  return read.kind === "invalid" ? `answered ${status}, ${read.reason}` : `answered ${status}`;
}
