/** One setting of an engine on one recording. */
export interface SweepPoint {
  /** The value of the knob, as it stands behind the engine's name. */
  readonly setting: string;
  readonly costUnitHours: number;
  readonly timeAboveCeilingRatio: number;
  readonly requestsBeyondCapacityRatio: number;
}

/** What an engine costs at a given violation. */
export interface IsoReading {
  /** Share of time above the ceiling that is allowed. */
  readonly timeAboveCeilingRatio: number;
  /** Read off the lower convex hull of the settings; null when no setting is that careful. Never extrapolated. */
  readonly costUnitHours: number | null;
  /** The cheapest single setting that keeps to it, and its cost. */
  readonly setting: string | null;
  readonly settingCostUnitHours: number | null;
}

/** The violations at which costs are read. */
export const ISO_VIOLATIONS = [0.01, 0.001] as const;

/**
 * Reads a sweep at equal violation (evaluation, section 9): the least cost of any mix of two settings, by time, whose
 * violation is at most `share`. O(points^2).
 */
export function readIso(points: readonly SweepPoint[], share: number): IsoReading {
  const careful = points.filter((point) => point.timeAboveCeilingRatio <= share);
  let single: SweepPoint | undefined;
  for (const point of careful) if (single === undefined || point.costUnitHours < single.costUnitHours) single = point;
  if (single === undefined) return { timeAboveCeilingRatio: share, costUnitHours: null, setting: null, settingCostUnitHours: null };
  let least = single.costUnitHours;
  for (const a of careful) {
    for (const b of points) {
      if (b.timeAboveCeilingRatio <= share || b.costUnitHours >= a.costUnitHours) continue;
      const weight = (share - a.timeAboveCeilingRatio) / (b.timeAboveCeilingRatio - a.timeAboveCeilingRatio);
      least = Math.min(least, a.costUnitHours + weight * (b.costUnitHours - a.costUnitHours));
    }
  }
  return { timeAboveCeilingRatio: share, costUnitHours: least, setting: single.setting, settingCostUnitHours: single.costUnitHours };
}
