import { oneLine } from "../../lib/one-line.ts";
import { messageOf, PathError } from "../../lib/system-error.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../source.ts";

/** One process of a workload, as whoever runs it sees it. */
export interface UnitUsage {
  /** Another process is another one, also in the place of one that ended. */
  readonly nonce: string;
  readonly isReady: boolean;
  /** Since it began. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

interface Look {
  /** Monotonic. */
  readonly atMs: number;
  readonly units: readonly UnitUsage[];
}

/**
 * What the units of a workload use, where they are processes on this machine. The query is `cpu` (mean of cores that a ready unit
 * has used since the last look, 1 is one core), `memory` (mean of resident bytes of ready units), `ready` or `count`.
 */
export class UnitsSource implements Source {
  readonly #unitsOf: (workload: string) => readonly UnitUsage[] | undefined;
  readonly #clock: { wallMs(): number; engineMs(): number };
  /** By workload. */
  readonly #last = new Map<string, Look>();

  /** @param unitsOf undefined for a workload that has no processes; may throw a PathError */
  constructor(unitsOf: (workload: string) => readonly UnitUsage[] | undefined, clock: { wallMs(): number; engineMs(): number }) {
    this.#unitsOf = unitsOf;
    this.#clock = clock;
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    const looks = new Map<string, { readonly now: Look; readonly before: Look | undefined } | string>();
    return queries.map((query) => {
      if (signal.aborted) return absent(query, "too slow");
      let look = looks.get(query.workload);
      if (look === undefined) {
        look = this.#look(query.workload);
        looks.set(query.workload, look);
      }
      if (typeof look === "string") return absent(query, look);
      const value = answerTo(query.query, look.now, look.before);
      if (typeof value === "string") return absent(query, value);
      return Number.isFinite(value) ? present(query, value, this.#clock.wallMs()) : absent(query, `"${query.query}" is ${value}`, "invalid");
    });
  }

  async close(): Promise<void> {}

  #look(workload: string): { readonly now: Look; readonly before: Look | undefined } | string {
    let units: readonly UnitUsage[] | undefined;
    try {
      units = this.#unitsOf(workload);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      return messageOf(error);
    }
    if (units === undefined) return `${workload} has no processes of ours`;
    const now = { atMs: this.#clock.engineMs(), units };
    const before = this.#last.get(workload);
    this.#last.set(workload, now);
    return { now, before };
  }
}

/** The number, or why there is none: nothing to take the mean of is not zero. */
function answerTo(query: string, now: Look, before: Look | undefined): number | string {
  const ready = now.units.filter(({ isReady }) => isReady);
  switch (query) {
    case "count":
      return now.units.length;
    case "ready":
      return ready.length;
    case "memory":
      return ready.length === 0 ? "no unit is ready" : mean(ready.map(({ rssBytes }) => rssBytes));
    case "cpu": {
      const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000;
      if (before === undefined || seconds <= 0) return "cpu is known from the second look on";
      const known = new Map(before.units.map((unit) => [unit.nonce, unit.cpuSeconds]));
      // A child that ended unwaited takes its time with it.
      const used = ready.flatMap(({ nonce, cpuSeconds }) => (known.has(nonce) ? [Math.max(0, cpuSeconds - (known.get(nonce) as number)) / seconds] : []));
      return used.length === 0 ? "no unit has been ready for two looks" : mean(used);
    }
    default:
      return `found the query "${oneLine(query).slice(0, 60)}", expected cpu, memory, ready or count`;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
