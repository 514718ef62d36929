import { execFileSync } from "node:child_process";

/** Tests of the command line run what users run: the bundle, made from the code as it stands. */
export function setup(): void {
  if (process.env["VERNIER_SKIP_BUILD"] === "1") return;
  execFileSync("npx", ["tsx", "scripts/build.ts", "--no-types"], { stdio: ["ignore", "ignore", "inherit"] });
}
