import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bundledRecordings, evaluateBundled } from "../scripts/evaluation/page.ts";
import type { EvaluatedTrace } from "../scripts/evaluation/protocol.ts";
import { losses, pairedRatios } from "../scripts/evaluation/report.ts";
import { parseHpaManifests } from "../src/formats/hpa-manifest.ts";
import { policyFromHpa } from "../src/formats/hpa-policy.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { readTrace } from "../src/read-trace.ts";
import { doJob, type RunOutcome } from "../src/simulation-job.ts";

const rowOf = (trace: EvaluatedTrace, engine: string) => {
  const row = trace.rows.find((candidate) => candidate.engine === engine);
  if (row === undefined) throw new Error(`no row of ${engine}`);
  return row;
};

describe("our defaults on the bundled recordings", () => {
  test("docs/evaluation.md is current (npm run docs)", async () => {
    expect(readFileSync("docs/evaluation.md", "utf8")).toBe((await evaluateBundled()).page);
  });

  test("are on none worse than the HPA at 70 % on both cost and violations, and within 1.35 of the optimum on smooth ones", async () => {
    const { traces } = await evaluateBundled();
    expect(traces).toHaveLength(9);
    expect(losses(traces).filter(({ against, what }) => against === "hpa-v2@70" && what.startsWith("worse on both"))).toEqual([]);
    for (const trace of traces) {
      const ours = rowOf(trace, "vernier");
      const theirs = rowOf(trace, "hpa-v2@70");
      expect(ours.costToOptimum > theirs.costToOptimum && ours.score.timeAboveCeilingRatio > theirs.score.timeAboveCeilingRatio, trace.file).toBe(false);
      if (trace.isSmooth) expect(ours.costToOptimum, trace.file).toBeLessThanOrEqual(1.35);
      // Nobody who is never above the ceiling is cheaper than the optimum, nor than what was possible at its own violation.
      for (const row of trace.rows) {
        if (row.score.timeAboveCeilingRatio === 0) expect(row.costToOptimum, `${trace.file} ${row.engine}`).toBeGreaterThanOrEqual(1);
        if (row.costToOptimumAtSameViolation !== null) expect(row.costToOptimumAtSameViolation, `${trace.file} ${row.engine}`).toBeGreaterThanOrEqual(1);
      }
    }
    expect(traces.filter((trace) => trace.isSmooth).map((trace) => trace.file)).toEqual([
      "match-days.csv.gz",
      "autothrottle-diurnal.csv.gz",
      "twitter-cilantro.csv.gz",
    ]);
    expect(pairedRatios(traces).map(({ against }) => against)).toContain("hpa-v2, tuned in hindsight");
  });
});

test.for([
  ["CPU at 60 %", `  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]`],
  [
    "slow behaviour",
    `  behavior: {scaleUp: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 3, periodSeconds: 60}]}, scaleDown: {policies: [{type: Percent, value: 20, periodSeconds: 60}]}}`,
  ],
  ["its defaults", ""],
] as const)("a policy made from an HPA with %s is never above the ceiling for longer than the HPA", async ([, more]) => {
  const manifest = `apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  minReplicas: 1\n  maxReplicas: 400\n${more}\n`;
  const [hpa] = parseHpaManifests(manifest, "hpa.yaml");
  if (hpa === undefined) throw new Error("no HPA");
  const converted = policyFromHpa([hpa], "hpa.yaml");
  expect(converted.left).toEqual([]);
  const workload = parsePolicy(converted.text, "vernier.yaml").workloads[0]?.resolved;
  if (workload === undefined) throw new Error("no workload");
  for (const recording of bundledRecordings()) {
    const trace = await readTrace(recording);
    const setting = { kind: "run", trace, workload, settings: { peakUnits: 100 } } as const;
    const [ours, theirs] = (["vernier", { name: "hpa-v2", hpa: hpa.config }] as const).map(
      (engine) => (doJob({ ...setting, engine }) as RunOutcome).report.score,
    );
    expect(ours?.timeAboveCeilingRatio, recording).toBeLessThanOrEqual(theirs?.timeAboveCeilingRatio ?? 0);
  }
});
