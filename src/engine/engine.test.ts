import { describe, expect, test } from "vitest";
import { Drive, type Given, TRACKING, workload } from "../../test/support/drive.ts";
import { VernierEngine } from "./engine.ts";

const MINUTE = 60_000;
const TIERS = `
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}}
strategies:
  - type: tiers
    metric: cpu
    up: [{at: 50%, add: 10%}, {at: 75%, add: 20%}, {at: 90%, add: 30%}]
    down: [{below: 35%, remove: 10%}]
guards: {up: {limits: off}}
`;

describe("tiers", () => {
  test.for([
    [0.49, 20],
    [0.5, 22],
    [0.74999, 22],
    [0.75, 24],
    [0.9, 26],
    [1, 26],
  ] as const)("at %d utilisation 20 requested units become %d", ([utilisation, units]) => {
    expect(new Drive(workload(TIERS), 20).tick({ readings: { cpu: utilisation } }).requested).toBe(units);
  });

  test("count units on their way: no second step while the first is starting", () => {
    const drive = new Drive(workload(TIERS), 20);
    expect(drive.tick({ readings: { cpu: 0.52 } }).requested).toBe(22);
    // 0.52 x 20 ready over 22 = 0.473, below the 50 % tier.
    const next = drive.tick({ requested: 22, ready: 20, readings: { cpu: 0.52 } });
    expect(next.requested).toBe(22);
    expect(next.reasons.find((reason) => reason.code === "no_tier")?.operands["utilisation"]).toBeCloseTo((0.52 * 20) / 22, 12);
  });

  test("add again once units on their way have expired, and say so", () => {
    const drive = new Drive(workload(TIERS), 20);
    drive.tick({ readings: { cpu: 0.52 } });
    const during = drive.run(120_000, { requested: 22, ready: 20, readings: { cpu: 0.52 } });
    expect(during.codes).not.toContain("start_failed");
    const after = drive.run(30_000, { requested: 22, ready: 20, readings: { cpu: 0.52 } });
    expect(after.codes).toContain("start_failed");
    expect(after.codes).toContain("tier_up");
  });

  test("remove exclusively below a tier, only after the stabilisation window", () => {
    const drive = new Drive(workload(TIERS), 20);
    expect(drive.tick({ readings: { cpu: 0.34 } }).codes).toContain("stabilised_down");
    const settled = drive.run(5 * MINUTE, { requested: 20, readings: { cpu: 0.34 } });
    expect(settled.requested).toBe(18);
    expect(settled.codes).toContain("tier_down");
    expect(new Drive(workload(TIERS), 20).run(10 * MINUTE, { requested: 20, readings: { cpu: 0.35 } }).requested).toBe(20);
  });
});

describe("target tracking", () => {
  test("asks for ceil(load / target) beyond the tolerance, and holds inside it", () => {
    const drive = new Drive(workload(TRACKING), 10);
    expect(drive.tick({ readings: { cpu: 0.72 } })).toMatchObject({ requested: 10, codes: ["within_tolerance"] });
    // 10 x 0.79 / 0.7 = 11.3 -> 12, but growth under the ceiling is limited to max(10 %, 1 unit).
    expect(drive.tick({ readings: { cpu: 0.79 } })).toMatchObject({ desired: 12, requested: 11 });
  });

  test("is not limited above the ceiling", () => {
    const decision = new Drive(workload(TRACKING), 10).tick({ readings: { cpu: 1 } });
    expect(decision.requested).toBe(15); // ceil(10 / 0.7)
    expect(decision.codes).toContain("rate_unlimited");
  });

  test("does not ask again for units that are still starting, although their metric is old", () => {
    const drive = new Drive(workload(TRACKING), 10);
    drive.tick({ readings: { cpu: 1 } });
    expect(drive.tick({ requested: 15, ready: 10, readings: { cpu: 1 } }).requested).toBe(15);
    // Ready now; the reading is still the mean of the time before: 1.0 x 10 units, not 1.0 x 15.
    expect(drive.tick({ requested: 15, ready: 15, readings: { cpu: { value: 1, sampledAtMs: drive.nowMs - 15_000 } } }).requested).toBe(15);
  });

  test("replaces units that will not start", () => {
    const drive = new Drive(workload(TRACKING), 10);
    drive.tick({ readings: { cpu: 0.7 } });
    const decision = drive.run(3 * MINUTE, { requested: 10, ready: 7, readings: { cpu: 1 } });
    // ceil(7 / 0.7) = 10 that serve, plus one step for the 3 that never will.
    expect(decision.desired).toBe(11);
    expect(decision.reasons.find((reason) => reason.code === "target_tracking")?.operands["missing"]).toBe(1);
  });

  test("does not chase units that can never start", () => {
    const drive = new Drive(workload(TRACKING), 10);
    const asked: number[] = [];
    for (let minute = 0; minute < 120; minute++) asked.push(drive.run(MINUTE, { ready: 7, readings: { cpu: 1 } }).requested);
    expect(Math.max(...asked)).toBe(11);
  });

  test("tracks a rate per unit, total over all units", () => {
    const drive = new Drive(
      workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 100/s}}
metrics: {rps: {measures: rate, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: rps, target: 70/s, tolerance: {up: 0%, down: 0%}}]
`),
      5,
    );
    expect(drive.tick({ readings: { rps: 420 } }).requested).toBe(6); // ceil(420 / 70)
  });

  test("tracks a rate that is the mean of one unit", () => {
    const drive = new Drive(
      workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 100/s}}
metrics: {rps: {measures: rate, scope: unit, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: rps, target: 70/s, tolerance: {up: 0%, down: 0%}}]
`),
      5,
    );
    expect(drive.tick({ readings: { rps: 84 } }).requested).toBe(6); // ceil(84 x 5 / 70)
  });

  test("the highest of several strategies wins, ties by order", () => {
    const drive = new Drive(
      workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, memory: {measures: utilisation, window: 15s, lag: 0s}}
strategies:
  - {type: targetTracking, metric: cpu, target: 70%}
  - {type: targetTracking, metric: memory, target: 70%}
`),
      10,
    );
    const decision = drive.tick({ readings: { cpu: 0.8, memory: 0.9 } });
    expect(decision.desired).toBe(13); // ceil(9 / 0.7)
    expect(decision.reasons.find((reason) => reason.code === "highest_wins")?.operands["strategy"]).toBe(2);
  });
});

describe("readings", () => {
  test.for([
    ["absent", "absent", "reading_absent"],
    ["invalid", "invalid", "reading_invalid"],
    ["NaN", Number.NaN, "reading_invalid"],
    ["infinite", Number.POSITIVE_INFINITY, "reading_invalid"],
    ["negative", -0.2, "reading_invalid"],
    ["stale", { value: 0.2, sampledAtMs: -60_000 }, "reading_stale"],
    ["said to be partial", { value: 0.2, partial: true }, "reading_partial"],
  ] as const)("that are %s have no opinion and are named", ([, given, code]) => {
    const decision = new Drive(workload(TRACKING), 10).tick({ readings: { cpu: given } });
    expect(decision.requested).toBe(10);
    expect(decision.codes).toEqual(expect.arrayContaining([code, "no_opinion", "no_recommendation"]));
  });

  test("a sudden zero is not believed until it has repeated three times", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: off, down: {window: 0s}}`), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    for (let sample = 1; sample <= 3; sample++) {
      const decision = drive.tick({ readings: { cpu: 0 } });
      expect(decision.requested).toBe(10);
      expect(decision.reasons.find((reason) => reason.code === "implausible_zero")?.operands["zeros"]).toBe(sample);
    }
    expect(drive.tick({ readings: { cpu: 0 } }).requested).toBe(9);
  });

  test("a zero after a load worth less than two units is believed", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: off, down: {window: 0s}}`), 5);
    drive.tick({ readings: { cpu: 0.3 } });
    expect(drive.tick({ requested: 5, readings: { cpu: 0 } }).codes).not.toContain("implausible_zero");
  });
});

describe("posture", () => {
  test("turns blind after two bad ticks and normal after three good ones", () => {
    const drive = new Drive(workload(TRACKING), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    expect(drive.tick().posture).toBe("normal");
    const blind = drive.tick();
    expect(blind.posture).toBe("blind");
    expect(blind.codes).toEqual(expect.arrayContaining(["posture_blind", "blind_hold"]));
    expect(drive.tick({ readings: { cpu: 0.7 } }).posture).toBe("blind");
    expect(drive.tick({ readings: { cpu: 0.7 } }).posture).toBe("blind");
    expect(drive.tick({ readings: { cpu: 0.7 } }).posture).toBe("normal");
  });

  const two = `
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, memory: {measures: utilisation, window: 15s, lag: 0s}}
strategies:
  - {type: targetTracking, metric: cpu, target: 70%}
  - {type: targetTracking, metric: memory, target: 70%}
guards: {down: {window: 0s}}
`;

  test("partial: may grow, may not shrink", () => {
    const drive = new Drive(workload(two), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7, memory: 0.7 } });
    const shrink = drive.run(30_000, { readings: { cpu: 0.3 } });
    expect(shrink.posture).toBe("partial");
    expect(shrink.requested).toBe(10);
    expect(shrink.codes).toEqual(expect.arrayContaining(["posture_partial", "proof_unreadable"]));
    expect(drive.tick({ readings: { cpu: 0.95 } }).requested).toBe(14); // ceil(9.5 / 0.7)
  });

  test.for([
    ["{floor: 14}", 11, "blind_floor"],
    ["{grow: 25%}", 11, "blind_grow"],
  ] as const)("blind with whenBlind %s grows, and never below what runs", ([whenBlind, first, code]) => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {whenBlind: ${whenBlind}}`), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    drive.tick();
    const decision = drive.tick();
    expect(decision.codes).toContain(code);
    expect(decision.requested).toBe(first); // growth is limited to 10 % a tick like any other
    expect(drive.run(5 * MINUTE).requested).toBe(code === "blind_floor" ? 14 : 13); // ceil(10 x 1.25), counted from where sight was lost
  });

  test("blind growth counts from where sight was lost, also when a reading comes through now and then", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {whenBlind: {grow: 25%}}`), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    for (let i = 0; i < 40; i++) {
      drive.run(45_000);
      drive.tick({ readings: { cpu: 7 / drive.requested } });
    }
    expect(drive.requested).toBe(13);
  });

  test("one lost reading in a window does not stop scale-in for the whole of it", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: off}`), 40);
    for (let tick = 0; tick < 240; tick++) drive.tick(tick % 10 === 0 ? {} : { readings: { cpu: 7 / drive.requested } });
    expect(drive.requested).toBeLessThan(15);
  });

  test("after a long absence nothing is removed for a whole window", () => {
    const drive = new Drive(workload(TRACKING), 40);
    drive.run(10 * MINUTE, { readings: { cpu: 0.7 } });
    drive.nowMs += 60 * MINUTE;
    expect(drive.tick({ readings: { cpu: 0.1 } }).requested).toBe(40);
  });

  test.for([
    ["in the future", { value: 0.2, sampledAtMs: 3_600_000 }],
    ["without a time", { value: 0.2, sampledAtMs: Number.NaN }],
  ] as const)("a reading dated %s is invalid", ([, given]) => {
    expect(new Drive(workload(TRACKING), 10).tick({ readings: { cpu: given } }).codes).toContain("reading_invalid");
  });

  test("without a reading of capacity nothing is requested", () => {
    const drive = new Drive(workload(TRACKING), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    const decision = drive.tick({ readable: false, readings: { cpu: 1 } });
    expect(decision.requested).toBe(10);
    expect(decision.codes).toContain("capacity_unreadable");
  });
});

describe("scale-in", () => {
  test("goes only as far as every metric with a target stays inside it", () => {
    const drive = new Drive(
      workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, memory: {measures: utilisation, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [{band: {metric: memory, from: 60%, to: 80%}}]
guards: {down: {window: 0s, limits: off}}
`),
      20,
    );
    const decision = drive.tick({ readings: { cpu: 0.35, memory: 0.72 } });
    // cpu asks for 10; memory 0.72 x 20 = 14.4 busy units need 18 at 80 %.
    expect(decision.desired).toBe(10);
    expect(decision.requested).toBe(18);
    expect(decision.codes).toContain("proof_utilisation");
  });

  test("waits while a latency objective is missed", () => {
    const policy = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, p95: {measures: latency}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [{threshold: {metric: p95, value: 200ms}}]
guards: {down: {window: 0s}}
`);
    expect(new Drive(policy, 10).tick({ readings: { cpu: 0.3, p95: 0.3 } })).toMatchObject({
      requested: 10,
      codes: expect.arrayContaining(["proof_objective"]),
    });
    expect(new Drive(policy, 10).tick({ readings: { cpu: 0.3, p95: 0.1 } }).requested).toBe(9);
  });

  test("is limited to max(10 %, 1 unit) a minute and by the blast radius of 50 % in 10 min", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: off}`), 40);
    drive.run(5 * MINUTE, { readings: { cpu: 0.7 } });
    const requested: number[] = [];
    const codes = new Set<string>();
    for (let minute = 0; minute < 20; minute++) {
      const last = drive.run(MINUTE, { readings: { cpu: 0.1 } });
      requested.push(last.requested);
      for (const code of last.codes) codes.add(code);
    }
    expect([...codes]).toEqual(expect.arrayContaining(["rate_limited_down", "blast_radius"]));
    for (const [i, units] of requested.entries()) {
      if (i > 0) expect(units).toBeGreaterThanOrEqual((requested[i - 1] as number) - Math.ceil((requested[i - 1] as number) * 0.1));
      expect(units).toBeGreaterThanOrEqual(Math.ceil((requested[Math.max(0, i - 9)] as number) / 2));
    }
    expect(requested.at(-1)).toBeLessThan(20);
  });

  test("is held after a cliff of load, longer while errors are many", () => {
    const policy = workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 100/s}}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, failed: {measures: errors, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
guards: {down: {window: 0s}}
`);
    const errors = [0, 0.05].map((failed) => {
      const drive = new Drive(policy, 40);
      drive.run(10 * MINUTE, { requested: 40, readings: { cpu: 0.7, failed: 0 } });
      let heldMs = 0;
      let seen = false;
      for (let i = 0; i < 240; i++) {
        const decision = drive.tick({ requested: 40, readings: { cpu: 0.1, failed } });
        if (decision.codes.includes("load_cliff")) seen = true;
        if (seen && decision.codes.includes("cliff_hold")) heldMs += 15_000;
      }
      return { seen, heldMs };
    });
    expect(errors[0]?.seen).toBe(true);
    expect(errors[0]?.heldMs).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(errors[0]?.heldMs).toBeLessThan(16 * MINUTE);
    expect(errors[1]?.heldMs).toBeGreaterThanOrEqual(29 * MINUTE);
  });

  test("is not held when a surge ends where load was before, and is again when a fault comes back", () => {
    const codes = (habit: string, levels: readonly (readonly [number, number])[]): string[] => {
      const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: {habit: ${habit}}}`), 40);
      return levels.flatMap(([cpu, minutes]) =>
        Array.from({ length: 4 * minutes }, () => drive.tick({ requested: 40, readings: { cpu } })).flatMap((decision) =>
          decision.codes.filter((code) => code === "load_cliff"),
        ),
      );
    };
    const surge = [
      [0.2, 60],
      [0.7, 20],
      [0.2, 5],
    ] as const;
    expect(codes("3h", surge)).toEqual([]);
    expect(codes("0s", surge)).not.toEqual([]);
    expect(codes("15m", surge)).not.toEqual([]); // forgotten by then
    expect(codes("3h", [...surge.slice(0, 2), [0.02, 5]])).not.toEqual([]); // below what the surge began from
    const fault = [
      [0.7, 30],
      [0.1, 8],
    ] as const;
    const once = codes("3h", fault).length;
    expect(once).toBeGreaterThan(0);
    expect(codes("3h", [...fault, ...fault]).length).toBeGreaterThan(once);
    // One that outlasts the hold by far is what load is like now.
    const lasting = [
      [0.7, 30],
      [0.1, 60],
      [0.7, 30],
    ] as const;
    expect(codes("3h", [...lasting, [0.1, 8]]).length).toBe(codes("3h", lasting).length);
  });

  test("a controller that has just begun removes nothing for a whole window", () => {
    const drive = new Drive(workload(TRACKING), 20);
    expect(drive.run(5 * MINUTE - 15_000, { readings: { cpu: 0.2 } }).requested).toBe(20);
    expect(drive.tick({ readings: { cpu: 0.2 } }).requested).toBe(20);
    expect(drive.tick({ readings: { cpu: 0.2 } }).requested).toBe(18);
  });
});

describe("an error budget", () => {
  const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 10/s}}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, requests: {measures: rate, window: 15s, lag: 0s}, failed: {measures: errors, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: sloBurn, objective: answered}]
objectives: [{name: answered, ratio: {bad: failed, total: requests}, minimum: 99%}]
guards: {down: {window: 0s}}
`);
  const at = (failed: Given) => ({ readings: { cpu: 0.5, requests: 100, failed } });

  test("that burns fast adds 10 % at each tick, and one that burned takes nothing away", () => {
    const drive = new Drive(POLICY, 20);
    drive.run(MINUTE, { readings: { cpu: 0.7, requests: 140, failed: 0 } });
    const first = drive.tick(at(0.5));
    expect(first).toMatchObject({ requested: 22, codes: expect.arrayContaining(["slo_burn", "highest_wins"]) });
    expect(drive.tick(at(0.5)).requested).toBe(25);
    const burnt = drive.run(10 * MINUTE, at(0.5)).requested;
    expect(burnt).toBeGreaterThan(25);
    // Six hours and half an hour still burn for a while; then a day and two hours do, slowly.
    drive.run(40 * MINUTE, at(0));
    const after = drive.run(20 * MINUTE, at(0));
    expect(after).toMatchObject({ codes: expect.arrayContaining(["slo_burn_slow"]) });
    expect(after.requested).toBeGreaterThanOrEqual(burnt);
    // Six hours later it is forgotten.
    expect(drive.run(7 * 60 * MINUTE, { readings: { cpu: 0.2, requests: 40, failed: 0 } }).requested).toBeLessThan(10);
  });

  test("that cannot be seen has no opinion of its own, and nothing shrinks", () => {
    const drive = new Drive(POLICY, 20);
    drive.run(5 * MINUTE, { readings: { cpu: 0.7, requests: 140, failed: 0 } });
    expect(drive.run(20 * MINUTE, at("absent"))).toMatchObject({ requested: 20, posture: "partial" });
  });
});

describe("a queue", () => {
  const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 1000}
unit: {serves: {rate: 10/s}}
metrics: {arrivals: {measures: rate, window: 15s, lag: 0s}, waiting: {measures: backlog, window: 15s, lag: 0s}}
strategies: [{type: queue, arrivals: arrivals, backlog: waiting, drain: 1m, perUnit: 10/s}]
guards: {up: {limits: off}, down: {window: 0s, limits: off}, cliff: off, blastRadius: off}
`);
  const asked = (arrivals: Given, waiting: Given, initial = 10) => new Drive(POLICY, initial).tick({ readings: { arrivals, waiting } });

  test("asks for ceil((arrivals + backlog / drain) / per unit), never below what arrives", () => {
    expect(asked(90, 600).requested).toBe(10);
    expect(asked(90, 601).requested).toBe(11);
    expect(asked(95, 0).requested).toBe(10);
    expect(asked(0, 0).requested).toBe(2);
    expect(asked(40, 0).requested).toBe(4);
    for (const waiting of [2 ** 31, 2 ** 53, 1e308]) expect(asked(40, waiting).requested).toBe(1_000);
  });

  test("only adds on what is seen of it", () => {
    expect(asked(40, "absent")).toMatchObject({ requested: 10, codes: expect.arrayContaining(["queue", "queue_unseen"]) });
    expect(asked(150, "absent").requested).toBe(15);
    expect(asked("absent", 9_000).requested).toBe(15);
    expect(asked("absent", 600).requested).toBe(10);
    expect(asked("absent", "absent")).toMatchObject({ requested: 10, codes: expect.arrayContaining(["no_opinion"]) });
  });

  test("what one unit works off is what it serves at the ceiling, when nothing is said", () => {
    const policy = workload(`
kind: stateless
bounds: {min: 2, max: 1000}
unit: {serves: {rate: 10/s}}
metrics: {arrivals: {measures: rate}, waiting: {measures: backlog}}
strategies: [{type: queue, arrivals: arrivals, backlog: waiting, drain: 1m}]
`);
    expect(policy.strategies).toEqual([{ type: "queue", metric: "arrivals", backlog: "waiting", drainMs: 60_000, perUnit: 8 }]);
  });
});

describe("calendars", () => {
  const POLICY = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: schedule, windows: [{start: "0 8 * * *", for: 1h, desired: 20}]}]
guards: {down: {window: 0s}}
`);
  const drive = (options: Partial<ConstructorParameters<typeof VernierEngine>[1]>, initial: number): Drive => {
    const made = new Drive(POLICY, initial);
    made.engine = new VernierEngine(POLICY, { policyHash: "test", ...options });
    return made;
  };
  const desired = (atMs: number, value: number) => ({ schedules: { bounds: [], desired: [[], [{ atMs, value }]], freeze: [] } });

  test("ask for what their window desires, and for the minimum outside", () => {
    const made = drive(
      {
        schedules: {
          bounds: [],
          desired: [
            [],
            [
              { atMs: MINUTE, value: 12 },
              { atMs: 30 * MINUTE, value: 0 },
            ],
          ],
          freeze: [],
        },
      },
      10,
    );
    expect(made.load(7, MINUTE)).toMatchObject({ requested: 10, codes: expect.arrayContaining(["schedule_closed"]) });
    expect(made.load(7, 2 * MINUTE)).toMatchObject({ requested: 12, codes: expect.arrayContaining(["schedule_open"]) });
    expect(made.load(7, 26 * MINUTE)).toMatchObject({ requested: 12 });
    expect(made.load(7, 10 * MINUTE)).toMatchObject({ requested: 10 });
  });

  test("take nothing away while nothing measured is known, and still add", () => {
    const blind = drive(desired(0, 0), 10);
    blind.load(7, MINUTE);
    expect(blind.run(20 * MINUTE, { readings: { cpu: "absent" } })).toMatchObject({ requested: 10, posture: "blind" });
    const adding = drive(desired(5 * MINUTE, 14), 10);
    adding.load(7, MINUTE);
    expect(adding.run(20 * MINUTE, { readings: { cpu: "absent" } }).requested).toBe(14);
  });

  test("change bounds: up at once, down as scale-in may", () => {
    const bounds = [
      { atMs: MINUTE, value: { min: 15, max: 100 } },
      { atMs: 10 * MINUTE, value: { min: 2, max: 12 } },
    ];
    const made = drive({ schedules: { bounds, desired: [[], []], freeze: [] } }, 10);
    made.load(7, MINUTE);
    expect(made.tick({ readings: { cpu: 0.7 } })).toMatchObject({ requested: 15, codes: expect.arrayContaining(["bounds_changed", "clamped_min"]) });
    made.load(10.5, 9 * MINUTE - 15_000);
    expect(made.tick({ readings: { cpu: 0.7 } }).requested).toBe(13); // 10 % of 15, away from zero
    expect(made.load(9, 5 * MINUTE).requested).toBe(12);
  });

  test("are where they were after a restart", () => {
    const options = desired(MINUTE, 12);
    const made = drive(options, 10);
    made.load(7, 2 * MINUTE);
    const twin = new VernierEngine(POLICY, { policyHash: "test", ...options });
    twin.restore(JSON.parse(JSON.stringify(made.engine.state())));
    made.engine = twin;
    expect(made.load(7, MINUTE).requested).toBe(12);
  });
});

describe("guards", () => {
  test("an upward window takes the lowest recommendation in it", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {up: {window: 1m}}`), 10);
    drive.run(MINUTE, { readings: { cpu: 0.7 } });
    expect(drive.tick({ requested: 10, readings: { cpu: 1 } }).codes).toContain("stabilised_up");
    expect(drive.run(MINUTE, { requested: 10, readings: { cpu: 1 } }).requested).toBe(15);
  });

  test("cooldown counts from the last step in any direction", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {up: {cooldown: 3m}}`), 10);
    expect(drive.tick({ readings: { cpu: 0.9 } }).requested).toBe(13);
    const during = drive.tick({ readings: { cpu: 1 } });
    expect(during).toMatchObject({ desired: 15, requested: 13 });
    expect(during.reasons.find((reason) => reason.code === "cooling_down")?.operands["remaining"]).toBe(3 * MINUTE - 15_000);
  });

  test("limits can be the narrowest, or switch a direction off", () => {
    const narrow = new Drive(workload(`${TRACKING}\nguards: {up: {limits: [{percent: 100%}, {units: 2}], select: min, unlimitedAbove: off}}`), 10);
    expect(narrow.tick({ readings: { cpu: 1 } })).toMatchObject({ requested: 12, codes: expect.arrayContaining(["rate_limited_up"]) });
    const off = new Drive(workload(`${TRACKING}\nguards: {down: {select: off, window: 0s}}`), 10);
    expect(off.tick({ readings: { cpu: 0.1 } })).toMatchObject({ requested: 10, codes: expect.arrayContaining(["direction_off"]) });
  });

  test("bounds clamp, and capacity outside them moves strictly nearer as the blast radius allows", () => {
    const drive = new Drive(workload(TRACKING), 100);
    expect(drive.tick({ readings: { cpu: 1 } })).toMatchObject({ desired: 143, requested: 100, codes: expect.arrayContaining(["clamped_max"]) });
    const below = new Drive(workload(TRACKING), 1);
    expect(below.tick({ readings: { cpu: 0.7 } }).codes).toContain("capacity_unconfirmed");
    expect(below.tick({ requested: 1, ready: 1, readings: { cpu: 0.7 } })).toMatchObject({ requested: 2, codes: expect.arrayContaining(["clamped_min"]) });
    const above = new Drive(workload(TRACKING), 400).tick({ readings: { cpu: 0.7 } });
    expect(above.requested).toBe(360); // 10 % a minute
    expect(above.codes).toEqual(expect.arrayContaining(["rate_limited_down", "bounds_pending"]));
    const fast = workload(`${TRACKING}\nguards: {down: {limits: off}}`);
    expect(new Drive(fast, 400).tick({ readings: { cpu: 0.7 } })).toMatchObject({ requested: 200, codes: expect.arrayContaining(["blast_radius"]) });
    expect(new Drive(fast, 400).tick({ readings: { cpu: "absent" } }).requested).toBe(400);
  });

  test("a list of units that is not complete yet is no capacity to act on (S18)", () => {
    const drive = new Drive(workload(TRACKING), 40);
    drive.run(10 * MINUTE, { requested: 40, ready: 40, readings: { cpu: 0.7 } });
    const lie = drive.tick({ requested: 0, ready: 0, readings: { cpu: 0.7 } });
    expect(lie.codes).toContain("capacity_unconfirmed");
    expect(lie.requested).toBe(40);
    const back = drive.tick({ requested: 40, ready: 40, readings: { cpu: 0.7 } });
    expect([back.requested, back.codes.includes("capacity_unconfirmed")]).toEqual([40, false]);
    // Low ones that change are believed the third time.
    expect([3, 2].map((units) => drive.tick({ requested: units, ready: units, readings: { cpu: 0.7 } }).requested)).toEqual([40, 40]);
    expect(drive.tick({ requested: 3, ready: 3, readings: { cpu: 0.7 } }).codes).not.toContain("capacity_unconfirmed");
    drive.run(MINUTE, { requested: 40, ready: 40, readings: { cpu: 0.7 } });
    // What comes twice is true: someone took them away.
    drive.tick({ requested: 1, ready: 1, readings: { cpu: 0.7 } });
    expect(drive.tick({ requested: 1, ready: 1, readings: { cpu: 1 } }).requested).toBeGreaterThan(1);
  });

  test("asleep, what comes from the units themselves is rightly silent", () => {
    const sleeper = workload(`
kind: stateless
bounds: {min: 0, max: 100}
activation: {metric: requests}
metrics:
  cpu: {measures: utilisation, window: 15s, lag: 0s}
  requests: {measures: rate, window: 15s, lag: 0s}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`);
    const asleep = new Drive(sleeper, 0).run(10 * MINUTE, { requested: 0, ready: 0, readings: { cpu: "absent", requests: 0 } });
    expect(asleep).toMatchObject({ requested: 0, posture: "normal" });
    // With units there is no such excuse.
    const awake = new Drive(sleeper, 2).run(10 * MINUTE, { requested: 2, ready: 2, readings: { cpu: "absent", requests: 0 } });
    expect(awake).toMatchObject({ requested: 2, posture: "partial" });
  });

  test("a zero that another metric contradicts is never believed, and one that its source vouches for is", () => {
    const two = workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 10/s}}
metrics:
  cpu: {measures: utilisation, window: 15s, lag: 0s}
  requests: {measures: rate, window: 15s, lag: 0s}
  answering: {measures: up, window: 15s, lag: 0s}
strategies:
  - {type: targetTracking, metric: cpu, target: 70%}
  - {type: targetTracking, metric: requests, target: 7/s}
`);
    const usual = { requested: 40, ready: 40, readings: { cpu: 0.7, requests: 280, answering: 1 } };
    const drive = new Drive(two, 40);
    drive.run(10 * MINUTE, usual);
    const disagreed = drive.run(20 * MINUTE, { ...usual, readings: { cpu: 0.7, requests: 0, answering: "absent" } });
    expect(disagreed.codes).toContain("metrics_disagree");
    expect(disagreed.posture).toBe("partial");
    const dead = drive.run(20 * MINUTE, { ...usual, readings: { cpu: 0.1, requests: 28, answering: 0.2 } });
    expect(dead.codes).toContain("source_down");
    expect(dead).toMatchObject({ requested: 40, posture: "blind" });
    const vouched = drive.tick({ ...usual, readings: { cpu: 0, requests: 0, answering: 1 } });
    expect(vouched.codes).not.toContain("implausible_zero");
  });

  test("a dependency caps growth", () => {
    const policy = workload(`${TRACKING}\nuses: {db: {connections: 20}}`, "dependencies: {db: {connections: 200}}");
    expect(new Drive(policy, 9).tick({ readings: { cpu: 1 } })).toMatchObject({
      desired: 13,
      requested: 10,
      codes: expect.arrayContaining(["dependency_limit"]),
    });
  });

  test("a group caps growth", () => {
    const policy = workload(`${TRACKING}\ngroup: edge`, "groups: {edge: {max: 12}}");
    expect(new Drive(policy, 10).tick({ readings: { cpu: 1 } })).toMatchObject({ requested: 12, codes: expect.arrayContaining(["group_limit"]) });
  });

  test("a budget for an hour caps growth at what it pays for", () => {
    const policy = workload(`${TRACKING}\nunit: {price: 0.30 USD/h}\nbudget: 3.40 USD/h`);
    expect(new Drive(policy, 10).tick({ readings: { cpu: 1 } })).toMatchObject({ requested: 11, codes: expect.arrayContaining(["budget_limit"]) });
  });

  test("a limit holds growth back, it takes nothing away", () => {
    const policy = workload(`${TRACKING}\ngroup: edge`, "groups: {edge: {max: 12}}");
    expect(new Drive(policy, 30).tick({ readings: { cpu: 0.95 } }).requested).toBe(30);
    expect(new Drive(policy, 30).tick().requested).toBe(30);
  });

  test("a limit below min holds and says so", () => {
    const policy = { ...workload(TRACKING), limits: [{ name: "db", kind: "dependency", units: 1 } as const] };
    expect(new Drive(policy, 10).tick({ readings: { cpu: 1 } })).toMatchObject({ requested: 10, codes: expect.arrayContaining(["constraint_below_min"]) });
  });

  test("a limit below a minimum that the calendar raised grows to the limit and stays there, whatever the load", () => {
    for (const load of [3, 6]) {
      const policy = { ...workload(TRACKING.replace("min: 2", "min: 12")), limits: [{ name: "budget", kind: "budget", units: 8 } as const] };
      const drive = new Drive(policy, Math.ceil(load / 0.7));
      // Capacity below the minimum is read twice before it is believed.
      drive.tick({ readings: { cpu: load / drive.requested } });
      drive.requested = Math.ceil(load / 0.7);
      const seen: number[] = [];
      for (let i = 0; i < 80; i++) seen.push(drive.tick({ readings: { cpu: load / drive.requested } }).requested);
      expect(Math.min(...seen)).toBeGreaterThanOrEqual(Math.ceil(load / 0.7));
      expect(new Set(seen.slice(20))).toEqual(new Set([Math.max(8, Math.ceil(load / 0.7))]));
    }
  });

  test("an exhausted budget stops growth, alarms before, and starts anew with the month", () => {
    const policy = workload(`${TRACKING}\nunit: {price: 1 USD/h}\nbudget: 100 USD/month`);
    const drive = new Drive(policy, 10);
    drive.run(8.2 * 60 * MINUTE, { readings: { cpu: 0.7 } });
    expect(drive.tick({ readings: { cpu: 0.7 } }).codes).toContain("spend_alarm"); // 10 units x 8.2 h = 82
    drive.run(2 * 60 * MINUTE, { readings: { cpu: 0.7 } });
    expect(drive.tick({ readings: { cpu: 1 } })).toMatchObject({ requested: 10, codes: expect.arrayContaining(["spend_exhausted"]) });
  });

  test("shared limits lower a proposal, never below what runs", () => {
    expect(new Drive(workload(TRACKING), 10).tick({ readings: { cpu: 1 }, unitsMax: 12 })).toMatchObject({
      requested: 12,
      codes: expect.arrayContaining(["allowance"]),
    });
    expect(new Drive(workload(TRACKING), 10).tick({ readings: { cpu: 1 }, unitsMax: 4 }).requested).toBe(10);
  });

  test("what others remove counts against the blast radius", () => {
    const drive = new Drive(workload(`${TRACKING}\nguards: {cliff: off, down: {window: 0s}}`), 20);
    drive.tick({ readings: { cpu: 0.7 } });
    // Someone removes 8 of 20: the radius of 10 leaves 2 for us.
    drive.tick({ requested: 12, readings: { cpu: 0.1 } });
    const decision = drive.run(3 * MINUTE, { readings: { cpu: 0.1 } });
    expect(decision.requested).toBe(10);
    expect(decision.codes).toContain("blast_radius");
  });
});
