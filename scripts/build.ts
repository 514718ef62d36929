import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build, type Metafile } from "esbuild";

// Two bundles: the command line with everything inside (it must start fast), and the library entry, which leaves its
// dependencies to the package that installs it. Types come from the compiler.

const { version, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string; dependencies: Record<string, string> };
rmSync("dist", { recursive: true, force: true });
const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  legalComments: "none",
  define: { VERSION: JSON.stringify(version) },
} as const;
// CommonJS starts some 8 ms sooner than a module; the commands behind it are modules, loaded when called.
const main = await build({
  ...common,
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli/main.cjs",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  plugins: [
    {
      name: "commands-stay-outside",
      setup: (bundle) => bundle.onResolve({ filter: /^\.\/commands\// }, ({ path }) => ({ path: path.replace(/\.ts$/, ".js"), external: true })),
    },
  ],
});
const commands = await build({
  ...common,
  entryPoints: [
    "src/cli/commands/*.ts",
    "src/cli/simulation-worker.ts",
    "src/cli/load-worker.ts",
    "src/cli/demo-service.ts",
    "src/cli/demo-load.ts",
    "src/cli/unit-reaper.ts",
  ],
  // It finds its binary beside itself.
  external: ["@photostructure/sqlite"],
  outdir: "dist/cli",
  outbase: "src/cli",
  splitting: true,
  minifySyntax: true,
  minifyWhitespace: true,
  // Beside the commands, so that the way to the worker is the same from each.
  chunkNames: "commands/chunk-[hash]",
  metafile: true,
  // Packages in CommonJS ask for Node's modules with require().
  banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
});
// Runs alone: whoever doubts the controller need not trust, or have, the rest of it.
await build({ ...common, entryPoints: ["src/ledger/verify-main.ts"], outfile: "dist/verify-ledger.js" });
await build({ ...common, entryPoints: ["src/index.ts"], outfile: "dist/index.js", external: Object.keys(dependencies) });
// The page that the API serves: one script, one style, nothing from outside.
const page = await build({
  bundle: true,
  minify: true,
  target: "es2022",
  format: "esm",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  entryPoints: { app: "web/main.tsx", report: "web/report.tsx" },
  outdir: "dist/web",
  metafile: true,
});
copyFileSync("web/index.html", "dist/web/index.html");
chmodSync("dist/cli/main.cjs", 0o755);
writeFileSync("dist/THIRD-PARTY-LICENSES.txt", licences([main.metafile, commands.metafile, page.metafile]));
if (!process.argv.includes("--no-types")) execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });

/** Licence texts of the packages whose code is inside the bundle, as their licences ask for. */
function licences(metafiles: readonly Metafile[]): string {
  const packages = new Set<string>();
  for (const input of metafiles.flatMap((metafile) => Object.keys(metafile.inputs))) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name !== undefined) packages.add(name);
  }
  return [...packages]
    .sort()
    .map((name) => {
      const about = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { version: string; license: string };
      const text = ["LICENSE", "LICENSE.md", "license"].flatMap((file) => {
        try {
          return [readFileSync(`node_modules/${name}/${file}`, "utf8")];
        } catch {
          return [];
        }
      })[0];
      return `${name} ${about.version} (${about.license})\n\n${text ?? ""}`;
    })
    .join(`\n${"-".repeat(80)}\n`);
}
