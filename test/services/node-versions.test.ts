import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** Runs the bundle under another Node, which the npm package `node` carries as a real binary. */
function simulateOn(version: string): { status: number | null; out: string; err: string } {
  const args = ["exec", "--yes", `--package=node@${version}`, "--", "node", "dist/cli/main.cjs", "simulate", "examples/world-cup", "--json"];
  const { status, stdout, stderr } = spawnSync("npm", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  return { status, out: stdout, err: stderr };
}

test("the same bytes on this Node, 22 and 24", { timeout: 300_000 }, () => {
  const here = spawnSync(process.execPath, ["dist/cli/main.cjs", "simulate", "examples/world-cup", "--json"], { encoding: "utf8", maxBuffer: 1 << 28 });
  expect(here.status).toBe(0);
  for (const version of ["22", "24"]) {
    const there = simulateOn(version);
    expect({ version, status: there.status, err: there.status === 0 ? "" : there.err }).toEqual({ version, status: 0, err: "" });
    expect(there.out).toBe(here.stdout);
  }
});
