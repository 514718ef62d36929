import { describe, expect, test } from "vitest";
import { checkPolicy, parsePolicy } from "./parse.ts";

const POLICY = `version: 1
sources: {mine: {type: units}}
workloads:
  shop/web:
    kind: stateless
    bounds: {min: 2, max: 40}
    target: {type: process, command: [node, server.js, --port, "{port}"], ports: 9000-9039}
    metrics: {cpu: {measures: utilisation, source: mine, query: cpu}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;
const SECOND = POLICY.slice(POLICY.indexOf("  shop/web")).replace("shop/web", "shop/api");

/** Problems as `line:column code: message; hint`. */
const problemsOf = (text: string): readonly string[] =>
  checkPolicy(text, "p.yaml").problems.map(({ line, column, code, message, hint }) => `${line}:${column} ${code}: ${message}; ${hint ?? ""}`);

describe("processes as targets", () => {
  test("have defaults for all but the command", () => {
    expect(parsePolicy(POLICY, "p.yaml").workloads[0]?.written.target).toEqual({
      type: "process",
      command: ["node", "server.js", "--port", "{port}"],
      ports: { from: 9_000, to: 9_039 },
      drain: { signal: "SIGTERM", within: 30_000 },
      onExit: "keep",
      logs: "keep",
      environment: [],
    });
    expect(problemsOf(POLICY.replace(', --port, "{port}"], ports: 9000-9039', "]"))).toEqual([]);
    expect(problemsOf(`${POLICY}${SECOND.replace("9000-9039", "9040-9079")}`)).toEqual([]);
  });

  test.for([
    [
      "more units than ports",
      POLICY.replace("max: 40", "max: 41"),
      "6:27 ports_too_few: max (41) is above the number of ports, 40 from 9000 to 9039; lower max, or widen target.ports to 9000-9040",
    ],
    [
      "more units than ports at times",
      POLICY.replace("max: 40", 'max: 9, schedule: [{start: "0 8 * * *", for: 1h, max: 60}]'),
      "6:76 ports_too_few: max (60) is above the number of ports, 40 from 9000 to 9039; lower max, or widen target.ports to 9000-9059",
    ],
    [
      "more units than there are ports at all",
      POLICY.replace("max: 40", "max: 41").replace("9000-9039", "65500-65535"),
      "6:27 ports_too_few: max (41) is above the number of ports, 36 from 65500 to 65535; lower max, or begin target.ports lower",
    ],
    ["ports that nobody asks for", POLICY.replace(', --port, "{port}"', ""), "7:38 ports_unused: units get ports, and the command does not ask for one"],
    ["a port that nobody gives", POLICY.replace(", ports: 9000-9039", ""), "7:38 ports_missing: the command asks for a {port}, and there are no ports"],
    [
      "readiness of no port",
      POLICY.replace(', --port, "{port}"], ports: 9000-9039', "], ready: {http: /healthz}"),
      "7:64 ports_missing: ready needs a port for each unit, and there are none; add ports, for example 9000-9099",
    ],
    ["endpoints of no port", POLICY.replace(', --port, "{port}"], ports: 9000-9039', "], endpoints: {file: e.json}"), "ports_missing: endpoints needs a port"],
    ["ports of two", `${POLICY}${SECOND.replace("9000-9039", "9039-9078")}`, "13:82 ports_shared: shop/api and shop/web take ports of the same range"],
    [
      "a file of endpoints of two",
      `${POLICY.replace("9039}", "9039, endpoints: {file: e.json}}")}${SECOND.replace("9000-9039}", "9100-9139, endpoints: {file: e.json}}")}`,
      "13:111 endpoints_shared: shop/api and shop/web write the same file; give each its own",
    ],
    ["ports backwards", POLICY.replace("9000-9039", "9039-9000"), 'found "9039-9000": expected ports from 1 to 65535, for example 9000-9099'],
    ["ports beyond the last", POLICY.replace("9000-9039", "65000-65536"), "expected ports from 1 to 65535"],
    ["another host as a path", POLICY.replace("9039}", "9039, ready: {http: //elsewhere/healthz}}"), "expected a path such as /healthz"],
    ["a signal that cannot be caught", POLICY.replace("9039}", "9039, drain: {signal: SIGKILL}}"), "expected one of SIGTERM, SIGINT"],
    [
      "a reading of units that nobody knows",
      POLICY.replace("query: cpu", "query: cpus"),
      '8:65 unknown_reference: found "cpus", expected one of cpu, memory, ready, count; did you mean "cpu"?',
    ],
    [
      "a reading of units where there are none",
      POLICY.replace(/target: \{type.*/, "target: {type: memory}"),
      "8:52 units_without_process: mine reads processes, and the target is none",
    ],
  ] as const)("refuses %s", ([, text, expected]) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining(expected)]);
  });
});
