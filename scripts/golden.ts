import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

// Accepts the decisions as they are now. Read the diff before committing it.

const text = execFileSync(process.execPath, ["dist/cli/main.cjs", "simulate", "examples/world-cup", "--decisions", "-"], {
  encoding: "utf8",
  maxBuffer: 1 << 30,
});
interface Line {
  readonly at: string;
  readonly from: { readonly units: number };
  readonly requested: { readonly units: number };
  readonly reasons: readonly { readonly code: string }[];
}
const lines = text
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);
const day = lines
  .filter((decision) => decision.at < "1998-06-10T22:00:00Z")
  .map((decision) => `${decision.at} ${decision.from.units} -> ${decision.requested.units} ${decision.reasons.map((reason) => reason.code).join(" ")}`);
writeFileSync("test/golden/world-cup-first-day.txt", `${day.join("\n")}\n`);
