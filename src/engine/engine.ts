import { REAL_ZERO } from "../lib/real.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { CompiledSchedules, FrozenDirections } from "../policy/schedule.ts";
import { Activation, type ActivationState } from "./guards/activation.ts";
import { BlastRadius, type BlastRadiusState } from "./guards/blast-radius.ts";
import { Drift, type DriftState } from "./guards/drift.ts";
import { LoadCliff, type LoadCliffState } from "./guards/load-cliff.ts";
import { PostureJudge, type PostureState } from "./guards/posture.ts";
import { RateLimit } from "./guards/rate-limit.ts";
import { Spend, type SpendState } from "./guards/spend.ts";
import { MetricSlot, type MetricSlotState } from "./metric-slot.ts";
import type { Allowances, Decision, Engine, EngineState, Observation, Orders, Posture, Proposal } from "./model.ts";
import { ReasonLog, type ReasonNames } from "./reason-log.ts";
import { REASON, type Reason } from "./reasons.ts";
import { Recommender, type RecommenderState } from "./recommender.ts";
import { Sight } from "./sight.ts";
import { StepLife, type StepLifeState } from "./steps/step-life.ts";
import { EPSILON, saturateUnits } from "./strategies/step-units.ts";
import { Transitions } from "./transitions.ts";
import type { ChangeWindowState } from "./windows/change-window.ts";
import { ExtremeWindow, type ExtremeWindowState } from "./windows/extreme-window.ts";
import { InFlight, type InFlightState } from "./windows/in-flight.ts";
import { ReadyHistory, type ReadyHistoryState } from "./windows/ready-history.ts";

const STATE_VERSION = 6;

/** A fall of what was requested to less than this share is read twice before it is believed. */
const CONFIRMED_SHARE = 0.5;
/** So many low readings in a row are believed, though no two are the same. */
const DOUBTS_MAX = 3;

/** Why a limit on units binds, by what it is of. */
const LIMIT_REASONS = { dependency: REASON.dependency_limit, group: REASON.group_limit, budget: REASON.budget_limit } as const;

export interface VernierEngineOptions {
  readonly policyHash: string;
  /** What calendars say over the time of the run; nothing when absent. */
  readonly schedules?: CompiledSchedules;
  /** Instants at which calendar months begin in the file's time zone, ascending; only needed with a budget. */
  readonly monthsBeginAtMs?: readonly number[];
}

interface VernierEngineState extends EngineState {
  readonly nowMs: number;
  readonly expected: number;
  readonly lastSeen: number;
  readonly doubts: number;
  readonly knownReady: number;
  readonly lastStepAtMs: number;
  readonly blindSince: number;
  readonly hasSeen: boolean;
  readonly slots: Readonly<Record<string, MetricSlotState>>;
  readonly ready: ReadyHistoryState;
  readonly inFlight: InFlightState;
  readonly posture: PostureState;
  readonly activation: ActivationState | null;
  readonly cliff: LoadCliffState | null;
  readonly upWindow: ExtremeWindowState;
  readonly downWindow: ExtremeWindowState;
  readonly added: ChangeWindowState;
  readonly removed: ChangeWindowState;
  readonly blastRadius: BlastRadiusState | null;
  readonly spend: SpendState | null;
  readonly strategies: RecommenderState;
  readonly steps: StepLifeState | null;
  readonly drift: DriftState | null;
}

/** Vernier's own engine. `propose` reads top to bottom as the stage order of the design. */
export class VernierEngine implements Engine, Decision {
  readonly engine = "vernier";
  readonly workload: string;
  readonly policyHash: string;
  readonly intervalMs: number = 0;
  readonly metrics: readonly ResolvedMetric[];

  // The decision of the running tick; the engine is its own decision object, so that holding costs no allocation.
  atMs = REAL_ZERO;
  from = 0;
  desired = 0;
  requested = 0;
  ready = 0;

  readonly #policy: ResolvedWorkload;
  readonly #slots: MetricSlot[];
  readonly #sight: Sight;
  readonly #recommender: Recommender;
  readonly #log = new ReasonLog();
  readonly #names: ReasonNames;
  readonly #readyHistory = new ReadyHistory();
  readonly #inFlight: InFlight;
  readonly #posture: PostureJudge;
  readonly #activation: Activation | undefined;
  readonly #activationSlot: MetricSlot | undefined;
  readonly #cliffSlot: MetricSlot | undefined;
  readonly #cliff: LoadCliff | undefined;
  readonly #errorsSlot: MetricSlot | undefined;
  readonly #upWindow: ExtremeWindow;
  readonly #downWindow: ExtremeWindow;
  readonly #upWindowMs: number = 0;
  readonly #downWindowMs: number = 0;
  readonly #provesScaleIn: boolean;
  readonly #bounds: Transitions<{ readonly min: number; readonly max: number }>;
  readonly #freeze: Transitions<FrozenDirections>;
  #min: number = 0;
  #max: number = 0;
  readonly #up: RateLimit;
  readonly #down: RateLimit;
  readonly #blastRadius: BlastRadius | undefined;
  readonly #spend: Spend | undefined;
  readonly #steps: StepLife | undefined;
  readonly #drift: Drift | undefined;
  /** Requested capacity as last read or set; -1 before. */
  #lastSeen = -1;
  /** Readings in a row that nobody acted on. */
  #doubts = 0;
  /** What we last settled on; -1 before the first tick. */
  #expected = -1;
  /** Units ready when capacity was last read; -1 before. */
  #knownReady = -1;
  #isReadable = false;
  /** Whether this tick's wish rests on readings. */
  #isInformed = false;
  /** Whether this tick may go to zero, by what activates. */
  #maySleep = false;
  /** Units that a sleeper has to wake with at this tick; 0 while it need not. */
  #waking = 0;
  /** Used metrics that this tick could not use. */
  #unusable = 0;
  #lastStepAtMs = -Number.MAX_VALUE;
  /** Requested capacity when sight was lost; -1 while we see. */
  #blindSince = -1;
  #hasSeen = false;
  /** Units ready or on their way, and units that will not come. */
  #serving = REAL_ZERO;
  #missing = REAL_ZERO;
  #arrived = 0;

  constructor(policy: ResolvedWorkload, options: VernierEngineOptions) {
    this.workload = policy.id;
    this.policyHash = options.policyHash;
    this.intervalMs = policy.intervalMs;
    this.metrics = policy.metrics.filter(({ formula }) => formula === undefined);
    this.#policy = policy;
    this.#names = { metrics: policy.metrics.map(({ name }) => name), limits: policy.limits.map(({ name }) => name) };
    const { guards, unit } = policy;
    this.#slots = policy.metrics.map((_, index) => new MetricSlot(policy, index));
    if (policy.activation !== undefined) {
      const { metric } = policy.activation;
      this.#activation = new Activation(policy.activation, guards.badTicks);
      this.#activationSlot = this.#slots.find((slot) => slot.metric.name === metric);
    }
    this.#sight = new Sight(this.#slots, guards.implausibleZero, this.#readyHistory, this.#log);
    this.#recommender = new Recommender(policy, this.#slots, options.schedules, this.#log);
    // At least three ticks: capacity that is ready at once is still seen one tick late.
    this.#inFlight = new InFlight(Math.max(2 * unit.startup.meanMs, 3 * policy.intervalMs));
    this.#posture = new PostureJudge(guards.badTicks, guards.goodTicks);
    this.#cliffSlot = cliffSlot(this.#slots);
    if (guards.cliff !== "off" && this.#cliffSlot !== undefined) {
      const serves = unit.serves?.rate ?? Number.NaN;
      const { metric, perUnit } = this.#cliffSlot;
      this.#cliff = new LoadCliff(guards.cliff, {
        intervalMs: policy.intervalMs,
        countPerLoad: metric.measures === "rate" ? 1 : metric.measures === "utilisation" ? serves : Number.NaN,
        perUnit,
        of: `${metric.measures} ${metric.name}`,
      });
    }
    this.#errorsSlot = this.#slots.find((slot) => slot.metric.measures === "errors");
    // Read every tick: kept flat.
    this.#upWindowMs = guards.up.windowMs;
    this.#downWindowMs = guards.down.windowMs;
    this.#provesScaleIn = guards.proof === "on";
    this.#min = policy.bounds.min;
    this.#max = policy.bounds.max;
    this.#freeze = new Transitions<FrozenDirections>("none", options.schedules?.freeze ?? []);
    this.#bounds = new Transitions(policy.bounds, options.schedules?.bounds ?? []);
    this.#upWindow = new ExtremeWindow(guards.up.windowMs, "lowest");
    this.#downWindow = new ExtremeWindow(guards.down.windowMs, "highest");
    this.#up = new RateLimit(guards.up);
    this.#down = new RateLimit(guards.down);
    if (guards.blastRadius !== "off") this.#blastRadius = new BlastRadius(guards.blastRadius);
    if (guards.drift === "on") this.#drift = new Drift();
    if (guards.steps !== "off") {
      const bounds = { min: () => this.#min, mayGo: () => this.#blastRadius?.allowed(this.atMs) ?? Number.POSITIVE_INFINITY };
      this.#steps = new StepLife(guards.steps, policy, this.#slots, this.#readyHistory, bounds, this.#log);
    }
    if (policy.budget !== undefined && unit.price !== undefined) {
      this.#spend = new Spend({
        perMonth: policy.budget.amountPerMonth,
        pricePerHour: unit.price.amountPerHour,
        monthsBeginAtMs: options.monthsBeginAtMs ?? [],
      });
    }
  }

  get posture(): Posture {
    return this.#posture.posture;
  }

  propose(observation: Observation, nowMs: number): Proposal {
    const capacity = observation.capacity;
    this.#log.reset();
    this.atMs = nowMs;
    const isReadable = capacity.readable && this.#isConfirmed(capacity.requested);
    const current = isReadable ? capacity.requested : Math.max(this.#expected, 0);
    this.from = current;
    this.#isReadable = isReadable;
    if (isReadable) this.#observeCapacity(current, capacity.ready, nowMs);
    else if (!capacity.readable) this.#log.add(REASON.capacity_unreadable, current, current);
    this.#freeze.advance(nowMs);
    if (this.#bounds.advance(nowMs)) this.#changeBounds(current);
    // Asleep: what comes from the units is rightly silent.
    const unusable = this.#sight.observe(observation.readings, current, nowMs, this.#activation !== undefined && current === 0);
    this.#unusable = unusable;
    this.#isInformed = false;
    const posture = this.#judge(isReadable, unusable, current, nowMs);
    // Without a reading of capacity nothing may be requested: the world decides what a number would mean.
    this.desired = current;
    this.requested = isReadable ? this.#decide(observation.orders, posture, current, nowMs) : current;
    return this;
  }

  /** Units to request, by what is known of load and of capacity. */
  #decide(orders: Orders | undefined, posture: Posture, current: number, nowMs: number): number {
    const steps = this.#steps;
    if (this.#drift !== undefined) this.#observeDrift(this.#drift, current, nowMs);
    if (steps !== undefined) {
      // Somebody else's step.
      if (current !== this.#expected) steps.forget();
      steps.observe(current, this.ready, this.#missing, this.#arrived, nowMs);
    }
    let units = this.#recommend(current, posture);
    if (this.#activation !== undefined) units = this.#activate(this.#activation, units, current);
    this.desired = units;
    if (units < current && this.#provesScaleIn) units = this.#prove(units, current);
    units = this.#stabilise(units, current, nowMs);
    if (units > current && steps !== undefined) units = steps.serialise(units, current, nowMs);
    if (units !== current) units = this.#cool(this.#limitRate(units, current, nowMs), current, nowMs);
    // Nobody is helped by a guard that keeps a sleeper from waking.
    if (units < this.#waking) {
      this.#log.add(REASON.wakes_anyway, units, this.#waking);
      units = this.#waking;
    }
    if (steps?.hasGoal === true) units = steps.takeBack(units, current, this.#unusable === 0 && !this.#isFrozen("down"));
    units = this.#obey(orders, units, current, nowMs);
    units = this.#constrain(units, current, nowMs);
    if (units === current) return units;
    if (orders?.units === undefined) units = this.#leaveAlone(orders, units, current, nowMs);
    return units < current ? this.#limitRemoval(units, current, nowMs) : units;
  }

  settle(allowances: Allowances): Decision {
    const current = this.from;
    if (this.requested > current && this.requested > allowances.unitsMax) {
      const units = Math.max(current, Math.floor(allowances.unitsMax));
      this.#log.add(REASON.allowance, this.requested, units, allowances.unitsMax);
      this.requested = units;
    }
    // Capacity that could not be read leaves what we know of it as it was.
    if (!this.#isReadable) return this;
    const change = this.requested - current;
    if (change !== 0) {
      this.#lastStepAtMs = this.atMs;
      this.#steps?.took(this.atMs, current, this.requested, this.#missing);
      if (change > 0) this.#up.changes.add(this.atMs, change);
      else {
        // Taken away now: readings from now on are means over fewer units, although nobody looks before the next tick.
        this.#readyHistory.record(this.atMs, Math.min(this.ready, this.requested));
        this.#down.changes.add(this.atMs, -change);
        this.#blastRadius?.remove(this.atMs, -change);
      }
    }
    this.#drift?.took(this.atMs, current, this.requested);
    this.#expected = this.requested;
    this.#lastSeen = this.requested;
    return this;
  }

  reasons(): Reason[] {
    return this.#log.toReasons(this.#names);
  }

  #changeBounds(current: number): void {
    const { min, max } = this.#bounds.value;
    this.#min = min;
    this.#max = max;
    this.#log.add(REASON.bounds_changed, current, current, min, max);
  }

  /**
   * Whether a reading of capacity is believed at once. One far below what has to run is more often a list that is not
   * complete yet (a controller that just began, a cache that fills) than capacity that is gone; it counts when it comes twice, or the third
   * time in a row.
   */
  #isConfirmed(requested: number): boolean {
    const expected = this.#expected < 0 ? this.#min : this.#expected;
    const isDoubtful = this.#expected < 0 ? requested < expected : requested < expected * CONFIRMED_SHARE && expected - requested > 1;
    if (!isDoubtful || (this.#doubts > 0 && requested === this.#lastSeen) || this.#doubts + 1 >= DOUBTS_MAX) {
      this.#doubts = 0;
      return true;
    }
    this.#doubts++;
    // If it is true, someone took it away now.
    this.#blastRadius?.observe(this.atMs, requested, Math.max(0, this.#lastSeen - requested));
    this.#lastSeen = requested;
    this.#log.add(REASON.capacity_unconfirmed, requested, requested, expected);
    return false;
  }

  #observeCapacity(current: number, ready: number, nowMs: number): void {
    const arrived = this.#knownReady < 0 ? 0 : Math.max(0, ready - this.#knownReady);
    this.#arrived = arrived;
    this.#knownReady = ready;
    this.ready = ready;
    if (this.#expected < 0) this.#expected = current;
    if (this.#lastSeen < 0) this.#lastSeen = current;
    this.#blastRadius?.observe(nowMs, current, Math.max(0, this.#lastSeen - current));
    this.#readyHistory.record(nowMs, ready);
    this.#serving = ready;
    this.#missing = 0;
    if (current > ready || this.#inFlight.total > 0) this.#observeGap(current, ready, arrived, nowMs);
    this.#spend?.observe(nowMs, current);
  }

  /** Units requested and not ready: on their way, or failed. */
  #observeGap(current: number, ready: number, arrived: number, nowMs: number): void {
    this.#inFlight.record(nowMs, current > ready ? current - ready : 0, arrived);
    const live = this.#inFlight.live(nowMs);
    this.#serving = ready + live;
    this.#missing = this.#inFlight.total - live;
    if (this.#missing > 0) this.#log.add(REASON.start_failed, current, current, this.#missing, this.#inFlight.expiryMs);
  }

  #judge(readable: boolean, unusable: number, current: number, nowMs: number): Posture {
    const used = this.#sight.used;
    // Before the first reading ever there is no sight to lose; nothing shrinks all the same, for want of proof.
    if (!this.#hasSeen && unusable === used) return this.#posture.posture;
    // Unreadable capacity is one more thing we cannot see; it makes nobody blind who still sees load.
    const posture = this.#posture.record(readable ? unusable : Math.max(1, unusable), used);
    if (unusable < used) this.#hasSeen = true;
    else if (this.#blindSince < 0) this.#blindSince = current;
    // Only when sight is back for good: a metric that flickers must not grow the fleet from each new height.
    if (posture === "normal" && unusable < used) this.#blindSince = -1;
    if (posture === "partial") this.#log.add(REASON.posture_partial, current, current, unusable);
    if (posture === "blind") this.#log.add(REASON.posture_blind, current, current);
    const cliff = this.#cliff;
    const slot = this.#cliffSlot;
    // A zero that is not believed is load that vanished all the same.
    if (cliff && slot && (slot.isUsable || slot.isDoubted) && cliff.record(nowMs, slot.load)) {
      this.#log.add(REASON.load_cliff, current, current, slot.index, cliff.recentMean, cliff.earlierMean, cliff.remainingMs(nowMs));
    }
    if (cliff !== undefined && this.#errorsSlot?.isUsable) cliff.recordErrors(nowMs, this.#errorsSlot.value);
    return posture;
  }

  /** Looks for changes that others made. */
  #observeDrift(drift: Drift, current: number, nowMs: number): void {
    if (drift.isQuiet(current)) return;
    const { before } = drift;
    if (!drift.observe(nowMs, current, this.#blastRadius?.ofWhole(before) ?? Number.POSITIVE_INFINITY)) return;
    this.#log.add(REASON.drift_yielded, current, current, before);
    // Whoever added units had a reason: it counts as a recommendation.
    if (this.#downWindowMs > 0 && current > before) this.#downWindow.push(nowMs, current);
  }

  /** What others changed and people ordered, where they say how much. */
  #obey(orders: Orders | undefined, wish: number, current: number, nowMs: number): number {
    let units = wish;
    const drift = this.#drift;
    if (drift !== undefined && drift.restoreTo > current) {
      this.#log.add(REASON.drift_restored, current, drift.restoreTo, drift.restoreTo);
      units = Math.max(units, drift.restoreTo);
    }
    if (orders?.units !== undefined) {
      this.#log.add(REASON.ordered, wish, orders.units, orders.units);
      return orders.units;
    }
    if (units >= current) return units;
    const heldMs = drift?.heldForMs(nowMs) ?? 0;
    if (heldMs > 0) this.#log.add(REASON.drift_hold, units, current, heldMs);
    else if (orders?.holdsIn) this.#log.add(REASON.held_in, units, current);
    else return units;
    return current;
  }

  /** No step at all: of people's will, or so as not to fight. */
  #leaveAlone(orders: Orders | undefined, wish: number, current: number, nowMs: number): number {
    if (orders?.isPaused) {
      this.#log.add(REASON.paused, wish, current);
      return current;
    }
    if (this.#drift?.isFought(nowMs) !== true) return wish;
    // The minimum holds, whoever it has to be held against.
    const units = wish > current ? Math.max(current, Math.min(wish, this.#min)) : current;
    this.#log.add(REASON.drift_robot, wish, units, this.#drift.heldForMs(nowMs));
    return units;
  }

  /** What the strategies ask for; what we do without sight when none has an opinion. */
  #recommend(current: number, posture: Posture): number {
    const recommender = this.#recommender;
    recommender.serving = this.#serving;
    recommender.missing = this.#missing;
    recommender.min = this.#min;
    const best = recommender.recommend(current, this.atMs);
    this.#isInformed = recommender.isInformed;
    if (this.#isInformed) return best;
    // Nothing measured is known: what a calendar says may only add to what we do without sight.
    const held = posture === "blind" ? this.#actBlind(current) : this.#holdWithoutOpinion(current);
    return Math.max(best, held);
  }

  /** Zero or not, apart from how much. */
  #activate(activation: Activation, wish: number, current: number): number {
    this.#maySleep = false;
    this.#waking = 0;
    const slot = this.#activationSlot as MetricSlot;
    const { above, idleMs, wake } = this.#policy.activation as NonNullable<ResolvedWorkload["activation"]>;
    const phase = activation.record(this.atMs, slot.isUsable ? slot.value : undefined);
    if (phase === "asleep") {
      this.#maySleep = true;
      // The last unit is not there for what the strategies measure; more than that they must not want.
      const units = wish <= 1 ? 0 : wish;
      if (current > 0) this.#log.add(REASON.activation_sleep, wish, units, slot.index, above, idleMs);
      return units;
    }
    if (current > 0) return Math.max(1, wish);
    if (phase === "waiting") return wish;
    const units = Math.max(wish, wake);
    this.#waking = wake;
    if (phase === "unseen") this.#log.add(REASON.activation_unseen, wish, units, slot.index, wake);
    else this.#log.add(REASON.activation_wake, wish, units, slot.index, slot.value, above);
    return units;
  }

  #holdWithoutOpinion(current: number): number {
    this.#log.add(REASON.no_recommendation, current, current);
    return current;
  }

  #actBlind(current: number): number {
    const whenBlind = this.#policy.guards.whenBlind;
    if (whenBlind === "hold") {
      this.#log.add(REASON.blind_hold, current, current);
      return current;
    }
    if ("floor" in whenBlind) {
      const units = Math.max(current, whenBlind.floor);
      this.#log.add(REASON.blind_floor, current, units, whenBlind.floor);
      return units;
    }
    const units = Math.max(current, saturateUnits(this.#blindSince * (1 + whenBlind.grow)));
    this.#log.add(REASON.blind_grow, current, units, whenBlind.grow, this.#blindSince);
    return units;
  }

  /** Scale-in only as far as every metric that has a target, band or minimum objective stays inside it. */
  #prove(wish: number, current: number): number {
    // What cannot be seen first: whether this tick leaves a recommendation must not depend on the order of metrics.
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i] as MetricSlot;
      if (!slot.isUsed || slot.isUsable) continue;
      this.#log.add(REASON.proof_unreadable, wish, current, slot.index);
      this.#isInformed = false;
      return current;
    }
    let units = wish;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i] as MetricSlot;
      if (!slot.isUsed) continue;
      if (slot.value > slot.limitAsMeasured) {
        this.#log.add(REASON.proof_objective, units, current, slot.index, slot.value, slot.limitAsMeasured);
        return current;
      }
      // What is left when nobody is there (a probe, a health check) is no reason to stay awake.
      if (slot.limitPerUnit === Number.POSITIVE_INFINITY || (this.#maySleep && wish === 0)) continue;
      const proven = Math.min(current, slot.provenUnits(this.#readyHistory) + this.#missing);
      if (proven <= units) continue;
      const serving = units - this.#missing;
      this.#log.add(REASON.proof_utilisation, units, proven, slot.index, serving > 0 ? slot.load / serving : slot.load, slot.limitPerUnit);
      units = proven;
    }
    return units;
  }

  #stabilise(wish: number, current: number, nowMs: number): number {
    // What nobody could see is no recommendation: one lost reading in a window must not hold for the whole of it.
    if (!this.#isInformed) return wish;
    const upWindowMs = this.#upWindowMs;
    const downWindowMs = this.#downWindowMs;
    // Nothing is known of the last window (just begun, or back from a long absence): what runs counts as recommended.
    if (upWindowMs > 0) this.#upWindow.push(nowMs, wish, current);
    if (downWindowMs > 0) this.#downWindow.push(nowMs, wish, current);
    if (wish > current && upWindowMs > 0) {
      const lowest = this.#upWindow.extreme;
      if (lowest >= wish) return wish;
      const units = Math.max(current, lowest);
      this.#log.add(REASON.stabilised_up, wish, units, lowest, upWindowMs);
      return units;
    }
    if (wish < current && downWindowMs > 0) {
      const highest = this.#downWindow.extreme;
      if (highest <= wish) return wish;
      const units = Math.min(current, highest);
      this.#log.add(REASON.stabilised_down, wish, units, highest, downWindowMs);
      return units;
    }
    return wish;
  }

  #limitRate(wish: number, current: number, nowMs: number): number {
    const isUp = wish > current;
    const direction = isUp ? this.#policy.guards.up : this.#policy.guards.down;
    if (direction.select === "off") {
      this.#log.add(REASON.direction_off, wish, current);
      return current;
    }
    const limit = isUp ? this.#up : this.#down;
    const allowed = limit.allowed(nowMs, current, isUp ? 1 : -1);
    if (Math.abs(wish - current) <= allowed) return wish;
    if (isUp) {
      const above = this.#policy.guards.up.unlimitedAbove;
      const utilisation = this.#projectedUtilisation();
      if (above !== "off" && utilisation > above + EPSILON && this.#steps?.isSerialAt(nowMs) !== true) {
        this.#log.add(REASON.rate_unlimited, wish, wish, utilisation, above);
        return wish;
      }
      this.#log.add(REASON.rate_limited_up, wish, current + allowed, current + allowed, limit.changed, limit.periodMs);
      return current + allowed;
    }
    this.#log.add(REASON.rate_limited_down, wish, current - allowed, current - allowed, limit.changed, limit.periodMs);
    return current - allowed;
  }

  /** Load over what serves or will, the worst of all metrics that carry load. */
  #projectedUtilisation(): number {
    let worst = 0;
    for (const slot of this.#slots) {
      if (!slot.isUsable || Number.isNaN(slot.perUnit)) continue;
      const utilisation = this.#serving > 0 ? slot.load / (slot.perUnit * this.#serving) : slot.load > 0 ? Number.MAX_VALUE : 0;
      if (utilisation > worst) worst = utilisation;
    }
    return worst;
  }

  #isFrozen(direction: "up" | "down"): boolean {
    return this.#freeze.value === "both" || this.#freeze.value === direction;
  }

  #cool(wish: number, current: number, nowMs: number): number {
    if (wish === current) return wish; // the rate limit left nothing
    if (this.#isFrozen(wish > current ? "up" : "down")) {
      this.#log.add(REASON.frozen, wish, current);
      return current;
    }
    // Here and not among the proofs: a hold must not count as a recommendation, or the stabilisation window would follow it.
    const cliffMs = wish < current ? (this.#cliff?.remainingMs(nowMs) ?? 0) : 0;
    if (cliffMs > 0) {
      this.#log.add(REASON.cliff_hold, wish, current, cliffMs);
      return current;
    }
    if (wish < current && this.#steps?.holdsScaleIn(wish, current, nowMs)) return current;
    const { cooldownMs } = wish > current ? this.#policy.guards.up : this.#policy.guards.down;
    const remainingMs = this.#lastStepAtMs + cooldownMs - nowMs;
    if (cooldownMs === 0 || remainingMs <= 0) return wish;
    this.#log.add(REASON.cooling_down, wish, current, remainingMs);
    return current;
  }

  /** Constraints hold growth back, also that to the minimum; then bounds. */
  #constrain(wish: number, current: number, nowMs: number): number {
    const limits = this.#policy.limits;
    // Unless it may sleep, what is awake stays so.
    const min = this.#activation !== undefined && !this.#maySleep && current > 0 ? Math.max(1, this.#min) : this.#min;
    const max = this.#max;
    let units = wish;
    if (this.#spend?.isAlarming) {
      if (this.#spend.isExhausted && units > current) {
        this.#log.add(REASON.spend_exhausted, units, current, this.#spend.spent, this.#spend.budget);
        units = current;
      } else {
        this.#log.add(REASON.spend_alarm, units, units, this.#spend.spent, this.#spend.budget);
      }
    }
    // What the minimum asks for is held back too: a limit below it must not make capacity swing between the two.
    let wanted = Math.max(units, min);
    if (this.#steps !== undefined && wanted > current) {
      wanted = this.#steps.limit(wanted, current, min, nowMs);
      units = Math.min(units, wanted);
    }
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i] as (typeof limits)[number];
      if (wanted <= limit.units) continue;
      // A limit holds growth back; what runs beyond it goes as proof allows, not because a number changed.
      wanted = Math.max(limit.units, Math.min(wanted, current));
      if (limit.units < min) this.#log.add(REASON.constraint_below_min, units, wanted, limit.units, min);
      else this.#log.add(LIMIT_REASONS[limit.kind], units, wanted, i, limit.units);
      units = wanted;
    }
    if (units < wanted) this.#log.add(REASON.clamped_min, units, wanted, min);
    units = wanted;
    if (units < min) return units;
    if (units <= max) return units;
    this.#log.add(REASON.clamped_max, units, max, max);
    if (current <= max) return max;
    // Found above the bound: on the way down as fast as any scale-in, and not without sight.
    const nearer = this.#unusable > 0 ? current : this.#limitRate(max, current, nowMs);
    if (nearer > max) this.#log.add(REASON.bounds_pending, nearer, nearer, max);
    return nearer;
  }

  #limitRemoval(wish: number, current: number, nowMs: number): number {
    const radius = this.#blastRadius;
    if (radius === undefined) return wish;
    const allowed = radius.allowed(nowMs);
    if (current - wish <= allowed) return wish;
    const units = current - allowed;
    this.#log.add(REASON.blast_radius, wish, units, allowed, radius.removed, radius.highest, radius.share, radius.windowMs);
    return units;
  }

  state(): EngineState {
    const state: VernierEngineState = {
      engine: this.engine,
      version: STATE_VERSION,
      nowMs: this.atMs,
      expected: this.#expected,
      lastSeen: this.#lastSeen,
      doubts: this.#doubts,
      knownReady: this.#knownReady,
      lastStepAtMs: this.#lastStepAtMs,
      blindSince: this.#blindSince,
      hasSeen: this.#hasSeen,
      slots: Object.fromEntries(this.#slots.map((slot) => [slot.metric.name, slot.state()])),
      ready: this.#readyHistory.state(),
      inFlight: this.#inFlight.state(),
      posture: this.#posture.state(),
      activation: this.#activation?.state() ?? null,
      cliff: this.#cliff?.state() ?? null,
      upWindow: this.#upWindow.state(),
      downWindow: this.#downWindow.state(),
      added: this.#up.changes.state(),
      removed: this.#down.changes.state(),
      blastRadius: this.#blastRadius?.state() ?? null,
      spend: this.#spend?.state() ?? null,
      strategies: this.#recommender.state(),
      steps: this.#steps?.state() ?? null,
      drift: this.#drift?.state() ?? null,
    };
    return state;
  }

  restore(given: EngineState): void {
    const state = given as VernierEngineState;
    if (state.engine !== this.engine || state.version !== STATE_VERSION) {
      throw new Error(`state of engine "${state.engine}" version ${state.version} cannot be restored into "${this.engine}" version ${STATE_VERSION}`);
    }
    this.atMs = state.nowMs;
    this.#expected = state.expected;
    this.#lastSeen = state.lastSeen;
    this.#doubts = state.doubts;
    this.#knownReady = state.knownReady;
    this.#lastStepAtMs = state.lastStepAtMs;
    this.#blindSince = state.blindSince;
    this.#hasSeen = state.hasSeen;
    for (const slot of this.#slots) {
      const known = state.slots[slot.metric.name];
      if (known !== undefined) slot.restore(known);
    }
    this.#readyHistory.restore(state.ready);
    this.#inFlight.restore(state.inFlight);
    this.#posture.restore(state.posture);
    if (state.activation !== null) this.#activation?.restore(state.activation);
    if (state.cliff !== null) this.#cliff?.restore(state.cliff);
    this.#upWindow.restore(state.upWindow);
    this.#downWindow.restore(state.downWindow);
    this.#up.changes.restore(state.added);
    this.#down.changes.restore(state.removed);
    if (state.blastRadius !== null) this.#blastRadius?.restore(state.blastRadius);
    else this.#blastRadius?.block(state.nowMs);
    if (state.spend !== null) this.#spend?.restore(state.spend);
    this.#recommender.restore(state.strategies);
    if (state.steps !== null) this.#steps?.restore(state.steps);
    if (state.drift !== null) this.#drift?.restore(state.drift);
  }
}

/**
 * A changed policy as it may take the place of the one that runs, without a restart: the blast radius can only become narrower.
 * An engine of it goes on with `restore(state())` of the old one.
 */
export function reloadable(running: ResolvedWorkload, changed: ResolvedWorkload): ResolvedWorkload {
  return { ...changed, guards: { ...changed.guards, blastRadius: narrower(running.guards.blastRadius, changed.guards.blastRadius) } };
}

type BlastRadiusParams = ResolvedWorkload["guards"]["blastRadius"];

function narrower(before: BlastRadiusParams, after: BlastRadiusParams): BlastRadiusParams {
  if (before === "off") return after;
  if (after === "off") return before;
  return { share: Math.min(before.share, after.share), windowMs: Math.max(before.windowMs, after.windowMs) };
}

/** The metric whose fall counts as a cliff: a rate says it best, utilisation otherwise. */
function cliffSlot(slots: readonly MetricSlot[]): MetricSlot | undefined {
  // By name, so that the order of metrics in the file changes nothing.
  const used = slots.filter((slot) => slot.isUsed).sort((a, b) => (a.metric.name < b.metric.name ? -1 : 1));
  return (
    used.find((slot) => slot.metric.measures === "rate") ?? used.find((slot) => slot.metric.measures === "utilisation") ?? used.find((slot) => slot.carriesLoad)
  );
}
