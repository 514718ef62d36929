import { stringify } from "yaml";
import { VernierEngine } from "../src/engine/engine.ts";
import type { Decision } from "../src/engine/model.ts";
import { createRng } from "../src/lib/rng.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { simulate } from "../src/sim/kernel.ts";
import { traceOfLoad } from "../src/sim/scenario/load.ts";
import { PolicyTest } from "../src/sim/scenario/schema.ts";
import { scoreRun } from "../src/sim/score.ts";

// Whether looking at what each step did (guards.steps) ever makes a workload worse: something is slow, fails, crowds or does not
// start for a moment while load grows, in many combinations with metrics, windows, loads and start-ups. Each case is a policy test
// that runs twice with the same seed, with the guard and without it. Prints how many got worse and better, by what, the ten worst as
// policy tests, and whether an invariant was broken. The same arguments give the same lines. Run: npx tsx bench/slow-moments.ts [cases] [seed] [key=value …]
// where key=value keeps only cases with that, for example moment=slow load=ramp40.

const MIN = 2;
const MAX = 120;
/** What a unit serves per second. */
const PER_UNIT = 10;
const BASE = 80;
const PEAK = 480;
const MINUTE = 60_000;
const inSeconds = (ms: number): string => `${Math.round(ms / 1_000)}s`;

type Fields = Record<string, unknown>;
type Stretch = Fields & { for: string };

interface Load {
  readonly load: readonly Stretch[];
  readonly spikes?: readonly Fields[];
  /** When it grows, minutes. */
  readonly growsAt: number;
  readonly growsFor: number;
}

const flat = (level: number, m: number): Stretch => ({ constant: level, for: `${m}m` });
const ramp = (from: number, to: number, m: number): Stretch => ({ from, to, for: `${m}m` });
const RAMP40 = [flat(BASE, 15), ramp(BASE, PEAK, 40), flat(PEAK, 20), ramp(PEAK, BASE, 10), flat(BASE, 15), ramp(BASE, PEAK, 6), flat(PEAK, 14)];

function noisy(): Stretch[] {
  const rng = createRng(7);
  return Array.from({ length: 100 }, (_, m) => {
    const level = m < 15 ? BASE : m < 45 ? BASE + ((PEAK - BASE) * (m - 15)) / 30 : PEAK;
    return flat(Math.round(level * (0.88 + 0.24 * rng.next())), 1);
  });
}

const LOADS: Record<string, Load> = {
  ramp40: { load: RAMP40, growsAt: 15, growsFor: 40 },
  ramp10: {
    load: [flat(BASE, 15), ramp(BASE, PEAK, 10), flat(PEAK, 45), ramp(PEAK, BASE, 10), flat(BASE, 15), ramp(BASE, PEAK, 10), flat(PEAK, 15)],
    growsAt: 15,
    growsFor: 10,
  },
  step: { load: [flat(BASE, 15), flat(320, 45), flat(BASE, 25), flat(320, 35)], growsAt: 15, growsFor: 6 },
  sine: { load: [flat(250, 15), { mean: 250, amplitude: 170, period: "1h", for: "105m" }], growsAt: 15, growsFor: 15 },
  sawtooth: { load: Array.from({ length: 8 }, () => ramp(BASE, 400, 15)), growsAt: 30, growsFor: 15 },
  bursts: { load: [flat(150, 120)], spikes: [15, 35, 55, 75, 95].map((m) => ({ at: `${m}m`, for: "4m", times: 3 })), growsAt: 15, growsFor: 4 },
  spike: { load: RAMP40, spikes: [{ at: "35m", for: "4m", times: 1.8 }], growsAt: 30, growsFor: 10 },
  noisy: { load: noisy(), growsAt: 15, growsFor: 30 },
};

const CPU = { measures: "utilisation" };
const RATE = { measures: "rate" };
const SERVED = { measures: "throughput" };
const FAILED = { measures: "errors" };
const P95 = { measures: "latency", quantile: "95%" };
const P95_OBJECTIVE = { threshold: { metric: "p95", value: "250ms" }, minimum: "99%" };
const BY_CPU = { type: "targetTracking", metric: "cpu", target: "70%" };
const BY_RATE = { type: "targetTracking", metric: "requests", target: "7/s" };

interface Sight {
  readonly metrics: Record<string, Fields>;
  readonly strategies: readonly Fields[];
  readonly objectives?: readonly Fields[];
}

const SIGHTS: Record<string, Sight> = {
  utilisation: { metrics: { cpu: CPU }, strategies: [BY_CPU] },
  tiers: {
    metrics: { cpu: CPU },
    strategies: [
      {
        type: "tiers",
        metric: "cpu",
        up: [
          { at: "70%", add: "5%" },
          { at: "80%", add: "10%" },
          { at: "90%", add: "30%" },
        ],
        down: [{ below: "55%", remove: "5%" }],
      },
    ],
  },
  rateAndLatency: { metrics: { requests: RATE, p95: P95, cpu: CPU }, strategies: [BY_RATE], objectives: [P95_OBJECTIVE] },
  throughputAndErrors: { metrics: { requests: RATE, served: SERVED, failed: FAILED }, strategies: [BY_RATE] },
  cpuAndAll: { metrics: { cpu: CPU, served: SERVED, failed: FAILED, p95: P95 }, strategies: [BY_CPU], objectives: [P95_OBJECTIVE] },
  queue: {
    metrics: { requests: RATE, served: SERVED, waiting: { measures: "backlog" } },
    strategies: [{ type: "queue", arrivals: "requests", backlog: "waiting", drain: "2m", perUnit: "7/s" }],
  },
  burn: {
    metrics: { cpu: CPU, failed: FAILED },
    strategies: [BY_CPU, { type: "sloBurn", objective: "fails" }],
    objectives: [{ name: "fails", threshold: { metric: "failed", value: "1%" }, minimum: "99%" }],
  },
};

const WINDOWS: Record<string, Fields> = {
  "30s+15s": {},
  "15s+0s": { window: "15s", lag: "0s" },
  "1m+30s": { window: "1m", lag: "30s" },
  "2m+1m": { window: "2m", lag: "1m" },
  "5m+1m": { window: "5m", lag: "1m" },
};

const STARTS: Record<string, Fields> = {
  "20s": { startup: "20s" },
  "60s": { startup: "60s" },
  "3m": { startup: "3m" },
  "60s, cold 5m": { startup: "60s", warmUp: { for: "5m", from: "30%" } },
  "60s, cold 10m": { startup: "60s", warmUp: { for: "10m", from: "10%" } },
  "60s, varying": { startup: { mean: "60s", cv: "60%", failure: "5%" } },
  "60s, retries": { startup: "60s", retry: { share: "80%", delay: "5s", max: 3 } },
};

type Happening = (from: string, to: string) => { events?: Fields[]; faults?: Fields[] };
const crowd =
  (above: number, share: string, of = "all"): Happening =>
  (from, to) => ({ events: [{ kind: "crowding", from, to, above, share, ...(of !== "all" && { of }) }] });

const MOMENTS: Record<string, Happening> = {
  none: () => ({}),
  /** What they wait for is slow: each does less, and looks idle. */
  slow: crowd(1, "60%"),
  slower: crowd(1, "25%"),
  stuck: crowd(1, "2%"),
  /** They are slow themselves: each does less, and is as busy. */
  busy: (from, to) => ({ ...crowd(1, "50%")(from, to), faults: [{ metric: "cpu", kind: "scale", from, to, factor: 2 }] }),
  crowding: crowd(30, "40%"),
  useless: crowd(30, "0%", "further"),
  failing: (from, to) => ({ events: [{ kind: "rollout", from, to, share: "50%" }] }),
  startFailure: (from, to) => ({ events: [{ kind: "startFailure", from, to, share: "95%" }] }),
  quota: (from, to) => ({ events: [{ kind: "quota", from, to, units: 25 }] }),
  late: (from, to) => ({ ...crowd(1, "50%")(from, to), faults: [{ metric: "*", kind: "lag", from, to, by: "1m" }] }),
};

const LENGTHS: Record<string, number> = { "30s": 0.5, "1m": 1, "2m": 2, "3m": 3, "5m": 5, "10m": 10 };
/** Share of the growth that is over when the moment begins. */
const WHENS: Record<string, number> = { before: -0.1, early: 0.15, middle: 0.5, late: 0.85, after: 1.1 };

/** Flaws of what is measured. */
type Flaw = (sight: Sight, lengthMinutes: number) => Fields[];
const FLAWS: Record<string, Flaw> = {
  none: () => [],
  gaps: ({ metrics }, length) =>
    Array.from({ length: Math.floor(length / 4) }, (_, i) => ({
      metric: "served" in metrics ? "served" : Object.keys(metrics)[0],
      kind: "drop",
      from: `${i * 4}m`,
      to: `${i * 4 + 1}m`,
    })),
  noise: ({ metrics }, length) => {
    const rng = createRng(11);
    return Array.from({ length }, (_, i) => ({
      metric: "served" in metrics ? "served" : Object.keys(metrics)[0],
      kind: "scale",
      from: `${i}m`,
      to: `${i + 1}m`,
      factor: Math.round(100 * (0.92 + 0.16 * rng.next())) / 100,
    }));
  },
};

const AXES = { moment: MOMENTS, length: LENGTHS, when: WHENS, window: WINDOWS, load: LOADS, sight: SIGHTS, start: STARTS, flaw: FLAWS };
type Axis = keyof typeof AXES;
type Case = Record<Axis, string>;

function testOf(one: Case): Fields {
  const load = LOADS[one.load] as Load;
  const sight = SIGHTS[one.sight] as Sight;
  const window = WINDOWS[one.window] as Fields;
  const lasts = load.load.reduce((sum, { for: m }) => sum + (m.endsWith("h") ? 60 : 1) * Number.parseFloat(m), 0);
  const from = (load.growsAt + (WHENS[one.when] as number) * load.growsFor) * MINUTE;
  const to = from + (LENGTHS[one.length] as number) * MINUTE;
  const { events = [], faults = [] } = (MOMENTS[one.moment] as Happening)(inSeconds(from), inSeconds(to));
  // A fault of what is not measured happens to nobody.
  const all = [...faults, ...(FLAWS[one.flaw] as Flaw)(sight, lasts)].filter(({ metric }) => metric === "*" || String(metric) in sight.metrics);
  return {
    name: Object.values(one).join(", "),
    policy: {
      kind: "stateless",
      bounds: { min: MIN, max: MAX },
      unit: { serves: { rate: `${PER_UNIT}/s` }, ...("p95" in sight.metrics && { serviceTime: "50ms" }), requestTimeout: "10s", ...STARTS[one.start] },
      metrics: Object.fromEntries(Object.entries(sight.metrics).map(([name, metric]) => [name, { ...metric, ...window }])),
      strategies: sight.strategies,
      ...(sight.objectives !== undefined && { objectives: sight.objectives }),
    },
    load: load.load,
    ...(load.spikes !== undefined && { spikes: load.spikes }),
    ...(all.length > 0 && { faults: all }),
    ...(events.length > 0 && { events }),
    expect: { always: { requested: `${MIN}..${MAX}` } },
  };
}

interface Outcome {
  readonly above: number;
  readonly failing: number;
  /** Above the ceiling, or failing. */
  readonly trouble: number;
  readonly failed: number;
  readonly unitHours: number;
  readonly verdicts: readonly string[];
}

const VERDICTS = new Set(["retrograde", "futile", "not_the_step", "step_failed_errors", "step_failed_latency"]);
/** More of a step's requests failing than this is a failing step. */
const FAILING = 0.01;
const broken: string[] = [];

function run(fields: Fields, isOn: boolean): Outcome {
  const test = PolicyTest.parse(fields);
  const policy = fields["policy"] as Fields;
  const workloads = { a: isOn ? policy : { ...policy, guards: { steps: "off" } } };
  const [workload] = parsePolicy(stringify({ version: 1, workloads }), "case").workloads;
  if (workload === undefined || !Array.isArray(test.load)) throw new Error("no workload");
  const { resolved, hash } = workload;
  const verdicts: string[] = [];
  const complain = (what: string, { atMs, from, requested }: Decision): void => {
    broken.push(`${what} at ${inSeconds(atMs)}: ${from} -> ${requested}, guard ${isOn ? "on" : "off"}: ${String(fields["name"])}`);
  };
  /** Capacity that the running growth began from. */
  let grewFrom = Number.POSITIVE_INFINITY;
  let previous: string[] = [];
  const onTick = (decision: Decision): void => {
    const { from, requested, atMs } = decision;
    if (requested < MIN || requested > MAX) complain("out of bounds", decision);
    const isChange = requested !== from;
    const reasons = decision.reasons();
    const codes = reasons.map(({ code }) => code as string);
    for (const code of codes) if (VERDICTS.has(code) && !previous.includes(code)) verdicts.push(`${code}@${(atMs / MINUTE).toFixed(2)}m ${from}->${requested}`);
    previous = codes;
    if (!isChange) return;
    if (!reasons.some(({ to }) => to === requested)) complain(reasons.length === 0 ? "no reason" : "no reason for this number", decision);
    if (requested > from) {
      grewFrom = Math.min(grewFrom, from);
      return;
    }
    const isTakingBack = codes.includes("retrograde") || codes.includes("futile");
    if (!isTakingBack) grewFrom = requested;
    else if (requested < grewFrom) complain(`took back more than growth, which began from ${grewFrom}`, decision);
  };
  const [result] = simulate(
    {
      nodes: [{ workload: resolved, perUnit: PER_UNIT, faults: test.faults, events: test.events }],
      edges: [],
      loadFactor: 1,
      seed: 1,
      interpolate: false,
    },
    traceOfLoad("case", test.load, test.spikes),
    [new VernierEngine(resolved, { policyHash: hash })],
    { onTick },
  );
  if (result === undefined) throw new Error("no result");
  const { columns } = result;
  // Nobody asks for latencies here, which take most of the time of scoring.
  const { serviceTimeMs: _, ...unit } = resolved.unit;
  const score = scoreRun(columns, { workload: { ...resolved, unit, objectives: [] }, perUnit: PER_UNIT, ceiling: resolved.ceiling, warmUpMs: 0, masks: [] });
  const { load, ready, failed, stepMs } = columns;
  let failing = 0;
  let trouble = 0;
  for (let i = 0; i < load.length; i++) {
    const fails = (failed[i] as number) > (FAILING * (load[i] as number) * stepMs) / 1_000;
    if (fails) failing++;
    if (fails || (load[i] as number) > resolved.ceiling * PER_UNIT * (ready[i] as number) + 1e-9) trouble++;
  }
  const { timeAboveCeilingRatio, requestsFailedRatio, costUnitHours } = score;
  return {
    above: timeAboveCeilingRatio,
    failing: failing / load.length,
    trouble: trouble / load.length,
    failed: requestsFailedRatio,
    unitHours: costUnitHours,
    verdicts,
  };
}

/** So many different cases, drawn from all combinations of what is chosen. */
function draw(count: number, seed: number, chosen: Partial<Case>): Case[] {
  const names = Object.keys(AXES) as Axis[];
  const values = names.map((name) => Object.keys(AXES[name]).filter((value) => chosen[name] === undefined || chosen[name] === value));
  const all = values.reduce((product, { length }) => product * length, 1);
  if (all === 0) throw new Error("no case is like that");
  const rng = createRng(seed);
  const seen = new Set<number>();
  const cases: Case[] = [];
  while (cases.length < Math.min(count, all)) {
    const index = all <= count ? cases.length : Math.floor(rng.next() * all);
    if (seen.has(index)) continue;
    seen.add(index);
    let rest = index;
    const one: Partial<Case> = {};
    for (const [i, name] of names.entries()) {
      const choices = values[i] as string[];
      one[name] = choices[rest % choices.length] as string;
      rest = Math.floor(rest / choices.length);
    }
    cases.push(one as Case);
  }
  return cases;
}

const told = process.argv.slice(2);
const [count = 2_000, seed = 1] = told.filter((one) => !one.includes("=")).map(Number);
const chosen = Object.fromEntries(told.filter((one) => one.includes("=")).map((one) => one.split("="))) as Partial<Case>;

const results = draw(count, seed, chosen).map((one) => {
  const test = testOf(one);
  const on = run(test, true);
  const off = run(test, false);
  return { one, test, on, off, worse: on.trouble - off.trouble };
});
type Result = (typeof results)[number];

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;
const points = (share: number): string => `${share >= 0 ? "+" : ""}${(100 * share).toFixed(2)}`;
const sum = (of: (result: Result) => number, among: readonly Result[] = results): number => among.reduce((total, result) => total + of(result), 0);

console.log(`${results.length} cases, each with the guard and without it; it gave a verdict in ${results.filter(({ on }) => on.verdicts.length > 0).length}`);
console.log(`\n${"percentage points of".padEnd(34)} worse by > 1    > 2    > 5   > 10     better by > 1    > 2    > 5   > 10     mean with, without`);
const MEASURES: Record<string, (outcome: Outcome) => number> = {
  "time above ceiling or failing": ({ trouble }) => trouble,
  "time above the ceiling": ({ above }) => above,
  "time with failures": ({ failing }) => failing,
  "requests that fail": ({ failed }) => failed,
};
for (const [name, of] of Object.entries(MEASURES)) {
  const by = (limit: number, sign: number): string => String(results.filter(({ on, off }) => sign * (of(on) - of(off)) > limit / 100).length).padStart(7);
  const means = [sum(({ on }) => of(on)), sum(({ off }) => of(off))].map((total) => percent(total / results.length));
  console.log(
    `${name.padEnd(40)}${[1, 2, 5, 10].map((l) => by(l, 1)).join("")}           ${[1, 2, 5, 10].map((l) => by(l, -1)).join("")}     ${means.join(", ")}`,
  );
}
console.log(`unit-hours: ${sum(({ on }) => on.unitHours).toFixed(0)} with, ${sum(({ off }) => off.unitHours).toFixed(0)} without`);

console.log("\nby axis: cases, worse by > 1, > 5 points of time in trouble; better by > 1, > 5; mean difference, points");
for (const axis of Object.keys(AXES) as Axis[]) {
  for (const value of Object.keys(AXES[axis])) {
    const among = results.filter(({ one }) => one[axis] === value);
    if (among.length === 0) continue;
    const beyond = (limit: number, sign: number): string => String(among.filter(({ worse }) => sign * worse > limit / 100).length).padStart(5);
    const mean = points(sum(({ worse }) => worse, among) / among.length).padStart(8);
    console.log(
      `  ${axis.padEnd(7)} ${value.padEnd(20)} ${String(among.length).padStart(5)} ${beyond(1, 1)} ${beyond(5, 1)}   ${beyond(1, -1)} ${beyond(5, -1)} ${mean}`,
    );
  }
}

console.log(`\ninvariants broken: ${broken.length}`);
for (const one of broken.slice(0, 10)) console.log(`  ${one}`);

const worst = results.toSorted((a, b) => b.worse - a.worse).slice(0, 10);
for (const [i, { test, on, off, worse }] of worst.entries()) {
  console.log(`\n# ${i + 1}. ${points(worse)} points of time above the ceiling or failing: ${String(test["name"])}`);
  for (const [name, { trouble, above, failing, failed, unitHours, verdicts }] of Object.entries({ on, off }))
    console.log(
      `# ${name.padEnd(3)}: trouble ${percent(trouble)}, above ${percent(above)}, failing ${percent(failing)}, requests failed ${percent(failed)}, ${unitHours.toFixed(1)} unit-hours${verdicts.length > 0 ? `; ${verdicts.join(", ")}` : ""}`,
    );
}
console.log("\n# The ten worst as policy tests, which pass with guards: {steps: off}.\nversion: 1\ntests:");
for (const { test, off } of worst) {
  // Rounded up, so that it passes without the guard.
  const most = (share: number): string => `<= ${percent(share + 0.000_1)}`;
  const score = { timeAboveCeilingRatio: most(off.above), requestsFailedRatio: most(off.failed) };
  const keys = Object.entries({ ...test, expect: { score } });
  // One field on a line: flow style keeps ten of them readable.
  for (const [i, [key, value]] of keys.entries()) console.log(`${i === 0 ? "  - " : "    "}${key}: ${JSON.stringify(value)}`);
}
