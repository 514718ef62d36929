import type { ResolvedWorkload } from "./resolve.ts";

/** What a workload calls, directly or through others, and how often. */
export interface System {
  /** Workloads that call some of `called` too, and get no load here. */
  readonly outside: readonly { readonly workload: string; readonly calls: string }[];
  /** Callers before those they call. */
  readonly called: readonly ResolvedWorkload[];
  /** Calls for each request served. Positions: 0 is the workload itself, then `called`. Ordered by `from`; `from` is less than `to`. */
  readonly edges: readonly { readonly from: number; readonly to: number; readonly calls: number }[];
}

/** @param all every workload of the file, without circles among their calls (`check` refuses those) */
export function systemOf(entry: ResolvedWorkload, all: readonly ResolvedWorkload[]): System {
  const byId = new Map(all.map((workload) => [workload.id, workload]));
  const seen = new Set<string>();
  const called: ResolvedWorkload[] = [];
  const visit = (workload: ResolvedWorkload): void => {
    for (const { workload: id } of workload.uses) {
      const next = id === undefined || seen.has(id) ? undefined : byId.get(id);
      if (next === undefined) continue;
      seen.add(next.id);
      visit(next);
      called.unshift(next);
    }
  };
  visit(entry);
  const workloads = [entry, ...called];
  const at = new Map(workloads.map(({ id }, i) => [id, i]));
  const edges = workloads.flatMap(({ uses }, from) =>
    uses.flatMap(({ workload, calls = 1 }) => {
      const to = workload === undefined ? undefined : at.get(workload);
      return to === undefined ? [] : [{ from, to, calls }];
    }),
  );
  const outside = all
    .filter(({ id }) => !at.has(id))
    .flatMap(({ id, uses }) => uses.flatMap(({ workload }) => (workload !== undefined && at.has(workload) ? [{ workload: id, calls: workload }] : [])));
  return { called, edges, outside };
}

/** Those that no other calls: load comes to them from outside. */
export function notCalled<T extends { readonly resolved: ResolvedWorkload }>(all: readonly T[]): readonly T[] {
  const called = new Set(all.flatMap(({ resolved }) => resolved.uses.map(({ workload }) => workload)));
  return all.filter(({ resolved }) => !called.has(resolved.id));
}
