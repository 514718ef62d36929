import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Runs the bundle under another Node, which the npm package `node` carries as a real binary. */
function runOn(version: string, ...command: string[]): { status: number | null; out: string; err: string } {
  const args = ["exec", "--yes", `--package=node@${version}`, "--", "node", "dist/cli/main.cjs", ...command];
  const { status, stdout, stderr } = spawnSync("npm", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  return { status, out: stdout, err: stderr };
}

test("the same bytes on this Node, 22 and 24", { timeout: 300_000 }, () => {
  const here = spawnSync(process.execPath, ["dist/cli/main.cjs", "simulate", "examples/world-cup", "--json"], { encoding: "utf8", maxBuffer: 1 << 28 });
  expect(here.status).toBe(0);
  for (const version of ["22", "24"]) {
    const there = runOn(version, "simulate", "examples/world-cup", "--json");
    expect({ version, status: there.status, err: there.status === 0 ? "" : there.err }).toEqual({ version, status: 0, err: "" });
    expect(there.out).toBe(here.stdout);
  }
});

test("a ledger written on one Node is read, verified, replayed and gone on with on the others", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "vernier-nodes-"));
  const policy = join(folder, "vernier.yaml");
  const data = join(folder, "data");
  writeFileSync(
    policy,
    `version: 1
sources: {files: {type: file}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 40}
    unit: {startup: 1s}
    target: {type: file, path: units}
    metrics: {cpu: {measures: utilisation, window: 1s, lag: 0s, scrape: 1s, source: files, query: cpu}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`,
  );
  writeFileSync(join(folder, "units"), "4");
  try {
    for (const [i, version] of ["20.20.2", "22", "24"].entries()) {
      writeFileSync(join(folder, "cpu"), "0.95");
      for (const command of [
        ["run", policy, "--once", "--data", data],
        ["ledger", "verify", "--data", data],
        ["ledger", "replay", "--data", data],
      ]) {
        const { status, err } = runOn(version, ...command);
        expect({ version, command, status, err: status === 0 ? "" : err }).toEqual({ version, command, status: 0, err: "" });
      }
      expect(Number(readFileSync(join(folder, "units"), "utf8"))).toBeGreaterThanOrEqual(6);
      const starts = runOn(version, "ledger", "tail", "--data", data).out.match(/ start /g);
      expect(starts).toHaveLength(i + 1);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
