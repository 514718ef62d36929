import { describe, expect, test } from "vitest";
import { SAMPLE } from "../../test/support/openslo-samples.ts";
import { formatProblem } from "../lib/file-error.ts";
import { parsePolicy } from "../policy/parse.ts";
import { formatOpenSlo, readOpenSlo } from "./openslo.ts";
import { toOpenSlo } from "./openslo-export.ts";
import { fromOpenSlo } from "./openslo-import.ts";
import { cleanRatio, percentText, shiftedText, shorthandMs, shorthandOf } from "./openslo-values.ts";
import { addToPolicy, fragmentText } from "./policy-fragment.ts";

const read = (text: string) => readOpenSlo([{ file: "slo.yaml", text }]);

/** Every problem of reading and converting, as a person sees it. */
function problemsOf(text: string): string[] {
  const result = read(text);
  const isWrong = result.problems.some(({ problem }) => problem.severity === "error");
  const all = [...result.problems, ...(isWrong ? [] : fromOpenSlo(result).problems)];
  return all.map(({ file, problem }) => formatProblem(file, problem));
}

function convert(text: string) {
  const result = read(text);
  expect(result.problems.filter(({ problem }) => problem.severity === "error")).toEqual([]);
  return fromOpenSlo(result);
}

const THRESHOLD = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: search-latency
spec:
  service: search
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: Prometheus
          spec: {query: search_p95_seconds}
  timeWindow:
    - {duration: 28d, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - {op: lte, value: 0.2, target: 0.99}
`;
const RATIO = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: search-success
spec:
  service: search
  indicator:
    metadata: {name: hits}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: good_hits}}}
        total: {metricSource: {type: Prometheus, spec: {query: all_hits}}}
  timeWindow:
    - {duration: 28d, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - {target: 0.99}
`;

describe("a file of OpenSLO", () => {
  test("of every kind is read, and written back with every field that it has", () => {
    const { objects, problems } = read(SAMPLE);
    expect(problems.map(({ file, problem }) => formatProblem(file, problem))).toEqual([
      "slo.yaml:36:3 warning spec.owner: OpenSLO v1 has no such field here; it is not read [unknown_field]",
    ]);
    const again = read(formatOpenSlo(objects));
    expect(again.objects).toEqual(objects);
    expect(formatOpenSlo(again.objects)).toContain("owner: web");
    expect(formatOpenSlo(again.objects)).toContain("example.com/dashboard");
    expect(formatOpenSlo(again.objects)).toContain("timeZone: Europe/Berlin");
  });

  test("may be JSON, a list, or several files that refer to each other", () => {
    expect(read(JSON.stringify(read(THRESHOLD).objects)).slos.map(({ name }) => name)).toEqual(["search-latency"]);
    const [sli, slo] = [SAMPLE.split("---\n")[2] ?? "", SAMPLE.split("---\n")[3] ?? ""];
    expect(readOpenSlo([{ file: "slo.yaml", text: slo }]).problems.map(({ problem }) => problem.code)).toContain("reference_unknown");
    expect(
      readOpenSlo([
        { file: "slo.yaml", text: slo },
        { file: "sli.yaml", text: sli },
      ]).problems.filter(({ problem }) => problem.severity === "error"),
    ).toEqual([]);
  });

  test.for([
    ["", "slo.yaml:1:1 error found no object of OpenSLO [not_openslo]"],
    ["a: [", "slo.yaml:1:5 error"],
    ["- 1\n", "slo.yaml:1:3 error 0: found 1, expected a mapping with apiVersion, kind, metadata and spec [not_openslo]"],
    [THRESHOLD.replace("openslo/v1", "openslo/v1alpha"), 'slo.yaml:1:13 error apiVersion: found "openslo/v1alpha", expected openslo/v1 [invalid_value]'],
    [THRESHOLD.replace("apiVersion: openslo/v1\n", ""), "slo.yaml:1:1 error apiVersion: required: apiVersion: openslo/v1 [required]"],
    [THRESHOLD.replace("kind: SLO", "kind: Slo"), 'slo.yaml:2:7 error kind: found the kind "Slo"'],
    [THRESHOLD.replace("kind: SLO", "kind: Deployment"), "slo.yaml:2:7 error kind: found the kind"],
    [THRESHOLD.replace("  name: search-latency", "  nam: search-latency"), "slo.yaml:3:1 error metadata.name: required"],
    [THRESHOLD.replace("target: 0.99", "taget: 0.99"), "slo.yaml:17:7 error spec.objectives.0.target: required: target or targetPercent [required]"],
    [
      THRESHOLD.replace("target: 0.99", "target: 99"),
      "slo.yaml:17:37 error spec.objectives.0.target: found 99, expected less than 1; no target leaves no error budget [invalid_value]",
    ],
    [THRESHOLD.replace("target: 0.99", "target: 1"), "slo.yaml:17:37 error spec.objectives.0.target: found 1, expected less than 1"],
    [THRESHOLD.replace("target: 0.99", 'target: "0.99"'), 'slo.yaml:17:37 error spec.objectives.0.target: found "0.99", expected a number'],
    [
      THRESHOLD.replace("target: 0.99", "target: 0.99, targetPercent: 99"),
      "slo.yaml:17:58 error spec.objectives.0.targetPercent: found 99, expected only one of target and targetPercent [invalid_value]",
    ],
    [THRESHOLD.replace("target: 0.99", "targetPercent: 100"), "slo.yaml:17:44 error spec.objectives.0.targetPercent: found 100, expected less than 100"],
    [THRESHOLD.replace("op: lte, ", ""), "slo.yaml:17:7 error spec.objectives.0.op: required with a thresholdMetric: lte, lt, gte or gt [required]"],
    [THRESHOLD.replace("op: lte", "op: le"), 'slo.yaml:17:12 error spec.objectives.0.op: found "le", expected one of lte, gte, lt, gt'],
    [THRESHOLD.replace("value: 0.2, ", ""), "slo.yaml:17:7 error spec.objectives.0.value: required with a thresholdMetric: a number"],
    [THRESHOLD.replace("value: 0.2", "value: -1"), "slo.yaml:17:24 error spec.objectives.0.value: found -1, expected a threshold of 0 or more"],
    [THRESHOLD.replace("value: 0.2", "value: 1e300"), "slo.yaml:17:24 error spec.objectives.0.value: found 1e+300, which is too much for latency"],
    [
      `${THRESHOLD}    - {op: lte, value: 1, target: 0.999}\n`,
      "slo.yaml:18:7 error spec.objectives.1: found 2 objectives, expected one with a thresholdMetric [too_many_objectives]",
    ],
    [RATIO.replace("{target: 0.99}", "{target: 0.99, value: 3}"), "slo.yaml:18:29 error spec.objectives.0.value: expected no value with a ratioMetric"],
    [RATIO.replace("good:", "bad: {metricSource: {}}\n        good:"), "slo.yaml:12:14 error spec.indicator.spec.ratioMetric.bad: found"],
    [RATIO.replace(/ {8}total.*\n/, ""), "slo.yaml:10:7 error spec.indicator.spec.ratioMetric.total: required with good or bad"],
    [RATIO.replace(/ {8}good.*\n/, ""), "slo.yaml:10:7 error spec.indicator.spec.ratioMetric.good: required: good or bad"],
    [RATIO.replace("good:", "raw:"), "slo.yaml:10:7 error spec.indicator.spec.ratioMetric.rawType: required with raw: success or failure"],
    [
      RATIO.replace("counter: true", "rawType: failure"),
      'slo.yaml:11:18 error spec.indicator.spec.ratioMetric.rawType: found "failure", expected no rawType without raw',
    ],
    [RATIO.replace("counter: true", "counter: yes"), 'slo.yaml:11:18 error spec.indicator.spec.ratioMetric.counter: found "yes", expected true or false'],
    [
      THRESHOLD.replace("28d", "90s"),
      'slo.yaml:14:18 error spec.timeWindow.0.duration: found "90s", expected a whole number and one of m h d w M Q Y, for example 28d',
    ],
    [THRESHOLD.replace("28d", "1d12h"), "slo.yaml:14:18 error spec.timeWindow.0.duration: found"],
    [THRESHOLD.replace("28d", "0d"), "slo.yaml:14:18 error spec.timeWindow.0.duration: found"],
    [THRESHOLD.replace(", isRolling: true", ""), "slo.yaml:14:7 error spec.timeWindow.0.isRolling: required: true, or a calendar"],
    [THRESHOLD.replace("isRolling: true", "isRolling: false"), "slo.yaml:14:34 error spec.timeWindow.0.isRolling: found false, expected true, or a calendar"],
    [
      THRESHOLD.replace("isRolling: true", "isRolling: true, calendar: {startTime: 2026-01-01 00:00, timeZone: Mars/Base}"),
      'slo.yaml:14:90 error spec.timeWindow.0.calendar.timeZone: found "Mars/Base", expected an IANA time zone',
    ],
    [
      THRESHOLD.replace("    - {duration: 28d, isRolling: true}", "    - {duration: 28d, isRolling: true}\n    - {duration: 7d, isRolling: true}"),
      "slo.yaml:14:5 error spec.timeWindow: found",
    ],
    [THRESHOLD.replace(/ {2}timeWindow:\n.*\n/, ""), "slo.yaml:5:1 error spec.timeWindow: required"],
    [THRESHOLD.replace("Occurrences", "Timeslices"), "slo.yaml:17:7 error spec.objectives.0.timeSliceWindow: required with budgetingMethod Timeslices"],
    [
      THRESHOLD.replace("Occurrences", "Occurences"),
      'slo.yaml:15:20 error spec.budgetingMethod: found "Occurences", expected Occurrences, Timeslices or RatioTimeslices',
    ],
    [
      THRESHOLD.replace("  indicator:", "  indicatorRef: other\n  indicator:"),
      'slo.yaml:7:17 error spec.indicatorRef: found "other", expected only one of indicator and indicatorRef',
    ],
    [
      RATIO.replace(/ {2}indicator:[\s\S]*(?= {2}timeWindow)/, "  indicatorRef: hits\n"),
      'slo.yaml:7:17 error spec.indicatorRef: there is no SLI named "hits" in the files given [reference_unknown]',
    ],
    [RATIO.replace(/ {2}indicator:[\s\S]*(?= {2}timeWindow)/, ""), "slo.yaml:5:1 error spec.indicator: required: indicator or indicatorRef"],
    [`${THRESHOLD}---\n${THRESHOLD}`, 'slo.yaml:22:9 error metadata.name: a second SLO named "search-latency" [name_twice]'],
    [
      THRESHOLD.replace("spec:\n", "  annotations: {a: 1}\nspec:\n"),
      "slo.yaml:5:20 error metadata.annotations.a: found 1, expected text; put numbers and true or false in quotes",
    ],
    [
      THRESHOLD.replace("spec:\n", "  annotations: {vernier.dev/measures: latncy}\nspec:\n"),
      'slo.yaml:5:39 error metadata.annotations.vernier.dev/measures: found "latncy", expected one of rate, utilisation, concurrency, backlog, latency, errors, throughput, gauge, up [invalid_value]',
    ],
    [
      RATIO.replace("{target: 0.99}", "{displayName: minimum, target: 0.99}\n    - {displayName: aspirational, target: 0.9}"),
      "slo.yaml:19:7 error spec.objectives.1: the aspiration of 90% is below the minimum of 99%",
    ],
    ["apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: a}\nspec: {connectionDetails: {}}\n", "slo.yaml:4:1 error spec.type: required"],
    [
      "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {name: a}\nspec: {severity: page, condition: {kind: burnrate, threshold: 2, lookbackWindow: 1x}}\n",
      "slo.yaml:4:82 error spec.condition.lookbackWindow: found",
    ],
    [
      "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: a}\nspec: {conditions: [], notificationTargets: []}\n",
      "slo.yaml:4:20 error spec.conditions: found [], expected exactly one condition",
    ],
  ] as const)("with a mistake says where: %#", ([text, expected]) => {
    const found = problemsOf(text);
    expect(
      found.some((line) => line.startsWith(expected)),
      `${expected}\n${found.join("\n")}`,
    ).toBe(true);
  });

  test.for([
    [
      THRESHOLD.replace("  service:", "  servce: x\n  service:"),
      'slo.yaml:6:3 warning spec.servce: OpenSLO v1 has no such field here; it is not read [unknown_field]\n    did you mean "service"?',
    ],
    [THRESHOLD.replace("metadata:", "status: {}\nmetadata:"), "slo.yaml:3:9 warning status: OpenSLO v1 has no such field here"],
    [THRESHOLD.replace("  budgetingMethod: Occurrences\n", ""), "slo.yaml:6:3 warning spec: budgetingMethod is required by the format; Occurrences is taken"],
    [THRESHOLD.replace("search-latency", "SearchLatency"), 'slo.yaml:4:9 warning metadata.name: "SearchLatency" is a name that not every tool takes'],
    [
      THRESHOLD.replace("spec:\n", "  annotations: {vernier.dev/mesures: latency}\nspec:\n"),
      "slo.yaml:5:38 warning metadata.annotations.vernier.dev/mesures: vernier.dev/mesures means nothing to us",
    ],
    [
      "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {name: a}\nspec: {severity: page, condition: {op: lte, threshold: 2, lookbackWindow: 1h}}\n",
      "slo.yaml:4:40 warning spec.condition.op: a burn rate with op lte alerts while little is burnt",
    ],
  ] as const)("that is odd but legal is read with a warning: %#", ([text, expected]) => {
    const found = problemsOf(text);
    expect(found.filter((line) => / error /.test(line))).toEqual([]);
    expect(
      found.some((line) => line.startsWith(expected)),
      found.join("\n"),
    ).toBe(true);
  });
});

describe("what a policy makes of it", () => {
  test("is metrics, objectives and sources, with every guess said", () => {
    const { services, notes } = convert(SAMPLE);
    expect(services).toHaveLength(1);
    expect(services[0]).toEqual({
      service: "basket",
      sources: { prom: { type: "prometheus", url: "https://prometheus.shop.example" } },
      metrics: {
        "basket-errors-bad": { measures: "errors", source: "prom", query: "(sum(rate(http_errors_total[5m]))) / (sum(rate(http_requests_total[5m])))" },
        "basket-errors-total": { measures: "rate", source: "prom", query: "sum(rate(http_requests_total[5m]))" },
        "basket-p99-ms": { measures: "latency", quantile: "99%", query: "basket_p99_ms" },
      },
      objectives: [
        {
          fields: {
            name: "basket-availability",
            ratio: { bad: "basket-errors-bad", total: "basket-errors-total" },
            window: "30d",
            minimum: "99.9%",
            aspiration: "99.95%",
          },
          comment: "calendar-aligned (1M from 2026-01-01 00:00:00 Europe/Berlin); a rolling window of the same length is judged",
        },
        { fields: { name: "basket-latency", threshold: { metric: "basket-p99-ms", op: "lt", value: "250ms" }, window: "28d", minimum: "95%" } },
      ],
    });
    for (const part of [
      "bad measures errors",
      "divided by that of the total",
      "a window of 1M is 30d",
      "measures latency, by the name basket-latency",
      "250 is in milliseconds",
      "quantile of 99%",
    ])
      expect(notes.guessed.join("\n")).toContain(part);
    for (const part of ["connectionDetails.x-scope", "calendar-aligned", "its alert policies", "Timeslices"]) expect(notes.left.join("\n")).toContain(part);
  });

  test("asks no more of annotations than they say", () => {
    const annotated = THRESHOLD.replace(
      "spec:\n",
      "  annotations: {vernier.dev/measures: backlog, vernier.dev/unit-of-value: number, vernier.dev/metric: waiting}\nspec:\n",
    );
    const { services, notes } = convert(annotated);
    expect(notes.guessed).toEqual([]);
    expect(services[0]?.metrics).toEqual({ waiting: { measures: "backlog", query: "search_p95_seconds" } });
    expect(services[0]?.objectives[0]?.fields["threshold"]).toEqual({ metric: "waiting", op: "lte", value: 0.2 });
  });

  test.for([
    ["cpu-busy", 0.7, "utilisation", "70%"],
    ["cpu-busy", 70, "utilisation", "70%"],
    ["error-share", 0.001, "errors", "0.1%"],
    ["queue-depth", 40, "backlog", 40],
    ["throughput", 120, "rate", "120/s"],
    ["in-flight", 12, "concurrency", 12],
    ["freshness", 12.5, "gauge", 12.5],
    ["response-time", 0.25, "latency", "250ms"],
    ["response-time-ms", 250, "latency", "250ms"],
  ] as const)("guesses that %s of %d is %s %s", ([name, value, measures, expected]) => {
    const text = THRESHOLD.replace("search-latency", name).replace("search_p95_seconds", "x").replace("value: 0.2", `value: ${value}`);
    const [service] = convert(text).services;
    expect(Object.values(service?.metrics ?? {})).toEqual([{ measures, query: "x" }]);
    expect(service?.objectives[0]?.fields["threshold"]).toMatchObject({ value: expected });
  });

  test("keeps a ratio of good, turns what is computed already into errors, and several targets into objectives", () => {
    expect(convert(RATIO).services[0]).toMatchObject({ objectives: [{ fields: { ratio: { good: "hits-good", total: "hits-total" } } }] });
    const raw = RATIO.replace(/ {8}counter.*\n {8}good(.*)\n.*\n/, "        rawType: success\n        raw$1\n");
    expect(convert(raw).services[0]).toMatchObject({
      metrics: { "hits-bad": { measures: "errors", query: "1 - (good_hits)" }, requests: { measures: "rate" } },
      objectives: [{ fields: { ratio: { bad: "hits-bad", total: "requests" } } }],
    });
    expect(convert(raw.replace("rawType: success", "rawType: failure")).services[0]?.metrics["hits-bad"]).toEqual({ measures: "errors", query: "good_hits" });
    const several = convert(`${RATIO}    - {displayName: Gold, target: 0.9995}\n`).services[0];
    expect(several?.objectives.map(({ fields }) => [fields["name"], fields["minimum"]])).toEqual([
      ["search-success-1", "99%"],
      ["search-success-gold", "99.95%"],
    ]);
    expect(Object.keys(several?.metrics ?? {})).toEqual(["hits-total", "hits-good"].toSorted());
  });

  test("never carries a secret, nor shows it", () => {
    const source = (details: string) =>
      `apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: prom}\nspec: {type: Prometheus, connectionDetails: ${details}}\n---\n${THRESHOLD.replace("type: Prometheus", "metricSourceRef: prom")}`;
    const literal = convert(source("{url: https://p.example, bearerToken: hunter2, password: hunter2}"));
    expect(JSON.stringify(literal)).not.toContain("hunter2");
    expect(literal.notes.left.join()).toContain("bearerToken, password; a secret is given by reference");
    const inUrl = convert(source("{url: https://me:hunter2@p.example}"));
    expect(JSON.stringify(inUrl)).not.toContain("hunter2");
    expect(inUrl.services[0]?.sources).toEqual({});
    expect(convert(source("{url: https://p.example, bearerToken: {env: TOKEN}}")).services[0]?.sources).toEqual({
      prom: { type: "prometheus", url: "https://p.example", bearerToken: { env: "TOKEN" } },
    });
    const wrong = problemsOf(RATIO.replace("good:", "bad: {metricSource: {type: X, spec: {password: hunter2}}}\n        good:"));
    expect(wrong.join()).toContain('ratioMetric.bad: found {"metricSource":{"type":"X","spec":"…"}}');
    expect(wrong.join()).not.toContain("hunter2");
    const other = convert(source("{}").replace("type: Prometheus", "type: Datadog"));
    expect(other.services[0]?.metrics).toEqual({ "search-latency": { measures: "latency" } });
    expect(other.notes.left.join()).toContain("its query is for Datadog");
  });

  test("follows the time window and the target when an annotation has not been changed with them", () => {
    const window = (duration: string) =>
      THRESHOLD.replace("spec:\n", "  annotations: {vernier.dev/window: 90s, vernier.dev/minimum: 100%}\nspec:\n").replace("28d", duration);
    expect(convert(window("2m")).services[0]?.objectives[0]?.fields).toMatchObject({ window: "90s", minimum: "99%" });
    const changed = convert(window("3m"));
    expect(changed.services[0]?.objectives[0]?.fields).toMatchObject({ window: "3m" });
    expect(changed.notes.left.join()).toContain("vernier.dev/window, as the time window says otherwise");
  });
});

const POLICY = `# What we run.
version: 1
workloads:
  shop/search: # the search
    bounds: {min: 2, max: 9}
    metrics:
      cpu: {measures: utilisation} # of the request
    strategies:
      - {type: targetTracking, metric: cpu, target: 70%}
`;

describe("a policy that it is added to", () => {
  const [service] = convert(THRESHOLD).services;
  if (service === undefined) throw new Error("no service");

  test("keeps its comments, and gets nothing twice", () => {
    const { text = "" } = addToPolicy(service, { text: POLICY, workload: "shop/search" });
    for (const part of ["# What we run.\n", "# the search\n", "cpu: {measures: utilisation} # of the request\n"]) expect(text).toContain(part);
    expect(parsePolicy(text, "p.yaml").workloads[0]?.resolved.objectives).toMatchObject([{ name: "search-latency", value: 0.2, minimum: 0.99 }]);
    const twice = addToPolicy(service, { text, workload: "shop/search" });
    expect(twice.text).toBe(text);
    expect(twice.notes).toEqual(["the objective search-latency is in shop/search already"]);
  });

  test("has its own meaning of a name respected", () => {
    const { text = "" } = addToPolicy(service, { text: POLICY, workload: "shop/search" });
    const other = convert(THRESHOLD.replace("target: 0.99", "target: 0.9")).services[0] ?? service;
    const { text: none, problems } = addToPolicy(other, { text, workload: "shop/search" });
    expect(none).toBeUndefined();
    expect(problems).toMatchObject([{ code: "name_taken", path: "workloads.shop/search.objectives.0.name", line: 13 }]);
    const same = addToPolicy(service, { text: POLICY.replaceAll("cpu", "search-latency"), workload: "shop/search" });
    expect(same.notes).toEqual(["the metric search-latency is search-latency-2, as search-latency means something else in shop/search"]);
    expect(same.text).toContain("metric: search-latency-2");
    expect(addToPolicy(service, { text: POLICY, workload: "search" }).problems).toMatchObject([{ code: "workload_unknown" }]);
  });

  test("reads a fragment as it stands", () => {
    expect(fragmentText(service)).toBe(`# What search makes of a policy: sources stand at its top, metrics and objectives inside a workload.

metrics:
  search-latency: {measures: latency, quantile: 95%, query: search_p95_seconds}
objectives:
  - {name: search-latency, threshold: {metric: search-latency, op: lte, value: 200ms}, window: 28d, minimum: 99%}
`);
  });
});

describe("a policy in OpenSLO", () => {
  const policy = (objectives: string) => parsePolicy(`${POLICY}    objectives:\n${objectives}`, "p.yaml");
  const slos = (objectives: string) =>
    toOpenSlo(policy(objectives)).objects.filter(({ kind }) => kind === "SLO") as { metadata: unknown; spec: Record<string, unknown> }[];

  test("has targets without noise and windows that the format can say", () => {
    const [slo] = slos("      - {threshold: {metric: cpu, value: 33.3%}, minimum: 99.95%, window: 90s}\n");
    expect(slo).toMatchObject({
      metadata: { name: "shop-search-cpu-0", annotations: { "vernier.dev/window": "1m30s", "vernier.dev/workload": "shop/search" } },
      spec: { service: "shop-search", timeWindow: [{ duration: "2m", isRolling: true }], objectives: [{ op: "lte", value: 0.333, target: 0.9995 }] },
    });
    expect(slos("      - {threshold: {metric: cpu, value: 1%}, window: 36h}\n")[0]?.spec["timeWindow"]).toEqual([{ duration: "36h", isRolling: true }]);
  });

  test("has a band as its upper end, and an aspiration of a threshold as an SLO of its own", () => {
    const [first, second] = slos("      - {name: busy, band: {metric: cpu, from: 60%, to: 80%}, aspiration: 100%}\n");
    expect(first).toMatchObject({
      metadata: { annotations: { "vernier.dev/band-from": "60%" } },
      spec: { objectives: [{ op: "lte", value: 0.8, target: 0.99 }] },
    });
    expect(second).toMatchObject({
      metadata: {
        name: "shop-search-busy-aspirational",
        annotations: { "vernier.dev/tier": "aspirational", "vernier.dev/aspiration-of": "shop-search-busy", "vernier.dev/minimum": "100%" },
      },
      spec: { objectives: [{ displayName: "aspirational", target: 0.999999999 }] },
    });
  });
});

test.for([
  ["28d", 28 * 86_400_000],
  ["1M", 30 * 86_400_000],
  ["1Q", 90 * 86_400_000],
  ["1Y", 365 * 86_400_000],
  ["5m", 300_000],
  ["01d", undefined],
  ["1.5h", undefined],
  ["1s", undefined],
  ["-1d", undefined],
  ["101Y", undefined],
  ["99999999999d", undefined],
] as const)("the duration %s is %d ms", ([text, ms]) => {
  expect(shorthandMs(text)).toBe(ms);
});

test.for([
  [0.999, "99.9%"],
  [0.07, "7%"],
  [1, "100%"],
  [0, "0%"],
  [1e-7, "0.00001%"],
  [10, "1000%"],
] as const)("the ratio %d is %s", ([ratio, text]) => {
  expect(percentText(ratio)).toBe(text);
});

test("digits are moved, not multiplied", () => {
  expect(shiftedText(1e21, 0)).toBe("1000000000000000000000");
  expect(shiftedText(0.29, 2)).toBe("29"); // 0.29 * 100 is 28.999999999999996
  expect(cleanRatio(33.3 / 100)).toBe(0.333); // 33.3 / 100 is 0.33299999999999996
  expect(shorthandOf(1)).toEqual({ text: "1m", isExact: false });
  expect(shorthandOf(129_600_000)).toEqual({ text: "36h", isExact: true });
});
