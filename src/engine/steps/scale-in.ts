import { REAL_ZERO } from "../../lib/real.ts";

/** What may get worse when units go. NaN where nothing is known. */
export interface Health {
  /** Window that the readings cover: the earliest beginning and the earliest end. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Failed share of the requests. */
  readonly errors: number;
  /** The slowest latency metric as a multiple of the limit of its objective. */
  readonly slowness: number;
  /** Load, in whatever unit; only compared with itself. */
  readonly load: number;
}

export type ScaleInVerdict = "none" | "validated" | "failed";

/** Plain JSON of a {@link ScaleIn}. */
export interface ScaleInState {
  readonly sinceMs: number;
  readonly from: number;
  readonly before: readonly (number | null)[];
  readonly seenToMs: number;
  readonly bad: number;
  readonly unsafeUntilMs: number;
  readonly holds: number;
}

/** Readings in a row, each of its own, before a step is taken back. */
const BAD = 2;
/** More load than this explains what got worse. */
const MORE_LOAD = 1.1;
const HOLD_MAX_MS = 6 * 3_600_000;
/** Earlier than anything, and plain JSON. */
const NEVER_MS = -Number.MAX_VALUE;

/**
 * The last step down, until readings that are wholly of the time after it show that nothing got worse. What load does not explain
 * is put down to the step: it is taken back, and nothing is removed for a while.
 */
export class ScaleIn {
  readonly #errorsRise: number = REAL_ZERO;
  readonly #holdMs: number = 0;
  readonly #patienceMs: number = 0;
  /** When the open step was taken. */
  #sinceMs = Number.NaN;
  #from = 0;
  #errors = Number.NaN;
  #slowness = Number.NaN;
  #load = Number.NaN;
  #seenToMs = NEVER_MS;
  #bad = 0;
  #unsafeUntilMs = NEVER_MS;
  #holds = 0;

  /**
   * @param errorsRise so much more of the requests failing fails a step   @param holdMs after one that had to be taken back
   * none for so long, twice as long each time   @param patienceMs how long a step waits for readings
   */
  constructor(errorsRise: number, holdMs: number, patienceMs: number) {
    this.#errorsRise = errorsRise;
    this.#holdMs = holdMs;
    this.#patienceMs = patienceMs;
  }

  /** Whether the last step has not shown yet that it did no harm. */
  get isOpen(): boolean {
    return !Number.isNaN(this.#sinceMs);
  }

  /** Capacity before the open step. */
  get from(): number {
    return this.#from;
  }

  /** What was known before the open step. */
  get before(): { readonly errors: number; readonly slowness: number } {
    return { errors: this.#errors, slowness: this.#slowness };
  }

  unsafeForMs(nowMs: number): number {
    return this.#unsafeUntilMs - nowMs;
  }

  begin(nowMs: number, from: number, health: Health): void {
    this.#sinceMs = nowMs;
    this.#from = from;
    this.#errors = health.errors;
    this.#slowness = health.slowness;
    this.#load = health.load;
    this.#seenToMs = nowMs;
    this.#bad = 0;
  }

  record(health: Health, nowMs: number): ScaleInVerdict {
    if (!this.isOpen) return "none";
    // Nobody will ever know, or it no longer matters: more load than before calls for more units than now.
    if (nowMs - this.#sinceMs > this.#patienceMs || health.load > MORE_LOAD * this.#load) {
      this.forget();
      return "none";
    }
    if (!(health.toMs > this.#seenToMs)) return "none";
    this.#seenToMs = health.toMs;
    if (health.errors - this.#errors >= this.#errorsRise || (health.slowness > 1 && this.#slowness <= 1)) {
      this.#bad++;
      if (this.#bad < BAD) return "none";
      this.forget();
      this.#unsafeUntilMs = nowMs + Math.min(HOLD_MAX_MS, this.#holdMs * 2 ** this.#holds);
      this.#holds = Math.min(this.#holds + 1, 16);
      return "failed";
    }
    this.#bad = 0;
    if (health.fromMs < this.#sinceMs) return "none";
    this.forget();
    this.#holds = 0;
    return "validated";
  }

  /** The step is no longer looked after. */
  forget(): void {
    this.#sinceMs = Number.NaN;
  }

  state(): ScaleInState {
    const plain = (value: number): number | null => (Number.isNaN(value) ? null : value);
    return {
      sinceMs: this.isOpen ? this.#sinceMs : NEVER_MS,
      from: this.#from,
      before: [plain(this.#errors), plain(this.#slowness), plain(this.#load)],
      seenToMs: this.#seenToMs,
      bad: this.#bad,
      unsafeUntilMs: this.#unsafeUntilMs,
      holds: this.#holds,
    };
  }

  restore(state: ScaleInState): void {
    this.#sinceMs = state.sinceMs === NEVER_MS ? Number.NaN : state.sinceMs;
    this.#from = state.from;
    [this.#errors, this.#slowness, this.#load] = state.before.map((value) => value ?? Number.NaN) as [number, number, number];
    this.#seenToMs = state.seenToMs;
    this.#bad = state.bad;
    this.#unsafeUntilMs = state.unsafeUntilMs;
    this.#holds = state.holds;
  }
}
