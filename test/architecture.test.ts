import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ENGINE_FOLDERS } from "../src/app.ts";
import { REASONS } from "../src/engine/reasons.ts";
import { LINTS } from "../src/policy/lint.ts";

const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));
const read = (path: string): string => readFileSync(path, "utf8");
const page = files("web").filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts"));
const sources = [...files("src").filter((path) => path.endsWith(".ts")), ...page];
// Cases are tests that several implementations share.
const isTest = (path: string): boolean => /\.(test|cases)\.ts$/.test(path);
const products = sources.filter((path) => !isTest(path));
const tests = [...sources.filter(isTest), ...files("test").filter((path) => path.endsWith(".ts"))];

/** Files that a file imports, statically or not. */
function imports(path: string): string[] {
  return [...read(path).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map((match) => relative(".", resolve(dirname(path), match[1] as string)));
}

describe("structure", () => {
  test("every import leads somewhere", () => {
    for (const path of [...sources, ...tests].filter((name) => !name.endsWith("architecture.test.ts")))
      for (const imported of imports(path)) expect(existsSync(imported), `${path} imports ${imported}`).toBe(true);
  });

  test("every file is reachable from the command line or the library entry", () => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      imports(path).forEach(visit);
    };
    for (const root of [
      "src/cli/main.ts",
      "src/cli/simulation-worker.ts",
      "src/cli/load-worker.ts",
      "src/cli/demo-service.ts",
      "src/cli/demo-load.ts",
      "src/cli/unit-reaper.ts",
      "src/ledger/verify-main.ts",
      "web/main.tsx",
      "web/report.tsx",
      "src/index.ts",
      "scripts/generated-docs.ts",
      "scripts/evaluate.ts",
    ])
      visit(root);
    expect(products.filter((path) => !reached.has(path))).toEqual([]);
  });

  test("every exported value is used in another file", () => {
    const text = new Map(
      [...sources, ...tests, ...files("scripts"), ...files("bench")].filter((path) => /\.tsx?$/.test(path)).map((path) => [path, read(path)]),
    );
    const unused: string[] = [];
    for (const path of products) {
      if (path === "src/index.ts") continue;
      for (const match of (text.get(path) as string).matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)) {
        const name = match[1] as string;
        const isUsed = [...text].some(([other, content]) => other !== path && new RegExp(`\\b${name}\\b`).test(content));
        if (!isUsed) unused.push(`${path}: ${name}`);
      }
    }
    expect(unused).toEqual([]);
  });

  test("the page knows what the API says, reasons, and how numbers are written", () => {
    const known = /^src\/(api\/(contract|demo|report|version)|engine\/(describe-reason|reasons)|lib\/(format|bytes))\.ts$/;
    const outside = page.flatMap((path) => imports(path).filter((imported) => !imported.startsWith("web/")));
    expect(outside.filter((path) => !known.test(path))).toEqual([]);
    // What is imported for its types alone is not in the page.
    for (const path of page) expect(read(path), path).not.toMatch(/import \{[^}]*\} from "[^"]*contract\.ts"/);
  });

  test("engines registered are the folders of peers, and our own", () => {
    expect([...ENGINE_FOLDERS].toSorted()).toEqual(["engine", ...readdirSync("src/peers").map((name) => `peers/${name}`)].toSorted());
  });

  test("engines and simulations are synchronous", () => {
    for (const path of products.filter((name) => /^src\/(engine|peers|formats|sim|capacity)\//.test(name)))
      expect(read(path), path).not.toMatch(/\b(async|await|Promise)\b/);
  });

  test("files stay small enough to read", () => {
    // Reasons: the schema and the contradictions are lists that are read by looking up; the engine is the stage order in one place,
    // the controller the order of writing down and doing; growth is one judgement with the state that it keeps.
    const longer: Readonly<Record<string, number>> = {
      "src/policy/schema.ts": 480,
      "src/engine/engine.ts": 760,
      "src/policy/contradictions.ts": 530,
      "src/sim/trace-parser.ts": 420,
      "src/sim/score.ts": 360,
      "src/policy/lint.ts": 340,
      "src/control/controller.ts": 480,
      "src/engine/steps/growth.ts": 350,
    };
    for (const path of products) expect(read(path).split("\n").length, path).toBeLessThanOrEqual(longer[path] ?? 320);
  });
});

describe("codes", () => {
  test("every reason is given somewhere and asserted by a test", () => {
    const product = products
      .filter((path) => path !== "src/engine/reasons.ts")
      .map(read)
      .join("\n");
    // The shipped policy tests are run as tests too: those of reasons as blocks of docs/reasons.md.
    const shipped = [...files("examples/tests"), ...files("examples/reasons")].flatMap((path) =>
      [...read(path).matchAll(/reason: (?:\[([^\]]+)\]|(\w+))/g)].flatMap(([, list, one]) => (list ?? one ?? "").split(/, */)),
    );
    const asserted = [...tests.filter((path) => !path.endsWith("architecture.test.ts")).map(read), ...shipped.map((code) => `"${code}"`)].join("\n");
    for (const code of Object.keys(REASONS)) {
      expect(product, code).toContain(`REASON.${code}`);
      expect(asserted, code).toContain(`"${code}"`);
    }
  });

  test("every warning is given somewhere and asserted by a test", () => {
    const lint = read("src/policy/lint.ts");
    const asserted = read("src/policy/policy.test.ts");
    for (const code of Object.keys(LINTS)) {
      expect(lint, code).toContain(`"${code}"`);
      expect(asserted, code).toContain(`"${code}"`);
    }
  });
});

describe("tidy", () => {
  const texts = [
    ...sources,
    ...tests,
    ...files("scripts"),
    ...files("docs").filter((path) => path.endsWith(".md")),
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
  ];

  test("one word for one thing, in British spelling", () => {
    const banned = /\b(replicas?|dead band|panic mode|utilization|stabilization|normaliz\w+|optimiz\w+|behavior)\b/i;
    for (const path of texts) {
      if (path === "test/architecture.test.ts" || path === "src/policy/policy.test.ts") continue;
      // Another autoscaler's own words stay where it is emulated.
      if (/peers\/hpa\/|formats\/|conformance/.test(path)) continue;
      for (const [i, line] of read(path).split("\n").entries()) {
        // The names that others use stand in code marks.
        expect(line.replaceAll(/`[^`]*`/g, ""), `${path}:${i + 1}`).not.toMatch(banned);
      }
    }
  });

  test("signals are joined where their timeouts are kept alive", () => {
    for (const path of products.filter((path) => path.startsWith("src/") && path !== "src/lib/any-signal.ts"))
      expect(read(path), path).not.toContain("AbortSignal.any(");
  });

  test("no loose ends, no machine paths, no registry addresses", () => {
    for (const path of [...texts, "package.json", "package-lock.json", ".ci/run"]) {
      if (path === "test/architecture.test.ts") continue;
      expect(read(path), path).not.toMatch(/\bTODO\b|\bFIXME\b|\bXXX\b|\/work\/|\/home\/|\/root\/|"resolved"|registry\.npmjs/);
    }
  });
});

// One planted violation for each rule that is only lint; the real tree is linted beside this test.
test("the dependency rules fail the lint when they are broken", { timeout: 60_000 }, () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["src/engine", 'import { readFileSync } from "node:fs";\nexport const a = readFileSync;\n', "noRestrictedImports"],
    ["src/engine", 'import { simulate } from "../sim/kernel.ts";\nexport const a = simulate;\n', "noRestrictedImports"],
    ["src/engine", "export const a = Date.now();\n", "noRestrictedGlobals"],
    ["src/engine", "export const a = Math.random();\n", "plugin"],
    ["src/sim", "export const a = performance.now();\n", "noRestrictedGlobals"],
    ["src/sim", 'import { createEngine } from "../app.ts";\nexport const a = createEngine;\n', "noRestrictedImports"],
    ["src/formats", 'import { simulate } from "../sim/kernel.ts";\nexport const a = simulate;\n', "noRestrictedImports"],
    ["src/policy", 'import { VernierEngine } from "../engine/engine.ts";\nexport const a = VernierEngine;\n', "noRestrictedImports"],
    ["src/capacity", 'import { z } from "zod";\nexport const a = z;\n', "noRestrictedImports"],
    ["src/sim", 'import { PrometheusClient } from "../sources/prometheus/client.ts";\nexport const a = PrometheusClient;\n', "noRestrictedImports"],
    ["src/sources", 'import { buildTrace } from "../sim/trace.ts";\nexport const a = buildTrace;\n', "noRestrictedImports"],
    ["src/lib", 'import { parsePolicy } from "../policy/parse.ts";\nexport const a = parsePolicy;\n', "noRestrictedImports"],
    ["src/control", 'import { FileActuator } from "../actuators/file/file-actuator.ts";\nexport const a = FileActuator;\n', "noRestrictedImports"],
    ["src/control", "export const a = Date.now();\n", "noRestrictedGlobals"],
    ["src/ledger", 'import { parsePolicy } from "../policy/parse.ts";\nexport const a = parsePolicy;\n', "noRestrictedImports"],
    ["src/actuators", 'import { createEngine } from "../app.ts";\nexport const a = createEngine;\n', "noRestrictedImports"],
    ["src/notify", 'import { createEngine } from "../app.ts";\nexport const a = createEngine;\n', "noRestrictedImports"],
    ["src/control", 'import { SlackNotifier } from "../notify/slack/slack-notifier.ts";\nexport const a = SlackNotifier;\n', "noRestrictedImports"],
    ["src/cli", 'import { VernierEngine } from "../engine/engine.ts";\nexport const a = VernierEngine;\n', "noRestrictedImports"],
  ];
  // In a tree of its own: types and lint of the real one run beside this test.
  const root = mkdtempSync(join(tmpdir(), "vernier-lint-"));
  try {
    cpSync("biome.json", join(root, "biome.json"));
    cpSync("scripts/lint", join(root, "scripts/lint"), { recursive: true });
    for (const [i, [folder, content]] of cases.entries()) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, `violation-${i}.ts`), content);
    }
    const { stdout, stderr } = spawnSync(resolve("node_modules/.bin/biome"), ["lint", "--max-diagnostics=200", "."], { cwd: root, encoding: "utf8" });
    for (const [i, [folder, , rule]] of cases.entries()) {
      expect(stdout + stderr, `${folder}: ${rule}`).toMatch(new RegExp(`violation-${i}\\.ts:\\d+:\\d+ (lint/\\w+/)?${rule}`));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
