import { writeFileSync } from "node:fs";
import { nearest } from "../../lib/nearest.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import { POLICY_TEMPLATES } from "../policy-templates.ts";
import { UsageError } from "../usage-error.ts";

interface InitOptions {
  readonly output: string;
  readonly force?: boolean;
}

export function runInit(kind: string, options: InitOptions): void {
  const template = Object.hasOwn(POLICY_TEMPLATES, kind) ? POLICY_TEMPLATES[kind] : undefined;
  if (template === undefined) {
    const kinds = Object.keys(POLICY_TEMPLATES);
    const near = nearest(kind, kinds);
    throw new UsageError(`no template "${kind}"; ${near === undefined ? `there are ${kinds.join(", ")}` : `did you mean "${near}"?`}`);
  }
  if (options.output === "-") {
    process.stdout.write(template);
    return;
  }
  try {
    writeFileSync(options.output, template, { flag: options.force ? "w" : "wx" });
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") throw new UsageError(`"${options.output}" exists already; --force replaces it, --output names another`);
    throw new PathError("cannot write", options.output, error);
  }
  const policy = options.output === "vernier.yaml" ? "" : ` ${options.output}`;
  process.stdout.write(`wrote ${options.output}\nNext:\n  vernier check${policy}\n  vernier simulate${policy} --trace <requests.csv>\n`);
}
