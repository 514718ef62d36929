import { sendHttp } from "../../lib/http.ts";
import { oneLine } from "../../lib/one-line.ts";
import { type Credentials, secretHeaders, whyItFailed } from "../credentials.ts";
import { absent, type MetricQuery, NUMBER, present, type Source, type SourceReading } from "../source.ts";

/** One address that answers with JSON. */
export interface HttpJsonConfig {
  readonly url: URL;
  readonly credentials: Credentials;
  readonly deadlineMs: number;
}

const BYTES_MAX = 1 << 20;

/** Numbers in a JSON document behind an address, asked for once in a tick. The query is a JSON pointer (RFC 6901), such as `/queue/depth`. */
export class HttpJsonSource implements Source {
  readonly #config: HttpJsonConfig;
  readonly #wallMs: () => number;

  constructor(config: HttpJsonConfig, wallMs: () => number) {
    this.#config = config;
    this.#wallMs = wallMs;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const { url, credentials, deadlineMs } = this.#config;
    let document: unknown;
    let secrets: readonly string[] = [];
    try {
      const secret = secretHeaders(credentials);
      secrets = secret.secrets;
      const answer = await sendHttp({ url, headers: { accept: "application/json", ...secret.headers } }, { deadlineMs, bytesMax: BYTES_MAX }, signal);
      if (answer.status !== 200) return queries.map((query) => absent(query, `answered ${answer.status}`));
      document = JSON.parse(answer.body);
    } catch (error) {
      if (error instanceof SyntaxError) return queries.map((query) => absent(query, "the answer is not JSON"));
      const reason = whyItFailed(error, secrets);
      return queries.map((query) => absent(query, reason));
    }
    const atMs = this.#wallMs();
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
