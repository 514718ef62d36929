import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { Report } from "../src/api/report.ts";

const MAIN = resolve("dist/cli/main.cjs");
const folder = mkdtempSync(join(tmpdir(), "vernier-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function vernier(args: readonly string[], cwd = folder): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: undefined },
  });
  return { code: status, out: stdout, err: stderr };
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const HOURS = Array.from({ length: 600 }, (_, i) => `${i * 60},${Math.round(500 + 400 * Math.sin(i / 60))}`).join("\n");

describe("a newcomer", () => {
  test("runs init and one simulate on an unknown CSV without an edit", () => {
    expect(vernier(["init", "web"]).code).toBe(0);
    expect(vernier(["check", "--strict"])).toMatchObject({ code: 0, out: expect.stringContaining("vernier.yaml: valid, 1 workload") });
    write("requests.csv", `when,hits\n${HOURS}\n`);
    const { code, out, err } = vernier(["simulate", "--trace", "requests.csv"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const part of ["unit-hours", "guessed: bins of 1m", "80 % of max", "needed at the ceiling", "vernier explain --at worst"]) expect(out).toContain(part);
    expect(out.includes("\u001b")).toBe(false);
  });

  test("has a second recording to compare", () => {
    write("a.csv", `t,v\n${HOURS.split("\n").slice(0, 300).join("\n")}\n`);
  });

  test("can run every command that is suggested", () => {
    const { out } = vernier(["simulate", "--trace", "requests.csv"]);
    const suggested = out
      .slice(out.indexOf("Next:"))
      .split("\n")
      .filter((line) => line.startsWith("  vernier "));
    expect(suggested.length).toBe(3);
    for (const line of suggested) expect(vernier(line.trim().split(" ").slice(1))).toMatchObject({ code: 0 });
  });

  test.for(["web", "worker", "static"])("gets a valid policy from init %s", (kind) => {
    expect(vernier(["init", kind, "--output", `${kind}.yaml`]).code).toBe(0);
    expect(vernier(["check", "--strict", `${kind}.yaml`]).code).toBe(0);
    expect(vernier(["simulate", `${kind}.yaml`, "--trace", "requests.csv"]).code).toBe(0);
  });

  test("is not robbed of an existing file, and told what was meant", () => {
    expect(vernier(["init", "web"])).toMatchObject({ code: 2, err: expect.stringContaining("exists already") });
    expect(vernier(["init", "wbe", "--output", "x.yaml"])).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "web"?') });
  });
});

describe("simulate", () => {
  test("--json has the promised fields, and the same bytes every time", () => {
    const once = vernier(["simulate", "--trace", "requests.csv", "--json"]);
    const report = JSON.parse(once.out);
    expect(report).toMatchObject({
      schemaVersion: 1,
      workload: "shop/web",
      engine: "vernier",
      policyHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      trace: { file: "requests.csv", semantics: "count", bins: 600 },
    });
    for (const field of [
      "costUnitHours",
      "cost",
      "timeAboveCeilingRatio",
      "requestsBeyondCapacityRatio",
      "changes",
      "reversals",
      "thetaU",
      "thetaO",
      "tauU",
      "tauO",
      "meanUtilisation",
    ]) {
      expect(typeof report.score[field]).toBe("number");
    }
    expect(report.score.p95LatencyMs).toBeNull();
    expect(vernier(["simulate", "--trace", "requests.csv", "--json"]).out).toBe(once.out);
  });

  test("--decisions writes one line for each change, with its reasons", () => {
    const { code, out } = vernier(["simulate", "--trace", "requests.csv", "--decisions", "-"]);
    expect(code).toBe(0);
    const decisions = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(decisions.length).toBeGreaterThan(10);
    for (const decision of decisions) {
      expect(decision).toMatchObject({
        workload: "shop/web",
        engine: "vernier",
        from: { units: expect.any(Number) },
        desired: { units: expect.any(Number) },
        requested: { units: expect.any(Number) },
        ready: { units: expect.any(Number) },
      });
      expect(decision.requested.units).not.toBe(decision.from.units);
      expect(decision.reasons.length).toBeGreaterThan(0);
      expect(decision.at).toMatch(/^1970-01-01T\d\d:\d\d:\d\dZ$/);
    }
    expect(vernier(["simulate", "--trace", "requests.csv", "--decisions", "d.ndjson"]).out).toContain("unit-hours");
    expect(readFileSync(join(folder, "d.ndjson"), "utf8")).toBe(out);
  });

  test("options lie over the policy", () => {
    const run = (...args: string[]) => JSON.parse(vernier(["simulate", "--trace", "requests.csv", "--json", ...args]).out);
    expect(
      run("--peak-units", "40", "--ceiling", "70%", "--startup", "3m", "--interval", "30s", "--warm-up", "1h", "--seed", "9", "--interpolate").settings,
    ).toMatchObject({
      peakUnits: 40,
      ceiling: 0.7,
      startupSeconds: 180,
      intervalSeconds: 30,
      warmUpSeconds: 3_600,
      seed: 9,
      interpolate: true,
    });
    expect(run("--engine", "doubling").engine).toBe("doubling");
    expect(run("--bin", "60s", "--semantics", "rate", "--start", "2026-01-01T00:00:00Z").trace).toMatchObject({
      semantics: "rate",
      start: "2026-01-01T00:00:00Z",
    });
  });

  test("--gate exits 1 when a minimum objective is missed", () => {
    write(
      "strict.yaml",
      readFileSync(join(folder, "web.yaml"), "utf8")
        .replace("minimum: 95%\n        aspiration: 99%", "minimum: 100%")
        .replace("band: {metric: cpu, from: 60%, to: 80%}", "band: {metric: cpu, from: 10%, to: 60%}"),
    );
    expect(vernier(["simulate", "web.yaml", "--trace", "requests.csv", "--gate"]).code).toBe(0);
    expect(vernier(["simulate", "strict.yaml", "--trace", "requests.csv", "--gate"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("misses utilisation"),
    });
  });

  test("a service that waits for another says so, and a gate judges both", () => {
    write(
      "both.yaml",
      `version: 1
workloads:
  shop/api: {kind: stateless, bounds: {min: 5, max: 9}, unit: {serves: {rate: 100/s}}, metrics: {cpu: {measures: utilisation}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}], uses: {db: {calls: 2}}}
  shop/db: {kind: stateful, bounds: {min: 1, max: 1}, unit: {serves: {rate: 100/s}}, metrics: {cpu: {measures: utilisation}, load: {measures: rate}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}], objectives: [{name: calm, threshold: {metric: cpu, value: 80%}}]}
  shop/batch: {kind: stateless, bounds: {min: 1, max: 2}, unit: {serves: {rate: 10/s}}, metrics: {cpu: {measures: utilisation}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}], uses: {db: {calls: 1}}}
dependencies: {db: {workload: shop/db}}
`,
    );
    write("steady.csv", `timestamp,value\n${Array.from({ length: 120 }, (_, i) => `${i * 60},80`).join("\n")}\n`);
    const args = ["both.yaml", "--workload", "shop/api", "--trace", "steady.csv", "--semantics", "rate"];
    expect(vernier(["simulate", ...args, "--gate"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("misses shop/db calm"),
      out: expect.stringMatching(/shop\/batch calls shop\/db too[\s\S]*shop\/db .* 100\.0 % +100\.0 %/),
    });
    const explain = vernier(["explain", "shop/api", "--policy", ...args.filter((arg) => arg !== "--workload" && arg !== "shop/api"), "--at", "1h"]);
    expect(explain).toMatchObject({ code: 0, out: expect.stringContaining("waits  for shop/db, which lets 50 a second through of 180") });
  });

  test("readings that come later show what was earlier", () => {
    const late = vernier(["explain", "--policy", "web.yaml", "--trace", "requests.csv", "--fault", "cpu:lag=3m@10m..20m", "--at", "15m"]);
    expect(late).toMatchObject({ code: 0, out: expect.stringMatching(/cpu: [\d.]+, (19\d|20\d) s old/) });
    expect(vernier(["simulate", "web.yaml", "--trace", "requests.csv", "--fault", "cpu:lag=x@10m..20m"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("after lag="),
    });
  });

  test("faults of a policy test hit the workload they name, and those that hit nobody are refused", () => {
    const said = (faults: string, engines = "{vernier: passes}") => {
      write(
        "named.test.yaml",
        `version: 1
policy: both.yaml
tests:
  - name: one
    workload: shop/api
    load: {constant: 10, for: 10m}
    faults: [${faults}]
    engines: ${engines}
    expect: {always: {requested: ">= 1"}}
`,
      );
      return vernier(["test", "named.test.yaml"]);
    };
    expect(said("{metric: load, workload: shop/db, kind: drop, from: 1m, to: 5m}", "{vernier: passes, hpa-v2@65: passes}").code).toBe(0);
    expect(said("{metric: cpu, kind: drop, from: 1m, to: 5m}", '{vernier: passes, "static:5": passes}').code).toBe(0);
    expect(said("{metric: load, workload: shop/api, kind: drop, from: 1m, to: 5m}")).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no metric "load"; there are cpu'),
    });
  });

  test("--season says how many seasons the policy comes through, and up to which load", () => {
    const policy = readFileSync(join(folder, "web.yaml"), "utf8");
    writeFileSync(join(folder, "season.yaml"), `${policy}seasons: {sale: {p50: 1, p90: 20}}\n`);
    const season = (...more: string[]) => vernier(["simulate", "season.yaml", "--trace", "requests.csv", "--season", "sale", "--draws", "10", ...more]);
    const { objectives, draws } = JSON.parse(season("--json").out) as {
      objectives: { met: number; atRisk: number; missed: number; isSafe: boolean; missedFrom: number; missedTo: number }[];
      draws: { times: number; score: { costUnitHours: number; objectives: { state: string }[] } }[];
    };
    expect(draws).toHaveLength(10);
    expect(draws.every(({ score }, i) => i === 0 || score.costUnitHours >= (draws[i - 1]?.score.costUnitHours as number))).toBe(true);
    const missed = draws.filter(({ score }) => score.objectives[0]?.state === "missed");
    expect(missed.length).toBeGreaterThan(0);
    expect(missed.length).toBeLessThan(10);
    expect(objectives[0]).toMatchObject({ missed: missed.length, isSafe: false, missedFrom: missed[0]?.times, missedTo: missed.at(-1)?.times });
    expect(season()).toMatchObject({
      code: 0,
      out: expect.stringMatching(/kept in \d of 10 seasons.*; missed in \d, with [\d.]+ to [\d.]+ times the load; not safe for nine of ten/),
    });
    expect(season("--gate")).toMatchObject({ code: 1, err: expect.stringContaining("in a season that nine of ten stay below") });
    expect(season("--gate", "--warm-up", "11h")).toMatchObject({ code: 1, err: expect.stringContaining("nothing was scored") });
    expect(vernier(["simulate", "season.yaml", "--trace", "requests.csv", "--season", "sal"])).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean "sale"?'),
    });
  });

  test("--gate does not pass when nothing was scored", () => {
    expect(vernier(["simulate", "web.yaml", "--trace", "requests.csv", "--warm-up", "11h", "--gate"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("nothing was scored"),
    });
  });

  test("several policies are shown side by side, with the difference of two", () => {
    const { code, out } = vernier(["simulate", "web.yaml", "static.yaml", "--trace", "requests.csv", "--peak-units", "20"]);
    expect(code).toBe(0);
    expect(out).toMatch(/web\.yaml\s+static\.yaml\s+difference/);
    const json = JSON.parse(vernier(["simulate", "web.yaml", "static.yaml", "--trace", "requests.csv", "--json"]).out);
    expect(json.runs).toHaveLength(2);
  });

  test("--markdown prints a summary for a pull request", () => {
    expect(vernier(["simulate", "--trace", "requests.csv", "--markdown"]).out).toMatch(/^### Capacity of shop\/web\n[\s\S]*\| cost \| .*unit-hours \|/);
  });

  test("--fault breaks a metric: nothing shrinks while it is lost", () => {
    const { out } = vernier(["simulate", "--trace", "requests.csv", "--fault", "cpu:drop@2h..3h", "--decisions", "-"]);
    const during = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((decision) => decision.offsetSeconds > 7_260 && decision.offsetSeconds < 10_800);
    expect(during).toEqual([]);
  });

  test("a reader that leaves early does not change the exit code", () => {
    write("bad.yaml", "version: 1\nworkloads: {a: {bounds: {min: 5, max: 2}}}\n");
    const { stdout } = spawnSync("bash", ["-c", `"${process.execPath}" "${MAIN}" check bad.yaml | head -1 > /dev/null; echo \${PIPESTATUS[0]}`], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(stdout.trim()).toBe("1");
  });

  test("a reader that leaves early is no error", () => {
    const { status, stderr } = spawnSync("sh", ["-c", `"${process.execPath}" "${MAIN}" simulate --trace requests.csv --decisions - | head -1`], {
      cwd: folder,
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("compare", () => {
  test("sets our defaults beside others and the optimum without a policy", () => {
    const { code, out, err } = vernier(["compare", "--trace", "requests.csv", "--peak-units", "40"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const part of ["optimum", "vernier defaults", "hpa-v2@70", "static-peak", "own pipeline"]) expect(out).toContain(part);
  });

  test("begins with a unit where load begins with nothing, since others know no way back from zero", () => {
    write("idle.csv", `timestamp,value\n${Array.from({ length: 240 }, (_, i) => `${i * 60},${i < 60 ? 0 : 300}`).join("\n")}\n`);
    write(
      "sleeper.yaml",
      `version: 1
workloads:
  shop/sleeper:
    kind: stateless
    bounds: {min: 0, max: 60}
    unit: {serves: {rate: 10/s}}
    activation: {metric: requests}
    metrics: {requests: {measures: rate}}
    strategies: [{type: targetTracking, metric: requests, target: 7/s}]
`,
    );
    const { out } = vernier(["compare", "sleeper.yaml", "--trace", "idle.csv", "--semantics", "rate", "--engine", "hpa-v2@70"]);
    expect(Number(/^hpa-v2@70 +([\d.]+)/m.exec(out)?.[1])).toBeGreaterThan(50);
  });

  test("turns no target of what is counted, which has no 100 %", () => {
    write(
      "counted.yaml",
      `version: 1
workloads:
  shop/counted:
    kind: stateless
    bounds: {min: 1, max: 60}
    unit: {serves: {rate: 10/s}}
    metrics: {requests: {measures: rate}, sessions: {measures: gauge, formula: "requests * 20"}}
    strategies: [{type: targetTracking, metric: sessions, target: 100}]
`,
    );
    const { code, err } = vernier(["compare", "counted.yaml", "--trace", "idle.csv", "--semantics", "rate", "--engine", "vernier@60"]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("with a number only where there are targets to turn") });
  });

  test("--json has the promised shape; nobody who never exceeds the ceiling is cheaper than the optimum", () => {
    const { out } = vernier([
      "compare",
      "web.yaml",
      "static.yaml",
      "--trace",
      "requests.csv",
      "--trace",
      "a.csv",
      "--peak-units",
      "18",
      "--engine",
      "hpa-v2@60",
      "--engine",
      "static:50",
      "--json",
    ]);
    const comparison = JSON.parse(out);
    expect(comparison.schemaVersion).toBe(1);
    expect(comparison.traces).toHaveLength(2);
    for (const { optimum, rows } of comparison.traces) {
      expect(rows.map((row: { config: string }) => row.config)).toEqual(["web.yaml", "static.yaml", "hpa-v2@60", "static:50"]);
      for (const row of rows) {
        expect(row.costToOptimum).toBeCloseTo(row.score.costUnitHours / optimum.costUnitHours, 10);
        if (row.score.timeAboveCeilingRatio === 0) expect(row.costToOptimum).toBeGreaterThanOrEqual(1);
      }
    }
    expect(comparison.summary).toHaveLength(4);
  });

  describe("with manifests of Kubernetes' HPA", () => {
    const MANIFEST = readFileSync("examples/from-hpa/hpa.yaml", "utf8");

    test("needs nothing but a manifest and a CSV, and says what it assumed", () => {
      write("hpa.yaml", MANIFEST);
      const { code, out, err } = vernier(["compare", "--peer", "hpa.yaml", "--trace", "requests.csv", "--peak-units", "40"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      for (const part of ["optimum", "vernier defaults", "hpa-v2 hpa.yaml", "cpu over 30s, 15s late", "sha256"]) expect(out).toContain(part);
      const short = vernier(["compare", "--peer", "hpa.yaml", "--trace", "requests.csv", "--peak-units", "400"]);
      expect(short.out).toContain("the peak needs 400 units, more than some may have (3 to 90 for defaults, hpa.yaml, hpa-v2 and others)");
      write(
        "queue.yaml",
        MANIFEST.replace(
          / {4}- type: Resource[\s\S]*averageUtilization: 60\n/,
          "    - {type: External, external: {metric: {name: jobs}, target: {type: AverageValue, averageValue: 30}}}\n\n",
        ),
      );
      expect(vernier(["compare", "--peer", "queue.yaml", "--trace", "requests.csv", "--peak-units", "40"]).out).toContain(
        "assumed: jobs measures rate, by its name; --measures jobs=…",
      );
      const stated = vernier(["compare", "--peer", "queue.yaml", "--measures", "jobs=backlog", "--trace", "requests.csv", "--peak-units", "40"]);
      expect(stated.out).not.toContain("assumed");
      expect(stated.out).toContain("hpa-v2 queue.yaml: jobs over 15s, 15s late");
    });

    test("reports a mistake in one with its place", () => {
      write("bad.yaml", MANIFEST.replace("maxReplicas", "maxReplica"));
      const { code, err } = vernier(["compare", "--peer", "bad.yaml", "--trace", "requests.csv", "--peak-units", "40"]);
      expect(code).toBe(1);
      expect(err).toContain("bad.yaml:15:3 error spec.maxReplica: there is no such field here");
      expect(vernier(["compare", "--peer", "none.yaml", "--trace", "requests.csv", "--peak-units", "40"])).toMatchObject({
        code: 3,
        err: expect.stringContaining("none.yaml"),
      });
    });

    test("tells two of the same name apart, judges on one plant, and lets no bound keep the optimum from the best", () => {
      mkdirSync(join(folder, "staging"), { recursive: true });
      mkdirSync(join(folder, "prod"), { recursive: true });
      write("staging/hpa.yaml", MANIFEST.replace("maxReplicas: 90", "maxReplicas: 20"));
      write("prod/hpa.yaml", MANIFEST.replace("averageUtilization: 60", "averageUtilization: 30").replace("minReplicas: 3", "minReplicas: 1"));
      write("min45.yaml", readFileSync(join(folder, "web.yaml"), "utf8").replace(/bounds: .*/, "bounds: {min: 30, max: 100}"));
      const args = [
        "compare",
        "min45.yaml",
        "web.yaml",
        "--peer",
        "staging/hpa.yaml",
        "--peer",
        "prod/hpa.yaml",
        "--engine",
        "lcp",
        "--trace",
        "requests.csv",
        "--peak-units",
        "40",
        "--sweep",
      ];
      const { out } = vernier([...args, "--json"]);
      const { traces, summary } = JSON.parse(out);
      expect(traces[0].rows.map((row: { config: string }) => row.config)).toEqual(["min45.yaml", "web.yaml", "staging/hpa.yaml", "prod/hpa.yaml", "lcp"]);
      for (const row of traces[0].rows) if (row.score.timeAboveCeilingRatio === 0) expect(row.costToOptimum).toBeGreaterThanOrEqual(1);
      expect(traces[0].warnings).toContainEqual(expect.stringContaining("bounds differ: 30 to 100 for min45.yaml"));
      expect([summary[2].isoViolation[0].infeasible, summary[3].isoViolation[0].infeasible]).toEqual([1, 0]);
      // Without a scale of its own, a policy that may grow further meets the same load.
      write("m50.yaml", readFileSync(join(folder, "web.yaml"), "utf8").replace(/bounds: .*/, "bounds: {min: 2, max: 50}"));
      const [small, large] = JSON.parse(vernier(["compare", "m50.yaml", "web.yaml", "--engine", "lcp", "--trace", "requests.csv", "--json"]).out).traces[0]
        .rows;
      expect(large.score.costUnitHours / small.score.costUnitHours).toBeCloseTo(1, 1);
    });

    test("gives the optimum the bounds of a calendar too", () => {
      write(
        "calendar.yaml",
        readFileSync(join(folder, "web.yaml"), "utf8").replace(
          /bounds: .*/,
          'bounds: {min: 30, max: 35, schedule: [{start: "0 3 * * *", for: 5h, min: 2, max: 60}]}',
        ),
      );
      const { out } = vernier(["compare", "calendar.yaml", "--engine", "hpa-v2@60", "--trace", "requests.csv", "--peak-units", "50", "--json"]);
      const [comparison] = JSON.parse(out).traces;
      expect(comparison.optimum.timeAboveCeilingRatio).toBe(0);
      for (const row of comparison.rows) if (row.score.timeAboveCeilingRatio === 0) expect(row.costToOptimum).toBeGreaterThanOrEqual(1);
      expect(comparison.warnings).toContainEqual(expect.stringContaining("other engines have 30 to 35 all the time"));
    });

    test("refuses to rank what cannot see, and says what even the optimum cannot avoid", () => {
      write("only-memory.yaml", MANIFEST.replace("name: cpu", "name: memory"));
      expect(vernier(["compare", "--peer", "only-memory.yaml", "--trace", "requests.csv", "--peak-units", "40"])).toMatchObject({
        code: 2,
        err: expect.stringContaining('none of its metrics can be replayed: memory (the recording has no column "memory")'),
      });
      write(
        "tight.yaml",
        `${readFileSync(join(folder, "web.yaml"), "utf8").replace("workloads:", "dependencies: {db: {connections: 200}}\nworkloads:").replace("    kind:", "    uses: {db: {connections: 10}}\n    kind:")}`,
      );
      const tight = vernier(["compare", "tight.yaml", "--trace", "requests.csv", "--peak-units", "40", "--engine", "lcp", "--json"]);
      const [comparison] = JSON.parse(tight.out).traces;
      expect(comparison.optimum.timeAboveCeilingRatio).toBeGreaterThan(0.1);
      expect(comparison.warnings).toContainEqual(expect.stringContaining("the dependencies let 20 serve"));
    });

    test("writes only policies that it can read", () => {
      const hpa = (name: string, more: string) => `${MANIFEST.replace("name: web\n  namespace: shop", name).replace("averageUtilization: 60", more)}`;
      write(
        "odd.yaml",
        [
          hpa('name: "Web_"', "averageUtilization: 60"),
          hpa("name: web", "averageUtilization: 5000"),
          hpa('name: "web\\n  bad: true"', "averageUtilization: 60"),
          hpa(`name: ${"x".repeat(80)}`, "averageUtilization: 60"),
          hpa(`name: ${"x".repeat(81)}`, "averageUtilization: 60"),
        ].join("---\n"),
      );
      const { code, err } = vernier(["init", "--from", "odd.yaml", "--output", "odd-policy.yaml"]);
      expect(code).toBe(0);
      expect(err).toContain("a target of 5000 % of the request");
      const { out } = vernier(["check", "odd-policy.yaml"]);
      expect(out).toContain("odd-policy.yaml: valid, 5 workloads");
    });

    test("makes a policy of one that passes check, beside it no worse", () => {
      expect(vernier(["init", "--from", "hpa.yaml", "--output", "from-hpa.yaml"])).toMatchObject({ code: 0, err: "" });
      expect(vernier(["check", "--strict", "from-hpa.yaml"])).toMatchObject({ code: 0 });
      const { out } = vernier([
        "compare",
        "from-hpa.yaml",
        "--peer",
        "hpa.yaml",
        "--engine",
        "static:5",
        "--trace",
        "requests.csv",
        "--peak-units",
        "40",
        "--json",
      ]);
      const [ours, theirs] = JSON.parse(out).traces[0].rows;
      expect([ours.config, theirs.config]).toEqual(["from-hpa.yaml", "hpa.yaml"]);
      expect(ours.score.timeAboveCeilingRatio).toBeLessThanOrEqual(theirs.score.timeAboveCeilingRatio);
      write("memory.yaml", MANIFEST.replace("name: cpu", "name: memory"));
      expect(vernier(["init", "--from", "memory.yaml", "--output", "-"])).toMatchObject({
        code: 0,
        err: expect.stringContaining("not carried over: shop/web: memory"),
      });
    });
  });

  test("--sweep reads every engine at equal violation; the same bytes on one thread and on two", () => {
    const args = [
      "compare",
      "--trace",
      "requests.csv",
      "--trace",
      "a.csv",
      "--peak-units",
      "40",
      "--engine",
      "hpa-v2@70",
      "--engine",
      "hpa-v2",
      "--engine",
      "lcp",
      "--sweep",
      "--json",
    ];
    const { out } = vernier([...args, "--threads", "1"]);
    expect(vernier([...args, "--threads", "2"]).out).toBe(out);
    const { traces, summary } = JSON.parse(out);
    const [first] = traces;
    expect(first.sweeps.map((sweep: { config: string }) => sweep.config)).toEqual(["defaults", "hpa-v2@70", "hpa-v2"]);
    // The same engine at the same settings, whatever its own was; and a row is one of its settings.
    expect(first.sweeps[1].points).toEqual(first.sweeps[2].points);
    expect(first.sweeps[1].points.find((point: { setting: string }) => point.setting === "70").costUnitHours).toBe(first.rows[1].score.costUnitHours);
    for (const { isoViolation } of first.sweeps)
      expect(isoViolation.map((reading: { timeAboveCeilingRatio: number }) => reading.timeAboveCeilingRatio)).toEqual([0.01, 0.001]);
    expect(summary[0].isoViolation[0]).toMatchObject({ timeAboveCeilingRatio: 0.01, infeasible: 0 });
    expect(vernier([...args.slice(0, -1)]).out).toContain("cost to optimum at equal time above the ceiling");
  });

  test("reads a folder, and writes a page that stands alone", () => {
    const recordings = join(folder, "recordings");
    mkdirSync(recordings);
    for (const name of ["requests.csv", "a.csv"]) writeFileSync(join(recordings, name), readFileSync(join(folder, name)));
    writeFileSync(join(recordings, "notes.txt"), "no recording");
    const { code, out, err } = vernier(["compare", "--trace", "recordings", "--peak-units", "40", "--html", "page.html"]);
    expect({ code, err }).toEqual({ code: 0, err: "wrote page.html\n" });
    expect(out).toContain("over 2 recordings");
    const page = readFileSync(join(folder, "page.html"), "utf8");
    expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    const [, given = ""] = /<script type="application\/json" id="report">(.*)<\/script>/.exec(page) ?? [];
    const report = JSON.parse(given) as Report;
    expect(report.sections.map(({ pareto, timeline }) => [pareto === null, timeline?.series.length])).toEqual([
      [false, 7],
      [false, 7],
    ]);
    // Without a script there are the tables.
    const plain = page.slice(page.indexOf("<main"), page.indexOf("</main>"));
    expect(plain.match(/<table/g)).toHaveLength(3);
    expect(plain + given).not.toMatch(/<script|https?:\/\/|NaN|undefined|Infinity/);
    expect(vernier(["compare", "--trace", "a.csv", "--peak-units", "40", "--html", "none/page.html"])).toMatchObject({
      code: 3,
      err: expect.stringContaining("none/page.html"),
    });
  });

  test("--gate fails when the first is worse than the second, on either count", () => {
    const gate = (first: string, second: string, ...more: string[]) => {
      write("one.yaml", readFileSync(join(folder, "web.yaml"), "utf8").replace("target: 70%", `target: ${first}`));
      write("two.yaml", readFileSync(join(folder, "web.yaml"), "utf8").replace("target: 70%", `target: ${second}`));
      return vernier(["compare", "one.yaml", "two.yaml", "--trace", "requests.csv", "--peak-units", "40", "--engine", "lcp", "--gate", ...more]);
    };
    expect(gate("70%", "70%")).toMatchObject({ code: 0, err: expect.stringContaining("gate: passed") });
    expect(gate("50%", "70%")).toMatchObject({ code: 1, err: expect.stringContaining("cost of vernier one.yaml is") });
    const nothing = vernier(["compare", "one.yaml", "two.yaml", "--trace", "requests.csv", "--peak-units", "40", "--warm-up", "100d", "--gate"]);
    expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining("nothing was scored") });
    expect(gate("50%", "70%", "--margin", "90%")).toMatchObject({ code: 0 });
    expect(gate("80%", "70%")).toMatchObject({ code: 1, err: expect.stringContaining("time above the ceiling of vernier one.yaml") });
    expect(JSON.parse(gate("50%", "70%", "--json").out).gate).toMatchObject({ passed: false, failures: [{ what: "cost" }] });
  });

  test.for([
    [["compare", "--trace", "requests.csv"], "say --peak-units N"],
    [["compare", "--peak-units", "10"], "say --trace FILE"],
    [["compare", "web.yaml", "--trace", "requests.csv", "--engine", "hpa-v3"], 'did you mean "hpa-v2"?'],
    [["compare", "web.yaml", "--trace", "requests.csv", "--engine", "static:many"], "write static:12"],
    [["simulate", "web.yaml", "--trace", "requests.csv", "--engine", "vernier@often"], "write vernier"],
    [["simulate", "web.yaml", "--trace", "requests.csv", "--engine", "delayed-off@soon"], "write delayed-off"],
    [["compare", "web.yaml", "--trace", "requests.csv", "--measures", "jobs"], "expected <metric>="],
    [["compare", "web.yaml", "--trace", "requests.csv", "--measures", "jobs=rate"], 'no manifest has a metric "jobs"'],
    [["compare", "web.yaml", "--trace", "requests.csv", "--threads", "0"], "expected a whole number from 1 to 256"],
    [["compare", "web.yaml", "--trace", "requests.csv", "--margin", "much"], "--margin"],
    [["compare", "web.yaml", "--trace", "requests.csv", "--gate"], "name two policies"],
    [["compare", "web.yaml", "--trace", "requests.csv", "--fault", "cpu:drop@1m..2m"], "hit all engines alike"],
    [["init"], "or --from <hpa.yaml>"],
    [["init", "web", "--from", "hpa.yaml"], "only one of them"],
  ] as const)("refuses %j", ([args, message]) => {
    expect(vernier(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
});

describe("init --from-trace", () => {
  test("proposes a policy with its evidence, which simulates as it stands from where it was written", () => {
    mkdirSync(join(folder, "deep"));
    expect(vernier(["init", "--from-trace", "requests.csv", "--peak-units", "40", "--output", "deep/vernier.yaml"])).toMatchObject({ code: 0 });
    const text = readFileSync(join(folder, "deep/vernier.yaml"), "utf8");
    for (const part of ["peak 15/s", "99 % of the time above", "as you said, the peak takes 40 units", 'trace: "../requests.csv"', "rose by at most"])
      expect(text).toContain(part);
    expect(vernier(["check", "--strict", "deep"])).toMatchObject({ code: 0 });
    expect(vernier(["simulate", "deep"])).toMatchObject({ code: 0, out: expect.stringContaining("the peak needs 40 units") });
    expect(vernier(["init", "--from-trace", "requests.csv", "--output", "-"]).out).toContain("ASSUMED: the peak takes 20 units");
    write("fleet.csv", `time,cpu,ready\n${Array.from({ length: 300 }, (_, i) => `${i * 60},${40 + (i % 40)},${10 + (i % 3)}`).join("\n")}\n`);
    const fleet = vernier(["init", "--from-trace", "fleet.csv", "--output", "-"]);
    expect(fleet.err).toContain('the column "ready" is the number of ready units');
    expect(fleet.out).toContain("the recording counts busy units; its peak takes 12");
    write("share.csv", `time,cpu\n${Array.from({ length: 300 }, (_, i) => `${i * 60},${40 + (i % 40)}`).join("\n")}\n`);
    expect(vernier(["init", "--from-trace", "share.csv", "--output", "-"]).out).toContain("ASSUMED: the peak takes 20 units");
  });
});

describe("test", () => {
  const TESTS = `version: 1
policy: web.yaml
tests:
  - name: holds through a gap
    load: [{constant: 14, for: 20m}, {constant: 14, for: 20m}]
    faults: [{metric: "*", kind: drop, from: 10m, to: 20m}]
    engines: {vernier: passes, hpa-adapter0: fails}
    expect:
      always: {requested: ">= 17"}
      between: [{from: 11m, to: 20m, reason: posture_blind}]
      decisions: gap.decisions
`;

  test("says what was expected and what was found, and keeps decisions that were accepted", () => {
    write("gap.test.yaml", TESTS);
    const first = vernier(["test", "gap.test.yaml"]);
    expect(first).toMatchObject({ code: 1, err: "" });
    expect(first.out).toContain("decisions: gap.decisions: expected a file of decisions, found none; vernier test --update writes it");
    expect(vernier(["test", "gap.test.yaml", "--update"]).code).toBe(0);
    expect(vernier(["test", "gap.test.yaml"])).toMatchObject({ code: 0, out: expect.stringContaining("2 as expected") });
    write("gap.decisions", `${readFileSync(join(folder, "gap.decisions"), "utf8")}30m 17 -> 18 tier_up\n`);
    expect(vernier(["test", "gap.test.yaml"]).out).toMatch(/gap\.decisions:\d+: expected 30m 17 -> 18 tier_up, found no more changes/);
    expect(vernier(["test", "gap.test.yaml", "--update"]).code).toBe(0);
    write("precious.yaml", "version: 1\n");
    write("over.test.yaml", TESTS.replace("gap.decisions", "precious.yaml"));
    expect(vernier(["test", "over.test.yaml", "--update"])).toMatchObject({ code: 1, out: expect.stringContaining("found another file") });
    expect(readFileSync(join(folder, "precious.yaml"), "utf8")).toBe("version: 1\n");
    write("tight.test.yaml", TESTS.replace(">= 17", ">= 25").replace("      decisions: gap.decisions\n", ""));
    const tight = vernier(["test", "tight.test.yaml", "--json", "--junit", "junit.xml"]);
    expect(tight.code).toBe(1);
    expect(JSON.parse(tight.out)).toMatchObject({
      schemaVersion: 1,
      ok: false,
      outcomes: [{ ok: false, failures: [{ where: "always", at: "0s", what: "requested", expected: ">= 25" }] }, { ok: true }],
    });
    expect(readFileSync(join(folder, "junit.xml"), "utf8")).toMatch(
      /tests="2" failures="1" errors="0">\n.*<failure message="always, at 0s: requested: expected &gt;= 25/,
    );
  });

  test("an engine that was expected to fail and does not is a failure too", () => {
    write("fails.test.yaml", TESTS.replace("{vernier: passes, hpa-adapter0: fails}", "{vernier: fails}"));
    expect(vernier(["test", "fails.test.yaml"])).toMatchObject({ code: 1, out: expect.stringContaining("expected to fail, and met everything") });
  });

  test("varies what is uncertain, the same way for the same seed", () => {
    const args = ["test", "gap.test.yaml", "--jitter", "30%", "--draws", "5", "--json"];
    const times = (out: string) => out.replaceAll(/"seconds": [\d.e-]+/g, "");
    const { out } = vernier(args);
    expect(JSON.parse(out).outcomes[0].draws).toEqual({ of: 5, failed: 0 });
    expect(times(vernier(args).out)).toBe(times(out));
  });

  test("finds files in folders, and one that is broken hides no other", () => {
    mkdirSync(join(folder, "suite/deep"), { recursive: true });
    write("suite/deep/a.test.yaml", TESTS.replace("web.yaml", "../../web.yaml").replace("      decisions: gap.decisions\n", ""));
    write("suite/b.test.yaml", TESTS.replace("always:", "allways:"));
    const { code, out, err } = vernier(["test", "suite"]);
    expect(code).toBe(1);
    expect(out).toContain("suite/deep/a.test.yaml");
    expect(err).toContain('suite/b.test.yaml:9:7 error tests.0.expect.allways: there is no such field here [unknown_field]\n    did you mean "always"?');
    expect(vernier(["test", "suite/deep", "--filter", "nothing like it"])).toMatchObject({ code: 2, err: expect.stringContaining("no test has") });
  });

  test.for([
    [TESTS.replace("policy: web.yaml\n", ""), "has no policy"],
    [TESTS.replace("constant: 14", "steady: 14"), "expected stretches of load such as"],
    [TESTS.replace("posture_blind", "posture_blond"), "expected a reason code"],
    [TESTS.replace('">= 17"', '"a few"'), "expected a number or a condition such as >= 2"],
    [TESTS.replace("hpa-adapter0", "hpa-v9"), 'did you mean "hpa-v2"?'],
    [TESTS.replace("always:", "at: {soon: {requested: 1}}\n      always:"), "expected a time from the start such as 5m"],
    [TESTS.replace("version: 1", "version: 2"), "expected version: 1"],
    [TESTS.replace("to: 20m, reason", "to: 3h, reason"), "3h never comes: the load ends at 40m"],
    [TESTS.replace("from: 11m", "from: 25m"), "is no time at all"],
    [TESTS.replace('metric: "*", kind', "metric: cqu, kind"), 'there is no metric "cqu"'],
    [TESTS.replace("from: 10m, to: 20m}]\n    engines", "from: 5h, to: 6h}]\n    engines"), "the fault begins at 5h"],
    [TESTS.replace("      decisions: gap.decisions", "      score: {timeAboveCeilngRatio: 0}"), "did you mean timeAboveCeilingRatio?"],
    [
      TESTS.replace("      decisions: gap.decisions", '      score: {timeAboveCeilingRatio: "<= 5m"}'),
      '"<= 5m" is a duration, expected a percentage or a number',
    ],
    [TESTS.replace('">= 17"', '">= 17%"'), '">= 17%" is a percentage, expected a number'],
    [TESTS.replace("    engines", "    events: [{kind: set, at: 5h, units: 3}]\n    engines"), "set comes at 5h, the load ends at 40m"],
    [TESTS.replace("    engines", "    events: [{kind: quota, from: 5m, to: 4m, units: 3}]\n    engines"), "quota from 5m to 4m never happens"],
    [TESTS.replace("{vernier: passes, hpa-adapter0: fails}", "{}"), "expected at least one engine"],
    [TESTS.replace("    engines", "    initialUnits: 1000\n    engines"), "1000 units at the start, at most 100 are allowed"],
    [TESTS.replace('always: {requested: ">= 17"}', "always: {}"), "nothing is expected here"],
    [TESTS.replace(/ {6}always[\s\S]*/, "      at: {}\n"), "a test that expects nothing cannot fail"],
  ] as const)("reports a mistake with its place: %#", ([content, message]) => {
    write("bad.test.yaml", content);
    const { code, err } = vernier(["test", "bad.test.yaml"]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(message) });
    expect(err).toMatch(/^bad\.test\.yaml:\d+:\d+ error /);
  });

  test("the shipped tests come out as expected", () => {
    expect(vernier(["test", "examples/tests"], ".")).toMatchObject({ code: 0, err: "" });
  });
});

describe("explain", () => {
  test("shows every stage with its operands", () => {
    const { code, out } = vernier(["explain", "shop/web", "--at", "3h20m", "--trace", "requests.csv"]);
    expect(code).toBe(0);
    expect(out).toMatch(/saw {4}cpu: 0\.\d+, \d+ s old/);
    expect(out).toMatch(/recommend\s+\d+.*(target_tracking|within_tolerance)/);
    const json = JSON.parse(vernier(["explain", "--at", "1970-01-01T03:20:00Z", "--trace", "requests.csv", "--json"]).out);
    expect(json).toMatchObject({ offsetSeconds: 12_000, posture: "normal", reasons: expect.any(Array) });
  });

  test.for([
    [["explain", "--at", "30h", "--trace", "requests.csv"], "outside the recording"],
    [["explain", "--at", "soon", "--trace", "requests.csv"], "expected an instant"],
    [["explain", "shop/wbe", "--at", "1h", "--trace", "requests.csv"], 'did you mean "shop/web"?'],
  ] as const)("refuses %j", ([args, message]) => {
    expect(vernier(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
});

describe("exit codes", () => {
  test.for([
    [["--help"], 0],
    [["--version"], 0],
    [[], 2],
    [["simulat"], 2],
    [["simulate", "--trce", "x"], 2],
    [["simulate", "--trace", "requests.csv", "--peak-units", "many"], 2],
    [["simulate", "--trace", "requests.csv", "--ceiling", "0"], 2],
    [["simulate", "--trace", "requests.csv", "--fault", "cpu:dropp@1h..2h"], 2],
    [["simulate", "--trace", "requests.csv", "--fault", "cpuu:drop@1h..2h"], 2],
    [["simulate", "--trace", "requests.csv", "--json", "--markdown"], 2],
    [["simulate"], 2],
    [["simulate", "--trace", "missing.csv"], 3],
    [["simulate", "missing.yaml", "--trace", "requests.csv"], 3],
    [["check", "missing.yaml"], 3],
    [["simulate", "--trace", "."], 3],
    [["simulate", "--trace", "/dev/null"], 3],
    [["check", "/dev/null"], 3],
    [["init", "constructor"], 2],
    [["simulate", "--trace", "requests.csv", "--interval", "1ms"], 2],
    [["simulate", "--trace", "requests.csv", "--fault", "cpu:drop@30h..31h"], 2],
    [["simulate", "--trace", "requests.csv", "--decisions", "no/such/folder"], 3],
  ] as const)("%j is %d", ([args, code]) => {
    const outcome = vernier(args);
    expect(outcome.code).toBe(code);
    expect(outcome.err).not.toMatch(/\n\s+at /);
  });
});

describe("OpenSLO", () => {
  const sample = resolve("examples/openslo/slo.yaml");
  const base = (more = "") => `version: 1 # ours
workloads:
  shop/checkout:
    kind: stateless
    bounds: {min: 2, max: 60}
    metrics:
      cpu: {measures: utilisation} # what the strategy follows
    strategies:
      - {type: targetTracking, metric: cpu, target: 65%}
${more}`;

  test("is printed as parts of a policy, with every guess on standard error, as its page shows", () => {
    const { code, out, err } = vernier(["import", "openslo", "examples/openslo/slo.yaml"], ".");
    expect(code).toBe(0);
    const page = readFileSync("docs/openslo.md", "utf8");
    expect(page).toContain(out.trim());
    expect(page).toContain(err.trim());
    const json = JSON.parse(vernier(["import", "openslo", sample, "--json"]).out);
    expect(json).toMatchObject({
      schemaVersion: 1,
      services: [{ service: "checkout", objectives: [{ minimum: "99.9%", aspiration: "99.95%" }, { name: "latency" }] }],
    });
    expect(json.guessed).toHaveLength(err.trim().split("\n").length);
  });

  test("goes into a policy without touching it, and comes back the same", () => {
    write("ours.yaml", base());
    const into = ["import", "openslo", sample, "--into", "ours.yaml", "--workload", "shop/checkout"];
    expect(vernier([...into, "--out", "with-slo.yaml"])).toMatchObject({ code: 0, out: "wrote with-slo.yaml\n" });
    expect(readFileSync(join(folder, "ours.yaml"), "utf8")).toBe(base());
    const text = readFileSync(join(folder, "with-slo.yaml"), "utf8");
    for (const part of ["# ours", "# what the strategy follows", "sources:", "name: availability"]) expect(text).toContain(part);
    expect(vernier(["check", "--strict", "with-slo.yaml"])).toMatchObject({ code: 0 });
    expect(vernier(into).out).toBe(text);
    expect(vernier([...into, "--out", "with-slo.yaml"])).toMatchObject({ code: 2, err: expect.stringContaining("exists already") });
    expect(vernier(["export", "openslo", "with-slo.yaml", "--out", "back.yaml"])).toMatchObject({ code: 0 });
    const again = vernier(["import", "openslo", "back.yaml", "--into", "with-slo.yaml", "--workload", "shop/checkout"]);
    expect(again.err).not.toContain("guessed");
    expect(again.out).toBe(text);
  });

  test("is not written when anything is wrong", () => {
    write("ours.yaml", base("    objectives: [{name: latency, threshold: {metric: cpu, value: 80%}}]\n"));
    write("bad-slo.yaml", readFileSync(sample, "utf8").replace("target: 0.999", "target: 99.9"));
    write("broken.yaml", base("    guards: {prof: on}\n"));
    for (const [args, code, message] of [
      [
        [sample, "--into", "ours.yaml", "--workload", "shop/checkout"],
        1,
        'ours.yaml:10:19 error workloads.shop/checkout.objectives.0.name: an objective "latency" exists already',
      ],
      [[sample, "--into", "ours.yaml", "--workload", "other"], 1, 'there is no workload "other"; there are shop/checkout'],
      [[sample, "--into", "broken.yaml", "--workload", "shop/checkout"], 1, 'found the unknown key "prof"'],
      [["bad-slo.yaml"], 1, "bad-slo.yaml:54:15 error spec.objectives.0.target: found 99.9, expected less than 1"],
      [["bad-slo.yaml", "no-such.yaml"], 3, "no such file"],
      [[sample, "--service", "basket"], 2, 'no service "basket" in the files; there are checkout'],
      [[sample, "--into", "ours.yaml"], 2, "--into needs --workload"],
      [[sample, "--force"], 2, "--force belongs to --out"],
    ] as const) {
      const outcome = vernier(["import", "openslo", ...args, ...(code === 1 ? ["--out", "never.yaml"] : [])]);
      expect(outcome.err).toContain(message);
      expect(outcome).toMatchObject({ code, out: "" });
    }
    expect(existsSync(join(folder, "never.yaml"))).toBe(false);
    const { code, out } = vernier(["import", "openslo", "bad-slo.yaml", "--json"]);
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 1, services: [], problems: [{ file: "bad-slo.yaml", line: 54, code: "invalid_value" }] });
  });

  test.for([
    [["export", "openslo", "no-such.yaml"], 3, "no such file"],
    [["export", "openslo", "ours.yaml", "--workload", "shop/chekout"], 2, 'no workload "shop/chekout"; there are shop/checkout'],
    [["export", "openslo", "broken.yaml"], 1, 'found the unknown key "prof"'],
    [["export", "openslo", "ours.yaml", "--out", "no/such/folder.yaml"], 3, "cannot write"],
    [["export", "opnslo"], 2, "Did you mean openslo?"],
  ] as const)("%j is %d", ([args, code, message]) => {
    const outcome = vernier(args);
    expect(outcome).toMatchObject({ code, out: "" });
    expect(outcome.err).toContain(message);
  });
});

describe("recordings", () => {
  const gz = gzipSync(`timestamp,value\n${HOURS}\n`);
  test.for([
    ["gzip under any name", "a.dat", gz, 0, ""],
    ["cut gzip", "cut.csv.gz", gz.subarray(0, 800), 1, "cut.csv.gz"],
    ["damaged gzip", "damaged.csv.gz", Uint8Array.from(gz, (byte, i) => (i === 400 ? byte ^ 255 : byte)), 1, "damaged"],
    ["an empty file", "empty.csv", "", 1, "empty.csv:1 error no data rows"],
    ["an empty gzip", "empty.csv.gz", gzipSync(""), 1, "no data rows"],
    ["unsorted rows", "unsorted.csv", "t,v\n0,1\n120,2\n60,3\n", 1, "unsorted.csv:4 error time 60 comes after 120"],
    ["binary", "binary.csv", Uint8Array.from({ length: 500 }, (_, i) => i % 256), 1, "binary"],
    ["a manifest", "manifest.json", '{"traces": []}', 1, "JSON, not a recording"],
    ["all zeros", "zeros.csv", "t,v\n0,0\n60,0\n120,0\n", 0, ""],
    ["one row", "one.csv", "t,v\n0,5\n", 0, ""],
    ["a description that is wrong", "bad.csv", "t,v\n0,1\n", 1, "semantics"],
  ] as const)("%s", ([, name, content, code, message]) => {
    write(name, content);
    if (name === "bad.csv") write("bad.csv.meta.json", '{"semantics": "counts"}');
    const outcome = vernier(["simulate", "--trace", name, "--json"]);
    rmSync(join(folder, "manifest.json"), { force: true });
    expect(outcome.code).toBe(code);
    expect(outcome.err).toContain(message);
    expect(outcome.err).not.toMatch(/\n\s+at /);
    if (code === 0) expect(outcome.out).not.toMatch(/NaN|Infinity|: null,\n {4}"(start|bins)/);
  });
});

describe("calendars beside a policy", () => {
  const policy = (file: string): string =>
    `version: 1\ncalendars: {launches: {file: ${file}}}\nworkloads:\n  a/b:\n    kind: stateless\n    bounds: {min: 2, max: 9, schedule: [{calendar: launches, min: 4}]}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [{type: targetTracking, metric: cpu, target: 70%}]\n`;
  const check = (file: string): Outcome => vernier(["check", "--strict", write("calendars.yaml", policy(file))]);

  test("are read from the folder of the policy, and refused by their line", () => {
    const calendar = readFileSync("examples/launch-calendar/launches.ics", "utf8");
    write("launches.ics", calendar);
    expect(check("launches.ics")).toMatchObject({ code: 0 });
    write("launches.ics", calendar.replace("FREQ=DAILY", "FREQ=SECONDLY"));
    expect(check("launches.ics")).toMatchObject({
      code: 1,
      out: expect.stringContaining("launches.ics:18: found FREQ=SECONDLY; at most once an hour is read"),
    });
    write("launches.ics", calendar.replaceAll(/BEGIN:VEVENT[\s\S]*END:VEVENT\r\n/g, ""));
    expect(check("launches.ics")).toMatchObject({ code: 1, out: expect.stringContaining("calendar_without_event") });
  });

  test("that cannot be read say why, and show nothing of what they are", () => {
    write("large.ics", `BEGIN:VCALENDAR\nX:${"a".repeat(4.2e6)}\nEND:VCALENDAR\n`);
    expect(check("large.ics")).toMatchObject({ code: 1, out: expect.stringContaining("at most 4194304 are read") });
    write("latin.ics", Uint8Array.of(0x42, 0xe9, 0x0a));
    expect(check("latin.ics")).toMatchObject({ code: 1, out: expect.stringContaining("this is not UTF-8 text") });
    expect(check("absent.ics")).toMatchObject({ code: 1, out: expect.stringContaining('cannot read "absent.ics"') });
    expect(check(".")).toMatchObject({ code: 1, out: expect.stringContaining('cannot read "."') });
    write("secret.txt", "password=hunter2\n");
    const { code, out, err } = check("secret.txt");
    expect(code).toBe(1);
    expect(out + err).not.toContain("hunter2");
  });
});

describe("the examples", () => {
  const examples = readdirSync("examples").filter((name) => existsSync(`examples/${name}/vernier.yaml`));
  test.for(examples)("%s runs as it stands", (name) => {
    expect(vernier(["check", `examples/${name}`], ".").code).toBe(0);
    expect(vernier(["simulate", `examples/${name}`], ".").code).toBe(0);
  });

  test("a sale in a calendar opens its window every afternoon, and at no other time", () => {
    const { out } = vernier(["simulate", "examples/launch-calendar", "--decisions", "-"], ".");
    const decisions = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { at: string; reasons: { code: string; operands: { desired?: number } }[] });
    const opened = decisions.filter(({ reasons }) => reasons.some(({ code, operands }) => code === "schedule_open" && operands.desired === 24));
    // 16:30 in Paris is 14:30 UTC; half an hour, the start-up of a minute and a tick earlier it is 13:58:45.
    const first = opened.find(({ at }) => at.startsWith("1998-06-11"));
    expect(first !== undefined && first.at >= "1998-06-11T13:58:45Z" && first.at < "1998-06-11T14:05:00Z").toBe(true);
    for (const { at } of opened) expect(at.slice(11, 19) >= "13:58:45" && at.slice(11, 19) < "17:30:00", at).toBe(true);
  });

  test("the decisions on the first match day are the golden ones (accept new ones: npm run golden)", () => {
    const { out } = vernier(["simulate", "examples/world-cup", "--decisions", "-"], ".");
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const day = lines
      .filter((decision) => decision.at < "1998-06-10T22:00:00Z")
      .map(
        (decision) =>
          `${decision.at} ${decision.from.units} -> ${decision.requested.units} ${decision.reasons.map((reason: { code: string }) => reason.code).join(" ")}`,
      );
    expect(`${day.join("\n")}\n`).toBe(readFileSync("test/golden/world-cup-first-day.txt", "utf8"));
  });
});
