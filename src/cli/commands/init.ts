import { dirname, relative, resolve } from "node:path";
import { loadManifests } from "../../app.ts";
import { policyFromHpa } from "../../formats/hpa-policy.ts";
import { nearest } from "../../lib/nearest.ts";
import { parsePolicy } from "../../policy/parse.ts";
import { readTrace } from "../../read-trace.ts";
import { policyFromTrace } from "../policy-from-trace.ts";
import { POLICY_TEMPLATES } from "../policy-templates.ts";
import { parseWhole } from "../run-options.ts";
import { UsageError } from "../usage-error.ts";
import { writeNew } from "../write-new.ts";

interface InitOptions {
  readonly output: string;
  readonly force?: boolean;
  readonly from?: string;
  readonly fromTrace?: string;
  readonly peakUnits?: string;
}

export async function runInit(kind: string | undefined, options: InitOptions): Promise<void> {
  const sources = [kind, options.from, options.fromTrace].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    const kinds = Object.keys(POLICY_TEMPLATES).join(", ");
    throw new UsageError(
      `say what to start from: one of ${kinds}, or --from <hpa.yaml>, or --from-trace <requests.csv>${sources.length > 1 ? "; only one of them" : ""}`,
    );
  }
  if (options.peakUnits !== undefined && options.fromTrace === undefined) throw new UsageError("--peak-units belongs to --from-trace");
  const { text, left } = await policyText(kind, options);
  // What we write is what we read: anything else is not written at all.
  parsePolicy(text, options.output);
  writeNew(text, { out: options.output, ...(options.force !== undefined && { force: options.force }) }, "--output");
  for (const what of left) process.stderr.write(`not carried over: ${what}\n`);
  if (options.output === "-") return;
  const policy = options.output === "vernier.yaml" ? "" : ` ${options.output}`;
  const trace = options.fromTrace === undefined ? " --trace <requests.csv>" : "";
  const compare = options.from === undefined ? "" : `\n  vernier compare ${options.output} --peer ${options.from} --trace <requests.csv> --peak-units <n>`;
  process.stdout.write(`Next:\n  vernier check${policy}\n  vernier simulate${policy}${trace}${compare}\n`);
}

async function policyText(kind: string | undefined, options: InitOptions): Promise<{ text: string; left: readonly string[] }> {
  if (options.from !== undefined) return policyFromHpa(loadManifests(options.from, {}), options.from);
  if (options.fromTrace !== undefined) {
    const trace = await readTrace(options.fromTrace);
    // Paths inside a policy are relative to it.
    const path = options.output === "-" ? options.fromTrace : relative(dirname(resolve(options.output)), resolve(options.fromTrace));
    const text = policyFromTrace(trace, path, options.peakUnits === undefined ? undefined : parseWhole("peak-units", options.peakUnits));
    if (text === undefined) throw new UsageError(`--from-trace: ${options.fromTrace} has no load at all, so nothing can be proposed from it`);
    for (const guess of trace.guesses) process.stderr.write(`guessed: ${guess}\n`);
    return { text, left: [] };
  }
  const template = kind !== undefined && Object.hasOwn(POLICY_TEMPLATES, kind) ? POLICY_TEMPLATES[kind] : undefined;
  if (template !== undefined) return { text: template, left: [] };
  const kinds = Object.keys(POLICY_TEMPLATES);
  const near = nearest(kind ?? "", kinds);
  throw new UsageError(`no template "${kind}"; ${near === undefined ? `there are ${kinds.join(", ")}` : `did you mean "${near}"?`}`);
}
