const ALARM_RATIO = 0.8;

/** Plain JSON of a {@link Spend}. */
export interface SpendState {
  readonly monthBeginsAtMs: number;
  readonly spent: number;
  readonly atMs: number;
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

  /** Accounts for the units billed since the last tick, and notes how many are billed from now on. */
  observe(nowMs: number, units: number): void {
    if (this.#atMs !== undefined) this.#spent += (this.#units * this.#pricePerHour * (nowMs - this.#atMs)) / 3_600_000;
    while (this.#month < this.#monthsBeginAtMs.length && (this.#monthsBeginAtMs[this.#month] as number) <= nowMs) {
      // Only months that begin while we watch reset the account; the tick that crosses is charged to the new one in whole.
      if (this.#atMs !== undefined && (this.#monthsBeginAtMs[this.#month] as number) > this.#atMs) this.#spent = 0;
      this.#month++;
    }
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
    return { monthBeginsAtMs: this.#monthsBeginAtMs[this.#month - 1] ?? 0, spent: this.#spent, atMs: this.#atMs ?? -1, units: this.#units };
  }

  restore(state: SpendState): void {
    this.#spent = state.spent;
    this.#atMs = state.atMs < 0 ? undefined : state.atMs;
    this.#units = state.units;
    this.#month = 0;
    while (this.#month < this.#monthsBeginAtMs.length && (this.#monthsBeginAtMs[this.#month] as number) <= state.atMs) this.#month++;
  }
}
