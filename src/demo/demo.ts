import type { DemoState, FleetUnits } from "../api/demo.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { CEILING, FLEETS, UNIT_PRICE } from "./fleets.ts";
import type { LoadSecond, Spike } from "./load-side.ts";
import { Scoreboard } from "./scoreboard.ts";
import { type Troubles, UNIT_RATE } from "./service.ts";

/** What can be made to go wrong, on purpose. */
const TROUBLES = {
  spike: { title: "A spike", about: "80 % more load, at once", forMs: 45_000 },
  slow: { title: "A slow dependency", about: "every request takes twice as long", forMs: 45_000 },
  metrics: { title: "Metrics lost", about: "nobody can see anything", forMs: 60_000 },
  starts: { title: "Units fail to start", about: "new ones end at once", forMs: 45_000 },
  hand: { title: "Somebody else", about: "halves the fleets that move, by hand", forMs: 0 },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly about: string; readonly forMs: number }>>;
export type TroubleName = keyof typeof TROUBLES;

export interface DemoPorts {
  readonly nowMs: () => number;
  readonly troubleFile: string;
  readonly unitsOf: (workload: string) => FleetUnits;
  readonly spike: (spike: Spike) => void;
  /** Somebody else changes capacity, and asks nobody. */
  readonly halve: (workload: string) => void;
}

export interface DemoOptions {
  readonly speed: number;
  /** When the recording that is played began, ms since 1970. */
  readonly fromMs: number;
}

/** Keeps the account of the three fleets, and makes trouble. */
export class Demo {
  readonly #options: DemoOptions;
  readonly #ports: DemoPorts;
  readonly #boards = new Map<string, Scoreboard>();
  readonly #until = new Map<string, number>();
  #seconds = 0;
  #atMs = 0;
  #rate = 0;

  constructor(options: DemoOptions, ports: DemoPorts) {
    this.#options = options;
    this.#ports = ports;
    const terms = { unitRate: UNIT_RATE, ceiling: CEILING, unitPrice: UNIT_PRICE, speed: options.speed };
    for (const { name } of FLEETS) this.#boards.set(name, new Scoreboard(terms));
  }

  /** Takes note of a second of load. */
  add({ atMs, rate, fleets }: LoadSecond): void {
    this.#atMs = atMs;
    this.#rate = rate;
    this.#seconds++;
    for (const fleet of fleets) this.#boards.get(fleet.name)?.add(fleet, this.#ports.unitsOf(`demo/${fleet.name}`), 1);
  }

  /** Seconds of load so far. */
  get seconds(): number {
    return this.#seconds;
  }

  get state(): DemoState {
    const { speed, fromMs } = this.#options;
    const nowMs = this.#ports.nowMs();
    return {
      playedAtMs: fromMs + this.#atMs * speed,
      speed,
      seconds: this.#seconds,
      rate: this.#rate,
      ceiling: CEILING,
      unitRate: UNIT_RATE,
      currency: "USD",
      fleets: FLEETS.map(({ name, title, about }) => {
        const { score, points } = this.#boards.get(name) as Scoreboard;
        return { workload: `demo/${name}`, title, about, units: this.#ports.unitsOf(`demo/${name}`), ...score, points };
      }),
      troubles: Object.entries(TROUBLES).map(([name, { title, about }]) => {
        const untilMs = this.#until.get(name) ?? 0;
        return { name, title, about, untilMs: untilMs > nowMs ? untilMs : null };
      }),
    };
  }

  /** Makes trouble. @returns false when there is none of that name */
  make(name: string): boolean {
    if (!Object.hasOwn(TROUBLES, name)) return false;
    const { forMs } = TROUBLES[name as TroubleName];
    this.#until.set(name, this.#ports.nowMs() + forMs);
    if (name === "spike") this.#ports.spike({ share: 0.8, forMs });
    else if (name === "hand") for (const { name: fleet } of FLEETS.filter((one) => one.name !== "fixed")) this.#ports.halve(`demo/${fleet}`);
    else replaceFile(this.#ports.troubleFile, [JSON.stringify(Object.fromEntries(this.#until) satisfies Troubles)]);
    return true;
  }
}
