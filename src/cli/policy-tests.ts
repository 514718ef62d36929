import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { stringify } from "yaml";
import { createEngine, type EngineSpec, loadManifests, loadPolicy, manifestEngine, readText } from "../app.ts";
import { formatDuration } from "../lib/duration.ts";
import { FileError } from "../lib/file-error.ts";
import { createRng, type Rng } from "../lib/rng.ts";
import { PathError, systemErrorCode } from "../lib/system-error.ts";
import { readDocument } from "../policy/document.ts";
import { problemsOf } from "../policy/issues.ts";
import { type Policy, parsePolicy } from "../policy/parse.ts";
import { type ResolvedWorkload, workloadId } from "../policy/resolve.ts";
import { saysLatency } from "../policy/resolve-unit.ts";
import { notCalled, type System, systemOf } from "../policy/system.ts";
import { readTrace } from "../read-trace.ts";
import { probeOf, silence } from "../sim/probes.ts";
import { type RunSettings, runSimulation } from "../sim/run.ts";
import { type Scale, settleScale } from "../sim/scale.ts";
import { type DecisionLine, type TestFailure, TestJudge } from "../sim/scenario/judge.ts";
import { traceOfLoad } from "../sim/scenario/load.ts";
import { PolicyTest, PolicyTestFile } from "../sim/scenario/schema.ts";
import type { Trace } from "../sim/trace.ts";
import { engineContext, enginesFor } from "../simulation-job.ts";
import { neverHappening, pointless } from "./policy-test-problems.ts";
import { writeResult } from "./write-result.ts";

/** A file of policy tests, checked. */
export interface LoadedTests {
  readonly file: string;
  readonly tests: readonly LoadedTest[];
}

export interface LoadedTest {
  readonly test: PolicyTest;
  readonly workload: ResolvedWorkload;
  readonly system: System;
  readonly trace: Trace;
  /** What the load is in: one unit at 100 %. */
  readonly scale: Scale;
  /** By the name that the test gives them. */
  readonly engines: ReadonlyMap<string, EngineSpec>;
}

/** One test against one engine. */
export interface TestOutcome {
  readonly file: string;
  readonly name: string;
  readonly engine: string;
  readonly expected: "passes" | "fails";
  /** Whether it came out as expected. */
  readonly ok: boolean;
  readonly failures: readonly TestFailure[];
  /** Of the draws with jitter, those that failed; the first of them is in `failures`. */
  readonly draws?: { readonly of: number; readonly failed: number };
  readonly seconds: number;
  /** Every change of capacity in one line. */
  readonly changes: readonly DecisionLine[];
}

export interface TestOptions {
  readonly seed: number;
  /** In each draw the start-up varies by up to this share, and the load of every minute by up to a third of it. */
  readonly jitter: number;
  readonly draws: number;
  /** Write files of decisions instead of comparing with them. */
  readonly update: boolean;
}

const LOAD_MAX_MS = 366 * 86_400_000;

/**
 * @param text what stands in the file
 * @throws FileError with every problem of the file and of the policies in it
 */
export async function loadTests(file: string, text = readText(file)): Promise<LoadedTests> {
  const { document, problems } = readDocument(text);
  if (document === undefined) throw new FileError(file, problems);
  const result = PolicyTestFile.safeParse(document.value);
  if (!result.success) throw new FileError(file, problemsOf(result.error.issues, { document, value: document.value, shown: [], at: [], keys: KEYS }));
  const tests: LoadedTest[] = [];
  for (const [i, test] of result.data.tests.entries()) {
    const fail = (code: string, path: readonly (string | number)[], message: string, hint?: string): never => {
      const at = ["tests", i, ...path];
      throw new FileError(file, [
        { severity: "error", code, path: at.join("."), ...document.locate(at, "value"), message, ...(hint !== undefined && { hint }) },
      ]);
    };
    const given = test.policy ?? result.data.policy;
    if (given === undefined)
      fail("required", [], `the test "${test.name}" has no policy`, "name a file, or write the fields of a workload, here or for the whole file");
    const policy = policyOf(given as string | Record<string, unknown>, file);
    const workload = chooseWorkload(policy, test.workload, (message) => fail("unknown_reference", ["workload"], message));
    const system = systemOf(
      workload,
      policy.workloads.map(({ resolved }) => resolved),
    );
    const loaded = { test, workload, system, ...(await loadOf(test, workload, file)) };
    for (const { path, message } of pointless(loaded)) fail("expects_nothing", ["expect", ...path], message);
    const decisions = test.expect.decisions;
    if (decisions !== undefined && tests.some((other) => other.test.expect.decisions === decisions))
      fail("decisions_shared", ["expect", "decisions"], `another test writes its decisions to "${decisions}" too`, "give each its own file");
    for (const { path, message } of neverHappening(loaded)) fail("never_happens", path, message);
    const context = engineContext({ trace: loaded.trace, workload, settings: { scale: loaded.scale } });
    const engines = new Map<string, EngineSpec>();
    for (const engine of Object.keys(test.engines)) {
      const manifest = manifestEngine(engine, (path) => loadManifests(relative(".", resolve(dirname(file), path)) || ".", {}));
      if (typeof manifest === "object" && "problem" in manifest) fail("unknown_engine", ["engines", engine], manifest.problem);
      const spec = (manifest as EngineSpec | undefined) ?? engine;
      const made = createEngine(spec, workload, context);
      if (typeof made === "string") fail("unknown_engine", ["engines", engine], made);
      if (typeof spec === "object" && typeof made === "object") {
        const [silent] = made.metrics.flatMap((metric) => silence(metric, probeOf(metric, loaded.trace, saysLatency(workload.unit))));
        if (silent !== undefined) fail("metric_unplayable", ["engines", engine], `${silent}; leave the metric out of the manifest`);
      }
      for (const [index, { metric, workload: where }] of test.faults.entries())
        if (
          typeof made === "object" &&
          made.metrics.length > 0 &&
          // What it calls has engines of its own, which the fault may be for.
          (where === undefined ? !system.called.some(({ metrics }) => metrics.some(({ name }) => name === metric)) : workloadId(where) === workload.id) &&
          metric !== "*" &&
          made.engine !== "vernier" &&
          !made.metrics.some(({ name }) => name === metric)
        )
          fail(
            "never_happens",
            ["faults", index, "metric"],
            `${engine} reads metrics of its own (${made.metrics.map(({ name }) => name).join(", ")}), which this would not hit; write metric: "*"`,
          );
      engines.set(engine, spec);
    }
    tests.push({ ...loaded, engines });
  }
  return { file, tests };
}

/** Every key of the format, to suggest the one that was meant. */
const KEYS = [
  ...Object.keys(PolicyTestFile.shape),
  ...Object.keys(PolicyTest.shape),
  ...Object.keys(PolicyTest.shape.expect.shape),
  ...[
    "constant",
    "from",
    "to",
    "for",
    "mean",
    "amplitude",
    "period",
    "csv",
    "peakUnits",
    "times",
    "requested",
    "ready",
    "desired",
    "posture",
    "reason",
    "never",
  ],
  ...["metric", "kind", "factor", "share", "units"],
];

function policyOf(given: string | Record<string, unknown>, file: string): Policy {
  if (typeof given === "string") return loadPolicy(resolve(dirname(file), given) === resolve(given) ? given : relative(".", resolve(dirname(file), given)));
  return parsePolicy(stringify({ version: 1, workloads: { "test/inline": given } }), `${file} (policy of a test)`);
}

function chooseWorkload(policy: Policy, wanted: string | undefined, fail: (message: string) => never): ResolvedWorkload {
  const ids = policy.workloads.map(({ id }) => id);
  const entries = notCalled(policy.workloads);
  if (wanted === undefined && entries.length > 1) return fail(`${policy.file} has ${ids.length} workloads, say which: ${ids.slice(0, 10).join(", ")}`);
  const found = wanted === undefined ? entries[0] : policy.workloads.find(({ id }) => id === workloadId(wanted));
  return found?.resolved ?? fail(`${policy.file} has no workload "${wanted}"; it has ${ids.slice(0, 10).join(", ")}`);
}

async function loadOf({ name, load, spikes }: PolicyTest, workload: ResolvedWorkload, file: string): Promise<{ trace: Trace; scale: Scale }> {
  if ("csv" in load) {
    const trace = await readTrace(resolve(dirname(file), load.csv));
    return { trace, scale: settleScale(trace, workload, workload.ceiling, load.peakUnits) };
  }
  const totalMs = load.reduce((sum, segment) => sum + segment.for, 0);
  if (totalMs > LOAD_MAX_MS)
    throw new FileError(file, [
      { severity: "error", code: "load_too_long", message: `the load of "${name}" lasts ${formatDuration(totalMs)}, at most a year is played` },
    ]);
  // As written: requests per second of units that serve so many, or busy units.
  return { trace: traceOfLoad(name, load, spikes), scale: { loadFactor: 1, perUnit: workload.unit.serves?.rate ?? 1, peakUnits: 0, guesses: [] } };
}

/** Puts every engine of a test to it. */
export function runTest(file: string, loaded: LoadedTest, options: TestOptions): TestOutcome[] {
  return Object.entries(loaded.test.engines).map(([engine, expected]) => {
    const beganMs = performance.now();
    const first = play(loaded, engine, options.seed);
    let failures = first.failures;
    if (expected === "passes" && loaded.test.expect.decisions !== undefined)
      failures = [...failures, ...compareDecisions(file, loaded.test.expect.decisions, first.lines, options.update)];
    let failed = 0;
    for (let draw = 1; draw <= options.draws && expected === "passes"; draw++) {
      const drawn = play(loaded, engine, options.seed + draw, options.jitter);
      if (drawn.failures.length > 0 && failed++ === 0 && failures.length === 0)
        failures = drawn.failures.map((failure) => ({ ...failure, where: `draw ${draw}, ${failure.where}` }));
    }
    return {
      file,
      name: loaded.test.name,
      engine,
      expected,
      ok: (failures.length === 0) === (expected === "passes") && !first.isBroken,
      failures,
      ...(options.draws > 0 && expected === "passes" && { draws: { of: options.draws, failed } }),
      seconds: (performance.now() - beganMs) / 1_000,
      changes: first.lines,
    };
  });
}

function play({ test, workload: written, system, trace: steady, scale, engines: specs }: LoadedTest, engineName: string, seed: number, jitter = 0): TestJudge {
  const rng = createRng(seed);
  const vary = (): number => (jitter === 0 ? 1 : 1 + jitter * (2 * rng.next() - 1));
  const startupMs = (test.startup ?? written.unit.startup.meanMs) * vary();
  const workload = { ...written, unit: { ...written.unit, startup: { ...written.unit.startup, meanMs: startupMs } } };
  const trace = jitter === 0 ? steady : { ...steady, load: noisy(steady, jitter / 3, rng) };
  const settings: RunSettings = { scale, seed, warmUpMs: 0, faults: test.faults, events: test.events, initialUnits: test.initialUnits, system };
  const engines = enginesFor(specs.get(engineName) ?? engineName, { trace, workload, settings });
  const [engine] = engines;
  // Times that a test names are exact; with jitter only what must hold throughout is judged.
  const judge = new TestJudge(jitter === 0 ? test.expect : { ...test.expect, at: {} }, engine.intervalMs, engine.engine === "vernier");
  const startMs = trace.startMs ?? 0;
  const run = runSimulation(workload, engines, trace, settings, { onTick: (decision) => judge.watch(decision, startMs) });
  judge.finish(run.report.score);
  return judge;
}

/** The load with one random factor for each minute. */
function noisy({ load, binMs }: Trace, share: number, rng: Rng): Float64Array {
  const bins = Math.max(1, Math.round(60_000 / binMs));
  let factor = 1;
  return load.map((level, bin) => {
    if (bin % bins === 0) factor = 1 + share * (2 * rng.next() - 1);
    return level * factor;
  });
}

function compareDecisions(file: string, name: string, lines: readonly DecisionLine[], update: boolean): TestFailure[] {
  const path = resolve(dirname(file), name);
  const text = lines.map((line) => `${line}\n`).join("");
  let before: string;
  try {
    before = readFileSync(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw new PathError("cannot read", path, error);
    if (update) {
      writeResult(path, text);
      return [];
    }
    return [{ where: "decisions", what: name, expected: "a file of decisions", found: "none; vernier test --update writes it" }];
  }
  if (update) {
    // Whoever mistypes a name must not lose a policy.
    const stranger = before.split("\n").find((line) => line !== "" && !/^\w+ \d+ -> \d+ /.test(line));
    if (stranger !== undefined)
      return [
        {
          where: "decisions",
          what: name,
          expected: "a file of decisions to update",
          found: `another file ("${stranger.slice(0, 40)}"); remove it yourself, or name another`,
        },
      ];
    writeResult(path, text);
    return [];
  }
  const expected = before.split("\n").filter((line) => line !== "");
  const at = Array.from({ length: Math.max(expected.length, lines.length) }, (_, i) => i).find((i) => expected[i] !== lines[i]);
  if (at === undefined) return [];
  return [{ where: "decisions", what: `${name}:${at + 1}`, expected: expected[at] ?? "no more changes", found: lines[at] ?? "no more changes" }];
}
