import { describe, expect, test } from "vitest";
import { checkPolicy } from "./parse.ts";

const SOURCE = "{type: scrape, targets: [http://127.0.0.1:9000/metrics]}";
const QUERY = "sum(rate(x[1m]))";

function problemsOf({ source = SOURCE, query = QUERY, interval = "15s" }): string[] {
  const text = `version: 1
sources:
  app: ${source}
  prom: {type: prometheus, url: "http://127.0.0.1:9090"}
workloads:
  shop/web:
    kind: stateless
    interval: ${interval}
    bounds: {min: 2, max: 40}
    unit: {serves: {rate: 10/s}}
    metrics:
      load: {measures: rate, source: app, query: '${query.replaceAll("'", "''")}'}
      other: {measures: rate, source: prom, query: 'topk(1, x)'}
    strategies: [{type: targetTracking, metric: load, target: 7/s}]
`;
  return checkPolicy(text, "vernier.yaml").problems.map(({ line, column, code, message, hint }) => `${line}:${column} ${code} ${message}; ${hint ?? ""}`);
}

describe("sources that scrape", () => {
  test.for([
    SOURCE,
    '{type: scrape, targets: ["https://a.example/metrics?x=1", "http://b.example"], bearerToken: {file: token}, timeout: 500ms, maxSeries: 50000}',
    "{type: scrape, endpoints: endpoints.json}",
    "{type: scrape, endpoints: endpoints.json, path: /actuator/prometheus}",
  ])("%s is taken", (source) => {
    expect(problemsOf({ source })).toEqual([]);
  });

  test.for([
    ["{type: scrape}", "3:8 invalid_value expected either targets, a list of addresses, or endpoints"],
    ["{type: scrape, targets: [http://a/metrics], endpoints: e.json}", "3:8 invalid_value expected either targets"],
    ["{type: scrape, targets: []}", "expected at least one address"],
    ["{type: scrape, targets: [http://a/metrics, http://a/metrics]}", "expected every address once: twice would count twice"],
    ["{type: scrape, targets: [a:9000]}", "expected an http or https address"],
    ["{type: scrape, targets: ['http://u:p@a/metrics']}", "without user and password"],
    ["{type: scrape, targets: [http://a/metrics], path: /metrics}", "a path goes with endpoints"],
    ["{type: scrape, endpoints: e.json, path: metrics}", "expected a path that begins with /"],
    ["{type: scrape, endpoints: e.json, bearerToken: abc}", "secrets are never written into a policy"],
    ["{type: scrape, endpoints: e.json, maxSeries: 0}", "expected no less than 1"],
    ["{type: scrape, endpoint: e.json}", 'found the unknown key "endpoint"'],
  ] as const)("%s is refused", ([source, message]) => {
    expect(problemsOf({ source }).join("\n")).toContain(message);
  });

  test("a query is refused with its place and with what there is, whatever is wrong elsewhere", () => {
    const problems = problemsOf({ query: "topk(3, rate(x[1m]))" });
    expect(problems).toEqual([
      expect.stringMatching(
        /^12:50 query the function topk is not supported, at character 1 of "topk\(3, rate\(x\[1m\]\)\)"; supported are .*rate\(x\[1m\]\).*histogram_quantile/,
      ),
    ]);
    expect(problemsOf({ query: 'sum(x{a=~"(?i)b"})' })[0]).toContain('the regular expression "(?i)b" is not supported');
    expect(problemsOf({ query: "sum by (pod) (x)", source: "{type: scrape}" }).length).toBe(2);
  });

  test("a window has to hold two scrapes, and there is one at each tick", () => {
    expect(problemsOf({ query: "sum(rate(x[30s]))" })).toEqual([]);
    expect(problemsOf({ query: "sum(rate(x[29s])) + sum(rate(y[5m]))" })).toEqual([
      expect.stringMatching(/^12:50 query_window a window of 29s does not hold two scrapes, which are 15s apart: .*; use at least \[30s\], better \[1m\]/),
    ]);
    expect(problemsOf({ query: "sum(rate(x[29s]))", interval: "1s" })).toEqual([]);
    expect(problemsOf({ query: "sum(x)", interval: "1h" })).toEqual([]);
  });
});
