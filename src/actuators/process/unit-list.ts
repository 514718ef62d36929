import { bootId, groupUsage, processStarts } from "../../lib/process-table.ts";
import { readUnitRecords, type UnitRecord, type UnitState } from "./unit-record.ts";

/** A unit as it is now, whoever looks after it. */
export interface UnitReadout {
  readonly unit: number;
  /** Of its process: another one in its place is another. */
  readonly nonce: string;
  readonly state: UnitState;
  readonly startedAtMs: number;
  /** Absent while there is no process. */
  readonly pid?: number;
  readonly endpoint?: { readonly host: "127.0.0.1"; readonly port: number };
  /** Of its process group, since it began. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** How the last process ended, while there is none. */
  readonly why?: string;
}

/** The units of a folder, from their records and what the system says; of a process that has ended only the wish for it is left. @throws PathError */
export function listUnits(folder: string): readonly UnitReadout[] {
  const records = readUnitRecords(folder);
  const boot = bootId();
  const starts = processStarts(records.flatMap(({ pid }) => pid ?? []));
  const isAlive = ({ pid, start, boot: began }: UnitRecord): boolean => pid !== undefined && start !== undefined && began === boot && starts.get(pid) === start;
  const usage = groupUsage(new Set(records.filter(isAlive).flatMap(({ pid }) => pid ?? [])));
  return records.flatMap((record): UnitReadout[] => {
    const { unit, nonce, state, startedAtMs, pid, port, why } = record;
    if (pid === undefined || !isAlive(record)) {
      // One that was draining is done; any other is missing, and whoever looks after it will see that.
      if (state === "draining") return [];
      return [{ unit, nonce, state: "waiting", startedAtMs, cpuSeconds: 0, rssBytes: 0, ...(why !== undefined && { why }) }];
    }
    return [
      {
        unit,
        nonce,
        state,
        startedAtMs,
        pid,
        ...(port !== undefined && { endpoint: { host: "127.0.0.1", port } }),
        ...(usage.get(pid) ?? { cpuSeconds: 0, rssBytes: 0 }),
      },
    ];
  });
}
