import type { Posture } from "../model.ts";

/** Plain JSON of a {@link PostureJudge}. */
export interface PostureState {
  readonly posture: Posture;
  readonly bad: number;
  readonly blind: number;
  readonly good: number;
}

/**
 * Posture with hysteresis: worse after `badTicks` bad ticks in a row, normal again after `goodTicks` good ones.
 * What a bad tick may not do (shrink) is decided by the proof stage at once; the posture decides what is announced
 * and when `whenBlind` acts.
 */
export class PostureJudge {
  readonly #badTicks: number = 0;
  readonly #goodTicks: number = 0;
  #posture: Posture = "normal";
  /** Ticks in a row with something unusable, and with nothing usable. */
  #bad = 0;
  #blind = 0;
  #good = 0;

  constructor(badTicks: number, goodTicks: number) {
    this.#badTicks = badTicks;
    this.#goodTicks = goodTicks;
  }

  record(unusable: number, metrics: number): Posture {
    if (unusable === 0) {
      if (this.#posture === "normal" && this.#bad === 0) return "normal";
      this.#bad = 0;
      this.#blind = 0;
      if (this.#posture !== "normal" && ++this.#good >= this.#goodTicks) this.#posture = "normal";
      return this.#posture;
    }
    this.#good = 0;
    this.#bad = Math.min(this.#bad + 1, this.#badTicks);
    this.#blind = unusable === metrics ? Math.min(this.#blind + 1, this.#badTicks) : 0;
    if (this.#blind >= this.#badTicks) this.#posture = "blind";
    else if (this.#bad >= this.#badTicks && (this.#posture !== "blind" || this.#blind === 0)) this.#posture = "partial";
    return this.#posture;
  }

  get posture(): Posture {
    return this.#posture;
  }

  state(): PostureState {
    return { posture: this.#posture, bad: this.#bad, blind: this.#blind, good: this.#good };
  }

  restore(state: PostureState): void {
    this.#posture = state.posture;
    this.#bad = state.bad;
    this.#blind = state.blind;
    this.#good = state.good;
  }
}
