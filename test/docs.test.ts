import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedDocs } from "../scripts/generated-docs.ts";
import { pictureOfMatchDays } from "../scripts/match-days-picture.ts";
import { loadTests, runTest } from "../src/cli/policy-tests.ts";
import { checkPolicy } from "../src/policy/parse.ts";

const generated = await generatedDocs();
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "bench/README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
const fences = (page: string, language: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1] as string);

describe("generated files", () => {
  test.for(Object.entries(generated))("%s is current (npm run docs)", ([path, text]) => {
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("the picture is current (npm run docs)", async () => {
    expect(readFileSync("docs/match-days.svg", "utf8")).toBe(await pictureOfMatchDays());
  });
});

describe("pages", () => {
  const blocks = pages.flatMap((page) => fences(page, "yaml").map((text, i) => [page, i, text] as const));
  const isTests = (text: string): boolean => /^tests:/m.test(text);
  // What docs/lints.md warns of are warnings, and it reads calendars beside its examples.
  test.for(blocks.filter(([page, , text]) => !isTests(text) && page !== "docs/lints.md"))("%s: policy %d parses", ([page, , text]) => {
    expect(checkPolicy(text, page).problems).toEqual([]);
  });

  test.for(blocks.filter(([, , text]) => isTests(text)))("%s: policy test %d comes out as expected", async ([, , text]) => {
    const { file, tests } = await loadTests("examples/reasons/of-a-page.test.yaml", text);
    const outcomes = tests.flatMap((one) => runTest(file, one, { seed: 1, jitter: 0, draws: 0, update: false }));
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(0);
  });

  const commands = pages
    .filter((page) => page.startsWith("docs/"))
    .flatMap((page) =>
      fences(page, "sh").flatMap((block) =>
        block
          .split("\n")
          .filter((line) => line.startsWith("vernier "))
          .map((line) => [page, line] as const),
      ),
    );
  test.for(commands)("%s: %s runs", ([, line]) => {
    const { status, stderr } = spawnSync(process.execPath, ["dist/cli/main.cjs", ...line.split(/\s+/).slice(1)], { encoding: "utf8", maxBuffer: 1 << 28 });
    // Long work on a busy machine says how far it is.
    expect({ status, stderr: stderr.replaceAll(/^\w+ing .*\d+ %\n/gm, "") }).toEqual({ status: 0, stderr: "" });
  });

  test.for(pages)("%s: links lead somewhere", (page) => {
    for (const [, target] of readFileSync(page, "utf8").matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g))
      expect(existsSync(resolve(dirname(page), target as string)), `${page}: ${target}`).toBe(true);
  });

  test("the README stays short and its scripts exist", () => {
    expect(readFileSync("README.md", "utf8").split("\n").length).toBeLessThan(150);
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    for (const page of ["README.md", "CONTRIBUTING.md"])
      for (const [, script] of readFileSync(page, "utf8").matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty(script as string);
    for (const script of ["start", "test", "build", "check"]) expect(scripts).toHaveProperty(script);
  });

  test("the numbers of docs/claims.md are those that the commands print", () => {
    const text = readFileSync("docs/claims.md", "utf8");
    const score = (...args: string[]) =>
      JSON.parse(spawnSync(process.execPath, ["dist/cli/main.cjs", "simulate", ...args, "--json"], { encoding: "utf8", maxBuffer: 1 << 28 }).stdout).score;
    const shown = (value: number, digits: number): string => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    for (const args of [
      ["examples/small-steps", "--engine", "doubling"],
      ["examples/small-steps"],
      ["examples/small-steps/guarded.yaml"],
      ["examples/fast-growth/ladder.yaml"],
      ["examples/fast-growth"],
    ]) {
      expect(text).toContain(shown(score(...args).costUnitHours, 1));
    }
    expect(text).toContain(`${shown(score("examples/fast-growth/ladder.yaml").requestsBeyondCapacityRatio * 100, 1)} %`);
  });
});
