import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { prometheusOrSkip } from "./prometheus.ts";

describe.skipIf(!prometheusOrSkip())("alert rules", { timeout: 60_000 }, () => {
  const promtool = (...args: string[]) => spawnSync("promtool", args, { cwd: "examples/alerts", encoding: "utf8" });

  test("are rules that Prometheus takes", () => {
    const { status, stdout, stderr } = promtool("check", "rules", "vernier.rules.yaml");
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: "", stdout: expect.stringContaining("14 rules found") });
  });

  test("fire when they should, and not before", () => {
    const { status, stdout, stderr } = promtool("test", "rules", "vernier.rules.test.yaml");
    expect({ status, text: stdout + stderr }).toEqual({ status: 0, text: expect.stringContaining("SUCCESS") });
  });
});
