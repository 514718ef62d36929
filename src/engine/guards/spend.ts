const ALARM_RATIO = 0.8;

/** Plain JSON of a {@link Spend}. */
export interface SpendState {
  readonly monthBeginsAtMs: number;
  readonly spent: number;
  readonly atMs: number | null;
  readonly units: number;
}

/**
 * Money spent in the running calendar month by our own accounting (requested units x price x time): a bill comes a
 * day late, which is too late to stop. Months come as data, because an engine has no calendar.
 */
export class Spend {
  readonly #perMonth: number;
  readonly #pricePerHour: number;
  readonly #monthsBeginAtMs: readonly number[];
  #month = 0;
  #spent = 0;
  #atMs: number | undefined;
  #units = 0;

  /** @param monthsBeginAtMs ascending; before the first one the month is taken to have begun with the first tick */
  constructor(params: { readonly perMonth: number; readonly pricePerHour: number; readonly monthsBeginAtMs: readonly number[] }) {
    this.#perMonth = params.perMonth;
    this.#pricePerHour = params.pricePerHour;
    this.#monthsBeginAtMs = params.monthsBeginAtMs;
  }

  /** Accounts for the units billed since the last tick, month by month, and notes how many are billed from now on. */
  observe(nowMs: number, units: number): void {
    let sinceMs = this.#atMs ?? nowMs;
    for (; this.#month < this.#monthsBeginAtMs.length; this.#month++) {
      const beginMs = this.#monthsBeginAtMs[this.#month] as number;
      if (beginMs > nowMs) break;
      // Only months that begin while we watch reset the account.
      if (this.#atMs === undefined || beginMs <= this.#atMs) continue;
      this.#spent = 0;
      sinceMs = beginMs;
    }
    this.#spent += (this.#units * this.#pricePerHour * (nowMs - sinceMs)) / 3_600_000;
    this.#atMs = nowMs;
    this.#units = units;
  }

  get spent(): number {
    return this.#spent;
  }

  get budget(): number {
    return this.#perMonth;
  }

  get isExhausted(): boolean {
    return this.#spent >= this.#perMonth;
  }

  get isAlarming(): boolean {
    return this.#spent >= ALARM_RATIO * this.#perMonth;
  }

  state(): SpendState {
    return { monthBeginsAtMs: this.#monthsBeginAtMs[this.#month - 1] ?? 0, spent: this.#spent, atMs: this.#atMs ?? null, units: this.#units };
  }

  restore(state: SpendState): void {
    this.#spent = state.spent;
    this.#atMs = state.atMs ?? undefined;
    this.#units = state.units;
    this.#month = 0;
    const atMs = state.atMs ?? -Number.MAX_VALUE;
    while (this.#month < this.#monthsBeginAtMs.length && (this.#monthsBeginAtMs[this.#month] as number) <= atMs) this.#month++;
  }
}
