import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCapacity } from "../../src/actuators/capacity.ts";
import { parseAcknowledgement, saidIn } from "../../src/actuators/webhook/acknowledgement.ts";
import { loadTests } from "../../src/cli/policy-tests.ts";
import { parseHpaManifests } from "../../src/formats/hpa-manifest.ts";
import { formatOpenSlo, readOpenSlo } from "../../src/formats/openslo.ts";
import { toOpenSlo } from "../../src/formats/openslo-export.ts";
import { fromOpenSlo } from "../../src/formats/openslo-import.ts";
import { fragmentText } from "../../src/formats/policy-fragment.ts";
import { CheckpointKey } from "../../src/ledger/checkpoint.ts";
import { GENESIS, seal } from "../../src/ledger/entry.ts";
import { LedgerVerifier } from "../../src/ledger/verify.ts";
import { FileError } from "../../src/lib/file-error.ts";
import { parsePromql } from "../../src/lib/promql.ts";
import { PromqlError } from "../../src/lib/promql-expression.ts";
import { PathError } from "../../src/lib/system-error.ts";
import { matchingEvents } from "../../src/policy/calendar-files.ts";
import { evaluateFormula, FormulaError, parseFormula } from "../../src/policy/formula.ts";
import { parseCalendar } from "../../src/policy/icalendar.ts";
import { lintPolicy } from "../../src/policy/lint.ts";
import { checkPolicy } from "../../src/policy/parse.ts";
import { compileSchedules, openStretches } from "../../src/policy/schedule.ts";
import { Measures } from "../../src/policy/schema.ts";
import { buildTrace } from "../../src/sim/trace.ts";
import { TraceParser } from "../../src/sim/trace-parser.ts";
import { answerError, answerVersion, parseRangeAnswer } from "../../src/sources/prometheus/answer.ts";
import { InstantSamples, parseInstantAnswer } from "../../src/sources/prometheus/instant.ts";
import { parseEndpoints } from "../../src/sources/scrape/endpoints.ts";
import { evaluatePromql } from "../../src/sources/scrape/evaluate.ts";
import { ExpositionError, parseExposition } from "../../src/sources/scrape/exposition.ts";
import { type Batch, SeriesStore } from "../../src/sources/scrape/series-store.ts";
import { SAMPLE } from "../support/openslo-samples.ts";

/** Something that reads what strangers write. */
export interface Target {
  readonly name: string;
  /** Texts that it likes, or once did not; changed ones are given to it. */
  readonly corpus: readonly string[];
  /** Reads a text and does with it what would be done. Anything but a clear refusal must not be thrown. */
  readonly read: (text: string) => void | Promise<void>;
}

const FROM_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const MEASURED = new Map(Measures.options.map((measures) => [measures as string, measures]));

/** Refuses in words, or takes. */
function refusing(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (
      !(
        error instanceof FileError ||
        error instanceof FormulaError ||
        error instanceof PathError ||
        error instanceof PromqlError ||
        error instanceof ExpositionError
      )
    )
      throw error;
  }
}

function examples(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => readFileSync(join(folder, file), "utf8"));
}

/** Policies that say everything that can be said. */
const POLICIES = [
  ...examples("examples", "vernier.yaml"),
  `version: 1
timeZone: Europe/Berlin
seasons: {sale: {p50: 2, p90: 4}}
dependencies: {db: {connections: 400, rate: 900/s, knee: {connections: 200, slowdown: 2}}, cache: {workload: shop/cache}}
groups: {edge: {max: 40}}
workloads:
  shop/\${app}:
    each: {from: {values: [a, b, c]}, label: app, overrides: {b: {bounds: {min: 3, max: 9}}}}
    bounds: {min: 0, max: 30, schedule: [{start: 0 8 * * mon-fri, end: 0 18 * * mon-fri, min: 4}, {start: 30 1 29 2 *, for: 36h, max: 50, zone: Asia/Kathmandu}]}
    activation: {metric: jobs, above: 1/min, idle: 10m, wake: 2}
    unit: {serves: {rate: 12/s}, startup: {mean: 60s, cv: 40%, failure: 2%}, price: 0.2 EUR/h, serviceTime: 40ms, retry: {share: 50%}, warmUp: {for: 5m, from: 30%}, latency: {usl: {contention: 2%, coherency: 0.1%, concurrency: 40}}}
    metrics:
      cpu: {measures: utilisation, window: 1m}
      jobs: {measures: rate}
      waiting: {measures: backlog}
      p95: {measures: latency, quantile: 95%}
      errors: {measures: errors}
      orders: {measures: gauge, formula: "waiting * 3 + max(jobs * 30s, waiting / 2)"}
    strategies:
      - {type: queue, arrivals: jobs, backlog: waiting, drain: 5m, perUnit: 10/s}
      - {type: targetTracking, metric: orders, target: 200}
      - {type: tiers, metric: cpu, up: [{at: 75%, add: 10%}, {at: 90%, add: 3}], down: [{below: 50%, remove: 5%}]}
      - {type: sloBurn, objective: fast, add: 20%}
      - {type: schedule, windows: [{start: "*/20 6-9 1,15 * *", for: 10m, desired: 12}]}
    objectives:
      - {name: fast, threshold: {metric: p95, value: 250ms}, minimum: 99%, aspiration: 99.9%}
      - {ratio: {bad: errors, total: jobs}, window: 7d}
      - {band: {metric: cpu, from: 60%, to: 80%}}
    guards: {up: {limits: [{percent: 10%}, {units: 2, per: 1m}], select: min}, down: {window: 10m, cooldown: 5m}, whenBlind: {grow: 25%}, cliff: {below: 30%}, blastRadius: {share: 20%}, freeze: [{start: 0 0 24 12 *, for: 3d, direction: down}]}
    uses: {db: {connections: 10}, cache: {calls: 3}}
    group: edge
    budget: [500 EUR/month, 9 EUR/h]
  shop/cache:
    kind: cache
    bounds: {min: 2, max: 6}
    unit: {serves: {rate: 1000/s}, latency: {curve: [{at: 50%, p50: 1ms, p95: 3ms}, {at: 80%, p50: 2ms, p95: 9ms, p99: 30ms}]}}
    metrics: {cpu: {measures: utilisation}}
    strategies: [{type: targetTracking, metric: cpu, target: 60%}]
simulation: {peakUnits: 20, faults: [{metric: cpu, kind: scale, factor: 2, from: 1h, to: 2h}], events: [{kind: rollout, from: 1h, to: 2h, share: 25%}]}
`,
];

const CALENDARS = [
  ...examples("examples", ".ics"),
  `BEGIN:VCALENDAR\r
VERSION:2.0\r
X-WR-TIMEZONE:Europe/Berlin\r
BEGIN:VTIMEZONE\r
TZID:Home\r
X-LIC-LOCATION:America/New_York\r
BEGIN:STANDARD\r
DTSTART:20071104T020000\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:a\r
DTSTART;TZID=Home:20260101T090000\r
DTEND;TZID=Home:20260101T170000\r
RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR;BYSETPOS=1;COUNT=30;INTERVAL=2;WKST=SU\r
EXDATE;TZID=Home:20260302T090000\r
RDATE;VALUE=PERIOD:20260401T090000Z/PT2H,20260402T090000Z/20260402T120000Z\r
SUMMARY:Launch\\, big\\nsale\r
CATEGORIES:sale,launch\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:a\r
RECURRENCE-ID;TZID=Home:20260105T090000\r
DTSTART;TZID=Home:20260105T110000\r
DURATION:P1DT2H\r
STATUS:CANCELLED\r
SEQUENCE:2\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:b\r
DTSTART;VALUE=DATE:20240229\r
RRULE:FREQ=YEARLY;BYMONTH=1,2,3;BYMONTHDAY=-1,15;BYDAY=SU,MO,TU,WE,TH,FR,SA;UNTIL=20300101T000000Z\r
END:VEVENT\r
END:VCALENDAR\r
`,
];

const TRACES = [
  "timestamp,value\n0,1\n15,2\n30,3\n45,\n60,5\n",
  '"time";"requests";"orders"\r\n2026-03-29T01:00:00+01:00;12,5;1\r\n2026-03-29T03:00:00+02:00;13;2\r\n',
  "date\tload\tready\n2026-01-01 00:00:00\t0.5\t3\n2026-01-01 00:01:00\tNaN\t4\n2026-01-01 00:02:00\t1e3\t4\n",
  "1\n2\n3\n4\n5\n",
  "ts,count\n1790000000000,1\n1790000060000,7\n1790000180000,2\n1790000240000,4\n",
];

const ANSWERS = [
  '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"web","__name__":"up"},"values":[[1767225600,"1"],[1767225660,"2.5e3"],[1767225720,"NaN"],[1767225780,"+Inf"]]}]},"warnings":["partial"],"infos":["x"]}',
  '{"status":"success","data":{"resultType":"matrix","result":[]}}',
  '{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\""}',
  '{"status":"success","data":{"version":"2.53.1","revision":"x"}}',
  '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"web"},"value":[1767225600.123,"0.73"]}]},"warnings":["x"]}',
  '{"status":"success","data":{"resultType":"scalar","result":[1767225600,"-1e-3"]}}',
  "<html><body>login</body></html>",
];

const KEY = new CheckpointKey();
const CHAIN = seal({ shard: 0, seq: 0, hash: GENESIS }, [
  { at: "2026-11-23T00:00:00.000Z", body: { kind: "start" } },
  {
    at: "2026-11-23T00:00:01.000Z",
    body: { kind: "decision", workload: "shop/web", from: 1, requested: 2, reasons: [{ code: "tier_up", operands: { metric: "cpu" } }] },
  },
]);
const LEDGERS = [
  [JSON.stringify(KEY.sign([{ shard: 0, seq: 2, hash: CHAIN[1]?.hash ?? "" }], "2026-11-23T00:00:02.000Z")), ...CHAIN.map(({ text }) => text)].join("\n"),
];

const FORMULAS = [
  "rate * 3 + rate",
  "max(rate, rate / 2) - min(10/s, rate)",
  "utilisation * 50% + errors",
  "(backlog + concurrency) / 2 * (gauge / gauge)",
  "rate * 30s + backlog",
  "latency + 20s - min(latency, 1.5 * latency)",
];

const EXPOSITIONS = [
  `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero",} +Inf -3982045
queue_depth NaN
`,
  `# TYPE http_requests counter
# UNIT http_requests_seconds seconds
http_requests_total{code="200",route="/a{b}"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o",span="x\\\\y"} 9.8 1520879607.789
http_requests_created{code="200"} 1520430000.123
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 8 # {} 0.054
latency_seconds_bucket{le="+Inf"} 17
# EOF
`,
  `latency_seconds_bucket{le="0.1",instance="x",job="y"} 8\nlatency_seconds_bucket{le="0.5"} 9\nlatency_seconds_bucket{le="+Inf"} 17\nqueue_depth -1e3\n`,
  '{"version": 3, "endpoints": [{"unit": "web-1", "host": "127.0.0.1", "port": 9000}, {"unit": "web-2", "host": "::1", "port": 80}]}',
];

const QUERIES = [
  'sum(rate(http_requests_total{code!~"5..",method=~"get|post|x{1,3}[^a-z]+\\\\d*",}[1m30s]))',
  "histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m]))) * 1e3",
  "histogram_quantile(0, sum(latency_seconds_bucket) by (le))",
  "1 - avg(up) / (count(queue_depth{a='',b!=`c`}) + .5) * -max(increase(queue_depth[1h] ))",
  'min(queue_depth{path=~"(/api)?/v[12]/(things|parts)(/.*)?$"} / 60)',
];

const READ = QUERIES.map((text) => parsePromql(text));
/** Everything that `read` would keep of an exposition, asked for by every query. */
function scrape(text: string, queries: readonly ReturnType<typeof parsePromql>[]): void {
  const store = new SeriesStore("app");
  const target = { identity: "web-1", instance: "127.0.0.1:9000" };
  for (const { selections } of queries) for (const { selector, windowMs } of selections) store.select(selector, windowMs);
  for (const format of ["text", "openmetrics"] as const)
    refusing(() => {
      const batch: Batch = new Map();
      parseExposition(text, { format, samplesMax: 1_000, wants: (name) => store.wants(name) }, (sample) => store.collect(batch, target, sample));
      for (const atMs of [1_000, 16_000, 31_000]) store.take(target, batch, atMs, 0);
    });
  store.forget([target], 31_000);
  for (const query of queries) {
    const outcome = evaluatePromql(query, store, 31_000);
    if (outcome.kind === "value" && !(Number.isFinite(outcome.value) && Number.isFinite(outcome.sampledAtMs)))
      throw new Error(`${query.text} is ${outcome.value}`);
  }
}

export const TARGETS: readonly Target[] = [
  {
    name: "policy",
    corpus: POLICIES,
    read: (text) => {
      const { policy } = checkPolicy(text, "fuzz.yaml", { readFile: (name) => (name.endsWith(".ics") ? CALENDARS[0] : undefined) });
      if (policy === undefined) return;
      lintPolicy(policy);
      for (const { resolved } of policy.workloads.slice(0, 3)) compileSchedules(resolved, FROM_MS, FROM_MS + 30 * DAY_MS);
      formatOpenSlo(toOpenSlo(policy).objects);
    },
  },
  {
    name: "policy-test",
    corpus: examples("examples/tests", ".test.yaml"),
    read: async (text) => {
      try {
        await loadTests("examples/tests/fuzz.test.yaml", text);
      } catch (error) {
        if (!(error instanceof FileError || error instanceof PathError)) throw error;
      }
    },
  },
  {
    name: "openslo",
    corpus: [...SAMPLE.split("---\n"), SAMPLE, ...examples("examples/openslo", "slo.yaml")],
    read: (text) => {
      const read = readOpenSlo([{ file: "fuzz.yaml", text }]);
      if (read.problems.some(({ problem }) => problem.severity === "error")) return;
      for (const service of fromOpenSlo(read).services) fragmentText(service);
      formatOpenSlo(read.objects);
    },
  },
  {
    name: "icalendar",
    corpus: CALENDARS,
    read: (text) => {
      const { events, problems } = parseCalendar(text, { timeZone: "UTC" });
      if (problems.length === 0) openStretches({ events: matchingEvents(events, undefined), beforeMs: 0, afterMs: 0 }, FROM_MS, FROM_MS + 90 * DAY_MS);
    },
  },
  {
    name: "formula",
    corpus: FORMULAS,
    read: (text) =>
      refusing(() => {
        for (const measures of ["rate", "gauge", "utilisation", "backlog", "latency"] as const) {
          try {
            evaluateFormula(parseFormula(text, measures, MEASURED), () => 1);
            return;
          } catch (error) {
            if (!(error instanceof FormulaError)) throw error;
          }
        }
      }),
  },
  {
    name: "trace",
    corpus: TRACES,
    read: (text) =>
      refusing(() => {
        const parser = new TraceParser("fuzz.csv", { further: ["orders", "ready"] });
        const bytes = Buffer.from(text);
        const half = bytes.length >> 1;
        parser.push(bytes.subarray(0, half));
        parser.push(bytes.subarray(half));
        buildTrace("fuzz.csv", parser.finish());
      }),
  },
  {
    name: "prometheus",
    corpus: ANSWERS,
    read: (text) =>
      refusing(() => {
        answerError(text);
        answerVersion(text);
        const samples = new InstantSamples(parseInstantAnswer(text));
        samples.find(undefined);
        samples.find({ app: "web", instance: "" });
        parseRangeAnswer(text, { firstMs: FROM_MS, stepMs: 60_000, points: 60 }, "http://prometheus.example", "text/html");
      }),
  },
  {
    name: "webhook",
    corpus: [
      '{"intentId": "a", "status": "rejected", "message": "full", "until": "2026-11-23T05:00:00Z"}',
      '{"requested": 12, "ready": 10, "version": "a"}',
      "12",
    ],
    read: (text) => {
      parseAcknowledgement(text, "a");
      parseCapacity(text, "answered");
      saidIn(text);
    },
  },
  {
    name: "ledger",
    corpus: LEDGERS,
    read: (text) => {
      const verifier = new LedgerVerifier({ witnessed: [text.split("\n")[0] ?? ""] });
      for (const line of text.split("\n")) verifier.push(line);
      verifier.finish();
    },
  },
  {
    name: "exposition",
    corpus: EXPOSITIONS,
    read: (text) => {
      scrape(text, READ);
      parseEndpoints(text, "/metrics");
    },
  },
  {
    name: "promql",
    corpus: QUERIES,
    read: (text) =>
      refusing(() => {
        const query = parsePromql(text);
        for (const exposition of EXPOSITIONS) scrape(exposition, [query]);
      }),
  },
  {
    name: "hpa",
    corpus: examples("examples/from-hpa", ".yaml"),
    read: (text) => refusing(() => void parseHpaManifests(text, "fuzz.yaml")),
  },
];
