// What the demonstration says of itself.

/** Units of a fleet at an instant. */
export interface FleetUnits {
  readonly ready: number;
  /** Ready, starting and draining: all that cost. */
  readonly paid: number;
}

/** What a fleet has cost and how it has served, measured. */
export interface FleetScore {
  /** Units paid for times hours, by the clock of the recording. */
  readonly unitHours: number;
  readonly money: number;
  /** Of all answers so far; null before the first. */
  readonly p95Ms: number | null;
  /** Share of the time in which load was above the ceiling of the ready units. */
  readonly aboveCeiling: number;
  readonly answered: number;
  readonly failed: number;
}

/** One second of a fleet, for a chart. */
export interface FleetPoint {
  readonly ready: number;
  readonly paid: number;
  /** Requests due, a second. */
  readonly rate: number;
  readonly p95Ms: number | null;
}

/** One fleet of the demonstration. */
export interface FleetState extends FleetScore {
  readonly workload: string;
  readonly title: string;
  readonly about: string;
  readonly units: FleetUnits;
  /** A second each, the last quarter of an hour. */
  readonly points: readonly FleetPoint[];
}

/** The demonstration as it is now. */
export interface DemoState {
  /** Time of the recording, ms since 1970. */
  readonly playedAtMs: number;
  readonly speed: number;
  readonly seconds: number;
  readonly rate: number;
  readonly ceiling: number;
  readonly unitRate: number;
  readonly currency: "USD";
  readonly fleets: readonly FleetState[];
  readonly troubles: readonly { readonly name: string; readonly title: string; readonly about: string; readonly untilMs: number | null }[];
}
