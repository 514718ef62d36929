import { expect, test } from "vitest";
import type { Actuator, CapacityFound } from "../src/actuators/actuator.ts";
import type { Clock } from "../src/control/clock.ts";
import { Controller } from "../src/control/controller.ts";
import { decisionBody } from "../src/control/decision.ts";
import { VernierEngine } from "../src/engine/engine.ts";
import type { Engine, Observation } from "../src/engine/model.ts";
import { CheckpointKey } from "../src/ledger/checkpoint.ts";
import { MemoryStore } from "../src/ledger/memory/memory-store.ts";
import { canonicalJson } from "../src/lib/canonical-json.ts";
import { runSimulation } from "../src/sim/run.ts";
import { traceOfLoad } from "../src/sim/scenario/load.ts";
import { workload } from "./support/drive.ts";

// The same readings through the simulator and through the live loop: the same decisions, byte for byte.

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 60}
unit: {serves: {rate: 10/s}, startup: {mean: 45s, cv: 50%}, requestTimeout: 5s}
metrics: {cpu: {measures: utilisation}, requests: {measures: rate}, served: {measures: throughput}, failed: {measures: errors}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: targetTracking, metric: requests, target: 7/s}]
objectives: [{threshold: {metric: failed, value: 1%}}]
`);
const NEVER = new AbortController().signal;

/** What an engine is shown, kept as it is shown. */
function recording(engine: Engine, seen: { atMs: number; observation: Observation }[]): Engine {
  const propose: Engine["propose"] = (observation, nowMs) => {
    seen.push({ atMs: nowMs, observation: JSON.parse(JSON.stringify(observation)) as Observation });
    return engine.propose(observation, nowMs);
  };
  return new Proxy(engine, { get: (target, name) => (name === "propose" ? propose : bound(target, name)) });
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === "function" ? value.bind(target) : value;
}

test("the simulator and the live loop decide the same on the same readings", async () => {
  const startMs = Date.UTC(2026, 10, 23);
  const load = traceOfLoad(
    "day",
    [
      { constant: 80, for: 600_000 },
      { from: 80, to: 320, for: 1_200_000 },
      { constant: 120, for: 1_800_000 },
      { mean: 150, amplitude: 80, period: 1_800_000, for: 3_600_000 },
    ],
    [{ at: 2_400_000, for: 120_000, times: 3 }],
  );
  const seen: { atMs: number; observation: Observation }[] = [];
  const expected: string[] = [];
  runSimulation(
    POLICY,
    recording(new VernierEngine(POLICY, { policyHash: "hash" }), seen),
    { ...load, startMs },
    {
      faults: [{ metric: "*", kind: "drop", from: 1_500_000, to: 1_700_000, factor: 1, by: 0 }],
      events: [{ kind: "crowding", from: 3_000_000, to: 3_600_000, above: 20, share: 0.4, of: "all" }],
    },
    {
      onTick: (decision) => {
        if (decision.requested !== decision.from) expected.push(canonicalJson(decisionBody(decision, "live")));
      },
    },
  );
  expect(expected.length).toBeGreaterThan(30);
  expect(expected.some((text) => text.includes("step_validated"))).toBe(true);

  let now = seen[0] as (typeof seen)[number];
  let set: number | undefined;
  const clock: Clock = {
    wallMs: () => now.atMs,
    engineMs: () => now.atMs,
    timeout: () => new AbortController().signal,
    sleep: async () => {},
  };
  const actuator: Actuator = {
    abilities: { comparesAndSets: false, keepsEpoch: false, settlesWithinMs: 0 },
    observe: async (): Promise<CapacityFound> => {
      const { readable: _, ...capacity } = now.observation.capacity;
      return { kind: "found", ...capacity, requested: set ?? capacity.requested };
    },
    set: async ({ units }) => {
      set = units;
      return { kind: "applied" };
    },
    permission: async () => ({ kind: "granted" }),
    close: async () => {},
  };
  const store = new MemoryStore();
  const controller = new Controller(
    [
      {
        id: POLICY.id,
        mode: "live",
        engine: new VernierEngine(POLICY, { policyHash: "hash" }),
        policy: POLICY,
        actuator,
        readings: { read: async () => now.observation.readings },
      },
    ],
    { clock, store, key: new CheckpointKey(), newId: () => `intent-${now.atMs}`, isStopped: () => false, keepCheckpoint: () => {} },
  );
  await controller.start({});
  for (const one of seen) {
    now = one;
    set = undefined;
    await controller.tick(NEVER);
  }
  const decided: string[] = [];
  for await (const { text } of store.entries(0, 1)) {
    const { body } = JSON.parse(text) as { body: { kind: string } };
    if (body.kind === "decision") decided.push(canonicalJson(body));
  }
  expect(decided).toEqual(expected);
});
