import { createRng } from "../lib/rng.ts";
import { Arrivals } from "../load/arrivals.ts";
import { LoadPlayer } from "../load/player.ts";
import { constantShape, durationOf, type LoadShape, rateAt } from "../load/shape.ts";
import { Tally, type TallyParts } from "../load/tally.ts";
import { Balancer } from "./balancer.ts";

/** What the load side is told first. */
export interface LoadSideConfig {
  readonly fleets: readonly { readonly name: string; readonly endpoints: string }[];
  /** Played again from its beginning when it is over. */
  readonly shape: LoadShape;
  readonly seed: number;
}

/** More load on top, for a while. */
export interface Spike {
  /** Of what there is. */
  readonly share: number;
  readonly forMs: number;
}

/** Latency in ms; null without an answer. */
export interface FleetCounts {
  readonly arrived: number;
  readonly answered: number;
  readonly failed: number;
  readonly p95: number | null;
}

/** One second of a fleet, and all of it so far. */
export interface FleetSecond extends FleetCounts {
  readonly name: string;
  readonly total: FleetCounts;
}

export interface LoadSecond {
  /** Into the shape, ms. */
  readonly atMs: number;
  readonly rate: number;
  readonly fleets: readonly FleetSecond[];
}

/** More than anybody has under way before requests fail by their time: what waits here is seen by no unit. */
const CONNECTIONS = 4_000;
const TIMEOUT_MS = 10_000;

/** Balancers of all fleets, and the same load on each. */
export class LoadSide {
  readonly #config: LoadSideConfig;
  readonly #stop = new AbortController();
  readonly #fleets: { readonly name: string; readonly balancer: Balancer; address: string; second: Tally; readonly total: Tally }[];
  #beganMs = 0;

  constructor(config: LoadSideConfig) {
    this.#config = config;
    this.#fleets = config.fleets.map(({ name, endpoints }) => ({
      name,
      balancer: new Balancer(endpoints),
      address: "",
      second: new Tally(),
      total: new Tally(),
    }));
  }

  async listen(): Promise<void> {
    for (const fleet of this.#fleets) fleet.address = await fleet.balancer.listen();
  }

  /** Whether every fleet has units. */
  get isReady(): boolean {
    return this.#fleets.every(({ balancer }) => balancer.size > 0);
  }

  /** Plays until it is closed. @param onSecond called every second */
  async run(onSecond: (second: LoadSecond) => void): Promise<void> {
    const { shape, seed } = this.#config;
    if (durationOf(shape) === 0) throw new RangeError("there is no load to play");
    const timer = setInterval(() => onSecond(this.#endSecond()), 1_000);
    try {
      for (let round = 0; !this.#stop.signal.aborted; round++) {
        this.#beganMs = performance.now();
        // The same moments for all: nobody has the easier load.
        await this.#play(() => new Arrivals(shape, { rng: createRng(seed + round) }), durationOf(shape));
      }
    } finally {
      clearInterval(timer);
    }
  }

  spike({ share, forMs }: Spike): void {
    const rate = share * rateAt(this.#config.shape, performance.now() - this.#beganMs);
    void this.#play(() => new Arrivals(constantShape(rate, forMs)), forMs);
  }

  close(): void {
    this.#stop.abort();
    for (const { balancer } of this.#fleets) balancer.close();
  }

  async #play(arrivals: () => Arrivals, durationMs: number): Promise<void> {
    await Promise.all(
      this.#fleets.map((fleet) => {
        const targets = [`${fleet.address}/`];
        const onSecond = (_: unknown, parts: TallyParts): void => {
          fleet.second.add(parts);
          fleet.total.add(parts);
        };
        const player = new LoadPlayer({ arrivals: arrivals(), durationMs, targets: () => targets, connections: CONNECTIONS, timeoutMs: TIMEOUT_MS, onSecond });
        return player.run(this.#stop.signal);
      }),
    );
  }

  #endSecond(): LoadSecond {
    const atMs = performance.now() - this.#beganMs;
    return {
      atMs,
      rate: rateAt(this.#config.shape, atMs),
      fleets: this.#fleets.map((fleet) => {
        const { name, second, total } = fleet;
        fleet.second = new Tally();
        return { name, ...numbersOf(second), total: numbersOf(total) };
      }),
    };
  }
}

function numbersOf(tally: Tally): FleetCounts {
  const { sent, notSent, answered, failed, latency } = tally.report(0, 0, 0);
  return { arrived: sent + notSent, answered, failed: failed + notSent, p95: latency?.p95 ?? null };
}
