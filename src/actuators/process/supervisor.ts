import { setImmediate as letOthers, setTimeout as wait } from "node:timers/promises";
import { bootId, processesWith, processStarts } from "../../lib/process-table.ts";
import { messageOf, PathError, systemErrorCode } from "../../lib/system-error.ts";
import { type Endpoint, EndpointPublisher, type EndpointsConfig, type Publication } from "./endpoint-publisher.ts";
import { forgetLaunches, UNIT_VARIABLE } from "./launch.ts";
import { surplusOf } from "./surplus.ts";
import { Unit } from "./unit.ts";
import type { DrainConfig, StartConfig, UnitContext } from "./unit-context.ts";
import { logOf, trimLog } from "./unit-log.ts";
import { readUnitRecords, removeUnfinished } from "./unit-record.ts";

export interface SupervisorConfig {
  readonly folder: string;
  /** Absent where units are only ended. */
  readonly start?: StartConfig;
  readonly drain: DrainConfig;
  readonly endpoints?: EndpointsConfig;
  /** The whole environment of units, and of the hook of endpoints. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Units by what they do. Those that do not answer any more are in none of them. */
export interface UnitCounts {
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
}

const LOOK_EVERY_MS = 250;
/** Kinds of trouble that are remembered as said. */
const SAID_MAX = 100;
const TRIM_EVERY_MS = 5_000;
/** Time for the list of endpoints and its hook, where all units are to end. */
const UNPUBLISH_MAX_MS = 10_000;
/** Beyond the time for draining: for the hook of endpoints, and for processes that take long to die. */
const END_GRACE_MS = 20_000;

/**
 * Brings the processes of one workload to the number that is asked for, and keeps them there: starts what is missing, drains what
 * is too much, starts again what has ended. Only one may run on a folder. All that it knows is in the folder before it counts on
 * it, so that another one can go on from any point.
 */
export class Supervisor {
  readonly #config: SupervisorConfig;
  readonly #wanted: () => number | undefined;
  readonly #say: (trouble: string) => void;
  readonly #publisher: EndpointPublisher;
  readonly #units = new Map<number, Unit>();
  readonly #context: UnitContext;
  /** What was said since all was well; each kind of trouble once. */
  readonly #said = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;
  /** Monotonic time since which all of them are to end. */
  #endingSinceMs: number | undefined;
  #isClosed = false;
  #trimmedMs = 0;

  /** @param wanted how many units there are to be; undefined while nobody can tell: then none begins or is drained */
  constructor(config: SupervisorConfig, wanted: () => number | undefined, say: (trouble: string) => void) {
    this.#config = config;
    this.#wanted = wanted;
    this.#say = (trouble) => {
      // Without numbers and durations: the same thing happens to many units, for longer and longer.
      const kind = trouble.replaceAll(/(\d[\d.]*(ms|[smhdw])?)+/g, "");
      if (this.#said.has(kind)) return;
      if (this.#said.size >= SAID_MAX) this.#said.clear();
      this.#said.add(kind);
      say(trouble);
    };
    const onChange = (): void => void this.pass();
    this.#publisher = new EndpointPublisher(config.endpoints, config.environment, { say: this.#say, onPublished: onChange });
    this.#context = {
      folder: config.folder,
      boot: bootId(),
      start: config.start,
      drain: config.drain,
      environment: config.environment,
      givenPorts: () => new Set([...this.#units.values()].flatMap(({ record, hasProcess }) => (hasProcess && record.port !== undefined ? [record.port] : []))),
      onChange,
      say: this.#say,
    };
  }

  /** Takes up what an earlier one has left, and begins. @throws PathError */
  begin(): void {
    const { folder } = this.#config;
    removeUnfinished(folder);
    for (const record of readUnitRecords(folder)) {
      const unit = new Unit(record, this.#context);
      if (unit.settle()) this.#units.set(record.unit, unit);
      else unit.conclude();
    }
    this.#look();
    const nonces = new Set([...this.#units.values()].map(({ record }) => record.nonce));
    forgetLaunches(folder, nonces);
    const strangers = processesWith(UNIT_VARIABLE).filter(({ value }) => value.endsWith(`:${folder}`) && !nonces.has(value.slice(0, -folder.length - 1)));
    if (strangers.length > 0)
      this.#say(
        `${strangers.length} process${strangers.length === 1 ? " says that it is a unit" : "es say that they are units"} of ${folder} of which there is no record: look at them, and end them (kill ${strangers.map(({ pid }) => pid).join(" ")})`,
      );
    this.#timer = setInterval(() => void this.pass(), LOOK_EVERY_MS);
    void this.pass();
  }

  get counts(): UnitCounts {
    const states = [...this.#units.values()].map(({ record }) => record.state);
    const count = (...names: readonly string[]): number => states.filter((state) => names.includes(state)).length;
    return { ready: count("ready"), starting: count("waiting", "starting"), draining: count("draining") };
  }

  /** Looks at everything and does what is to be done now; one after the other, and no more than one ahead. */
  pass(): Promise<void> {
    this.#queued ??= this.#turn.then(async () => {
      this.#queued = undefined;
      if (this.#isClosed) return;
      try {
        await this.#pass();
      } catch (error) {
        // What the system refuses now, it may do the next time; a look that was cut short has counted nobody as gone.
        if (!(error instanceof PathError) && systemErrorCode(error) === undefined) throw error;
        this.#say(messageOf(error));
      }
    });
    this.#turn = this.#queued;
    return this.#queued;
  }

  /** Drains and ends all units. @returns those that could not be ended */
  async endAll(): Promise<readonly number[]> {
    this.#endingSinceMs = performance.now();
    const untilMs = this.#endingSinceMs + this.#config.drain.withinMs + END_GRACE_MS;
    await this.pass();
    while (this.#units.size > 0 && performance.now() < untilMs) {
      await wait(LOOK_EVERY_MS / 5);
      await this.pass();
    }
    return [...this.#units.keys()];
  }

  /** Lets go. Units stay. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#turn;
    await this.#publisher.close();
  }

  async #pass(): Promise<void> {
    this.#look();
    const wanted = this.#endingSinceMs === undefined ? this.#wanted() : 0;
    if (wanted !== undefined) {
      await this.#drainSurplus(wanted);
      await this.#startMissing(wanted);
    }
    const nowMs = performance.now();
    // Records are synced to disk, one after the other: hundreds of them take a while, in which others tick.
    for (const unit of this.#units.values()) if (unit.age(nowMs)) await letOthers();
    this.#publisher.want(this.#endpoints());
    // A list that cannot be written keeps units in service, unless all of them are to end.
    const isTooLate = this.#endingSinceMs !== undefined && nowMs - this.#endingSinceMs >= UNPUBLISH_MAX_MS;
    for (const unit of this.#units.values()) {
      unit.end(nowMs, isTooLate || this.#publisher.isWithout(unit.record.unit));
      unit.check(nowMs);
      if (unit.isDraining) await letOthers();
    }
    if (wanted !== undefined && this.counts.ready >= wanted) this.#said.clear();
    if (nowMs - this.#trimmedMs < TRIM_EVERY_MS) return;
    this.#trimmedMs = nowMs;
    for (const unit of this.#units.keys()) trimLog(logOf(this.#config.folder, unit));
  }

  /** Which processes have ended. */
  #look(): void {
    const units = [...this.#units.values()].filter(({ hasProcess }) => hasProcess);
    const starts = processStarts(units.flatMap(({ record }) => record.pid ?? []));
    const ended = units.filter((unit) => !unit.look(starts));
    if (ended.length === 0) return;
    const left = new Map<string, number[]>();
    for (const { pid, value } of processesWith(UNIT_VARIABLE)) {
      const nonce = value.split(":")[0] as string;
      left.set(nonce, [...(left.get(nonce) ?? []), pid]);
    }
    let hasEnded = false;
    for (const unit of ended) {
      if (!unit.setLeft(left.get(unit.record.nonce) ?? [])) continue;
      hasEnded = true;
      if (unit.conclude()) this.#units.delete(unit.record.unit);
    }
    if (hasEnded) forgetLaunches(this.#config.folder, new Set([...this.#units.values()].map(({ record }) => record.nonce)));
  }

  async #drainSurplus(wanted: number): Promise<void> {
    const staying = [...this.#units.values()].filter(({ isDraining }) => !isDraining);
    for (const unit of surplusOf(staying, staying.length - wanted)) {
      if (unit.drain()) this.#units.delete(unit.record.unit);
      await letOthers();
    }
  }

  async #startMissing(wanted: number): Promise<void> {
    const { start, folder } = this.#config;
    if (start === undefined) return;
    let count = [...this.#units.values()].filter(({ isDraining }) => !isDraining).length;
    for (let unit = 1; count < wanted; unit++) {
      if (this.#units.has(unit)) continue;
      this.#units.set(unit, new Unit({ unit, state: "waiting", nonce: "", boot: this.#context.boot, startedAtMs: Date.now(), failures: 0 }, this.#context));
      count++;
    }
    const due = [...this.#units.values()].filter((unit) => unit.isDue(Date.now()));
    for (const unit of due) {
      if (this.#isClosed) return;
      await unit.start(start);
      await letOthers();
    }
    // What could not even begin has ended by now.
    if (due.length > 0) forgetLaunches(folder, new Set([...this.#units.values()].map(({ record }) => record.nonce)));
  }

  /** Who is ready, as followers are told. */
  get published(): Publication {
    return this.#publisher.published;
  }

  #endpoints(): readonly Endpoint[] {
    return [...this.#units.values()]
      .flatMap(({ record: { unit, state, port } }) => (state === "ready" && port !== undefined ? [{ unit, host: "127.0.0.1", port } as const] : []))
      .sort((a, b) => a.unit - b.unit);
  }
}
