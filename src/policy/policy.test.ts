import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { POLICY_TEMPLATES } from "../cli/policy-templates.ts";
import type { Problem } from "../lib/file-error.ts";
import { monthsBeginAtMs } from "./calendar.ts";
import { LINTS, lintPolicy } from "./lint.ts";
import { checkPolicy, parsePolicy } from "./parse.ts";

const WEB = `version: 1
workloads:
  shop/web:
    kind: stateless
    bounds: {min: 2, max: 40}
    metrics:
      cpu: {measures: utilisation}
    strategies:
      - {type: targetTracking, metric: cpu, target: 70%}
`;

/** Problems as \`line:column code path\`. */
function places(text: string, options = {}): string[] {
  return checkPolicy(text, "p.yaml", options).problems.map((problem) => `${problem.line}:${problem.column} ${problem.code} ${problem.path ?? ""}`.trim());
}

function problemsOf(text: string): readonly Problem[] {
  return checkPolicy(text, "p.yaml").problems;
}

describe("check", () => {
  test("a computed metric comes after what it is computed from, and is as late as the latest of it", () => {
    const text = WEB.replace(
      "{measures: utilisation}",
      `{measures: utilisation}
      both: {measures: rate, formula: "sum + slow"}
      sum: {measures: rate, formula: "fast * 2"}
      fast: {measures: rate, lag: 1s, window: 10s, scrape: 5s}
      slow: {measures: rate, lag: 2m, window: 5m, scrape: 1m}`,
    );
    const { metrics } = parsePolicy(text, "p.yaml").workloads[0]?.resolved ?? { metrics: [] };
    expect(metrics.map(({ name }) => name)).toEqual(["cpu", "fast", "slow", "sum", "both"]);
    expect(metrics.find(({ name }) => name === "sum")).toMatchObject({ lagMs: 1_000, windowMs: 10_000, scrapeMs: 5_000 });
    expect(metrics.find(({ name }) => name === "both")).toMatchObject({ lagMs: 120_000, windowMs: 300_000, scrapeMs: 60_000 });
  });

  test("accepts a small policy and fills the defaults of the design", () => {
    const { resolved } = parsePolicy(WEB, "p.yaml").workloads[0] ?? {};
    expect(resolved).toMatchObject({
      id: "shop/web",
      intervalMs: 15_000,
      ceiling: 0.8,
      unit: { startup: { meanMs: 60_000, cv: 0, failureRatio: 0 }, drainMs: 0 },
      strategies: [{ toleranceUp: 0.05, toleranceDown: 0.05, targetPerUnit: 0.7 }],
      guards: {
        up: {
          windowMs: 0,
          cooldownMs: 0,
          limits: [
            { periodMs: 15_000, ratio: 0.1 },
            { periodMs: 15_000, units: 1 },
          ],
          select: "max",
          unlimitedAbove: 0.8,
        },
        down: {
          windowMs: 300_000,
          cooldownMs: 0,
          limits: [
            { periodMs: 60_000, ratio: 0.1 },
            { periodMs: 60_000, units: 1 },
          ],
          select: "max",
        },
        staleAfterMs: 45_000,
        badTicks: 2,
        goodTicks: 3,
        whenBlind: "hold",
        proof: "on",
        cliff: { below: 0.4, holdMs: 600_000, holdWithErrorsMs: 1_800_000, errorsAbove: 0.02, habitMs: 10_800_000 },
        implausibleZero: { worth: 2, samples: 3 },
        blastRadius: { share: 0.5, windowMs: 600_000 },
        freeze: [],
      },
    });
    for (const kind of ["stateful", "cache", "quorum"]) {
      expect(parsePolicy(WEB.replace("stateless", kind), "p.yaml").workloads[0]?.resolved.guards.blastRadius).toEqual({ share: 0.05, windowMs: 600_000 });
    }
    expect(parsePolicy(WEB.replace("    kind: stateless\n", ""), "p.yaml").workloads[0]?.resolved).toMatchObject({
      kind: "undeclared",
      guards: { blastRadius: { share: 0.05 } },
    });
  });

  test("reports all problems of a file at once, each with its place", () => {
    const bad = `version: 2
timezone: Europe/Berlin
dependencies: {db: {connections: 100}}
workloads:
  shop/web:
    kind: statless
    bounds: {min: 12, max: 8}
    intervall: 15s
    unit: {serves: {rate: 120}, price: 0.1}
    metrics:
      cpu: {measures: utilization}
      rps: {measures: rate}
    strategies:
      - {type: targetTraking, metric: cpu, target: 70%}
      - {type: targetTracking, metric: cpuu, target: 0.7}
      - {type: tiers, metric: rps, up: [{at: 50%, add: 10%}, {at: 50%, ad: 5%}]}
    objectives:
      - {band: {metric: cpu, from: 80%, to: 60%}}
    uses: {dbb: {connections: 10}}
  Web_2:
    metrics: {}
    strategies: []
`;
    expect(places(bad)).toEqual([
      "1:10 invalid_value version",
      "2:1 unknown_key timezone",
      "6:11 invalid_value workloads.shop/web.kind",
      "7:13 invalid_value workloads.shop/web.bounds",
      "8:5 unknown_key workloads.shop/web.intervall",
      "9:27 invalid_value workloads.shop/web.unit.serves.rate",
      "9:40 invalid_value workloads.shop/web.unit.price",
      "11:23 invalid_value workloads.shop/web.metrics.cpu.measures",
      "14:16 invalid_value workloads.shop/web.strategies.0.type",
      "15:40 unknown_reference workloads.shop/web.strategies.1.metric",
      "16:31 wrong_metric workloads.shop/web.strategies.2.metric",
      "16:62 required workloads.shop/web.strategies.2.up.1.add",
      "16:62 tier_duplicate workloads.shop/web.strategies.2.up.1",
      "16:72 unknown_key workloads.shop/web.strategies.2.up.1.ad",
      "18:16 band_empty workloads.shop/web.objectives.0.band",
      "19:12 unknown_reference workloads.shop/web.uses.dbb",
      "20:3 required workloads.Web_2.bounds",
      "20:3 invalid_id workloads.Web_2",
      "22:17 invalid_value workloads.Web_2.strategies",
    ]);
    const hints = problemsOf(bad).map((problem) => problem.hint);
    for (const word of ["timeZone", "stateless", "interval", "utilisation", "targetTracking", "cpu", "add", "db"])
      expect(hints).toContain(`did you mean "${word}"?`);
    expect(problemsOf(bad)[3]?.message).toBe("min (12) is greater than max (8)");
  });

  test.for([
    ...(
      [
        ["a cron of six fields", 'start: "0 0 8 * * *", for: 1h', "expected five fields"],
        ["a cron that never happens", 'start: "0 0 31 2 *", for: 1h', "this never happens"],
        ["a window without end", 'start: "0 8 * * *"', "neither end nor for"],
        ["a window with two ends", 'start: "0 8 * * *", end: "0 9 * * *", for: 1h', "both end and for"],
        ["a zone that is none", 'start: "0 8 * * *", for: 1h, zone: Mars/Olympus', "expected an IANA time zone"],
      ] as const
    ).map(
      ([what, window, message]) =>
        [what, WEB.replace(/strategies:[\s\S]*/, `strategies: [{type: schedule, windows: [{${window}, desired: 4}]}]\n`), message] as const,
    ),
    ...(
      [
        [
          "a queue of nothing that waits",
          "{type: queue, arrivals: requests, backlog: cpu, drain: 5m, perUnit: 8/s}",
          '"cpu" measures utilisation, expected backlog',
        ],
        ["a queue of unknown speed", "{type: queue, arrivals: requests, backlog: waiting, drain: 5m}", "needs to know what one unit works off"],
        ["a queue seen by one unit", "{type: queue, arrivals: mine, backlog: waiting, drain: 5m, perUnit: 8/s}", '"mine" is the mean of one unit'],
        ["a queue that is nowhere", "{type: queue, arrivals: requests, backlog: wating, drain: 5m, perUnit: 8/s}", 'there is no metric "wating"'],
      ] as const
    ).map(
      ([what, strategy, message]) =>
        [
          what,
          WEB.replace(
            /metrics:[\s\S]*/,
            `metrics: {cpu: {measures: utilisation}, requests: {measures: rate}, mine: {measures: rate, scope: unit}, waiting: {measures: backlog}}\n    strategies: [${strategy}]\n`,
          ),
          message,
        ] as const,
    ),
    ...(
      [
        ["a burn of an objective that is nowhere", "objective: latncy", 'did you mean "latency"?'],
        ["a burn of a band", "objective: busy", "is a band"],
        ["a burn without a budget", "objective: perfect", "leaves no error budget"],
      ] as const
    ).map(
      ([what, objective, message]) =>
        [
          what,
          `${WEB.replace(/strategies:[\s\S]*/, `strategies: [{type: sloBurn, ${objective}}]`)}\n    objectives: [{name: latency, threshold: {metric: cpu, value: 90%}}, {name: busy, band: {metric: cpu, from: 60%, to: 80%}}, {name: perfect, threshold: {metric: cpu, value: 90%}, minimum: 100%}]\n`,
          message,
        ] as const,
    ),
    [
      "bounds that contradict at times",
      WEB.replace(/bounds: .*/, 'bounds: {min: 2, max: 10, schedule: [{start: "0 8 * * *", for: 1h, min: 11}]}'),
      "min (11) is greater than max (10) while it is open",
    ],
    [
      "a window of bounds that changes nothing",
      WEB.replace(/bounds: .*/, 'bounds: {min: 2, max: 10, schedule: [{start: "0 8 * * *", for: 1h}]}'),
      "changes neither min nor max",
    ],
    ["no bounds", WEB.replace(/ {4}bounds.*\n/, ""), "required"],
    [
      "a source that is said to be up",
      WEB.replace("{measures: utilisation}", '{measures: utilisation}\n      a: {measures: up, formula: "cpu"}'),
      "that cannot be computed",
    ],
    ["a number for a utilisation", WEB.replace("70%", "70"), "expected a percentage such as 70%"],
    ["a number for a rate", WEB.replace("utilisation", "rate").replace("70%", "70"), "expected a rate for one unit, such as 80/s"],
    ["a percentage of what is counted", WEB.replace("utilisation", "concurrency"), "expected a number for one unit, such as 200"],
    ["a target of time", WEB.replace("utilisation", "latency"), "target tracking reads how much there is to do"],
    [
      "a formula in other units",
      WEB.replace("{measures: utilisation}", '{measures: utilisation}\n      sum: {measures: rate, formula: "cpu + 1"}'),
      "gives a plain number, but rate is a rate",
    ],
    [
      "a formula of nothing known",
      WEB.replace("{measures: utilisation}", '{measures: utilisation}\n      sum: {measures: gauge, formula: "cpus + 1"}'),
      'did you mean "cpu"?',
    ],
    [
      "a formula in a circle",
      WEB.replace("{measures: utilisation}", '{measures: utilisation}\n      a: {measures: gauge, formula: "b"}\n      b: {measures: gauge, formula: "a"}'),
      '"a" is computed from itself',
    ],
    [
      "a metric computed and read",
      WEB.replace("{measures: utilisation}", '{measures: utilisation}\n      a: {measures: gauge, formula: "cpu", query: up}'),
      '"a" is computed and read',
    ],
    [
      "a knee of nothing known",
      WEB.replace("version: 1", "version: 1\ndependencies: {db: {knee: {connections: 90}}}"),
      "needs to know what the dependency serves",
    ],
    ["nothing that wakes", WEB.replace("min: 2", "min: 0"), "found 0, and nothing that would wake it"],
    ["an activation that never sleeps", `${WEB}    activation: {metric: cpu}\n`, "the least is 2: it never sleeps"],
    [
      "an activation by the sleeper itself",
      `${WEB.replace("min: 2", "min: 0")}    activation: {metric: cpu}\n`,
      '"cpu" measures utilisation, expected rate or backlog',
    ],
    [
      "an activation by one unit's share",
      `${WEB.replace("min: 2", "min: 0").replace("metrics:", "metrics:\n      come: {measures: rate, scope: unit}")}    activation: {metric: come}\n`,
      "without one, nothing would wake it",
    ],
    [
      "a waking above the bounds",
      `${WEB.replace("min: 2", "min: 0").replace("metrics:", "metrics:\n      come: {measures: rate}")}    activation: {metric: come, wake: 5000}\n`,
      "wakes with 5000",
    ],
    [
      "one target for two",
      `${WEB}    target: {type: memory, name: one}\n${WEB.slice(WEB.indexOf("  shop/web")).replace("shop/web", "shop/api")}    target: {type: memory, name: one}\n`,
      "set capacity on the same target",
    ],
    [
      "an id twice",
      `${WEB}${WEB.slice(WEB.indexOf("  shop/web")).replace("shop/web", "web")}  default/web:\n    bounds: {min: 1, max: 2}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [{type: targetTracking, metric: cpu, target: 70%}]\n`,
      "are the same workload, default/web",
    ],
    ["a rate target without serves", WEB.replace("utilisation", "rate").replace("70%", "70/s"), "needs to know what one unit serves"],
    ["a percentage for a rate", WEB.replace("utilisation", "rate"), "for a metric that measures rate"],
    [
      "tiers that overlap",
      WEB.replace(/ {6}- .*/, "      - {type: tiers, metric: cpu, up: [{at: 50%, add: 1}], down: [{below: 60%, remove: 1}]}"),
      "removes below 60% and adds from 50% on",
    ],
    [
      "a minimum that no dependency carries",
      WEB.replace("version: 1", "version: 1\ndependencies: {db: {connections: 30}}").concat("    uses: {db: {connections: 20}}\n"),
      "min (2) needs 40 connections of db, which has 30",
    ],
    ["a budget without price", `${WEB}    budget: 100 USD/month\n`, "needs the price of a unit"],
    ["two budgets for an hour", `${WEB}    unit: {price: 1 USD/h}\n    budget: [100 USD/h, 90 USD/h]\n`, "two budgets for the same hour"],
    ["a budget below the minimum", `${WEB}    unit: {price: 1 USD/h}\n    budget: 1.90 USD/h\n`, "costs more than 1.9 USD/h, which pays for 1"],
    ["two currencies", `${WEB}    unit: {price: 1 EUR/h}\n    budget: 100 USD/month\n`, "the budget is in USD, the price in EUR"],
    ["an unknown time zone", WEB.replace("version: 1", "version: 1\ntimeZone: Europe/Berlinn"), "expected an IANA time zone"],
    [
      "a password in an address",
      WEB.replace("version: 1", "version: 1\nsources: {prom: {type: prometheus, url: 'http://u:p@p:9090'}}"),
      "without user and password",
    ],
    ["a start above every max", `${WEB}simulation: {initialUnits: 41}\n`, "the highest max is 40"],
    [
      "a secret written out",
      WEB.replace("version: 1", "version: 1\nsources: {prom: {type: prometheus, url: 'http://p:9090', bearerToken: abc}}"),
      "secrets are never written into a policy",
    ],
    ["an empty file", "", "expected a mapping"],
    ["a list", "- a\n", "expected a mapping"],
    ["no workloads", "version: 1\nworkloads: {}\n", "at least one workload"],
    ["a fault on nothing", `${WEB}simulation: {faults: [{metric: cpuu, kind: drop, from: 1m, to: 2m}]}\n`, 'there is no metric "cpuu"'],
  ] as const)("refuses %s", ([, text, message]) => {
    expect(
      problemsOf(text)
        .map((problem) => `${problem.message} ${problem.hint ?? ""}`)
        .join("\n"),
    ).toContain(message);
  });

  test("names the misspelt key of the variant that was meant", () => {
    const band = `${WEB}    objectives: [{band: {metric: cpu, from: 60%, tp: 80%}}]\n`;
    expect(places(band)).toEqual(["10:19 required workloads.shop/web.objectives.0.band.to", "10:50 unknown_key workloads.shop/web.objectives.0.band.tp"]);
    expect(problemsOf(band)[1]?.hint).toBe('did you mean "to"?');
    expect(problemsOf(WEB.replace("{type: target", "{typ: target"))[0]?.hint).toBe('did you mean "type" by "typ"?');
  });

  test("brackets in comments and quotes are no nesting", () => {
    expect(problemsOf(`${WEB}${"# [0, 5)\n".repeat(200)}`)).toEqual([]);
    expect(problemsOf(`${WEB}    description: "${"[".repeat(200)}"\n`)).toEqual([]);
  });

  test("an enormous number of problems is cut, not waited for", () => {
    expect(problemsOf(`version: 1\n${Array.from({ length: 5_000 }, (_, i) => `k${i}: 1`).join("\n")}\n`).length).toBeLessThan(600);
  });

  test.for([
    ["a directive", "%YAML 1.1\n---\nversion: 1\n", ["yaml_directive"]],
    ["a tag on a mapping", "!!map\na: 1\n", ["yaml_tag"]],
    ["an alias", "a: &x 1\nb: *x\n", ["yaml_anchor", "yaml_alias"]],
    ["a merge key", "<<: {a: 1}\n", ["yaml_merge"]],
    ["a tag", "a: !!str 1\n", ["yaml_tag"]],
    ["a duplicate key", "a: 1\na: 2\n", ["key_duplicate"]],
    ["the prototype", "__proto__: {a: 1}\n", ["key_forbidden"]],
    ["a key that is a list", "? [a]\n: 1\n", ["yaml_key"]],
    ["two documents", "a: 1\n---\nb: 2\n", ["yaml_syntax"]],
    ["an open quote", "a: 'x\n", ["yaml_syntax"]],
    ["brackets too deep", `a: ${"[".repeat(100_000)}\n`, ["nested_too_deep"]],
    ["dashes too deep", `a:\n  ${"- ".repeat(100_000)}\n`, ["nested_too_deep"]],
    ["indentation too deep", Array.from({ length: 700 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), ["nested_too_deep"]],
    ["a file too large", `a: ${"x".repeat(600_000)}\n`, ["file_too_large"]],
  ] as const)("refuses %s", ([, text, codes]) => {
    expect(problemsOf(text).map((problem) => problem.code)).toEqual(expect.arrayContaining([...codes]));
  });

  test("never throws on mutated policies", () => {
    const seeds = [WEB, ...Object.values(POLICY_TEMPLATES)];
    const pieces = [
      "\n",
      " ",
      ":",
      "-",
      "{",
      "}",
      "[",
      "]",
      "%",
      "0",
      "9e9",
      "null",
      "true",
      '"',
      "'",
      "#",
      "*a",
      "&a",
      "!!",
      "<<",
      "|",
      ">",
      "? ",
      "\t",
      "off",
      "-1",
      "~",
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(8), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 4 }),
        (seed, edits) => {
          let text = seed;
          for (const [where, length, piece] of edits) {
            const at = Math.floor(where * text.length);
            text = text.slice(0, at) + piece + text.slice(at + length);
          }
          for (const problem of checkPolicy(text, "p.yaml").problems) {
            expect(problem.line === undefined || (problem.line >= 1 && problem.line <= text.split("\n").length + 1)).toBe(true);
            expect(problem.message).not.toMatch(/undefined|\[object|Invalid input/);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe("templates", () => {
  const EACH = `version: 1
workloads:
  shop/\${app}:
    each:
      from: {values: [web, api]}
      label: app
      overrides: {api: {bounds: {max: 9}}}
    kind: stateless
    bounds: {min: 2, max: 40}
    metrics:
      cpu: {measures: utilisation, query: 'cpu{app="\${app}"}'}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

  test("make a workload for each value, with overrides", () => {
    const { workloads } = parsePolicy(EACH, "p.yaml");
    expect(workloads.map((workload) => [workload.id, workload.resolved.bounds.max])).toEqual([
      ["shop/web", 40],
      ["shop/api", 9],
    ]);
    expect(workloads[1]?.written.metrics["cpu"]?.query).toBe('cpu{app="api"}');
  });

  test("read names from a file beside the policy", () => {
    const text = EACH.replace("{values: [web, api]}", "{file: apps.txt}").replace(/ {6}overrides.*\n/, "");
    expect(
      parsePolicy(text, "p.yaml", { readFile: (path) => (path === "apps.txt" ? "web\n# not yet\n\nbatch\n" : undefined) }).workloads.map(
        (workload) => workload.id,
      ),
    ).toEqual(["shop/web", "shop/batch"]);
    expect(places(text)).toEqual(["5:13 file_missing workloads.shop/${app}.each.from"]);
  });

  test("report a mistake once, and one in an override at the override", () => {
    expect(places(EACH.replace("kind: stateless", "kind: statless"))).toEqual(["8:11 invalid_value workloads.shop/web.kind"]);
    expect(places(EACH.replace("max: 9", "max: 1"))).toEqual(["7:33 invalid_value workloads.shop/api.bounds"]);
    expect(places(EACH.replace("shop/${app}", "shop/web"))).toEqual(["3:3 placeholder_missing workloads.shop/web"]);
    expect(places(EACH.replace("{api: {", "{apy: {"))).toEqual(["7:19 override_unused workloads.shop/${app}.each.overrides.apy"]);
    expect(places(EACH.replace("{values: [web, api]}", "{query: up}").replace(/ {6}overrides.*\n/, ""))).toEqual([
      "5:13 query_unavailable workloads.shop/${app}.each.from",
    ]);
  });
});

describe("lints", () => {
  const lints = (text: string, trace?: Parameters<typeof lintPolicy>[1]): string[] =>
    lintPolicy(parsePolicy(text, "p.yaml", { readFile: () => "BEGIN:VCALENDAR\nEND:VCALENDAR\n" }), trace).map((problem) => problem.code);
  const tiers = (ladder: string): string => WEB.replace(/ {6}- .*/, `      - {type: tiers, metric: cpu, ${ladder}}`).replace("min: 2", "min: 10");
  const day = { binMs: 60_000, load: Float64Array.from({ length: 600 }, (_, i) => 100 + 50 * Math.sin((2 * Math.PI * i) / 3)) };

  test.for([
    ["ladder_fights_band", tiers("up: [{at: 50%, add: 10%}, {at: 75%, add: 20%}, {at: 90%, add: 30%}], down: [{below: 35%, remove: 10%}]")],
    ["ladder_flaps", tiers("up: [{at: 70%, add: 10%}], down: [{below: 68%, remove: 10%}]")],
    ["no_scale_in", tiers("up: [{at: 70%, add: 10%}]")],
    ["no_scale_in", `${WEB}    guards: {down: {select: off}}\n`],
    ["step_below_one_unit", tiers("up: [{at: 70%, add: 5%}], down: [{below: 50%, remove: 1}]")],
    ["min_one", WEB.replace("min: 2", "min: 1")],
    ["window_longer_than_scale_in", WEB.replace("utilisation}", "utilisation, window: 10m}")],
    ["dependency_overcommitted", `${WEB.replace("version: 1", "version: 1\ndependencies: {db: {connections: 200}}")}    uses: {db: {connections: 20}}\n`],
    ["guard_off", `${WEB}    guards: {cliff: off}\n`],
    ["guard_off", `${WEB}    guards: {up: {limits: off}}\n`],
    ["price_without_currency", `${WEB}    unit: {price: 0.1/h}\n`],
    ["kind_undeclared", WEB.replace("    kind: stateless\n", "")],
    ["target_above_ceiling", WEB.replace("70%", "80%")],
    [
      "queue_beyond_unit",
      WEB.replace("utilisation}", "utilisation}\n      in: {measures: rate}\n      waiting: {measures: backlog}").replace(
        "    strategies:\n",
        "    unit: {serves: {rate: 10/s}}\n    strategies:\n      - {type: queue, arrivals: in, backlog: waiting, drain: 5m, perUnit: 11/s}\n",
      ),
    ],
    [
      "schedule_above_limit",
      WEB.replace("    bounds:", "    unit: {price: 1 USD/h}\n    budget: 5 USD/h\n    bounds:").replace(
        /max: (\d+)}/,
        "max: $1, schedule: [{start: 0 1 * * *, for: 1h, min: 6}]}",
      ),
    ],
    ["curve_falls", WEB.replace("    bounds:", "    unit: {latency: {curve: [{at: 80%, p50: 1ms, p95: 9ms}, {at: 40%, p50: 2ms, p95: 5ms}]}}\n    bounds:")],
    ["unused_metric", WEB.replace("utilisation}", "utilisation}\n      rps: {measures: rate}")],
    [
      "calendar_without_event",
      `${WEB.replace("version: 1", "version: 1\ncalendars: {freezes: {file: freezes.ics}}")}    guards: {freeze: [{calendar: freezes}]}\n`,
    ],
  ] as const)("%s is found", ([code, text]) => {
    expect([...new Set(lints(text))]).toEqual([code]);
  });

  test("lag beyond half the period is found against traffic, and nothing is said where nothing repeats", () => {
    // A period of 3 min; lag 15 s + start-up 60 s is less than half of it, 15 s + 2 min more.
    expect(lints(WEB, day)).toEqual([]);
    expect(lints(`${WEB}    unit: {startup: 2m}\n`, day)).toEqual(["lag_beyond_half_period"]);
    expect(lints(`${WEB}    unit: {startup: 2m}\n`, { ...day, load: Float64Array.from({ length: 600 }, (_, i) => (i * 7_919) % 101) })).toEqual([]);
  });

  test("say that 50/75/90 % fights a band of 60 to 80 %", () => {
    const [problem] = lintPolicy(
      parsePolicy(tiers("up: [{at: 50%, add: 10%}, {at: 75%, add: 20%}, {at: 90%, add: 30%}], down: [{below: 35%, remove: 10%}]"), "p.yaml"),
    );
    expect(problem?.message).toContain("below the usual band of 60 % to 80 %");
    expect(LINTS.ladder_fights_band).toContain("50/75/90 %");
  });

  test("the policies that init writes have none", () => {
    for (const template of Object.values(POLICY_TEMPLATES)) expect(lintPolicy(parsePolicy(template, "p.yaml"))).toEqual([]);
  });
});

describe("identity", () => {
  test("two spellings of the same policy have the same hash, another policy another", () => {
    const hash = (text: string) => parsePolicy(text, "p.yaml").workloads[0]?.hash;
    expect(hash(WEB.replace("70%", "70.0%").replace("version: 1", "# hello\nversion: 1"))).toBe(hash(WEB));
    expect(hash(`${WEB}    interval: 15000ms\n`)).toBe(hash(WEB));
    expect(hash(WEB.replace("70%", "71%"))).not.toBe(hash(WEB));
  });

  test("months begin at midnight in their zone", () => {
    const begins = monthsBeginAtMs("Europe/Berlin", Date.UTC(2026, 1, 10), Date.UTC(2026, 3, 10));
    expect(begins.map((at) => new Date(at).toISOString())).toEqual(["2026-01-31T23:00:00.000Z", "2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"]);
  });
});
