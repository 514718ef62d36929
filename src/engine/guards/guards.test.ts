import { describe, expect, test } from "vitest";
import { Drive, TRACKING, workload } from "../../../test/support/drive.ts";
import { VernierEngine } from "../engine.ts";
import { Activation } from "./activation.ts";
import { BlastRadius } from "./blast-radius.ts";
import { LoadCliff } from "./load-cliff.ts";
import { PostureJudge } from "./posture.ts";
import { Spend } from "./spend.ts";

const MINUTE = 60_000;

describe("a cliff of load", () => {
  const PARAMS = { below: 0.4, holdMs: 600_000, holdAtZeroMs: 3_600_000, holdWithErrorsMs: 1_800_000, errorsAbove: 0.02, habitMs: 0 };
  /** When scale-in is held, minute by minute, for a load given by the minute. */
  const held = (cliff: LoadCliff, load: (minute: number) => number, minutes: number): boolean[] =>
    Array.from({ length: minutes }, (_, minute) => {
      for (let tick = 0; tick < 4; tick++) cliff.record(minute * MINUTE + tick * 15_000, load(minute));
      return cliff.remainingMs(minute * MINUTE + 59_999) > 0;
    });

  test("is a fall of the 2-min mean below 40 % of the 5-min mean before, and holds for 10 min after the last sign of it", () => {
    const result = held(
      new LoadCliff(PARAMS, { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" }),
      (minute) => (minute < 20 ? 1_000 : 100),
      60,
    );
    const first = result.indexOf(true);
    const last = result.lastIndexOf(true);
    // The last sign is at 25:45, when 4 of the 20 earlier samples are still high: 100 < 0.4 x (100 + 45 x 4); 10 min later it ends.
    expect([first, last]).toEqual([21, 34]);
  });

  test("is none when load halves, nor for a few requests more or less", () => {
    expect(
      held(new LoadCliff(PARAMS, { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" }), (minute) => (minute < 20 ? 1_000 : 500), 40),
    ).not.toContain(true);
    // 0.2/s: 24 expected in 2 min, 7 found; the deficit of 17 is below 6 x sqrt(24) = 29.
    expect(
      held(new LoadCliff(PARAMS, { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" }), (minute) => (minute < 20 ? 0.2 : 0.06), 40),
    ).not.toContain(true);
  });

  test("is held longer while errors are many, and not for longer than 30 min from its beginning", () => {
    const cliff = new LoadCliff(PARAMS, { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" });
    let untilMs = 0;
    for (let tick = 0; tick < 400; tick++) {
      const nowMs = tick * 15_000;
      cliff.record(nowMs, tick < 80 ? 1_000 : 100);
      cliff.recordErrors(nowMs, 0.05);
      if (cliff.remainingMs(nowMs) > 0) untilMs = nowMs;
    }
    expect(untilMs / MINUTE).toBeGreaterThan(20 + 29);
    expect(untilMs / MINUTE).toBeLessThan(20 + 33);
  });

  test.for([1_000, 2_000, 5_000, 10_000, 15_000, 30_000])(
    "is found at an interval of %d ms as at any other: not from a lull of 30 s, within 90 s of a fault",
    (intervalMs) => {
      const cliff = new LoadCliff(PARAMS, { intervalMs, countPerLoad: 1, perUnit: 1, of: "load" });
      let foundMs = 0;
      for (let nowMs = 0; nowMs < 40 * MINUTE && foundMs === 0; nowMs += intervalMs) {
        const isLull = nowMs >= 15 * MINUTE && nowMs < 15.5 * MINUTE;
        if (cliff.record(nowMs, isLull || nowMs >= 30 * MINUTE ? 1 : 100)) foundMs = nowMs;
      }
      expect(foundMs).toBeGreaterThan(30.5 * MINUTE);
      expect(foundMs).toBeLessThanOrEqual(31.5 * MINUTE);
    },
  );

  test("is found after an idle beginning, and again when a fault comes back, but not at the end of a surge", () => {
    const HABIT = { ...PARAMS, habitMs: 10_800_000 };
    const found = (levels: readonly (readonly [number, number])[]): number => {
      const cliff = new LoadCliff(HABIT, { intervalMs: 15_000, countPerLoad: 1, perUnit: 1, of: "load" });
      let nowMs = 0;
      let edges = 0;
      let was = false;
      for (const [load, minutes] of levels) {
        for (const endMs = nowMs + minutes * MINUTE; nowMs < endMs; nowMs += 15_000) {
          const is = cliff.record(nowMs, load);
          if (is && !was) edges++;
          was = is;
        }
      }
      return edges;
    };
    expect(
      found([
        [0, 15],
        [100, 120],
        [0, 10],
      ]),
    ).toBe(1);
    expect(
      found([
        [100, 60],
        [0, 25],
        [100, 60],
        [0, 10],
      ]),
    ).toBe(2);
    expect(
      found([
        [20, 120],
        [100, 15],
        [20, 30],
        [100, 15],
        [20, 10],
      ]),
    ).toBe(0);
    expect(
      found([
        [20, 120],
        [100, 15],
        [2, 10],
      ]),
    ).toBe(1);
    // An idle service leaves nothing but rounding behind.
    expect(found(Array.from({ length: 200 }, (_, i) => [i % 7 === 0 ? 0.3 : 0, 3] as const))).toBe(0);
  });

  test("learns nothing from a state of another metric or interval, and keeps holding what it held", () => {
    const options = { intervalMs: 15_000, countPerLoad: 1, perUnit: 1, of: "utilisation cpu" };
    const HABIT = { ...PARAMS, habitMs: 10_800_000 };
    const before = new LoadCliff(HABIT, options);
    for (let tick = 0; tick < 400; tick++) before.record(tick * 15_000, tick < 390 ? 50 : 1);
    const state = JSON.parse(JSON.stringify(before.state()));
    expect(before.remainingMs(6_000_000)).toBeGreaterThan(0);
    for (const other of [
      { ...options, of: "rate requests" },
      { ...options, intervalMs: 60_000 },
    ]) {
      const after = new LoadCliff(HABIT, other);
      after.restore(state);
      expect(after.remainingMs(6_000_000)).toBe(before.remainingMs(6_000_000));
      expect(after.state()).toMatchObject({ means: [], blocks: [], of: other.of });
    }
    const twin = new LoadCliff(HABIT, options);
    twin.restore(state);
    expect(twin.state()).toEqual(before.state());
  });

  test("starts over after a hole", () => {
    const cliff = new LoadCliff(PARAMS, { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" });
    for (let tick = 0; tick < 40; tick++) cliff.record(tick * 15_000, 1_000);
    for (let tick = 60; tick < 80; tick++) expect(cliff.record(tick * 15_000, 10)).toBe(false);
  });

  test("does not hold growth", () => {
    const drive = new Drive(workload(`${TRACKING}\nunit: {serves: {rate: 100/s}}`), 40);
    drive.run(10 * MINUTE, { requested: 40, readings: { cpu: 0.7 } });
    drive.run(4 * MINUTE, { requested: 40, readings: { cpu: 0.1 } });
    expect(drive.tick({ requested: 40, readings: { cpu: 1 } }).requested).toBe(58); // ceil(40 / 0.7)
  });

  test("is seen when load falls to nothing, also through readings that are not believed", () => {
    const policy = workload(
      "kind: stateless\nbounds: {min: 2, max: 100}\nmetrics: {cpu: {measures: utilisation, window: 1m, lag: 0s, scrape: 1m}}\nstrategies: [{type: targetTracking, metric: cpu, target: 70%}]\ninterval: 1m",
    );
    const drive = new Drive(policy, 40);
    drive.run(15 * MINUTE, { requested: 40, readings: { cpu: 0.7 } });
    expect(drive.run(10 * MINUTE, { readings: { cpu: 0 } }).requested).toBe(40);
  });
});

describe("money", () => {
  test("is counted by the month, split where the month begins", () => {
    const spend = new Spend({ perMonth: 1_000, pricePerHour: 1, monthsBeginAtMs: [0, 3_600_000] });
    spend.observe(0, 10);
    spend.observe(1_800_000, 10);
    expect(spend.spent).toBe(5);
    spend.observe(72 * 3_600_000, 10);
    expect(spend.spent).toBe(710); // 71 h of the new month
  });

  test("alarms at 80 %, not before; exhausted stops growth and not scale-in; restore keeps it", () => {
    const policy = workload(`${TRACKING}\nunit: {price: 1 USD/h}\nbudget: 100 USD/month\nguards: {cliff: off, down: {window: 0s}}`);
    const drive = new Drive(policy, 10);
    expect(drive.run(7.5 * 60 * MINUTE, { readings: { cpu: 0.7 } }).codes).not.toContain("spend_alarm");
    drive.run(3 * 60 * MINUTE, { readings: { cpu: 0.7 } });
    const state = JSON.parse(JSON.stringify(drive.engine.state()));
    drive.engine = new VernierEngine(policy, { policyHash: "test" });
    drive.engine.restore(state);
    expect(drive.tick({ readings: { cpu: 1 } }).codes).toContain("spend_exhausted");
    expect(drive.tick({ readings: { cpu: 0.1 } }).requested).toBe(9);
  });
});

describe("posture", () => {
  const judge = (unusable: readonly number[]): string[] => {
    const posture = new PostureJudge(2, 3);
    return unusable.map((count) => posture.record(count, 2));
  };

  test("needs bad and good ticks in a row", () => {
    expect(judge([1, 0, 1, 1, 0, 0, 1, 0, 0, 0])).toEqual([
      "normal",
      "normal",
      "normal",
      "partial",
      "partial",
      "partial",
      "partial",
      "partial",
      "partial",
      "normal",
    ]);
    expect(judge([2, 2, 1, 2, 0, 1])).toEqual(["normal", "blind", "partial", "partial", "partial", "partial"]);
  });
});

describe("blast radius", () => {
  test("blocks for a window after a stretch in which nobody counted", () => {
    const radius = new BlastRadius({ share: 0.5, windowMs: 600_000 });
    radius.observe(0, 100, 0);
    radius.block(0);
    expect(radius.allowed(599_999)).toBe(0);
    expect(radius.allowed(600_000)).toBe(50);
  });

  test("counts a peak for a window after it ended, and removals whoever made them", () => {
    const radius = new BlastRadius({ share: 0.5, windowMs: 600_000 });
    radius.observe(0, 100, 0);
    radius.observe(60_000, 70, 30);
    expect(radius.allowed(60_000)).toBe(20); // half of 100, 30 gone
    radius.observe(120_000, 70, 0);
    expect(radius.allowed(600_000)).toBe(5); // the peak has left the window, the removal has not
  });
});

describe("proof", () => {
  test("with two metrics never asks for more than runs", () => {
    const policy = workload(`
kind: stateless
bounds: {min: 2, max: 100}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, memory: {measures: utilisation, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [{band: {metric: memory, from: 60%, to: 80%}}]
guards: {down: {window: 0s, limits: off}}
`);
    expect(new Drive(policy, 10).tick({ readings: { cpu: 0.3, memory: 0.95 } }).requested).toBe(10);
  });

  test("of a ratio objective and of a threshold on errors", () => {
    const policy = (objective: string) =>
      workload(`
kind: stateless
bounds: {min: 2, max: 100}
unit: {serves: {rate: 1/s}}
metrics: {cpu: {measures: utilisation, window: 15s, lag: 0s}, failed: {measures: errors, window: 15s, lag: 0s}, rps: {measures: rate, window: 15s, lag: 0s}}
strategies: [{type: targetTracking, metric: cpu, target: 70%}]
objectives: [${objective}]
guards: {down: {window: 0s}}
`);
    const at = (objective: string, failed: number) => new Drive(policy(objective), 10).tick({ readings: { cpu: 0.3, failed, rps: 3 } }).requested;
    expect(at("{ratio: {bad: failed, total: rps}, minimum: 99%}", 0.05)).toBe(10);
    expect(at("{ratio: {bad: failed, total: rps}, minimum: 99%}", 0.005)).toBe(9);
    expect(at("{threshold: {metric: failed, value: 1%}}", 0.01)).toBe(9);
    // A rate over all units does not change with their number: it is judged as measured.
    expect(at("{threshold: {metric: rps, value: 4/s}}", 0)).toBe(9);
  });
});

describe("activation", () => {
  const params = { metric: "requests", above: 1, idleMs: 5 * MINUTE, wake: 2 };

  test("sleeps after the whole idle time at or under the level, and counts anew after every sign of life", () => {
    const activation = new Activation(params, 2);
    const at = (minutes: number, value: number | undefined) => activation.record(minutes * MINUTE, value);
    expect([at(0, 1.1), at(1, 1), at(5, 0), at(5.9, 1)]).toEqual(["active", "waiting", "waiting", "waiting"]);
    expect([at(6, 0), at(6.5, 2), at(7, 0), at(11.9, 0), at(12, 0)]).toEqual(["asleep", "active", "waiting", "waiting", "asleep"]);
  });

  test("takes nothing seen for no idleness, and after two ticks says that nobody sees", () => {
    const activation = new Activation(params, 2);
    activation.record(0, 0);
    expect([activation.record(5 * MINUTE, undefined), activation.record(6 * MINUTE, undefined)]).toEqual(["waiting", "unseen"]);
    const restored = new Activation(params, 2);
    restored.restore(JSON.parse(JSON.stringify(activation.state())));
    expect([restored.record(7 * MINUTE, undefined), restored.record(8 * MINUTE, 0), restored.record(12 * MINUTE, 0)]).toEqual(["unseen", "waiting", "waiting"]);
    expect(restored.record(13 * MINUTE, 0)).toBe("asleep");
  });
});

test("a sudden nothing holds for an hour, unless load was nothing before", () => {
  const options = { intervalMs: 15_000, countPerLoad: 1, perUnit: Number.NaN, of: "load" };
  const cliff = new LoadCliff(
    { below: 0.4, holdMs: 600_000, holdAtZeroMs: 3_600_000, holdWithErrorsMs: 1_800_000, errorsAbove: 0.02, habitMs: 10_800_000 },
    options,
  );
  const remaining: number[] = [];
  for (let tick = 0; tick < 4 * 60 * 4; tick++) {
    const minute = tick / 4;
    cliff.record(tick * 15_000, minute < 60 || (minute >= 180 && minute < 200) ? 1_000 : 0);
    remaining.push(cliff.remainingMs(tick * 15_000));
  }
  const at = (minute: number) => remaining[minute * 4] as number;
  expect(at(63)).toBe(60 * MINUTE);
  expect(at(120)).toBeGreaterThan(0);
  expect(at(128)).toBe(0);
  // The second time nothing is known to happen.
  expect(at(203)).toBeLessThanOrEqual(10 * MINUTE);
});
