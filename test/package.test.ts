import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "vernier-package-"));
const run = (command: string, args: readonly string[], cwd = folder): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeAll(() => {
  // Types are part of the package; the test build leaves them out.
  run("npx", ["tsc", "-p", "tsconfig.build.json"], resolve("."));
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], resolve("."));
  writeFileSync(join(folder, "package.json"), '{"name": "consumer", "private": true, "type": "module"}');
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball}`]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the packed package, installed without scripts", () => {
  test("has a command that works", () => {
    writeFileSync(join(folder, "requests.csv"), Array.from({ length: 300 }, (_, i) => `${i * 60},${100 + (i % 50)}`).join("\n"));
    const vernier = join(folder, "node_modules/.bin/vernier");
    expect(spawnSync(vernier, ["init", "web"], { cwd: folder }).status).toBe(0);
    expect(spawnSync(vernier, ["simulate", "--trace", "requests.csv"], { cwd: folder, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    expect(run(vernier, ["--version"]).trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test("has a library entry with types", () => {
    writeFileSync(
      join(folder, "use.ts"),
      `import { parsePolicy, readTrace, runSimulation, VernierEngine, type Score } from "vernier";
const policy = parsePolicy("version: 1\\nworkloads:\\n  a/b:\\n    bounds: {min: 2, max: 9}\\n    metrics: {cpu: {measures: utilisation}}\\n    strategies: [{type: targetTracking, metric: cpu, target: 70%}]\\n", "p.yaml");
const workload = policy.workloads[0];
if (workload === undefined) throw new Error("no workload");
const engine = new VernierEngine(workload.resolved, { policyHash: workload.hash });
const score: Score = runSimulation(workload.resolved, engine, await readTrace("requests.csv"), { peakUnits: 8 }).report.score;
console.log(score.costUnitHours > 0);
`,
    );
    const tsc = resolve("node_modules/.bin/tsc");
    run(tsc, [
      "--noEmit",
      "--strict",
      "--target",
      "es2023",
      "--module",
      "nodenext",
      "--types",
      "node",
      "--typeRoots",
      resolve("node_modules/@types"),
      "use.ts",
    ]);
    run(resolve("node_modules/.bin/esbuild"), ["use.ts", "--format=esm", "--outfile=use.js", "--log-level=error"]);
    expect(run(process.execPath, ["use.js"])).toBe("true\n");
  });

  test("carries no machine paths and nothing it should not", () => {
    const names = readdirSync(join(folder, "node_modules/vernier"), { recursive: true, encoding: "utf8" });
    expect(names.filter((name) => /(^|\/)(test|bench|node_modules)(\/|$)|\.test\.[jt]s$/.test(name))).toEqual([]);
    for (const name of [
      "dist/cli/main.cjs",
      "dist/index.js",
      "dist/types/index.d.ts",
      "dist/THIRD-PARTY-LICENSES.txt",
      "schema/vernier.schema.json",
      "LICENSE",
      "README.md",
      "examples/world-cup/vernier.yaml",
    ])
      expect(names).toContain(name);
    expect(spawnSync("grep", ["-rlE", resolve("."), join(folder, "node_modules/vernier")], { encoding: "utf8" }).stdout).toBe("");
  });
});
