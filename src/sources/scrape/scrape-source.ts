import type { AllowedAddresses } from "../../lib/addresses.ts";
import { anyOf } from "../../lib/any-signal.ts";
import { concurrently } from "../../lib/concurrently.ts";
import { HttpError, sendHttp } from "../../lib/http.ts";
import { oneLine } from "../../lib/one-line.ts";
import { parsePromql } from "../../lib/promql.ts";
import { PromqlError, type PromqlQuery } from "../../lib/promql-expression.ts";
import { whyUnusable, withoutSecrets } from "../../lib/secrets.ts";
import { type Credentials, type SecretHeaders, secretHeaders } from "../credentials.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../source.ts";
import { type Endpoint, endpointAt, readEndpoints } from "./endpoints.ts";
import { evaluatePromql, type Outcome } from "./evaluate.ts";
import { ExpositionError, parseExposition } from "./exposition.ts";
import { type Batch, SeriesStore, UP } from "./series-store.ts";

/** Whom to ask for metrics. */
export interface ScrapeConfig {
  /** Addresses that may be reached beyond the usual. */
  readonly allow?: AllowedAddresses;
  /** The label `job` of all series. */
  readonly job: string;
  /** Addresses, or a file of endpoints and the path of their metrics. */
  readonly targets: readonly URL[] | { readonly file: string; readonly path: string };
  readonly credentials: Credentials;
  /** For one target. */
  readonly deadlineMs: number;
  /** For all of them. */
  readonly budgetMs: number;
  /** Series that one target may expose. */
  readonly seriesMax: number;
}

/** Wall time, and time that never goes back; ms. */
export interface ScrapeClock {
  readonly wallMs: () => number;
  readonly steadyMs: () => number;
}

const ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/** What a series takes at most, on average. */
const BYTES_PER_SERIES = 512;
/** Targets that are asked at the same time. */
const CONCURRENT_MAX = 64;
/** Queries that history is kept for. */
const QUERIES_MAX = 1_000;
const TOO_LATE = "no answer before the tick had to go on";

/** What a look at all targets says of a query, and what it lacks. */
type Looked = (query: PromqlQuery) => { readonly outcome: Outcome; readonly missing?: string };

/** One look at all targets. */
interface Round {
  /** Of what queries wanted when it began; undefined before. */
  version: number | undefined;
  readonly done: Promise<Looked>;
}

/**
 * Metrics read from the units of a service themselves, without a Prometheus between: all targets at once, once in a tick however many
 * want to know. The query is PromQL, a small part of it.
 */
export class ScrapeSource implements Source {
  readonly #config: ScrapeConfig;
  readonly #clock: ScrapeClock;
  readonly #store: SeriesStore;
  readonly #queries = new Map<string, PromqlQuery | string>();
  /** Ends the round that is under way. One for each: what hangs on a signal stays there for as long as the signal does. */
  #stop = new AbortController();
  #isClosed = false;
  #round: Round | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(config: ScrapeConfig, clock: ScrapeClock) {
    this.#config = config;
    this.#clock = clock;
    this.#store = new SeriesStore(config.job);
  }

  /** What is kept at the moment. */
  get size(): { readonly series: number; readonly samples: number } {
    return this.#store.size;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const parsed = queries.map(({ query }) => this.#parsed(query));
    if (!parsed.some((query) => typeof query !== "string")) return queries.map((query, i) => absent(query, parsed[i] as string));
    const looked = await this.#look(signal);
    const aheadMs = this.#clock.steadyMs() - this.#clock.wallMs();
    return queries.map((query, i) => {
      const one = parsed[i] as PromqlQuery | string;
      if (typeof one === "string") return absent(query, one);
      if (looked === undefined) return absent(query, "stopped before the targets had answered");
      const { outcome, missing } = looked(one);
      if (outcome.kind !== "value") return absent(query, missing === undefined ? outcome.reason : `${outcome.reason}; ${missing}`, outcome.kind);
      const reading = present(query, outcome.value, Math.round(outcome.sampledAtMs - aheadMs), missing !== undefined);
      return missing === undefined ? reading : { ...reading, reason: missing };
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop.abort();
    await this.#round?.done;
  }

  /** A query as it is understood, or why not. */
  #parsed(text: string): PromqlQuery | string {
    const known = this.#queries.get(text);
    if (known !== undefined) return known;
    if (this.#queries.size >= QUERIES_MAX) return `more than ${QUERIES_MAX} different queries`;
    let query: PromqlQuery | string;
    try {
      query = parsePromql(text);
      for (const { selector, windowMs } of query.selections) this.#store.select(selector, windowMs);
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      query = `${error.message}, at character ${error.at + 1} of the query`;
    }
    this.#queries.set(text, query);
    return query;
  }

  /** Looks at the targets, or joins who looks already. @returns undefined when told to stop before */
  async #look(signal: AbortSignal): Promise<Looked | undefined> {
    while (!signal.aborted && !this.#isClosed) {
      this.#round ??= this.#begin();
      const round = this.#round;
      // What began before somebody wanted more has not seen it: the next one has.
      const isEnough = round.version === undefined || round.version === this.#store.version;
      const looked = await untilAborted(round.done, signal);
      if (isEnough || looked === undefined) return looked;
    }
    return undefined;
  }

  #begin(): Round {
    const look = async (): Promise<Looked> => {
      try {
        round.version = this.#store.version;
        return await this.#scrape();
      } finally {
        this.#round = undefined;
      }
    };
    // All that ask at the same moment are heard before the first target is.
    const round: Round = { version: undefined, done: Promise.resolve().then(look) };
    return round;
  }

  async #scrape(): Promise<Looked> {
    const { targets, credentials, budgetMs } = this.#config;
    this.#stop = new AbortController();
    const signal = anyOf(this.#stop.signal, AbortSignal.timeout(budgetMs));
    if (this.#isClosed) this.#stop.abort();
    const endpoints = "file" in targets ? await readEndpoints(targets.file, targets.path, signal) : targets.map(endpointAt);
    if (typeof endpoints === "string") return () => ({ outcome: { kind: "absent", reason: endpoints } });
    let secret: SecretHeaders | string;
    try {
      secret = secretHeaders(credentials);
    } catch (error) {
      secret = whyUnusable(error);
    }
    // What comes later is later, however fast.
    const beganMs = Math.max(this.#clock.steadyMs(), this.#lastMs + 1);
    const failures = await concurrently(endpoints, CONCURRENT_MAX, async (endpoint) => {
      if (typeof secret === "string") this.#store.miss(endpoint, beganMs);
      const why = typeof secret === "string" ? secret : await this.#ask(endpoint, secret, { beganMs, signal });
      return why === undefined ? undefined : `${endpoint.instance}: ${why}`;
    });
    const atMs = Math.max(this.#clock.steadyMs(), beganMs);
    this.#lastMs = atMs;
    this.#store.forget(endpoints, atMs);
    const failed = failures.filter((why) => why !== undefined);
    const outcomes = new Map<PromqlQuery, Outcome>();
    return (query) => {
      if (endpoints.length === 0) return { outcome: { kind: "absent", reason: "there are no targets at the moment" } };
      // Which targets answer is known of those that do not.
      const isOfTargets = query.selections.every(({ selector }) => selector.name === UP);
      if (!isOfTargets && failed.length === endpoints.length) return { outcome: { kind: "absent", reason: `no target answers; ${failed[0]}` } };
      const outcome = outcomes.get(query) ?? evaluatePromql(query, this.#store, atMs);
      outcomes.set(query, outcome);
      return { outcome, ...(!isOfTargets && failed.length > 0 && { missing: `${failed.length} of ${endpoints.length} targets failed; ${failed[0]}` }) };
    };
  }

  /** Takes what a target says. @returns why it cannot be taken */
  async #ask(
    endpoint: Endpoint,
    { headers, secrets }: SecretHeaders,
    { beganMs, signal }: { readonly beganMs: number; readonly signal: AbortSignal },
  ): Promise<string | undefined> {
    const { deadlineMs, seriesMax, allow } = this.#config;
    const atMs = Math.max(this.#clock.steadyMs(), beganMs);
    const miss = (why: string): string => {
      this.#store.miss(endpoint, atMs);
      return why;
    };
    if (signal.aborted) return miss(TOO_LATE);
    try {
      const answer = await sendHttp(
        { url: endpoint.url, headers: { ...headers, accept: ACCEPT } },
        { deadlineMs, bytesMax: Math.max(1 << 20, seriesMax * BYTES_PER_SERIES), ...(allow !== undefined && { allow }) },
        signal,
      );
      if (answer.status !== 200) return miss(`answered ${answer.status}`);
      const batch: Batch = new Map();
      const format = /^application\/openmetrics-text\b/i.test(answer.headers["content-type"] ?? "") ? "openmetrics" : "text";
      parseExposition(answer.body, { format, samplesMax: seriesMax, wants: (name) => this.#store.wants(name) }, (sample) =>
        this.#store.collect(batch, endpoint, sample),
      );
      return this.#store.take(endpoint, batch, atMs, this.#clock.steadyMs() - this.#clock.wallMs());
    } catch (error) {
      if (error instanceof ExpositionError) return miss(withoutSecrets(oneLine(error.message), secrets));
      if (!(error instanceof HttpError)) throw error;
      return miss(error.code === "stopped" ? TOO_LATE : withoutSecrets(oneLine(error.message), secrets));
    }
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return await new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
