import { oneLine } from "../lib/one-line.ts";
import { PolicyFile } from "../policy/schema.ts";
import type { Entry, OpenSlo } from "./openslo.ts";
import { annotation, type MetricKey, type Role } from "./openslo-annotations.ts";
import type { DataSourceSpec, Metadata, MetricSource } from "./openslo-schema.ts";
import { freeName, policyName } from "./policy-name.ts";

/** A metric as it stands in a policy. */
export type MetricFields = { readonly measures: string } & Readonly<Record<string, string>>;

/** What a file does not say and had to be assumed, and what of it has no place in a policy. */
export interface Notes {
  readonly guessed: string[];
  readonly left: string[];
}

/** A mapping cannot have these as keys. */
const FORBIDDEN = new Set(["constructor", "prototype"]);

/** The nearest name that can stand as a key of a policy and is not taken. */
function keyName(text: string, taken: ReadonlySet<string>): string {
  const name = policyName(text);
  return freeName(FORBIDDEN.has(name) ? `${name}-metric` : name, taken);
}

/** The metrics of one workload, each once. */
export class MetricTable {
  readonly metrics = new Map<string, MetricFields>();
  /** Names of metrics without a name of their own, by what they are. */
  readonly #known = new Map<string, string>();

  /** Adds a metric unless the same is there, and says under which name. A given name is kept; a derived one gives way. */
  add(name: { readonly given: string | undefined; readonly derived: string }, fields: MetricFields, notes: Notes): string {
    const text = JSON.stringify(fields);
    if (name.given !== undefined) {
      const other = this.metrics.get(name.given);
      if (other === undefined && !FORBIDDEN.has(name.given)) {
        this.metrics.set(name.given, fields);
        return name.given;
      }
      if (JSON.stringify(other) === text) return name.given;
    } else {
      const same = fields["query"] === undefined ? undefined : this.#known.get(text);
      if (same !== undefined) return same;
    }
    const free = keyName(name.given ?? name.derived, new Set(this.metrics.keys()));
    if (name.given !== undefined) notes.guessed.push(`${name.given} is said twice with different fields; the second is ${free}`);
    this.metrics.set(free, fields);
    this.#known.set(text, free);
    return free;
  }
}

/** Where metrics are read from: the data sources that a policy can have, by the name in the file. */
export interface Sources {
  /** As under `sources` of a policy, by the name there. */
  readonly fields: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Name in the policy by name in the file. */
  readonly names: ReadonlyMap<string, string>;
  /** Type by name in the file, also of those that a policy cannot have. */
  readonly types: ReadonlyMap<string, string>;
}

const SPEAKS_PROMQL = /^(prometheus|promql|thanos|mimir|cortex|victoria-?metrics|grafana-?(cloud|mimir)|amazon-?managed-?prometheus|amp)$/i;
const URL_KEYS = ["url", "address", "baseUrl", "baseURL", "endpoint", "server", "serverUrl", "host", "uri"];

/** The data sources as sources of a policy. Secrets written out are never carried over, nor shown. */
export function sourcesOf({ dataSources }: OpenSlo, notes: Notes): Sources {
  const fields = new Map<string, Readonly<Record<string, unknown>>>();
  const names = new Map<string, string>();
  for (const source of dataSources) {
    const found = sourceFields(source, notes);
    if (found === undefined) continue;
    const name = keyName(source.name, new Set(fields.keys()));
    fields.set(name, found);
    names.set(source.name, name);
  }
  return { fields, names, types: new Map(dataSources.map(({ name, spec }) => [name, spec.type])) };
}

function sourceFields({ name, spec }: Entry<DataSourceSpec>, notes: Notes): Record<string, unknown> | undefined {
  const shown = oneLine(name);
  if (!SPEAKS_PROMQL.test(spec.type)) {
    notes.left.push(`data source ${shown}: of type ${oneLine(spec.type)}; only Prometheus, and what speaks its language, is a source`);
    return undefined;
  }
  const details = spec.connectionDetails ?? {};
  const key = URL_KEYS.find((candidate) => typeof details[candidate] === "string");
  const isSource = (source: Record<string, unknown>): boolean => PolicyFile.shape.sources.safeParse({ a: source }).success;
  const base = { type: "prometheus", url: key === undefined ? undefined : details[key] };
  if (!isSource(base)) {
    notes.left.push(
      `data source ${shown}: ${key === undefined ? "no address in connectionDetails" : `connectionDetails.${key} is no http or https address without user and password`}`,
    );
    return undefined;
  }
  const kept = ["allow", "bearerToken"].filter((other) => details[other] !== undefined && isSource({ ...base, [other]: details[other] }));
  const rest = Object.keys(details).filter((other) => other !== key && !kept.includes(other));
  if (rest.length > 0)
    notes.left.push(
      `data source ${shown}: connectionDetails.${rest.slice(0, 8).map(oneLine).join(", ")}; a secret is given by reference, bearerToken: {env: NAME}`,
    );
  return { ...base, ...Object.fromEntries(kept.map((other) => [other, details[other]])) };
}

/** What is known about a metric besides its source. */
export interface MetricContext {
  readonly role: Role;
  /** How notes call it. */
  readonly what: string;
  /** Words from which its kind is guessed, the best first. */
  readonly words: readonly string[];
  readonly annotated: readonly (Metadata | undefined)[];
  readonly sources: Sources;
  readonly notes: Notes;
}

/** The metric that a source of OpenSLO means, as a policy writes it. */
export function metricFields(source: MetricSource, context: MetricContext): MetricFields {
  const { role, annotated, sources, notes, what } = context;
  const said = (key: MetricKey): string | undefined => annotation(role + key, ...annotated);
  const query = queryOf(source, context);
  const measures = said("measures") ?? guessMeasures(query, context);
  const quantile = said("quantile") ?? (said("measures") === undefined && measures === "latency" ? guessQuantile(query, context) : undefined);
  const { metricSourceRef } = source;
  const name = metricSourceRef === undefined ? undefined : sources.names.get(metricSourceRef);
  if (metricSourceRef !== undefined && !sources.types.has(metricSourceRef) && SPEAKS_PROMQL.test(source.type ?? "prometheus"))
    notes.left.push(`${what}: its data source ${oneLine(metricSourceRef)} is not in the files given`);
  const fields: Record<string, string | undefined> = {
    scope: said("scope"),
    quantile,
    column: said("column"),
    window: said("metric-window"),
    lag: said("lag"),
    scrape: said("scrape"),
    source: name,
    query,
  };
  const present = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { measures, ...Object.fromEntries(present) };
}

function queryOf(source: MetricSource, { sources, notes, what }: MetricContext): string | undefined {
  const { spec = {}, metricSourceRef, type = sources.types.get(metricSourceRef ?? "") } = source;
  const key = ["query", "promql", "expr"].find((candidate) => typeof spec[candidate] === "string");
  const rest = Object.keys(spec).filter((other) => other !== key);
  if (type !== undefined && !SPEAKS_PROMQL.test(type)) {
    notes.left.push(`${what}: its query is for ${oneLine(type)}, which is no source yet`);
    return undefined;
  }
  if (rest.length > 0) notes.left.push(`${what}: ${rest.slice(0, 8).map(oneLine).join(", ")} of its metricSource`);
  return key === undefined ? undefined : (spec[key] as string);
}

const KINDS: readonly (readonly [string, RegExp])[] = [
  ["latency", /latency|duration|response.?time|time.?to.?first|histogram_quantile|_seconds\b/i],
  ["errors", /error|fail(ure|ed)|5xx/i],
  ["utilisation", /utili[sz]ation|\bcpu|saturation|busy/i],
  ["backlog", /queue|backlog|pending|undelivered|\blag\b/i],
  ["concurrency", /concurren|in.?flight|connections|sessions/i],
  ["rate", /requests?\b|throughput|\b[qr]ps\b|\bhits\b|\brate\(/i],
];

function guessMeasures(query: string | undefined, { role, words, notes, what }: MetricContext): string {
  const key = `annotation vernier.dev/${role}measures says otherwise`;
  if (role === "good-" || role === "total-") {
    notes.guessed.push(`${what} measures rate, as it counts events; ${key}`);
    return "rate";
  }
  if (role === "bad-") {
    notes.guessed.push(`${what} measures errors, the share of events that are bad; ${key}`);
    return "errors";
  }
  for (const word of [...words, query ?? ""]) {
    const kind = KINDS.find(([, pattern]) => pattern.test(word))?.[0];
    if (kind === undefined) continue;
    notes.guessed.push(`${what} measures ${kind}, by ${word === query ? "its query" : `the name ${oneLine(word)}`}; ${key}`);
    return kind;
  }
  notes.guessed.push(`${what} measures something of its own (gauge), as no name tells; ${key}`);
  return "gauge";
}

function guessQuantile(query: string | undefined, { words, notes, what }: MetricContext): string | undefined {
  const [, share] = /histogram_quantile\(\s*0?\.(\d{1,6})\b/.exec(query ?? "") ?? [];
  const percentile = (text: string) => /(?:^|[^a-z0-9])p(\d{2,4})(?:$|[^a-z0-9])/i.exec(text)?.[1];
  const named = percentile(words.join(" "));
  const digits = share ?? named ?? percentile(query ?? "");
  if (digits === undefined) return undefined;
  const padded = digits.padEnd(2, "0");
  const fraction = padded.slice(2).replace(/0+$/, "");
  const quantile = `${Number(padded.slice(0, 2))}${fraction === "" ? "" : `.${fraction}`}%`;
  notes.guessed.push(`${what} is the quantile of ${quantile}, by its ${share === undefined && named !== undefined ? "name" : "query"}`);
  return quantile;
}
