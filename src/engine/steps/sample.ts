/** Busier than this, units could not have done more. */
const SATURATED = 0.95;
/** So much of what arrives has to be left over to count. */
const LEFT_OVER = 0.05;
/** More failures than this are a shortage. */
const FAILING = 0.02;
/** So many seconds of work have to wait to count. */
const WAITING_S = 15;

/** Plain JSON of a {@link StepSample}: its numbers in order, null for what is not known. */
export type StepSampleState = readonly (number | null)[];

const FIELDS = ["atMs", "units", "served", "arrived", "utilisation", "errors", "backlog", "slowness"] as const;

/** What is known of a workload over one window of readings; NaN where nothing is. Kept and refilled, so that looking costs no allocation. */
export class StepSample {
  /** Engine time of the end of the window. */
  atMs = Number.NaN;
  /** Mean units ready in the window. */
  units = Number.NaN;
  /** Work done, per second or in busy units. Never goodput: in an overloaded queue that is zero at every size until one is large enough. */
  served = Number.NaN;
  /** What arrived, in the unit of `served`. */
  arrived = Number.NaN;
  /** Busy share of the units. */
  utilisation = Number.NaN;
  /** Failed share of the requests. */
  errors = Number.NaN;
  /** What waits, in seconds of work times the unit of `served`. */
  backlog = Number.NaN;
  /** The slowest latency metric as a multiple of the limit of its objective. */
  slowness = Number.NaN;

  /**
   * Whether more was asked of it than it did. With `before`, only what has not got better since counts: a mean over a window
   * goes on showing what is over.
   */
  isShort(before?: StepSample): boolean {
    if (this.utilisation >= SATURATED) return true;
    if (this.served < (1 - LEFT_OVER) * this.arrived && !(this.arrived < (before?.arrived ?? Number.NaN))) return true;
    if (this.errors >= FAILING && !(this.errors < (before?.errors ?? Number.NaN))) return true;
    if (this.backlog > WAITING_S * this.served && !(this.backlog < (before?.backlog ?? Number.NaN))) return true;
    return this.slowness > 1 && !(this.slowness < (before?.slowness ?? Number.NaN));
  }

  state(): StepSampleState {
    return FIELDS.map((field) => (Number.isNaN(this[field]) ? null : this[field]));
  }

  restore(state: StepSampleState): void {
    for (const [i, field] of FIELDS.entries()) this[field] = state[i] ?? Number.NaN;
  }
}
