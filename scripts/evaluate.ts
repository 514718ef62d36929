import { writeFileSync } from "node:fs";
import { htmlPage, htmlTable } from "../src/cli/page.ts";
import { Progress } from "../src/cli/terminal.ts";
import { FileError } from "../src/lib/file-error.ts";
import { PathError, systemErrorCode } from "../src/lib/system-error.ts";
import { recordingsIn } from "../src/read-trace.ts";
import { guardGrid } from "./evaluation/guards.ts";
import { type EvaluatedTrace, evaluate, PROTOCOL, readRecordings } from "./evaluation/protocol.ts";
import { grids, losses, markdown, pairedRatios, type TitledGrid } from "./evaluation/report.ts";

// npm run evaluate -- <folder or recording…> [--json file] [--html file] [--guards]: our defaults, Kubernetes' HPA and the
// references over recordings, by the protocol of docs/evaluation.md. Tables go to standard output.

const USAGE = "usage: npm run evaluate -- <folder or recording> … [--json <file>] [--html <file>] [--guards]";

async function main(): Promise<void> {
  const options: { json?: string; html?: string } = {};
  const paths: string[] = [];
  let hasGuards = false;
  const given = process.argv.slice(2);
  for (let i = 0; i < given.length; i++) {
    const argument = given[i] as string;
    if (argument === "--json" || argument === "--html") {
      const file = given[++i];
      if (file === undefined) return fail(`${argument} needs a file\n${USAGE}`);
      options[argument === "--json" ? "json" : "html"] = file;
    } else if (argument === "--guards") hasGuards = true;
    else if (argument.startsWith("--")) return fail(`${argument} is not known\n${USAGE}`);
    else paths.push(argument);
  }
  if (paths.length === 0) return fail(USAGE);
  const recordings = paths.flatMap(recordingsIn);
  if (recordings.length === 0) return fail(`no .csv or .csv.gz in ${paths.join(", ")}`);
  const traces = await readRecordings(recordings, (message) => process.stderr.write(`${message}\n`));
  if (traces.length === 0) return fail("nothing to evaluate");
  const progress = new Progress("evaluating");
  const evaluated = await evaluate(traces, (done, of) => progress.update(done / of));
  const parts = grids(evaluated);
  if (hasGuards) parts.push(await guardGrid(traces, evaluated));
  progress.end();
  process.stdout.write(`# Evaluation\n\n${PROTOCOL}\n\n${markdown(parts)}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(asJson(evaluated), null, 2)}\n`);
  if (options.html !== undefined) writeFileSync(options.html, page(parts));
}

function asJson(traces: readonly EvaluatedTrace[]) {
  return { schemaVersion: 1, protocol: PROTOCOL, traces, paired: pairedRatios(traces), losses: losses(traces) };
}

function page(parts: readonly TitledGrid[]): string {
  const body = parts.map(({ title, text, header, rows }) => `<section><h2>${title}</h2><p>${text}</p>${htmlTable(header, rows)}</section>`);
  return htmlPage({ title: "Evaluation", heading: "Evaluation", lead: PROTOCOL.replaceAll("`", ""), body: body.join("\n") });
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

try {
  await main();
} catch (error) {
  // A recording that cannot be read, or a file that cannot be written: one line, as the command line says it.
  if (!(error instanceof FileError) && !(error instanceof PathError) && systemErrorCode(error) === undefined) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof FileError ? 1 : 3;
}
