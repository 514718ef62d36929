import { examinePolicyText, readText } from "../../app.ts";
import { OPENSLO_BYTES_MAX, readOpenSlo } from "../../formats/openslo.ts";
import { fromOpenSlo, type Imported, type ImportedService } from "../../formats/openslo-import.ts";
import { addToPolicy, fragmentText } from "../../formats/policy-fragment.ts";
import { FileError, formatProblem } from "../../lib/file-error.ts";
import { workloadId } from "../../policy/resolve.ts";
import { UsageError } from "../usage-error.ts";
import { writeNew } from "../write-new.ts";

interface ImportOptions {
  readonly service?: string;
  readonly into?: string;
  readonly workload?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export async function runImportOpenSlo(paths: readonly string[], options: ImportOptions): Promise<void> {
  if (options.into === undefined && options.workload !== undefined) throw new UsageError("--workload belongs to --into");
  if (options.into !== undefined && options.workload === undefined) throw new UsageError("--into needs --workload: the one that gets the objectives");
  if (options.into !== undefined && options.json) throw new UsageError("--json prints a fragment; leave it or --into out");
  if (options.force && options.out === undefined) throw new UsageError("--force belongs to --out");
  if (new Set(paths).size < paths.length) throw new UsageError("the same file is given twice");
  const read = readOpenSlo(paths.map((file) => ({ file, text: readText(file, OPENSLO_BYTES_MAX) })));
  const isWrong = read.problems.some(({ problem }) => problem.severity === "error");
  const imported = isWrong ? { services: [], notes: { guessed: [], left: [] }, problems: [] } : fromOpenSlo(read);
  const problems = [...read.problems, ...imported.problems];
  for (const { file, problem } of problems) process.stderr.write(`${formatProblem(file, problem)}\n`);
  if (problems.some(({ problem }) => problem.severity === "error")) {
    process.exitCode = 1;
    return;
  }
  if (imported.services.length === 0)
    throw new FileError(paths.join(", "), [
      { severity: "error", code: "no_slo", message: "found no SLO, so nothing can be made of it", hint: "give the file with the SLOs too" },
    ]);
  const services = choose(imported, options);
  for (const what of imported.notes.guessed) process.stderr.write(`guessed: ${what}\n`);
  for (const what of imported.notes.left) process.stderr.write(`not carried over: ${what}\n`);
  const [only] = services;
  if (options.into !== undefined && only !== undefined) writeNew(intoPolicy(only, options.into, options), options);
  else if (options.json) {
    const { guessed, left } = imported.notes;
    const plain = services.map(({ objectives, ...service }) => ({ ...service, objectives: objectives.map(({ fields }) => fields) }));
    writeNew(`${JSON.stringify({ schemaVersion: 1, services: plain, guessed, left, warnings: problems }, null, 2)}\n`, options);
  } else writeNew(services.map(fragmentText).join("---\n"), options);
}

/** The services asked for; into a policy goes exactly one. */
function choose({ services }: Imported, { service, into, workload }: ImportOptions): readonly ImportedService[] {
  const names = services.map((one) => one.service).slice(0, 20);
  if (service !== undefined) {
    const found = services.filter((one) => one.service === service);
    if (found.length === 0) throw new UsageError(`no service "${service}" in the files; there are ${names.join(", ")}`);
    return found;
  }
  if (into === undefined || services.length === 1) return services;
  const meant = services.filter((one) => one.workload === workloadId(workload ?? ""));
  if (meant.length !== 1) throw new UsageError(`the files have several services; --service chooses one of ${names.join(", ")}`);
  return meant;
}

function intoPolicy(service: ImportedService, path: string, options: ImportOptions): string {
  const before = readText(path);
  const { problems: mistakes } = examinePolicyText(before, path);
  if (mistakes.some((problem) => problem.severity === "error")) throw new FileError(path, mistakes);
  const { text, problems, notes } = addToPolicy(service, { text: before, workload: options.workload ?? "" });
  if (text === undefined) throw new FileError(path, problems);
  const file = options.out ?? path;
  const { problems: after } = examinePolicyText(text, file);
  if (after.some((problem) => problem.severity === "error")) throw new FileError(`${path} with ${service.service}`, after);
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
  return text;
}
