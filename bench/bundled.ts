import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { buildSync } from "esbuild";

// Runs a bench as users run the package: bundled, without the loader for sources, which takes 50 MB and some time of its own.
// Run: npx tsx bench/bundled.ts bench/live.ts [its arguments]

const [file = "", ...args] = process.argv.slice(2);
// Inside of the package, where its dependencies are found.
const folder = resolve("node_modules/.cache/vernier-bench");
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `${basename(file, ".ts")}.mjs`);
try {
  buildSync({
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    external: ["@photostructure/sqlite"],
    banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
  });
  const { status } = spawnSync(process.execPath, [outfile, ...args], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(outfile, { force: true });
}
