/** A dependency as the plant sees it from one workload. */
export interface ResolvedUse {
  readonly dependency: string;
  /** 0 where it takes none that are counted. */
  readonly connectionsPerUnit: number;
  readonly connections?: number;
  readonly rate?: number;
  readonly knee?: { readonly connections: number; readonly slowdown: number };
  /** The workload that is this dependency, and how often each request served calls it. */
  readonly workload?: string;
  readonly calls?: number;
}

/**
 * What the dependencies let so many units do at most, per second; infinite when nothing limits it. Beyond its knee a
 * dependency does `rate / (1 + slowdown (connections / knee - 1)^2)` (after the coherency term of the universal scalability law).
 */
export function dependencyRate(uses: readonly ResolvedUse[], units: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { rate, knee, connections = Number.POSITIVE_INFINITY, connectionsPerUnit } of uses) {
    if (rate === undefined) continue;
    const open = Math.min(connections, units * connectionsPerUnit);
    const beyond = knee === undefined ? 0 : Math.max(0, open / knee.connections - 1);
    least = Math.min(least, rate / (1 + (knee?.slowdown ?? 0) * beyond * beyond));
  }
  return least;
}

/** Units that can all hold their connections; infinite when nothing limits them. */
export function connectableUnits({ connections, connectionsPerUnit }: ResolvedUse): number {
  return connections === undefined || connectionsPerUnit === 0 ? Number.POSITIVE_INFINITY : Math.floor(connections / connectionsPerUnit);
}
