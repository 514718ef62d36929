import type { FleetPoint, FleetScore, FleetUnits } from "../api/demo.ts";
import type { FleetCounts, FleetSecond } from "./load-side.ts";

export interface ScoreboardOptions {
  /** What a ready unit serves a second at 100 %. */
  readonly unitRate: number;
  readonly ceiling: number;
  /** Money for a unit and an hour of the recording. */
  readonly unitPrice: number;
  /** Seconds of the recording that pass in a second. */
  readonly speed: number;
}

/** Load is a mean over so many seconds before it counts: a single second of random arrivals is above any ceiling now and then. */
const MEAN_OVER = 5;
/** Seconds kept for charts: a quarter of an hour. */
const POINTS_MAX = 900;

/** Keeps the account of one fleet, second by second. */
export class Scoreboard {
  readonly #options: ScoreboardOptions;
  readonly #arrived: number[] = [];
  readonly #points: FleetPoint[] = [];
  #unitSeconds = 0;
  #aboveSeconds = 0;
  #seconds = 0;
  #last: FleetCounts | undefined;

  constructor(options: ScoreboardOptions) {
    this.#options = options;
  }

  add({ arrived, p95, total }: FleetSecond, { ready, paid }: FleetUnits, seconds: number): void {
    const { unitRate, ceiling } = this.#options;
    this.#arrived.push(arrived / seconds);
    if (this.#arrived.length > MEAN_OVER) this.#arrived.shift();
    const rate = this.#arrived.reduce((sum, one) => sum + one, 0) / this.#arrived.length;
    this.#unitSeconds += paid * seconds;
    this.#seconds += seconds;
    if (rate > ceiling * unitRate * ready) this.#aboveSeconds += seconds;
    this.#last = total;
    this.#points.push({ ready, paid, rate, p95Ms: p95 });
    if (this.#points.length > POINTS_MAX) this.#points.shift();
  }

  get score(): FleetScore {
    const { speed, unitPrice } = this.#options;
    const unitHours = (this.#unitSeconds * speed) / 3_600;
    return {
      unitHours,
      money: unitHours * unitPrice,
      p95Ms: this.#last?.p95 ?? null,
      aboveCeiling: this.#seconds === 0 ? 0 : this.#aboveSeconds / this.#seconds,
      answered: this.#last?.answered ?? 0,
      failed: this.#last?.failed ?? 0,
    };
  }

  /** The last quarter of an hour, oldest first. */
  get points(): readonly FleetPoint[] {
    return this.#points;
  }
}
