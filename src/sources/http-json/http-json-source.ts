import { type Asking, ask } from "../../lib/ask.ts";
import { oneLine } from "../../lib/one-line.ts";
import { whyUnusable, withoutSecrets } from "../../lib/secrets.ts";
import { type Credentials, type SecretHeaders, secretHeaders } from "../credentials.ts";
import { absent, type MetricQuery, NUMBER, present, type Source, type SourceReading } from "../source.ts";

/** One address that answers with JSON. */
export interface HttpJsonConfig {
  readonly url: URL;
  readonly credentials: Credentials;
  readonly asking: Asking;
}

/** Numbers in a JSON document behind an address, asked for once in a tick. The query is a JSON pointer (RFC 6901), such as `/queue/depth`. */
export class HttpJsonSource implements Source {
  readonly #config: HttpJsonConfig;

  constructor(config: HttpJsonConfig) {
    this.#config = config;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const { url, credentials, asking } = this.#config;
    const none = (reason: string): readonly SourceReading[] => queries.map((query) => absent(query, reason));
    let secret: SecretHeaders;
    try {
      secret = secretHeaders(credentials);
    } catch (error) {
      return none(whyUnusable(error));
    }
    const hide = (text: string): string => withoutSecrets(text, secret.secrets);
    const asked = await ask({ url, headers: secret.headers }, asking, { unwell: ({ status }) => `answered ${status}`, hide }, signal);
    if (asked.kind === "failed") return none(asked.why);
    if (asked.answer.status !== 200) return none(`answered ${asked.answer.status}`);
    let document: unknown;
    try {
      document = JSON.parse(asked.answer.body);
    } catch {
      return none("the answer is not JSON");
    }
    const atMs = asking.wallMs();
    return queries.map((query) => {
      const found = at(document, query.query);
      if (found === undefined || found === null) return absent(query, `nothing at "${oneLine(query.query).slice(0, 60)}"`);
      const isNumber = typeof found === "number" || (typeof found === "string" && NUMBER.test(found));
      if (!isNumber)
        return absent(
          query,
          `"${oneLine(query.query).slice(0, 60)}" is ${Array.isArray(found) ? "a list" : `a ${typeof found}`}, expected a number`,
          "invalid",
        );
      return present(query, Number(found), atMs);
    });
  }

  async close(): Promise<void> {}
}

/** What a JSON pointer points to; undefined for nothing, and for what is no pointer. */
function at(document: unknown, pointer: string): unknown {
  if (pointer === "") return document;
  if (!pointer.startsWith("/")) return undefined;
  let value = document;
  for (const token of pointer.slice(1).split("/")) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}
