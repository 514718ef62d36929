import type { ResolvedWorkload } from "../policy/resolve.ts";
import { type Allowances, UNLIMITED } from "./model.ts";

/** What a workload takes of something that is shared: so much for each unit. */
interface Take {
  readonly limit: SharedLimit;
  readonly perUnit: number;
}

interface SharedLimit {
  readonly capacity: number;
  /** What all workloads take of it by now. */
  taken: number;
}

interface Member {
  readonly takes: readonly Take[];
  units: number;
  promisedUntilMs: number;
}

/** An effect that is on its way longer than this has failed. */
const PROMISED_FOR_MS = 120_000;

/**
 * Limits that several workloads share: units of a group, connections of a dependency. Who asks first gets what is left; workloads are asked
 * in a fixed order, so that the same observations give the same decisions. What a workload has is never taken away for another. Groups
 * and dependencies of the same name and size are the same, whatever file they stand in.
 */
export class SharedLimits {
  readonly #members = new Map<string, Member>();

  /** @param before what was known of the same workloads under other policies */
  constructor(workloads: readonly ResolvedWorkload[], before?: SharedLimits) {
    const limits = new Map<string, SharedLimit>();
    const shared = (key: string, capacity: number): SharedLimit => {
      const known = limits.get(key) ?? { capacity, taken: 0 };
      limits.set(key, known);
      return known;
    };
    for (const workload of workloads) {
      const takes = [
        ...workload.limits
          .filter(({ kind }) => kind === "group")
          .map(({ name, units }): Take => ({ limit: shared(`group ${name} ${units}`, units), perUnit: 1 })),
        ...workload.uses.flatMap(({ dependency, connections, connectionsPerUnit }): Take[] =>
          connections === undefined || connectionsPerUnit === 0
            ? []
            : [{ limit: shared(`dependency ${dependency} ${connections}`, connections), perUnit: connectionsPerUnit }],
        ),
      ];
      if (takes.length === 0) continue;
      const known = before === undefined ? undefined : before.#members.get(workload.id);
      this.#members.set(workload.id, { takes, units: 0, promisedUntilMs: known?.promisedUntilMs ?? 0 });
      this.note(workload.id, known?.units ?? 0);
    }
  }

  /** What is left for a workload, with what it has. */
  allowances(workload: string): Allowances {
    const member = this.#members.get(workload);
    if (member === undefined) return UNLIMITED;
    let unitsMax = Number.POSITIVE_INFINITY;
    for (const { limit, perUnit } of member.takes) {
      const left = limit.capacity - limit.taken + member.units * perUnit;
      unitsMax = Math.min(unitsMax, Math.max(0, Math.floor(left / perUnit + 1e-9)));
    }
    return { unitsMax };
  }

  /** Takes note of what a workload was found to have; what it was promised lately counts until it can be there. */
  found(workload: string, units: number, nowMs: number): void {
    const member = this.#members.get(workload);
    if (member !== undefined) this.note(workload, nowMs < member.promisedUntilMs ? Math.max(units, member.units) : units);
  }

  /** Takes note of what a workload will have. */
  promise(workload: string, units: number, nowMs: number): void {
    const member = this.#members.get(workload);
    if (member === undefined || units <= member.units) return;
    member.promisedUntilMs = nowMs + PROMISED_FOR_MS;
    this.note(workload, units);
  }

  /** Takes note of what a workload has. */
  note(workload: string, units: number): void {
    const member = this.#members.get(workload);
    if (member === undefined || member.units === units) return;
    for (const { limit, perUnit } of member.takes) limit.taken += (units - member.units) * perUnit;
    member.units = units;
  }
}
