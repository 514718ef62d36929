import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judgeHpaRow } from "../test/support/conformance/hpa.ts";
import { type ConformanceFile, parseLossless, type Row, UNSUPPORTED, type Verdict } from "../test/support/conformance/rows.ts";

// npm run conformance -- <folder> [--json]: every row of every JSON file there, against the engines that we have.

const JUDGES: readonly (readonly [RegExp, (file: string, row: Row) => Verdict])[] = [[/^hpa_/, judgeHpaRow]];

const folder = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
if (folder === undefined) {
  console.error("usage: npm run conformance -- <folder> [--json]");
  process.exit(2);
}
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .toSorted()
  .map((file) => {
    const { cases } = parseLossless(readFileSync(join(folder, file), "utf8")) as ConformanceFile;
    const judge = JUDGES.find(([pattern]) => pattern.test(file))?.[1];
    const verdicts = cases.map((row) => ({ id: row.id, verdict: judge === undefined ? UNSUPPORTED : safely(() => judge(file, row)) }));
    const ids = (outcome: Verdict["outcome"]) => verdicts.filter(({ verdict }) => verdict.outcome === outcome).map(({ id }) => id);
    const why = Object.fromEntries(verdicts.flatMap(({ id, verdict }) => (verdict.outcome === "failed" ? [[id, verdict.why]] : [])));
    return { file, passed: ids("passed").length, failed: ids("failed"), unsupported: ids("unsupported"), why };
  });

/** A row that our code stumbles over has failed; the others still run. */
function safely(judge: () => Verdict): Verdict {
  try {
    return judge();
  } catch (error) {
    return { outcome: "failed", why: String(error) };
  }
}

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ files: files.map(({ why: _, ...rest }) => rest) }, null, 2));
} else {
  for (const { file, passed, failed, unsupported, why } of files) {
    console.log(`${file}: ${passed} passed, ${failed.length} failed, ${unsupported.length} unsupported`);
    for (const id of failed) console.log(`  failed ${id}: ${why[id]}`);
    if (unsupported.length > 0)
      console.log(
        `  unsupported: ${unsupported.length > 12 ? `${unsupported.slice(0, 12).join(" ")} and ${unsupported.length - 12} more` : unsupported.join(" ")}`,
      );
  }
}
process.exitCode = files.some(({ failed }) => failed.length > 0) ? 1 : 0;
