import type { UnitRecord, UnitState } from "./unit-record.ts";

/** The less a unit does, the sooner it goes: nobody misses one that is not ready. */
const RANK: Readonly<Record<Exclude<UnitState, "draining">, number>> = { waiting: 0, starting: 1, unready: 2, ready: 3 };

/**
 * Which units go when there are too many: those that are least ready, and of those as ready the youngest. The older ones have
 * proven themselves, their caches are warm, and most connections are theirs.
 * @param units none of them draining
 */
export function surplusOf<T extends { readonly record: UnitRecord }>(units: readonly T[], count: number): readonly T[] {
  const rank = ({ state }: UnitRecord): number => RANK[state as keyof typeof RANK];
  return units.toSorted(({ record: a }, { record: b }) => rank(a) - rank(b) || b.startedAtMs - a.startedAtMs || b.unit - a.unit).slice(0, Math.max(0, count));
}
