import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { StateAnswer } from "../src/api/contract.ts";
import { Counters, metricsText } from "../src/api/metrics.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

const { groups } = parse(readFileSync("examples/alerts/vernier.rules.yaml", "utf8")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const STATE: StateAnswer = {
  ...{ schemaVersion: 1, nowMs: 0, startedMs: 0, isStopped: false, ledgerSeq: 0 },
  workloads: [
    {
      ...{ workload: "shop/web", mode: "live", posture: "normal", policyHash: "h", intervalMs: 15_000, tickMs: 0, unreadable: null, readings: [] },
      about: { bounds: { min: 2, max: 20 }, ceiling: 0.8, price: null, metrics: [] },
      ...{ seenMs: 0, isLate: false, utilisation: null, costPerHour: null, objectives: [], attention: [] },
      ...{ capacity: { requested: 1, ready: 1, starting: 0, draining: 0 }, desired: 1, wanted: 1, effect: "none", decision: null, reasons: [] },
      ...{ openIntents: 0, orders: {} },
    },
  ],
};
const metrics = metricsText(STATE, new Counters(), "1");

test.for(rules)("$alert asks for what a fresh controller already says", ({ expr, annotations }) => {
  const names = [...`${expr} ${annotations.description}`.matchAll(/\bvernier_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(metrics).toMatch(new RegExp(`^${name}[ {]`, "m"));
  for (const [, label, values] of `${expr} ${annotations.description}`.matchAll(/(\w+)=~?"([^"]+)"/g))
    for (const value of (values as string).split("|")) expect(metrics).toContain(`${label}="${value}"`);
  for (const [, label] of `${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)) {
    const [name] = names;
    expect(metrics).toMatch(new RegExp(`^${name}\\{[^}]*${label}=`, "m"));
  }
});

test("each alert has its section in docs/alerts.md, and its case among the tests of promtool", () => {
  const sections = [...readFileSync("docs/alerts.md", "utf8").matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(rules.map(({ alert }) => alert));
  const { tests } = parse(readFileSync("examples/alerts/vernier.rules.test.yaml", "utf8")) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const fired = new Set(tests.flatMap((one) => one.alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname)));
  for (const { alert, annotations, labels } of rules) {
    expect(annotations.runbook).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
    expect(["page", "ticket"]).toContain(labels.severity);
    expect(fired).toContain(alert);
  }
});
