import { setMaxListeners } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { workload } from "../../test/support/drive.ts";
import type { Actuator, SetOrder, SetOutcome } from "../actuators/actuator.ts";
import { MemoryActuator } from "../actuators/memory/memory-actuator.ts";
import { VernierEngine } from "../engine/engine.ts";
import type { Reading } from "../engine/model.ts";
import { SharedLimits } from "../engine/shared-limits.ts";
import { CheckpointKey } from "../ledger/checkpoint.ts";
import { exportLines } from "../ledger/export.ts";
import { MemoryStore } from "../ledger/memory/memory-store.ts";
import type { Commit } from "../ledger/store.ts";
import { LedgerVerifier } from "../ledger/verify.ts";
import type { Clock } from "./clock.ts";
import { Controller } from "./controller.ts";
import type { Mode } from "./decision.ts";
import { hashOfDecision } from "./orders.ts";
import type { ControlledWorkload, ControllerEvents, ControllerPorts } from "./ports.ts";
import { remember } from "./remember.ts";
import { replay } from "./replay.ts";

const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {startup: 15s}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
const NEVER = new AbortController().signal;
// Every controller of this file listens to it.
setMaxListeners(0, NEVER);
const START_MS = Date.UTC(2026, 10, 23);

/** A clock that moves when it is told to. */
class ManualClock implements Clock {
  nowMs = START_MS;
  wallMs(): number {
    return this.nowMs;
  }
  engineMs(): number {
    return this.nowMs;
  }
  timeout(): AbortSignal {
    return new AbortController().signal;
  }
  async sleep(ms: number): Promise<void> {
    this.nowMs += ms;
  }
}

/** A world with one workload; what is in it outlives controllers. */
class World {
  readonly clock = new ManualClock();
  store = new MemoryStore();
  readonly key = new CheckpointKey();
  actuator: Actuator = new MemoryActuator(10);
  cpu: number | undefined = 0.7;
  isStopped = false;
  readonly kept: string[] = [];
  #ids = 0;

  controller({ mode = "live", ports = {}, events = {} }: { mode?: Mode; ports?: Partial<ControllerPorts>; events?: ControllerEvents } = {}): Controller {
    const readings = {
      read: async (): Promise<readonly Reading[]> => [
        {
          metric: "cpu",
          status: this.cpu === undefined ? "absent" : "value",
          value: this.cpu ?? 0,
          sampledAtMs: this.clock.nowMs,
          windowMs: 15_000,
          partial: false,
        },
      ],
    };
    const one: ControlledWorkload = {
      id: "test/web",
      mode,
      engine: new VernierEngine(POLICY, { policyHash: "hash" }),
      policy: POLICY,
      actuator: this.actuator,
      readings,
    };
    return new Controller(
      [one],
      {
        clock: this.clock,
        store: this.store,
        key: this.key,
        newId: () => `intent-${++this.#ids}`,
        isStopped: () => this.isStopped,
        keepCheckpoint: (text) => this.kept.push(text),
        ...ports,
      },
      events,
    );
  }

  async tick(controller: Controller, cpu: number | undefined = this.cpu): Promise<void> {
    this.cpu = cpu;
    await controller.tick(NEVER);
    this.clock.nowMs += 15_000;
  }

  async entries(): Promise<{ kind: string; [field: string]: unknown }[]> {
    const found: { kind: string; [field: string]: unknown }[] = [];
    for await (const { text } of this.store.entries(0, 1)) found.push((JSON.parse(text) as { body: { kind: string } }).body);
    return found;
  }

  async units(): Promise<number> {
    const capacity = await this.actuator.observe(NEVER);
    return capacity.kind === "found" ? capacity.requested : Number.NaN;
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
const kinds = async (): Promise<string[]> => (await world.entries()).map(({ kind }) => kind);

describe("a tick", () => {
  test("writes down what is meant before it is done, and what came of it after it was read back", async () => {
    const seen: string[] = [];
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (head, given: Commit) => {
      seen.push(`${given.entries.map(({ body }) => body.kind).join("+")} with ${await world.units()}`);
      return commit(head, given);
    };
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect(seen).toEqual(["start with 10", "posture+decision+intent with 10", "outcome with 14"]);
    const [, , decision, intent, outcome] = await world.entries();
    expect(decision).toMatchObject({ kind: "decision", workload: "test/web", mode: "live", from: 10, requested: 14, policyHash: "hash" });
    expect(decision).toMatchObject({ reasons: expect.arrayContaining([expect.objectContaining({ code: "target_tracking" })]) });
    expect(intent).toMatchObject({ kind: "intent", id: "intent-1", do: { units: 14 }, expect: { units: 10 }, inverse: { units: 10 } });
    expect(outcome).toMatchObject({ kind: "outcome", intentId: "intent-1", outcome: "applied" });
    expect(await world.store.openIntents(0)).toEqual([]);
  });

  test("tells when its parts ended, and what a decision was made on", async () => {
    const seen: unknown[] = [];
    const controller = world.controller({
      events: { onStages: (stages) => seen.push(stages), onDecision: (_decision, _mode, _effect, { readings }) => seen.push(readings[0]?.value) },
    });
    await controller.start({});
    const takes = (ms: number): void => {
      world.clock.nowMs += ms;
    };
    const [observe, set, commit] = [world.actuator.observe.bind(world.actuator), world.actuator.set.bind(world.actuator), world.store.commit.bind(world.store)];
    let isSet = false;
    world.actuator.observe = async (signal) => {
      if (!isSet) takes(200);
      return await observe(signal);
    };
    world.actuator.set = async (order, signal) => {
      isSet = true;
      takes(300);
      return await set(order, signal);
    };
    world.store.commit = async (head, given) => {
      if (!isSet) takes(5);
      return await commit(head, given);
    };
    await world.tick(controller, 0.95);
    const beganMs = START_MS;
    expect(seen).toEqual([
      0.95,
      { beganMs, observedMs: beganMs + 200, decidedMs: beganMs + 200, committedMs: beganMs + 205, actedMs: beganMs + 505, workloads: 1, intents: 1 },
    ]);
  });

  test("that is told to end while it looks decides nothing on what it was told", async () => {
    const ending = new AbortController();
    const { actuator } = world;
    const observe = actuator.observe.bind(actuator);
    actuator.observe = async (signal) => {
      ending.abort();
      return observe(signal);
    };
    const controller = world.controller();
    await controller.start({});
    world.cpu = 0.95;
    await controller.tick(ending.signal);
    expect(await kinds()).toEqual(["start"]);
    for await (const _ of world.store.observations(0, 0, Number.MAX_SAFE_INTEGER)) expect.unreachable("nothing was seen");
  });

  test("that takes too long to write down what it means no longer does it", async () => {
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (head, given: Commit) => {
      if ((given.intents ?? []).length > 0) world.clock.nowMs += 15_001;
      return commit(head, given);
    };
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(10);
    expect((await world.entries()).at(-1)).toMatchObject({ kind: "outcome", outcome: "abandoned" });
  });

  test("that changes nothing writes no entry, and keeps what was seen", async () => {
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller);
    await world.tick(controller);
    expect(await kinds()).toEqual(["start", "posture"]);
    let ticks = 0;
    for await (const _ of world.store.observations(0, 0, Number.MAX_SAFE_INTEGER)) ticks++;
    expect(ticks).toBe(2);
  });

  test.for(["shadow", "observe"] as const)("in %s changes nothing", async (mode) => {
    const controller = world.controller({ mode });
    await controller.start({});
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(10);
    expect(await kinds()).toEqual(mode === "shadow" ? ["start", "posture", "decision"] : ["start"]);
  });

  test("begins no effect while it is stopped, and goes on when it is not", async () => {
    const controller = world.controller();
    await controller.start({});
    world.isStopped = true;
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(10);
    world.isStopped = false;
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(14);
  });

  test("does nothing when it cannot be written down", async () => {
    const controller = world.controller();
    await controller.start({});
    world.store.commit = async () => {
      throw new Error("the disk is full");
    };
    await expect(world.tick(controller, 0.95)).rejects.toThrow("the disk is full");
    expect(await world.units()).toBe(10);
  });

  test("leaves capacity alone that cannot be read", async () => {
    const controller = world.controller();
    await controller.start({});
    world.actuator.observe = async () => ({ kind: "unreadable", code: "unreachable", message: "gone" });
    await world.tick(controller, 0.95);
    expect(await kinds()).not.toContain("intent");
  });
});

/** An actuator between the controller and the world that goes wrong once. */
function faulty(inner: Actuator, fault: (order: SetOrder, set: () => Promise<SetOutcome>) => Promise<SetOutcome>): Actuator {
  let isSpent = false;
  return {
    permission: () => inner.permission(),
    abilities: inner.abilities,
    observe: (signal) => inner.observe(signal),
    close: () => inner.close(),
    set: (order, signal) => {
      if (isSpent) return inner.set(order, signal);
      isSpent = true;
      return fault(order, () => inner.set(order, signal));
    },
  };
}

describe("an effect without an answer", () => {
  test("that took place is found when it is read back", async () => {
    world.actuator = faulty(world.actuator, async (_, set) => {
      await set();
      return { kind: "unknown", message: "no answer" };
    });
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect((await world.entries()).at(-1)).toMatchObject({ kind: "outcome", outcome: "applied" });
  });

  test("that did not is a failure, and is decided anew", async () => {
    world.actuator = faulty(world.actuator, async () => ({ kind: "unknown", message: "no answer" }));
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect((await world.entries()).at(-1)).toMatchObject({ kind: "outcome", outcome: "failed", message: "no answer" });
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(14);
  });

  test("that nobody can read holds the workload until somebody can", async () => {
    const inner = world.actuator;
    let isBlind = false;
    world.actuator = faulty(inner, async (_, set) => {
      await set();
      isBlind = true;
      return { kind: "unknown", message: "no answer" };
    });
    const observe = inner.observe.bind(inner);
    world.actuator.observe = async (signal) => (isBlind ? { kind: "unreadable", code: "unreachable", message: "gone" } : observe(signal));
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect((await world.store.openIntents(0)).map(({ id }) => id)).toEqual(["intent-1"]);
    await world.tick(controller, 0.95);
    isBlind = false;
    await world.tick(controller, 0.7);
    expect(await world.store.openIntents(0)).toEqual([]);
    expect((await world.entries()).filter(({ kind }) => kind === "outcome").map(({ outcome }) => outcome)).toEqual(["unknown", "applied"]);
    expect(await world.units()).toBe(14);
  });

  test("on capacity that someone else changed meanwhile is not done", async () => {
    const inner = world.actuator as MemoryActuator;
    world.actuator = faulty(inner, async (_, set) => {
      inner.change(30);
      return set();
    });
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.95);
    expect((await world.entries()).at(-1)).toMatchObject({ kind: "outcome", outcome: "conflict" });
    expect(await world.units()).toBe(30);
  });
});

test("an effect of a workload that nobody has a policy for any more is said, and left open", async () => {
  const said: string[] = [];
  const head = await world.store.head(0);
  const intent = {
    id: "old",
    planId: "old",
    index: 0,
    workload: "test/gone",
    do: { units: 7 },
    expect: { units: 5 },
    inverse: { units: 5 },
    epoch: 1,
    deadlineMs: 0,
    decisionSeq: 1,
  };
  await world.store.commit(head, { entries: [{ at: "2026-11-22T00:00:00Z", body: { kind: "intent" } }], intents: [intent] });
  await world.controller({ events: { onWarning: (message) => said.push(message) } }).start({});
  expect(said).toEqual([expect.stringContaining("test/gone is no longer in a policy")]);
  expect(await world.store.openIntents(0)).toHaveLength(1);
});

describe("a controller that dies", () => {
  test("at any call to the store or the world leaves no effect lost and none done twice", async () => {
    for (let at = 1; ; at++) {
      world = new World();
      const inner = world.actuator as MemoryActuator;
      let calls = 0;
      let isDead = false;
      // Dies before the call, or after it has taken effect and before the answer.
      const mortal = async <T>(work: () => Promise<T>): Promise<T> => {
        if (isDead) return new Promise(() => {});
        calls++;
        if (calls === at && at % 2 === 0) isDead = true;
        if (isDead) return new Promise(() => {});
        const result = await work();
        if (calls === at) isDead = true;
        return isDead ? new Promise(() => {}) : result;
      };
      const store = world.store;
      const dying = new Proxy(store, {
        get: (target, name) => {
          const value = Reflect.get(target, name) as unknown;
          if (typeof value !== "function") return value;
          const bound = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
          return name === "commit" ? (...args: unknown[]) => mortal(() => bound(...args)) : bound;
        },
      });
      world.actuator = {
        permission: () => inner.permission(),
        abilities: inner.abilities,
        observe: (s) => mortal(() => inner.observe(s)),
        set: (o, s) => mortal(() => inner.set(o, s)),
        close: () => inner.close(),
      };
      const first = world.controller({ ports: { store: dying } });
      const life = (async () => {
        await first.start({});
        for (const cpu of [0.7, 0.95, 0.7, 0.95]) await world.tick(first, cpu);
      })();
      await Promise.race([life, new Promise((resolve) => setTimeout(resolve, 5))]);
      if (!isDead) return expect(at).toBeGreaterThan(15);
      world.actuator = inner;
      const intended = (await world.entries()).filter(({ kind }) => kind === "intent").map(({ id }) => id);
      // Nothing was done that had not been written down, and nothing twice.
      expect(intended).toEqual(expect.arrayContaining(inner.applied));
      expect(new Set(inner.applied).size).toBe(inner.applied.length);
      world.clock.nowMs += 60_000;
      const second = world.controller();
      await second.start({});
      for (let i = 0; i < 3; i++) await world.tick(second, 0.7);
      expect(await world.store.openIntents(0)).toEqual([]);
      expect(new Set(inner.applied).size).toBe(inner.applied.length);
      const outcomes = (await world.entries()).filter(({ kind }) => kind === "outcome");
      for (const id of inner.applied) expect(outcomes).toContainEqual(expect.objectContaining({ intentId: id, outcome: "applied" }));
      await second.stop("test");
      const verifier = new LedgerVerifier({ witnessed: world.kept.slice(-1) });
      for await (const line of exportLines(world.store)) verifier.push(line);
      expect(verifier.finish().problems).toEqual([]);
    }
  });

  test("and is started again decides as if it had not", async () => {
    const load = [
      0.7, 0.9, 0.8, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4,
    ];
    const play = async (restarts: boolean): Promise<number[]> => {
      world = new World();
      let controller = world.controller();
      await controller.start({});
      const seen: number[] = [];
      for (const [i, share] of load.entries()) {
        if (restarts && i % 7 === 6) {
          controller = world.controller();
          await controller.start({});
        }
        await world.tick(controller, (share * 10) / (await world.units()));
        seen.push(await world.units());
      }
      return seen;
    };
    expect(await play(true)).toEqual(await play(false));
  });
});

test("observations are kept as long as they are to be, entries for ever", async () => {
  const storage = { retentionMs: 7 * 86_400_000, budgetBytes: 1e9, place: "data", disk: async () => undefined };
  const controller = world.controller({ ports: { storage } });
  await controller.start({});
  await world.tick(controller, 0.95);
  world.clock.nowMs += 8 * 86_400_000;
  await world.tick(controller, 0.7);
  const kept: number[] = [];
  for await (const { atMs } of world.store.observations(0, 0, Number.MAX_SAFE_INTEGER)) kept.push(atMs);
  expect(kept).toEqual([START_MS + 15_000 + 8 * 86_400_000]);
  expect((await kinds()).slice(0, 3)).toEqual(["start", "posture", "decision"]);
});

test("checkpoints are signed every half minute, kept elsewhere too, and cover everything at the end", async () => {
  const controller = world.controller();
  await controller.start({});
  for (const cpu of [0.95, 0.7, 0.95, 0.7, 0.7]) await world.tick(controller, cpu);
  await controller.stop("test");
  expect(world.kept.length).toBeGreaterThanOrEqual(3);
  const verifier = new LedgerVerifier({ keys: [world.key.publicKey], witnessed: world.kept.slice(0, 1) });
  for await (const line of exportLines(world.store)) verifier.push(line);
  expect(verifier.finish()).toMatchObject({ problems: [] });
});

describe("a replay", () => {
  const make = () => new VernierEngine(POLICY, { policyHash: "hash" });
  const play = async (): Promise<void> => {
    for (let session = 0; session < 3; session++) {
      const controller = world.controller();
      await controller.start({});
      for (const cpu of [0.7, 0.95, undefined, 0.8, 0.4, 0.4]) await world.tick(controller, cpu);
      await controller.stop("test");
      world.clock.nowMs += 30_000;
    }
  };

  test("of recorded observations takes the recorded decisions, byte for byte, through every start", async () => {
    await play();
    const report = await replay(world.store, {}, make);
    expect(report).toMatchObject({ sessions: 3, ticks: 18, differences: [], beyondRetention: 0 });
    expect(report.decisions).toBe((await world.entries()).filter(({ kind }) => kind === "decision").length);
    expect(report.decisions).toBeGreaterThan(3);
    expect(await replay(world.store, { fromMs: START_MS + 15_000, toMs: START_MS + 45_000 }, make)).toMatchObject({ ticks: 2, differences: [] });
  });

  test("shows an engine that decides otherwise, and says where what is kept begins", async () => {
    await play();
    const other = workload(
      "kind: stateless\nbounds: {min: 2, max: 100}\nmetrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}}\nstrategies: [{type: targetTracking, metric: cpu, target: 50%}]",
    );
    const report = await replay(world.store, {}, () => new VernierEngine(other, { policyHash: "hash" }));
    expect(report.differences.length).toBeGreaterThan(0);
    expect(report.differences[0]).toMatchObject({ workload: "test/web", engineMs: START_MS });
    await world.store.forget(START_MS + 60_000, 1_000_000);
    expect((await replay(world.store, {}, make)).beyondRetention).toBeGreaterThan(0);
  });
});

test.for([
  ["its own policy and version", {}, {}, true],
  ["another policy", { policyHash: "other" }, {}, false],
  ["another version", {}, { version: -1 }, false],
] as const)("a kept state of %s is taken up: %j %j %j", async ([, kept, state, isTakenUp]) => {
  const engine = new VernierEngine(POLICY, { policyHash: "hash" });
  let restored = 0;
  engine.restore = () => void restored++;
  await world.store.commit(await world.store.head(0), {
    entries: [],
    snapshots: [{ workload: "test/web", atMs: START_MS - 1, state: JSON.stringify({ policyHash: "hash", ...kept, state: { ...engine.state(), ...state } }) }],
  });
  await remember([{ id: "test/web", mode: "live", engine, posture: undefined }], new SharedLimits([POLICY]), world.store, 0, START_MS);
  expect(restored).toBe(isTakenUp ? 1 : 0);
});

describe("orders of people", () => {
  const by = { workload: "test/web", who: "ada", why: "launch" };

  test("hold from the next tick on, through a restart, until they run out, and are in the record", async () => {
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.7);
    expect(await controller.command({ ...by, do: { kind: "pause" }, untilMs: world.clock.nowMs + 30_000 })).toBe(true);
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(10);
    const next = world.controller();
    await next.start({});
    await world.tick(next, 0.95);
    expect(await world.units()).toBe(10);
    expect(next.views()[0]?.orders).toMatchObject({ pause: { who: "ada", why: "launch" } });
    await world.tick(next, 0.95);
    expect(await world.units()).toBeGreaterThan(10);
    expect(await kinds()).toEqual(expect.arrayContaining(["command", "order_ended"]));
    expect((await world.entries()).find(({ kind }) => kind === "command")).toMatchObject({ ...by, do: { kind: "pause" } });
  });

  test("set units whatever load does, within the blast radius, and a replay knows", async () => {
    const controller = world.controller();
    await controller.start({});
    await world.tick(controller, 0.7);
    await controller.command({ ...by, do: { kind: "set", units: 3 } });
    await world.tick(controller, 0.7);
    expect(await world.units()).toBe(5);
    await controller.command({ ...by, do: { kind: "release" } });
    await world.tick(controller, 0.7);
    await controller.stop("test");
    const { differences, decisions } = await replay(world.store, {}, () => new VernierEngine(POLICY, { policyHash: "hash" }));
    expect({ differences, decisions: decisions > 0 }).toEqual({ differences: [], decisions: true });
  });

  test("a step that waits for approval is taken when it is approved, once, and not when it is another by then", async () => {
    const controller = world.controller({ mode: "approve" });
    await controller.start({});
    const hash = (): string => {
      const decision = controller.views()[0]?.last?.decision;
      if (decision === undefined) throw new Error("no decision");
      return hashOfDecision(decision);
    };
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(10);
    expect(controller.views()[0]?.last?.effect).toBe("awaiting");
    const old = hash();
    await world.tick(controller, 0.85);
    await controller.command({ ...by, do: { kind: "approve", decision: old } });
    await world.tick(controller, 0.85);
    expect(await world.units()).toBe(10);
    await controller.command({ ...by, do: { kind: "approve", decision: hash() } });
    await world.tick(controller, 0.85);
    expect(await world.units()).toBe(13);
    expect((await world.entries()).find(({ kind }) => kind === "intent")).toMatchObject({ approvals: [{ who: "ada", why: "launch" }] });
    await world.tick(controller, 0.95);
    expect(await world.units()).toBe(13);
  });

  test("about nobody are refused", async () => {
    const controller = world.controller();
    await controller.start({});
    expect(await controller.command({ ...by, workload: "test/nobody", do: { kind: "pause" } })).toBe(false);
    expect(await kinds()).toEqual(["start"]);
  });
});
