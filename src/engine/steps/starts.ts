/** Plain JSON of {@link Starts}. */
export interface StartsState {
  readonly attempts: number;
  readonly frozenUntilMs: number;
  readonly holds: number;
}

/** Steps in vain before growth stops. */
const ATTEMPTS = 3;
const HOLD_MAX_MS = 3_600_000;

/** Steps up whose units never came. After three, growth stops; one more is tried at longer and longer intervals until units come. */
export class Starts {
  readonly #holdMs: number = 0;
  #attempts = 0;
  #frozenUntilMs = -Number.MAX_VALUE;
  #holds = 0;

  /** @param holdMs first pause; twice as long each time, up to an hour */
  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** Whether growth has stopped, but for single units. */
  get isFutile(): boolean {
    return this.#attempts >= ATTEMPTS;
  }

  /** Time until one more unit is tried, ms; not above 0 when it may be now. */
  frozenForMs(nowMs: number): number {
    return this.#frozenUntilMs - nowMs;
  }

  /** Takes note of what became of units: some arrived, or none is missing. */
  observe(missing: number, arrived: number): void {
    if (arrived === 0 && missing > 0) return;
    this.#attempts = 0;
    this.#frozenUntilMs = -Number.MAX_VALUE;
    this.#holds = 0;
  }

  /** A step up was taken while `missing` units of earlier ones never came. */
  ask(nowMs: number, missing: number): void {
    if (missing === 0 || ++this.#attempts < ATTEMPTS) return;
    this.#frozenUntilMs = nowMs + Math.min(HOLD_MAX_MS, this.#holdMs * 2 ** this.#holds);
    this.#holds = Math.min(this.#holds + 1, 16);
  }

  state(): StartsState {
    return { attempts: this.#attempts, frozenUntilMs: this.#frozenUntilMs, holds: this.#holds };
  }

  restore(state: StartsState): void {
    this.#attempts = state.attempts;
    this.#frozenUntilMs = state.frozenUntilMs;
    this.#holds = state.holds;
  }
}
