import type { Rng } from "../lib/rng.ts";
import type { LoadShape } from "./shape.ts";

export interface ArrivalsOptions {
  /** Which part of the arrivals is meant, where several share them. */
  readonly share?: { readonly index: number; readonly of: number };
  /** Random gaps, as of many independent users (a Poisson process); even ones when absent. */
  readonly rng?: Rng;
}

/**
 * When requests are due, from a rate that changes: request k when the rate has summed up to k and a half. The schedule is fixed before
 * anything is sent, whatever becomes of the requests before (open loop).
 */
export class Arrivals {
  readonly #shape: LoadShape;
  readonly #rng: Rng | undefined;
  readonly #of: number;
  #stretch = 0;
  /** Requests due before the present stretch, and up to the next arrival. */
  #before = 0;
  #until: number;
  #nextMs: number;

  constructor(shape: LoadShape, { share = { index: 0, of: 1 }, rng }: ArrivalsOptions = {}) {
    this.#shape = shape;
    this.#rng = rng;
    this.#of = share.of;
    this.#until = rng === undefined ? share.index + 0.5 : this.#gap();
    this.#nextMs = this.#timeOf(this.#until);
  }

  /** When the next request is due, ms from the beginning; infinite after the last. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** Goes on to the one after. */
  advance(): void {
    this.#until += this.#gap();
    this.#nextMs = this.#timeOf(this.#until);
  }

  /** Requests of all shares from one of this share to the next. */
  #gap(): number {
    return this.#rng === undefined ? this.#of : -Math.log(1 - this.#rng.next()) * this.#of;
  }

  #timeOf(requests: number): number {
    for (; this.#stretch < this.#shape.length; this.#stretch++) {
      const { fromMs, toMs, fromRate, toRate } = this.#shape[this.#stretch] as LoadShape[number];
      const seconds = (toMs - fromMs) / 1_000;
      const inStretch = ((fromRate + toRate) / 2) * seconds;
      const left = requests - this.#before;
      if (left < inStretch) {
        // The root of rate x t + slope x t^2 / 2 = left that holds for any slope, also none.
        const slope = (toRate - fromRate) / seconds;
        const t = (2 * left) / (fromRate + Math.sqrt(Math.max(0, fromRate * fromRate + 2 * slope * left)));
        return fromMs + 1_000 * t;
      }
      this.#before += inStretch;
    }
    return Number.POSITIVE_INFINITY;
  }
}
