import { type Usl, uslBestConcurrency, uslThroughput } from "../capacity/usl.ts";
import { REAL_ZERO } from "../lib/real.ts";
import type { Rng } from "../lib/rng.ts";
import type { ResolvedUnit } from "../policy/resolve-unit.ts";
import { connectableUnits, dependencyRate, type ResolvedUse } from "../policy/uses.ts";
import { Retries } from "./retries.ts";
import { SideEffects } from "./side-effects.ts";
import { Stranded } from "./stranded.ts";

/**
 * Units that were started together. They move through the plant as one:
 *
 *   request(+n) -> starting --readyAtMs--> ready --request(-n)--> draining --until--> gone
 *                     ^  |                                           |
 *                     +--+ a failed start begins again               +-- billed to the end of the minimum, if later
 */
export interface Cohort {
  count: number;
  readonly startedAtMs: number;
  readyAtMs: number;
  readonly size: string | undefined;
}

/** Units that no longer serve: they drain, or are only billed to their minimum. */
interface Leaving {
  readonly count: number;
  readonly drainedAtMs: number;
  readonly billedUntilMs: number;
}

interface CrowdedUnit {
  readonly law: Usl;
  readonly concurrency: number;
}

export interface PlantParameters {
  readonly unit: ResolvedUnit;
  readonly uses: readonly ResolvedUse[];
  /** What one unit serves per second at 100 %, in the unit of the load. */
  readonly perUnit: number;
  readonly initialUnits: number;
}

/**
 * The simulator's model of a workload: units that take time to come and go, a queue, one dependency with limits.
 * Billing begins with the request. Removal takes what is still starting first, then the youngest.
 */
export class Plant {
  readonly #unit: ResolvedUnit;
  readonly #perUnit: number = REAL_ZERO;
  readonly #rng: Rng;
  /** Units that the dependencies have connections for. */
  readonly #connectable: number = REAL_ZERO;
  readonly #uses: readonly ResolvedUse[];
  readonly #isLimited: boolean;
  /** Only where a unit takes on more than it is fastest with. */
  readonly #usl: CrowdedUnit | undefined;
  #effort = 1;
  /** Ascending by readyAtMs. */
  readonly #starting: Cohort[] = [];
  /** Ascending by startedAtMs; the youngest are at the end. */
  readonly #readyCohorts: Cohort[] = [];
  readonly #leaving: Leaving[] = [];
  readonly #retries: Retries | undefined;
  readonly #stranded = new Stranded();
  #nextEventMs = Number.POSITIVE_INFINITY;
  /** Units that a rollout has taken out for the moment. */
  #out = 0;
  #outShare = 0;
  readonly effects = new SideEffects();
  /** Beyond this nothing starts. */
  #quota = Number.POSITIVE_INFINITY;
  /** Share of starts that fail, beyond what the unit's own do. */
  startFailure = 0;

  requested: number = 0;
  starting = 0;
  ready: number = 0;
  draining = 0;
  /** Units paid for: starting + ready + draining + gone before their minimum billing. */
  billed: number = 0;
  /** Requests waiting at the end of the last step. */
  backlog = REAL_ZERO;
  /** Of the last step: requests served, requests failed, busy units on average. */
  served = REAL_ZERO;
  failed = REAL_ZERO;
  busy = REAL_ZERO;
  /** Requests that failed before and came again in the last step. */
  retries = REAL_ZERO;
  /** What can be served per second, after what its own dependencies with limits allow. */
  capacityRate = REAL_ZERO;
  /** What could be served per second in the last step, after what everything it depends on allowed. */
  #allowedRate = REAL_ZERO;

  constructor(parameters: PlantParameters, rng: Rng) {
    this.#unit = parameters.unit;
    this.#perUnit = parameters.perUnit;
    this.#rng = rng;
    this.#connectable = Math.min(Number.POSITIVE_INFINITY, ...parameters.uses.map(connectableUnits));
    this.#uses = parameters.uses;
    const { latency, serviceTimeMs } = parameters.unit;
    if (latency !== undefined && "usl" in latency && latency.usl.concurrency !== undefined && serviceTimeMs !== undefined)
      this.#usl = { law: { serviceTime: serviceTimeMs / 1_000, ...latency.usl }, concurrency: latency.usl.concurrency };
    this.#isLimited = parameters.uses.some(({ rate }) => rate !== undefined);
    if (parameters.unit.retry !== undefined) this.#retries = new Retries(parameters.unit.retry);
    this.requested = parameters.initialUnits;
    this.ready = parameters.initialUnits;
    this.billed = parameters.initialUnits;
    // Free and long since started: no minimum billing is left.
    if (parameters.initialUnits > 0) {
      this.#readyCohorts.push({ count: parameters.initialUnits, startedAtMs: Number.NEGATIVE_INFINITY, readyAtMs: Number.NEGATIVE_INFINITY, size: undefined });
    }
  }

  /** Lets everything happen that is due by now. */
  advance(nowMs: number): void {
    if (nowMs >= this.#nextEventMs) this.#happen(nowMs);
  }

  /** Sets capacity to an absolute number. */
  request(units: number, nowMs: number): void {
    const running = this.starting + this.ready + this.#out;
    const change = units > running ? Math.max(0, Math.min(units, this.#quota) - running) : units - running;
    this.requested = units;
    if (change > 0) this.#start(change, nowMs);
    else if (change < 0) this.#remove(-change, nowMs);
    // What goes, goes from those that are out too.
    if (this.#out > 0) this.takeOut(this.#outShare);
    this.#schedule(nowMs);
    this.advance(nowMs);
  }

  /** From now on nothing starts beyond this; what was refused starts when the limit goes. */
  limit(units: number, nowMs: number): void {
    if (units === this.#quota) return;
    this.#quota = units;
    this.request(this.requested, nowMs);
  }

  /** A rollout has this share of the units out. */
  takeOut(share: number): void {
    this.#outShare = share;
    const all = this.ready + this.#out;
    this.#out = Math.floor(share * all);
    this.ready = all - this.#out;
  }

  /** What can be served from now on, until something changes: {@link capacityRate}. Comes before {@link serve}. */
  prepare(nowMs: number): void {
    let serving = this.ready < this.#connectable ? this.ready : this.#connectable;
    serving = this.effects.worth(serving);
    // A cold unit is as busy with less: its work counts for more.
    this.#effort = 1;
    if (this.#unit.warmUp !== undefined) {
      const warm = Math.max(0, serving - this.#coldUnits(this.#unit.warmUp, nowMs));
      if (warm > 0) this.#effort = serving / warm;
      serving = warm;
    }
    this.capacityRate = serving * (this.#usl === undefined || this.backlog === 0 ? this.#perUnit : this.#crowdedRate(this.#usl, serving));
    if (!this.#isLimited) return;
    const possible = dependencyRate(this.#uses, this.ready);
    if (this.capacityRate > possible) this.capacityRate = possible;
  }

  /** What a unit does that has taken on more than it is fastest with. */
  #crowdedRate({ law, concurrency }: CrowdedUnit, serving: number): number {
    const each = serving > 0 ? Math.min(concurrency, this.backlog / serving) : 0;
    return each <= uslBestConcurrency(law) ? this.#perUnit : Math.min(this.#perUnit, uslThroughput(law, each));
  }

  /** Serves `load` per second for `seconds`, as much as `allowed` per second. */
  serve(load: number, seconds: number, nowMs: number, allowed: number): void {
    const capacity = this.capacityRate < allowed ? this.capacityRate : allowed;
    if (this.#retries !== undefined) this.retries = this.#retries.arrive(load * seconds, nowMs);
    const lost = this.effects.lostShare(this.ready, nowMs) * (load * seconds + this.retries);
    const offered = load * seconds + this.retries - lost + this.backlog;
    const most = capacity * seconds;
    this.served = offered < most ? offered : most;
    let backlog = offered - this.served;
    this.failed = lost;
    if (backlog > 0 || !this.#stranded.isEmpty) {
      const patient =
        capacity > 0 ? (capacity * this.#unit.requestTimeoutMs) / 1_000 : this.#stranded.wait(backlog, nowMs - this.#unit.requestTimeoutMs, nowMs);
      if (capacity > 0) this.#stranded.clear();
      if (backlog > patient) {
        this.failed += backlog - patient;
        backlog = patient;
      }
    }
    if (this.failed > 0) this.#retries?.fail(this.failed, nowMs);
    this.backlog = backlog;
    this.#allowedRate = capacity;
    this.busy = (this.#effort * this.served) / (this.#perUnit * seconds);
  }

  /** Units' worth that is missing because units are cold. */
  #coldUnits({ forMs, from }: NonNullable<ResolvedUnit["warmUp"]>, nowMs: number): number {
    let missing = 0;
    // The youngest became ready last.
    for (let i = this.#readyCohorts.length - 1; i >= 0; i--) {
      const { count, readyAtMs } = this.#readyCohorts[i] as Cohort;
      if (nowMs - readyAtMs >= forMs) break;
      missing += count * (1 - from) * (1 - (nowMs - readyAtMs) / forMs);
    }
    return missing;
  }

  /** Time the dependency or the units need to work off the backlog, ms. */
  get backlogMs(): number {
    if (this.backlog === 0) return 0;
    return this.#allowedRate > 0 ? (this.backlog / this.#allowedRate) * 1_000 : this.#unit.requestTimeoutMs;
  }

  #start(count: number, nowMs: number): void {
    const { meanMs, cv } = this.#unit.startup;
    const failureRatio = Math.max(this.#unit.startup.failureRatio, this.startFailure);
    this.starting += count;
    this.billed += count;
    if (cv === 0 && failureRatio === 0) {
      this.#starting.push({ count, startedAtMs: nowMs, readyAtMs: nowMs + meanMs, size: undefined });
      return;
    }
    for (let i = 0; i < count; i++) {
      this.#insert({ count: 1, startedAtMs: nowMs, readyAtMs: nowMs + this.#startupMs(), size: undefined });
    }
  }

  /** One start-up time: lognormal with the given mean and cv; each failed start costs one more. */
  #startupMs(): number {
    const { meanMs, cv } = this.#unit.startup;
    const failureRatio = Math.max(this.#unit.startup.failureRatio, this.startFailure);
    const variance = Math.log(1 + cv * cv);
    let totalMs = 0;
    // Bounded: a start that fails a hundred times in a row stays out for a hundred start-up times.
    for (let attempt = 0; attempt < 100; attempt++) {
      totalMs += meanMs * Math.exp(Math.sqrt(variance) * this.#rng.normal() - variance / 2);
      if (this.#rng.next() >= failureRatio) break;
    }
    return Math.round(totalMs);
  }

  #insert(cohort: Cohort): void {
    let at = this.#starting.length;
    while (at > 0 && (this.#starting[at - 1] as Cohort).readyAtMs > cohort.readyAtMs) at--;
    this.#starting.splice(at, 0, cohort);
  }

  #remove(count: number, nowMs: number): void {
    let left = count;
    while (left > 0 && this.#starting.length > 0) {
      const cohort = this.#starting[this.#starting.length - 1] as Cohort;
      const gone = Math.min(left, cohort.count);
      cohort.count -= gone;
      left -= gone;
      this.starting -= gone;
      // Nothing to drain: it never served.
      this.#leave(gone, nowMs, nowMs, cohort.startedAtMs);
      if (cohort.count === 0) this.#starting.pop();
    }
    while (left > 0 && this.#readyCohorts.length > 0) {
      const cohort = this.#readyCohorts[this.#readyCohorts.length - 1] as Cohort;
      const gone = Math.min(left, cohort.count);
      cohort.count -= gone;
      left -= gone;
      this.ready -= gone;
      this.effects.remove(gone, nowMs);
      this.#leave(gone, nowMs, nowMs + this.#unit.drainMs, cohort.startedAtMs);
      if (cohort.count === 0) this.#readyCohorts.pop();
    }
  }

  #leave(count: number, nowMs: number, drainedAtMs: number, startedAtMs: number): void {
    const billedUntilMs = Math.max(drainedAtMs, startedAtMs + this.#unit.minimumBillingMs);
    if (drainedAtMs > nowMs) this.draining += count;
    if (billedUntilMs <= nowMs) this.billed -= count;
    else this.#leaving.push({ count, drainedAtMs, billedUntilMs });
  }

  #happen(nowMs: number): void {
    while (this.#starting.length > 0 && (this.#starting[0] as Cohort).readyAtMs <= nowMs) {
      const cohort = this.#starting.shift() as Cohort;
      this.starting -= cohort.count;
      this.ready += cohort.count;
      this.#readyCohorts.push(cohort);
    }
    for (let i = this.#leaving.length - 1; i >= 0; i--) {
      const leaving = this.#leaving[i] as Leaving;
      if (leaving.billedUntilMs <= nowMs) {
        this.billed -= leaving.count;
        this.#leaving.splice(i, 1);
      }
    }
    let draining = 0;
    for (const leaving of this.#leaving) if (leaving.drainedAtMs > nowMs) draining += leaving.count;
    this.draining = draining;
    this.#schedule(nowMs);
  }

  #schedule(nowMs: number): void {
    let next = this.#starting.length > 0 ? (this.#starting[0] as Cohort).readyAtMs : Number.POSITIVE_INFINITY;
    for (const leaving of this.#leaving) {
      next = Math.min(next, leaving.billedUntilMs);
      if (leaving.drainedAtMs > nowMs) next = Math.min(next, leaving.drainedAtMs);
    }
    this.#nextEventMs = next;
  }
}
