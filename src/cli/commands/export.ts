import { loadPolicy } from "../../app.ts";
import { formatOpenSlo } from "../../formats/openslo.ts";
import { toOpenSlo } from "../../formats/openslo-export.ts";
import { workloadId } from "../../policy/resolve.ts";
import { UsageError } from "../usage-error.ts";
import { writeNew } from "../write-new.ts";

interface ExportOptions {
  readonly workload?: string;
  readonly out?: string;
  readonly force?: boolean;
}

export async function runExportOpenSlo(path: string, options: ExportOptions): Promise<void> {
  if (options.force && options.out === undefined) throw new UsageError("--force belongs to --out");
  const policy = loadPolicy(path);
  const { workload } = options;
  const chosen = workload === undefined ? undefined : policy.workloads.filter(({ id }) => id === workloadId(workload));
  if (chosen?.length === 0) {
    const ids = policy.workloads.slice(0, 20).map(({ id }) => id);
    throw new UsageError(`no workload "${workload}"; there are ${ids.join(", ")}`);
  }
  const { objects, notes } = toOpenSlo(policy, chosen);
  writeNew(formatOpenSlo(objects), options);
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
}
