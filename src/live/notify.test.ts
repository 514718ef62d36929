import { expect, test } from "vitest";
import { startReceiver } from "../../test/support/receiver.ts";
import type { Clock } from "../control/clock.ts";
import type { Decision, Observation } from "../engine/model.ts";
import { parsePolicy } from "../policy/parse.ts";
import { openNotify } from "./notify.ts";

const POLICY = (notify: string): string => `version: 1
notify: ${notify}
workloads:
  shop/web:
    mode: live
    bounds: {min: 2, max: 20}
    metrics: {cpu: {measures: utilisation}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;
const OBSERVATION: Observation = { capacity: { readable: true, requested: 4, starting: 0, ready: 4, draining: 0 }, readings: [] };
const DECISION: Decision = {
  ...{ workload: "shop/web", engine: "vernier", policyHash: "h", atMs: 0, posture: "blind", from: 4, desired: 4, requested: 4, ready: 4 },
  reasons: () => [],
};
const clock: Clock = { wallMs: () => 0, engineMs: () => 0, timeout: () => new AbortController().signal, sleep: () => new Promise(() => {}) };

test("a mistake in what people are told does not reach the loop, and is said once", async () => {
  const warnings: string[] = [];
  const policy = parsePolicy(POLICY("{team: {type: slack, url: {env: URL}}}"), "p.yaml");
  const people = openNotify([policy], { environment: { URL: "http://127.0.0.1:1/x" }, clock, warn: (message) => warnings.push(message) });
  const seen: string[] = [];
  const events = people.listen({ onDecision: ({ workload }) => seen.push(workload) });
  const broken: Decision = {
    ...DECISION,
    reasons: () => {
      throw new Error("a bug");
    },
  };
  for (let i = 0; i < 2; i++) events.onDecision?.(broken, "live", "none", OBSERVATION);
  expect(seen).toEqual(["shop/web", "shop/web"]);
  expect(warnings).toEqual(["notify: a notice could not be made, which is a mistake of ours: a bug"]);
});

test("each target gets what it asked for of the workloads of its own file; whoever wants holding also learns when it is over", async () => {
  const receiver = await startReceiver();
  const target = (name: string, events: string): string => `${name}: {type: webhook, url: "${receiver.url}/${name}", events: [${events}]}`;
  const mine = parsePolicy(POLICY(`{${target("a", "holding")}, ${target("b", "step, stopped")}}`), "p.yaml");
  const theirs = parsePolicy(POLICY(`{${target("c", "holding, stopped")}}`).replace("shop/web", "shop/db"), "q.yaml");
  let nowMs = 0;
  const people = openNotify([mine, theirs], { environment: {}, clock: { ...clock, engineMs: () => nowMs }, warn: () => {} });
  const events = people.listen({});
  events.onDecision?.(DECISION, "live", "none", OBSERVATION);
  events.onStopped?.(true);
  nowMs = 600_000;
  events.onDecision?.({ ...DECISION, posture: "normal" }, "live", "none", OBSERVATION);
  await receiver.arrived(4);
  await people.close();
  await receiver.close();
  const got = receiver.received.map(({ path, body }) => `${path} ${(JSON.parse(body) as { data: { kind: string } }).data.kind}`);
  expect(got.toSorted()).toEqual(["/a holding", "/a resumed", "/b stopped", "/c stopped"]);
});

test("goes on with a changed policy: same targets, what they know, and what waits for them", async () => {
  let answers: (() => void)[] = [];
  const receiver = await startReceiver((_, response) => answers.push(() => response.writeHead(204).end()));
  const hook = (name: string): string => `${name}: {type: webhook, url: "${receiver.url}/${name}"}`;
  const parse = (...names: readonly string[]) => [parsePolicy(POLICY(`{${names.map(hook).join(", ")}}`), "p.yaml")];
  const people = openNotify(parse("a", "b"), { environment: {}, clock, warn: () => {} });
  const events = people.listen({});
  events.onDecision?.(DECISION, "live", "none", OBSERVATION);
  await receiver.arrived(2);
  // Still on its way to a and b, and a waits for the next.
  events.onStopped?.(true);
  expect(() => people.prepare([parsePolicy(POLICY("{c: {type: slack, url: {env: NOWHERE}}}"), "p.yaml")])).toThrow("NOWHERE");
  people.prepare(parse("a", "c"))();
  // What stands is known.
  events.onDecision?.(DECISION, "live", "none", OBSERVATION);
  events.onStopped?.(false);
  const answering = setInterval(() => {
    for (const answer of answers) answer();
    answers = [];
  }, 5);
  await receiver.arrived(6);
  await people.close();
  clearInterval(answering);
  await receiver.close();
  const got = receiver.received.map(({ path, body }) => {
    const { kind, phase } = (JSON.parse(body) as { data: { kind: string; phase: string } }).data;
    return `${path} ${kind} ${phase}`;
  });
  expect(got.toSorted()).toEqual(["/a holding began", "/a stopped began", "/a stopped ended", "/b holding began", "/b stopped began", "/c stopped ended"]);
});

test("a file that notifies nobody asks nothing of decisions", () => {
  const events = openNotify([parsePolicy(POLICY("{}"), "p.yaml")], { environment: {}, clock, warn: () => {} }).listen({});
  let asked = 0;
  const decision: Decision = {
    ...DECISION,
    reasons: () => {
      asked++;
      return [];
    },
  };
  events.onDecision?.(decision, "live", "none", OBSERVATION);
  expect(asked).toBe(0);
});
