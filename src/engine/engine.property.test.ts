import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Given, workload } from "../../test/support/drive.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { reloadable, VernierEngine } from "./engine.ts";
import { type Allowances, type Reading, UNLIMITED } from "./model.ts";
import { isWithinTolerance, targetRatio, targetUnits } from "./strategies/target-tracking.ts";

const BASE = `
bounds: {min: 3, max: 60}
unit: {serves: {rate: 100/s}}
metrics:
  cpu: {measures: utilisation, window: 15s, lag: 0s}
  rps: {measures: rate, window: 30s, lag: 0s}
  failed: {measures: errors, window: 15s, lag: 0s}
  waiting: {measures: backlog, window: 15s, lag: 0s}
objectives: [{name: answered, threshold: {metric: failed, value: 5%}}]
`;
const STRATEGIES = [
  "strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: targetTracking, metric: rps, target: 70/s}]",
  "strategies: [{type: tiers, metric: cpu, up: [{at: 75%, add: 10%}, {at: 90%, add: 30%}], down: [{below: 50%, remove: 10%}]}, {type: targetTracking, metric: rps, target: 60/s}]",
  "strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: queue, arrivals: rps, backlog: waiting, drain: 1m}, {type: schedule, windows: [{start: '0 8 * * *', for: 1h, desired: 9}]}, {type: sloBurn, objective: answered}]",
];
const GUARDS = [
  "guards: {}",
  "guards: {cliff: off, implausibleZero: off, down: {window: 0s, limits: off}}",
  "guards: {proof: off, cliff: off, implausibleZero: off, down: {window: 0s, limits: off}, up: {limits: off}, whenBlind: {grow: 25%}, blastRadius: {share: 30%, window: 3m}}",
  "guards: {up: {window: 1m, cooldown: 1m}, down: {window: 2m, cooldown: 2m}, whenBlind: {floor: 9}, blastRadius: {share: 10%, window: 5m}}",
];
const POLICIES: readonly ResolvedWorkload[] = STRATEGIES.flatMap((strategies) =>
  GUARDS.flatMap((guards) => ["kind: stateless", "kind: quorum"].map((kind) => workload(`${kind}\n${BASE}\n${strategies}\n${guards}`))),
);

interface Event {
  readonly cpu: Given;
  readonly rps: Given;
  readonly failed: Given;
  /** Units that others add (or take away, when negative) before this tick. */
  readonly drift: number;
  readonly readyShare: number;
  readonly isReadable: boolean;
  readonly unitsMax: number;
  readonly actuation: "applied" | "failed";
  readonly restart: "no" | "restart" | number;
  readonly gapTicks: number;
  /** All metrics lost at once: drawn together, or blindness would hardly ever be reached. */
  readonly isBlackout: boolean;
}

const given = (max: number): fc.Arbitrary<Given> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.double({ min: 0, max, noNaN: true }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Given>(
        "absent",
        "invalid",
        0,
        -1,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        1e308,
        5e-324,
        2 ** 31,
        2 ** 53,
        { value: 0.1, partial: true },
        { value: 0.1, sampledAtMs: -1e9 },
      ),
    },
  );
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.record<Event>({
    cpu: given(1),
    rps: given(6_000),
    failed: fc.oneof({ weight: 9, arbitrary: fc.constant<Given>(0) }, given(1)),
    drift: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.integer({ min: -20, max: 20 })),
    readyShare: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
    isReadable: fc.oneof({ weight: 12, arbitrary: fc.constant(true) }, fc.constant(false)),
    unitsMax: fc.oneof({ weight: 9, arbitrary: fc.constant(Number.POSITIVE_INFINITY) }, fc.integer({ min: 0, max: 80 })),
    actuation: fc.oneof({ weight: 12, arbitrary: fc.constant("applied" as const) }, fc.constant("failed" as const)),
    restart: fc.oneof({ weight: 12, arbitrary: fc.constant("no" as const) }, fc.constant("restart" as const), fc.nat({ max: POLICIES.length - 1 })),
    isBlackout: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    gapTicks: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 60 })),
  }),
  { minLength: 5, maxLength: 150 },
);
const policies = fc.constantFrom(...POLICIES);

function readingsOf(event: Event, nowMs: number, reverse = false): Reading[] {
  const readings = (["cpu", "rps", "failed", "waiting"] as const).map((metric): Reading => {
    const value = event.isBlackout ? "absent" : event[metric === "waiting" ? "rps" : metric];
    const base: Reading = { metric, status: "value", value: 0, sampledAtMs: nowMs, windowMs: 15_000, partial: false };
    if (typeof value === "number") return { ...base, value };
    return typeof value === "string" ? { ...base, status: value } : { ...base, ...value };
  });
  return reverse ? readings.reverse() : readings;
}

interface Seen {
  readonly atMs: number;
  readonly before: number;
  readonly requested: number;
  readonly readable: boolean;
  readonly usable: boolean;
  readonly any: boolean;
}

/** The world around an engine: drift, failing actuation, restarts and reloads. Calls `check` after each decision. */
function live(
  policy: ResolvedWorkload,
  story: readonly Event[],
  check: (seen: Seen, engine: VernierEngine, event: Event) => void,
  onReload?: (policy: ResolvedWorkload, how: "restart" | "reload") => void,
): void {
  let engine = new VernierEngine(policy, { policyHash: "p" });
  let current = policy;
  let effective = policy;
  let requested = 20;
  let nowMs = 0;
  for (const event of story) {
    requested = Math.max(0, requested + event.drift);
    if (event.restart === "restart") {
      const state = JSON.parse(JSON.stringify(engine.state()));
      engine = new VernierEngine(current, { policyHash: "p" });
      engine.restore(state);
      effective = current;
      onReload?.(current, "restart");
    } else if (typeof event.restart === "number") {
      current = POLICIES[event.restart] as ResolvedWorkload;
      effective = reloadable(effective, current);
      const state = JSON.parse(JSON.stringify(engine.state()));
      engine = new VernierEngine(effective, { policyHash: "q" });
      engine.restore(state);
      onReload?.(current, "reload");
    }
    const ready = Math.round(requested * event.readyShare);
    const observation = {
      capacity: { readable: event.isReadable, requested, ready, starting: requested - ready, draining: 0 },
      readings: readingsOf(event, nowMs),
    };
    engine.propose(observation, nowMs);
    const decision = engine.settle(event.unitsMax === Number.POSITIVE_INFINITY ? UNLIMITED : ({ unitsMax: event.unitsMax } satisfies Allowances));
    const usable = (value: Given, max: number): boolean => typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= max;
    check(
      {
        atMs: nowMs,
        before: requested,
        // Holding is what `requested` equal to `from` says, whatever the two numbers are.
        requested: decision.requested === decision.from ? requested : decision.requested,
        readable: event.isReadable,
        usable: !event.isBlackout && usable(event.cpu, 1e308) && usable(event.rps, 1e308) && usable(event.failed, 1e308),
        any: usable(event.cpu, 1e308) || usable(event.rps, 1e308),
      },
      engine,
      event,
    );
    if (event.actuation === "applied" && decision.requested !== decision.from) requested = decision.requested;
    nowMs += 15_000 * event.gapTicks;
  }
}

describe("any sequence of observations, drift, failures, reloads and restarts", () => {
  test("requests whole units inside the bounds, or strictly nearer to them", () => {
    fc.assert(
      fc.property(policies, events, (policy, story) => {
        let bounds = policy.bounds;
        live(
          policy,
          story,
          ({ before, requested }) => {
            expect(Number.isInteger(requested)).toBe(true);
            if (requested === before) return;
            const distance = (units: number): number => Math.max(0, bounds.min - units, units - bounds.max);
            expect(distance(requested) === 0 || distance(requested) < distance(before)).toBe(true);
          },
          (reloaded) => {
            bounds = reloaded.bounds;
          },
        );
      }),
      { numRuns: 300 },
    );
  });

  test("never removes more than the blast radius in any window, whoever else removes", () => {
    fc.assert(
      fc.property(policies, events, (policy, story) => {
        // Reloads can only narrow the radius; a restart takes the policy's own.
        let radius = policy.guards.blastRadius as { share: number; windowMs: number };
        const removals: { atMs: number; units: number; before: number; own: boolean }[] = [];
        const levels: { atMs: number; units: number }[] = [];
        let known: number | undefined;
        let grown = 0;
        live(
          policy,
          story,
          ({ atMs, before, requested, readable }, engine) => {
            if (!readable) return;
            if (known !== undefined && before < known) removals.push({ atMs, units: known - before, before: known, own: false });
            known = before;
            levels.push({ atMs, units: before });
            if (requested > before) grown += requested - before;
            if (requested >= before) return;
            if (engine.reasons().some(({ code, to }) => (code === "retrograde" || code === "futile") && to === requested)) {
              // Taking back what we added is exempt, and no more than that.
              grown -= before - requested;
              expect(grown).toBeGreaterThanOrEqual(0);
              known = requested;
              return;
            }
            removals.push({ atMs, units: before - requested, before, own: true });
            // Every window that ends now, beginning just before each removal in it.
            for (const [k, first] of removals.entries()) {
              if (atMs - first.atMs >= radius.windowMs) continue;
              const since = removals.slice(k);
              const removed = since.reduce((sum, removal) => sum + removal.units, 0);
              const own = since.reduce((sum, removal) => sum + (removal.own ? removal.units : 0), 0);
              const highest = Math.max(first.before, ...levels.filter((level) => level.atMs > first.atMs).map((level) => level.units));
              // What others took beyond the radius is theirs; then we may have taken nothing.
              expect(own === 0 || removed <= Math.max(1, Math.floor(radius.share * highest + 1e-9))).toBe(true);
            }
            known = requested;
          },
          (reloaded, how) => {
            const next = reloaded.guards.blastRadius as { share: number; windowMs: number };
            radius = how === "restart" ? next : { share: Math.min(radius.share, next.share), windowMs: Math.max(radius.windowMs, next.windowMs) };
          },
        );
      }),
      { numRuns: 300 },
    );
  });

  test("never shrinks on partial or missing data, nor without a reading of capacity", () => {
    fc.assert(
      fc.property(policies, events, (policy, story) => {
        // With the proof switched off its promise is off too.
        const proven = policy.guards.proof === "on" ? policy : { ...policy, guards: { ...policy.guards, proof: "on" as const } };
        live(
          proven,
          story.map((event) => ({ ...event, restart: typeof event.restart === "number" ? ("no" as const) : event.restart })),
          ({ before, requested, usable, readable }) => {
            if ((!usable || !readable) && before <= proven.bounds.max) expect(requested).toBeGreaterThanOrEqual(before);
          },
        );
      }),
      { numRuns: 300 },
    );
  });

  test("goes on identically after restore", () => {
    fc.assert(
      fc.property(policies, events, (policy, story) => {
        let twin = new VernierEngine(policy, { policyHash: "p" });
        live(
          policy,
          story.map((event) => ({ ...event, restart: "no" as const })),
          ({ atMs, before, requested, readable }, engine, event) => {
            // The twin is taken apart and put together at every tick.
            const ready = Math.round(before * event.readyShare);
            twin.propose({ capacity: { readable, requested: before, ready, starting: before - ready, draining: 0 }, readings: readingsOf(event, atMs) }, atMs);
            const decision = twin.settle({ unitsMax: event.unitsMax });
            expect(decision.requested === decision.from ? before : decision.requested).toBe(requested);
            expect(JSON.stringify(twin.state())).toBe(JSON.stringify(engine.state()));
            const state = JSON.parse(JSON.stringify(twin.state()));
            twin = new VernierEngine(policy, { policyHash: "p" });
            twin.restore(state);
          },
        );
      }),
      { numRuns: 200 },
    );
  });

  test("goes on identically after restore when a reload before it took a metric away", () => {
    const policy = (failed: string): ResolvedWorkload =>
      workload(`
kind: stateless
bounds: {min: 1, max: 200}
metrics:
  cpu: {measures: utilisation, window: 15s, lag: 0s}
  users: {measures: gauge, scope: total, window: 15s, lag: 0s}
  ${failed}
strategies: [{type: targetTracking, metric: cpu, target: 70%}, {type: targetTracking, metric: users, target: 10}]
guards: {cliff: off}`);
    const lean = policy("");
    const taken = (from: VernierEngine): VernierEngine => {
      const to = new VernierEngine(lean, { policyHash: "p" });
      to.restore(JSON.parse(JSON.stringify(from.state())));
      return to;
    };
    let atMs = 0;
    let units = 10;
    const tick = (engines: readonly VernierEngine[], users: number, failed?: number): void => {
      atMs += 15_000;
      const read = (metric: string, value: number): Reading => ({ metric, status: "value", value, sampledAtMs: atMs, windowMs: 15_000, partial: false });
      const readings = [read("cpu", 5 / units), read("users", users), ...(failed === undefined ? [] : [read("failed", failed)])];
      const capacity = { readable: true, requested: units, ready: units, starting: 0, draining: 0 };
      const decided = engines.map((engine) => {
        engine.propose({ capacity, readings }, atMs);
        return { requested: engine.settle(UNLIMITED).requested, reasons: engine.reasons(), state: JSON.stringify(engine.state()) };
      });
      for (const other of decided) expect(other).toEqual(decided[0]);
      units = (decided[0] as (typeof decided)[number]).requested;
    };
    const before = new VernierEngine(policy("failed: {measures: errors, window: 15s, lag: 0s}"), { policyHash: "o" });
    for (let i = 0; i < 20; i++) tick([before], 100, 0.05);
    const running = taken(before);
    for (let i = 0; i < 240; i++) tick([running], 100);
    // A controller that begins again from a snapshot beside one that was never stopped: nobody fails requests any more, for either.
    const both = [running, taken(running)];
    for (let i = 0; i < 20; i++) tick(both, 120);
    for (let i = 0; i < 40; i++) tick(both, 200);
    expect(units).toBe(20);
  });

  test("does not depend on the order of metrics and readings", () => {
    fc.assert(
      fc.property(policies, events, (policy, story) => {
        const reversed = new VernierEngine({ ...policy, metrics: policy.metrics.toReversed() }, { policyHash: "p" });
        live(
          policy,
          story.map((event) => ({ ...event, restart: "no" as const })),
          ({ atMs, before, requested, readable }, _, event) => {
            const ready = Math.round(before * event.readyShare);
            reversed.propose(
              { capacity: { readable, requested: before, ready, starting: before - ready, draining: 0 }, readings: readingsOf(event, atMs, true) },
              atMs,
            );
            const decision = reversed.settle({ unitsMax: event.unitsMax });
            expect(decision.requested === decision.from ? before : decision.requested).toBe(requested);
          },
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("target tracking", () => {
  const loads = fc.oneof(
    fc.double({ min: 0, max: 1e5, noNaN: true }),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, 5e-324, 2 ** 31 - 1, 2 ** 31, 2 ** 53, 1e308, Number.MAX_VALUE),
  );

  test("gives no less for more load, over the whole double range, and stays an int32", () => {
    const params = { type: "targetTracking", metric: "x", targetPerUnit: 0.1, toleranceUp: 0.05, toleranceDown: 0.05 } as const;
    const units = (capacity: number, load: number): number =>
      isWithinTolerance(params, targetRatio(params, capacity, load)) ? capacity : targetUnits(params, load);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), loads, loads, (capacity, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(units(capacity, more)).toBeGreaterThanOrEqual(units(capacity, less));
        expect(units(capacity, more)).toBeLessThanOrEqual(2 ** 31 - 1);
      }),
      { numRuns: 20_000 },
    );
  });

  test("gives no less for more load through the whole engine", () => {
    const policy = POLICIES[2] as ResolvedWorkload;
    fc.assert(
      fc.property(events, loads, loads, (story, a, b) => {
        let engine = new VernierEngine(policy, { policyHash: "p" });
        live(
          policy,
          story.map((event) => ({ ...event, restart: "no" as const })),
          (_, last) => {
            engine = last;
          },
        );
        const state = JSON.parse(JSON.stringify(engine.state()));
        const nowMs = engine.atMs + 15_000;
        const decide = (load: number): number => {
          const twin = new VernierEngine(policy, { policyHash: "p" });
          twin.restore(state);
          const event = { cpu: 0.6, rps: load, failed: 0 } as unknown as Event;
          twin.propose({ capacity: { readable: true, requested: 20, ready: 20, starting: 0, draining: 0 }, readings: readingsOf(event, nowMs) }, nowMs);
          return twin.settle(UNLIMITED).requested;
        };
        expect(decide(Math.max(a, b))).toBeGreaterThanOrEqual(decide(Math.min(a, b)));
      }),
      { numRuns: 300 },
    );
  });

  test("changes nothing when load and target are multiplied by the same number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.01, max: 1e6, noNaN: true }), fc.constantFrom(0.5, 2, 4, 1024), (capacity, load, k) => {
        const params = { type: "targetTracking", metric: "x", targetPerUnit: 70, toleranceUp: 0.05, toleranceDown: 0.05 } as const;
        expect(targetUnits({ ...params, targetPerUnit: 70 * k }, load * k)).toBe(targetUnits(params, load));
        expect(targetRatio({ ...params, targetPerUnit: 70 * k }, capacity, load * k)).toBe(targetRatio(params, capacity, load));
      }),
      { numRuns: 2_000 },
    );
  });
});

test("unchanged load changes nothing after the longest window", () => {
  fc.assert(
    fc.property(policies, fc.double({ min: 0.5, max: 55, noNaN: true }), fc.integer({ min: 3, max: 60 }), (policy, busy, initial) => {
      const engine = new VernierEngine(policy, { policyHash: "p" });
      let requested = initial;
      const history: number[] = [];
      // Two hours: quorum removes at most one unit of twenty in ten minutes.
      for (let tick = 0; tick < 4 * 60 * 14; tick++) {
        const nowMs = tick * 15_000;
        const readings = readingsOf({ cpu: Math.min(1, busy / requested), rps: busy * 60, failed: 0 } as unknown as Event, nowMs);
        for (const reading of readings) reading.windowMs = 0;
        engine.propose({ capacity: { readable: true, requested, ready: requested, starting: 0, draining: 0 }, readings }, nowMs);
        requested = engine.settle(UNLIMITED).requested;
        history.push(requested);
      }
      expect(new Set(history.slice(-240)).size).toBe(1);
    }),
    { numRuns: 60 },
  );
});
