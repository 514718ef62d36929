import { examinePolicyText, readText } from "../../app.ts";
import { type FileProblem, OPENSLO_BYTES_MAX, readOpenSlo } from "../../formats/openslo.ts";
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
  const imported = isWrong ? { services: [], notes: { guessed: [], left: [] }, problems: [] } : fromOpenSlo(read, options.service);
  const problems = [...read.problems, ...imported.problems];
  for (const { file, problem } of problems) process.stderr.write(`${formatProblem(file, problem)}\n`);
  if (problems.some(({ problem }) => problem.severity === "error")) {
    process.exitCode = 1;
    if (options.json) process.stdout.write(jsonOf([], imported, problems));
    return;
  }
  if (read.slos.length === 0 && imported.services.length === 0)
    throw new FileError(paths.join(", "), [
      { severity: "error", code: "no_slo", message: "found no SLO, so nothing can be made of it", hint: "give the file with the SLOs too" },
    ]);
  const names = [...new Set(read.slos.map(({ spec }) => spec.service))].slice(0, 20);
  const services = choose(imported, names, options);
  for (const what of imported.notes.guessed) process.stderr.write(`guessed: ${what}\n`);
  for (const what of imported.notes.left) process.stderr.write(`not carried over: ${what}\n`);
  const [only] = services;
  if (options.into !== undefined && only !== undefined) writeNew(intoPolicy(only, options.into, options), options);
  else writeNew(options.json ? jsonOf(services, imported, problems) : services.map(fragmentText).join("---\n"), options);
}

function jsonOf(services: readonly ImportedService[], { notes: { guessed, left } }: Imported, problems: readonly FileProblem[]): string {
  const plain = services.map(({ objectives, ...service }) => ({ ...service, objectives: objectives.map(({ fields }) => fields) }));
  return `${JSON.stringify({ schemaVersion: 1, services: plain, guessed, left, problems: problems.map(({ file, problem }) => ({ file, ...problem })) }, null, 2)}\n`;
}

/** The services asked for; into a policy goes exactly one. */
function choose({ services }: Imported, names: readonly string[], { service, into, workload }: ImportOptions): readonly ImportedService[] {
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
