import { spawn } from "node:child_process";

// What everyone runs before a commit: types, lint with the dependency rules, architecture. All at once, under 20 s.

const CHECKS: readonly (readonly [string, readonly string[]])[] = [
  ["types", ["tsc", "--noEmit"]],
  ["types of the page", ["tsc", "--noEmit", "-p", "web"]],
  ["lint", ["biome", "ci", "--error-on-warnings"]],
  ["architecture", ["vitest", "run", "--config", "vitest.check.config.ts"]],
];

const results = await Promise.all(
  CHECKS.map(
    ([name, command]) =>
      new Promise<{ name: string; code: number; output: string; ms: number }>((resolve) => {
        const beganMs = performance.now();
        const child = spawn("npx", [...command], { stdio: ["ignore", "pipe", "pipe"] });
        let output = "";
        child.stdout.on("data", (chunk) => {
          output += chunk;
        });
        child.stderr.on("data", (chunk) => {
          output += chunk;
        });
        child.on("close", (code) => resolve({ name, code: code ?? 1, output, ms: performance.now() - beganMs }));
      }),
  ),
);
for (const { name, code, output, ms } of results) {
  if (code !== 0) process.stdout.write(`${output}\n`);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${(ms / 1_000).toFixed(1)} s)`);
}
process.exitCode = results.some(({ code }) => code !== 0) ? 1 : 0;
