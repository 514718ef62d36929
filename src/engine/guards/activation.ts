import type { ResolvedActivation } from "../../policy/resolve.ts";

/** Plain JSON of an {@link Activation}. */
export interface ActivationState {
  readonly idleSinceMs: number;
  readonly unseen: number;
}

export type ActivationPhase = "active" | "waiting" | "asleep" | "unseen";

/**
 * Between nothing and something, apart from how much: a workload sleeps once its metric has been at or under a level for
 * a while, and wakes as soon as it is over it. Without sight it never falls asleep, and a sleeper is woken: at zero a
 * workload cannot show that it is needed.
 */
export class Activation {
  readonly #params: ResolvedActivation;
  readonly #badTicks: number;
  #idleSinceMs = -1;
  #unseen = 0;

  constructor(params: ResolvedActivation, badTicks: number) {
    this.#params = params;
    this.#badTicks = badTicks;
  }

  /**
   * Takes the metric at this tick; `undefined` when it cannot be used.
   * `asleep`: may be at zero. `waiting`: idle, but not for long enough to fall asleep. `unseen`: nobody knows, and for too long.
   */
  record(nowMs: number, value: number | undefined): ActivationPhase {
    if (value === undefined) {
      // What was not seen is no idleness.
      this.#idleSinceMs = -1;
      this.#unseen = Math.min(this.#unseen + 1, this.#badTicks);
      return this.#unseen >= this.#badTicks ? "unseen" : "waiting";
    }
    this.#unseen = 0;
    if (value > this.#params.above) {
      this.#idleSinceMs = -1;
      return "active";
    }
    if (this.#idleSinceMs < 0) this.#idleSinceMs = nowMs;
    return nowMs - this.#idleSinceMs >= this.#params.idleMs ? "asleep" : "waiting";
  }

  state(): ActivationState {
    return { idleSinceMs: this.#idleSinceMs, unseen: this.#unseen };
  }

  restore(state: ActivationState): void {
    this.#idleSinceMs = state.idleSinceMs;
    this.#unseen = state.unseen;
  }
}
