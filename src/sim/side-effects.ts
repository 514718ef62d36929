/** What so many units do to each other. */
export interface Crowding {
  /** With more units than this, */
  readonly above: number;
  /** so much of its work is done */
  readonly share: number;
  /** by all of them, or by those beyond. */
  readonly of: "all" | "further";
}

interface Gone {
  readonly count: number;
  readonly untilMs: number;
}

/** What a change of capacity does beside what it is for: units in each other's way, requests still sent to units that are gone. */
export class SideEffects {
  crowding: Crowding | undefined;
  /** How long requests go on being sent to a unit that was removed. */
  keepMs = 0;
  #gone: Gone[] = [];

  /** Units' worth that so many do. */
  worth(units: number): number {
    if (this.crowding === undefined || units <= this.crowding.above) return units;
    const { above, share, of } = this.crowding;
    return of === "all" ? units * share : above + (units - above) * share;
  }

  /** Units were removed. */
  remove(count: number, nowMs: number): void {
    if (this.keepMs > 0) this.#gone.push({ count, untilMs: nowMs + this.keepMs });
  }

  /** Share of the requests that are sent to units that are gone. */
  lostShare(ready: number, nowMs: number): number {
    if (this.#gone.length === 0) return 0;
    this.#gone = this.#gone.filter(({ untilMs }) => untilMs > nowMs);
    const gone = this.#gone.reduce((sum, { count }) => sum + count, 0);
    return gone === 0 ? 0 : gone / (ready + gone);
  }
}
