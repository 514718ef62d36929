import { endUnits } from "../../actuators/process/end-units.ts";
import { listUnits } from "../../actuators/process/unit-list.ts";
import { StoreHeld } from "../../ledger/store.ts";
import { formatSpan } from "../../lib/format.ts";
import { unitFolders } from "../../live/process.ts";
import { table } from "../format.ts";
import { UsageError } from "../usage-error.ts";

/** The processes of every workload, whether a controller runs or not. */
export function runUnitsList({ data, json }: { readonly data: string; readonly json?: boolean }): void {
  const units = unitFolders(data).flatMap(({ workload, folder }) => listUnits(folder).map((unit) => ({ workload, ...unit })));
  if (json) {
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, units }, null, 2)}\n`);
    return;
  }
  if (units.length === 0) {
    process.stdout.write(`no units in ${data}\n`);
    return;
  }
  const nowMs = Date.now();
  const rows = units.map(({ workload, unit, state, pid, endpoint, startedAtMs, cpuSeconds, rssBytes, why }) => [
    workload,
    String(unit),
    state,
    pid === undefined ? "" : String(pid),
    endpoint === undefined ? "" : String(endpoint.port),
    pid === undefined ? "" : formatSpan(Math.max(0, Math.round((nowMs - startedAtMs) / 1_000) * 1_000)),
    pid === undefined ? "" : `${cpuSeconds.toFixed(1)} s`,
    pid === undefined ? "" : `${(rssBytes / 1e6).toFixed(0)} MB`,
    why ?? "",
  ]);
  process.stdout.write(`${table([["workload", "unit", "state", "process", "port", "for", "cpu", "memory", ""], ...rows])}\n`);
}

/** Ends the processes of one workload or of all, when no controller looks after them. */
export async function runUnitsStop(workload: string | undefined, { data }: { readonly data: string }): Promise<void> {
  const all = unitFolders(data);
  const meant = all.filter((one) => workload === undefined || one.workload === workload);
  if (workload !== undefined && meant.length === 0)
    throw new UsageError(`no units of "${workload}" in ${data}${all.length === 0 ? "" : `; there are those of ${all.map((one) => one.workload).join(", ")}`}`);
  if (meant.length === 0) process.stdout.write(`no units in ${data}\n`);
  for (const one of meant) {
    const count = listUnits(one.folder).filter(({ pid }) => pid !== undefined).length;
    const ending = await endUnits(one.folder, {
      who: "vernier units stop",
      environment: process.env,
      say: (trouble) => process.stderr.write(`${one.workload}: ${trouble}\n`),
    });
    if (ending.kind === "held") throw new StoreHeld(`${one.workload} (${one.folder})`, `${ending.by}; end that first`);
    if (ending.left.length > 0) process.exitCode = 1;
    const left = ending.left.length === 0 ? "" : `; ${ending.left.length} could not be ended: ${ending.left.join(", ")}`;
    process.stdout.write(`${one.workload}: ${count - ending.left.length} units ended${left}; the next vernier run brings back as many as were asked for\n`);
  }
}
