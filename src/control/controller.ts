import type { CapacityFound } from "../actuators/actuator.ts";
import type { Decision, Observation, Posture } from "../engine/model.ts";
import { SharedLimits } from "../engine/shared-limits.ts";
import type { DraftEntry, Head } from "../ledger/entry.ts";
import type { Conclusion, Intent, Store } from "../ledger/store.ts";
import { anyOf } from "../lib/any-signal.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { messageOf } from "../lib/system-error.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { decideShared, decisionBody, type Effect, effectOf, noteAll } from "./decision.ts";
import { readCapacity, readingTimeMs } from "./effect.ts";
import { Effects } from "./effects.ts";
import { Housekeeping } from "./housekeeping.ts";
import { encodeObservations, type RecordedTick } from "./observations.ts";
import { type Command, expire, hashOfDecision, OrderBook, obey, ordersFor, type StandingOrders } from "./orders.ts";
import type { ControlledWorkload, ControllerEvents, ControllerPorts, WorkloadReload } from "./ports.ts";
import { remember } from "./remember.ts";

/** One controller, one shard: the embedded store. */
export const SHARD = 0;
const CHECKPOINT_MS = 30_000;
const SNAPSHOT_MS = 3_600_000;

interface Running extends ControlledWorkload {
  nextTickMs: number;
  posture: Posture | undefined;
  /** The version that was read with the capacity that a decision is made on. */
  found: CapacityFound | undefined;
  /** What an earlier controller, or an effect without an answer, has left open. Nothing is set until it is known. */
  open: Intent[];
  snapshotAtMs: number;
  /** An effect is on its way, of which nobody knows yet. */
  isActing: boolean;
  /** Why capacity could not be read last time. */
  unreadable: string | undefined;
  /** Whether capacity could be read the time before. */
  wasReadable: boolean;
  /** The last tick; the decision is the engine's own object. */
  last:
    | { readonly atMs: number; readonly wallMs: number; readonly observation: Observation; readonly decision: Decision | undefined; readonly effect: Effect }
    | undefined;
}

/** A workload as a controller has it now. */
export interface WorkloadView extends Pick<Running, "id" | "mode" | "posture" | "last" | "unreadable" | "isActing"> {
  readonly policyHash: string;
  readonly intervalMs: number;
  readonly openIntents: number;
  readonly orders: StandingOrders;
  readonly policy: ControlledWorkload["policy"];
}

/**
 * Runs engines against the world: observe, decide, record, act, read back, record (design, sections 2 and 7). It only moves
 * data; what is decided is decided by the engines. Nothing is done that was not written down before, and nothing is written
 * down as done that was not read back.
 */
export class Controller {
  readonly #ports: ControllerPorts;
  readonly #workloads: Running[];
  readonly #byId: ReadonlyMap<string, Running>;
  readonly #events: ControllerEvents;
  readonly #orders = new OrderBook();
  #shared: SharedLimits;
  readonly #housekeeping: Housekeeping | undefined;
  #head: Head = { shard: SHARD, seq: 0, hash: "" };
  #checkpointAtMs = 0;
  #checkpointed = 0;
  #wasStopped = false;
  #turn: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  /** Policies that take effect at the next tick. */
  #reload: { readonly workloads: readonly WorkloadReload[]; readonly whenDone: () => Promise<void> } | undefined;
  readonly #effects: Effects;

  constructor(workloads: readonly ControlledWorkload[], ports: ControllerPorts, events: ControllerEvents = {}) {
    this.#ports = ports;
    this.#events = events;
    this.#effects = new Effects(
      ports,
      () => this.#concludeDone(),
      (error) => {
        this.#failure = error;
      },
    );
    this.#housekeeping = ports.storage && new Housekeeping(ports.store, ports.storage, (message) => events.onWarning?.(message));
    this.#workloads = workloads
      .map(
        (workload): Running => ({
          ...workload,
          nextTickMs: 0,
          posture: undefined,
          found: undefined,
          open: [],
          snapshotAtMs: 0,
          isActing: false,
          unreadable: undefined,
          wasReadable: true,
          last: undefined,
        }),
      )
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#shared = new SharedLimits(this.#workloads.map(({ policy }) => policy));
    this.#byId = new Map(this.#workloads.map((workload) => [workload.id, workload]));
  }

  /** Takes up what was left: open intents, and what the engines remembered. */
  async start(about: Readonly<Record<string, unknown>>): Promise<void> {
    const { store, clock } = this.#ports;
    this.#head = await store.head(SHARD);
    const nowMs = clock.engineMs();
    for (const workload of this.#workloads) {
      workload.nextTickMs = nowMs;
      workload.snapshotAtMs = nowMs;
    }
    for (const intent of await store.openIntents(SHARD)) {
      const workload = this.#byId.get(intent.workload);
      workload?.open.push(intent);
      if (workload === undefined)
        this.#events.onWarning?.(`${intent.workload} is no longer in a policy, and nobody knows whether its last step, to ${intent.do.units} units, was done`);
    }
    await remember(this.#workloads, this.#shared, store, SHARD, nowMs);
    this.#orders.load(await store.orders());
    for (const { engine, policy } of this.#workloads) await store.keepPolicy(engine.policyHash, canonicalJson(policy));
    await this.#commit({
      entries: [
        this.#draft({
          kind: "start",
          ...about,
          engineMs: nowMs,
          workloads: this.#workloads.map(({ id, engine, mode }) => ({ id, mode, policyHash: engine.policyHash })),
        }),
      ],
    });
    await this.#checkpoint();
  }

  /** Writes down what a person orders; it counts from the next tick on. @returns false when there is no such workload */
  async command(command: Command): Promise<boolean> {
    const { workload } = command;
    if (!this.has(workload)) return false;
    await this.#exclusive(async () => {
      const orders = obey(this.#orders.of(workload), command, this.#ports.clock.wallMs());
      await this.#commit({ entries: [this.#draft({ kind: "command", ...command })], orders: [this.#orders.put(workload, orders)] });
    });
    return true;
  }

  has(workload: string): boolean {
    return this.#byId.has(workload);
  }

  /** What it knows of each workload. */
  views(): readonly WorkloadView[] {
    return this.#workloads.map((workload) => this.#viewOf(workload));
  }

  /** What it knows of one workload; undefined when there is none of that name. */
  view(workload: string): WorkloadView | undefined {
    const known = this.#byId.get(workload);
    return known && this.#viewOf(known);
  }

  #viewOf({ id, mode, posture, last, unreadable, isActing, engine, open, policy }: Running): WorkloadView {
    return {
      ...{ policy, id, mode, posture, last, unreadable, isActing },
      ...{ policyHash: engine.policyHash, intervalMs: engine.intervalMs, openIntents: open.length, orders: this.#orders.of(id) },
    };
  }

  /** Entries of the ledger. */
  get ledgerSeq(): number {
    return this.#head.seq;
  }

  get isStopped(): boolean {
    return this.#ports.isStopped();
  }

  /**
   * Goes on with changed policies of the same workloads from the next tick on; engines take over what the old ones knew.
   * @param whenDone lets go of what only the old ones needed
   */
  reload(workloads: readonly WorkloadReload[], whenDone: () => Promise<void>): void {
    this.#reload = { workloads, whenDone };
  }

  /** What was changed takes effect now. */
  async #applyReload(workloads: readonly WorkloadReload[], nowMs: number): Promise<void> {
    const { store } = this.#ports;
    const changed = workloads.filter(({ id, engine, mode }) => {
      const running = this.#byId.get(id);
      return running !== undefined && (running.engine.policyHash !== engine.policyHash || running.mode !== mode);
    });
    for (const { engine, policy } of changed) await store.keepPolicy(engine.policyHash, canonicalJson(policy));
    for (const reload of workloads) {
      const running = this.#byId.get(reload.id);
      if (running === undefined) continue;
      if (running.engine.policyHash === reload.engine.policyHash) Object.assign(running, { mode: reload.mode, readings: reload.readings });
      else {
        reload.engine.restore(running.engine.state());
        Object.assign(running, reload);
      }
    }
    this.#shared = new SharedLimits(
      this.#workloads.map(({ policy }) => policy),
      this.#shared,
    );
    await this.#exclusive(() =>
      this.#commit({
        entries: [
          this.#draft({ kind: "reload", engineMs: nowMs, workloads: changed.map(({ id, mode, engine }) => ({ id, mode, policyHash: engine.policyHash })) }),
        ],
        snapshots: changed.map(({ id, engine }) => ({
          workload: id,
          atMs: nowMs - 1,
          state: canonicalJson({ policyHash: engine.policyHash, state: engine.state() }),
        })),
      }),
    );
  }

  /** Ticks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    while (!signal.aborted) {
      const nextMs = Math.min(...this.#workloads.map(({ nextTickMs }) => nextTickMs), this.#checkpointAtMs + CHECKPOINT_MS);
      await clock.sleep(nextMs - clock.engineMs(), signal);
      if (signal.aborted) return;
      await this.tick(signal);
      // What was concluded between ticks could not be written down.
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** One tick of every workload whose time has come. */
  async tick(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const nowMs = clock.engineMs();
    const reload = this.#reload;
    if (reload !== undefined) {
      this.#reload = undefined;
      await this.#applyReload(reload.workloads, nowMs);
      await reload.whenDone();
    }
    const due = this.#workloads.filter(({ nextTickMs }) => nextTickMs <= nowMs);
    if (due.length > 0) {
      await this.#tickDue(due, nowMs, signal);
      this.#events.onTick?.(clock.engineMs() - nowMs, due.length);
    }
    if (clock.engineMs() - this.#checkpointAtMs >= CHECKPOINT_MS) await this.#checkpoint();
    await this.#housekeeping?.run(clock.engineMs());
  }

  /** Waits for what is in flight, says that it ends, and signs what there is. Capacity stays. */
  async stop(why: string): Promise<void> {
    await this.#effects.settled();
    await this.#concludeDone();
    await this.#exclusive(() => this.#commit({ entries: [this.#draft({ kind: "stop", why })] }));
    await this.#checkpoint();
    this.#effects.end();
  }

  async #tickDue(due: readonly Running[], nowMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    // One deadline for all that tick as often.
    const deadlines = new Map<number, AbortSignal>();
    for (const { engine } of due)
      if (!deadlines.has(engine.intervalMs)) deadlines.set(engine.intervalMs, anyOf(signal, clock.timeout(readingTimeMs(engine.intervalMs))));
    const observations = await Promise.all(due.map((workload) => this.#observe(workload, deadlines.get(workload.engine.intervalMs) as AbortSignal)));
    // Told to end while it looked: what it saw is what it was told, not what there is.
    if (signal.aborted) return;
    const observedMs = clock.engineMs();
    const { intents, decidedMs } = await this.#exclusive(() => this.#decide(due, observations, nowMs));
    const committedMs = clock.engineMs();
    if (intents.length > 0) {
      const begun = intents.map((intent) => {
        const workload = this.#byId.get(intent.workload) as Running;
        workload.isActing = true;
        return { intent, actuator: workload.actuator };
      });
      await this.#effects.begin(begun, signal);
    }
    const about = { workloads: due.length, intents: intents.length };
    this.#events.onStages?.({ beganMs: nowMs, observedMs, decidedMs, committedMs, actedMs: clock.engineMs(), ...about });
  }

  /** Decides for all that are due, and writes everything down, in one go. */
  async #decide(due: readonly Running[], observations: readonly Observation[], nowMs: number): Promise<{ intents: readonly Intent[]; decidedMs: number }> {
    const entries: DraftEntry[] = [];
    const happened: (() => void)[] = [];
    const isStopped = this.#ports.isStopped();
    if (isStopped !== this.#wasStopped) {
      this.#wasStopped = isStopped;
      entries.push(this.#draft({ kind: "stopped", isStopped }));
      happened.push(() => this.#events.onStopped?.(isStopped));
    }
    const intents: Intent[] = [];
    const conclusions: Conclusion[] = [];
    const snapshots: { workload: string; atMs: number; state: string }[] = [];
    const recorded: RecordedTick[] = [];
    const orders: { readonly workload: string; readonly text: string }[] = [];
    const wallMs = this.#ports.clock.wallMs();
    noteAll(
      this.#shared,
      due.map(({ id }, i) => ({ workload: id, observation: observations[i] as Observation })),
      nowMs,
    );
    for (const [i, workload] of due.entries()) {
      const { engine, id } = workload;
      const standing = expire(this.#orders.of(id), wallMs);
      if (standing !== this.#orders.of(id)) {
        orders.push(this.#orders.put(id, standing));
        entries.push(this.#draft({ kind: "order_ended", workload: id, standing: Object.keys(standing) }));
      }
      const inForce = ordersFor(standing);
      const seen = observations[i] as Observation;
      const observation: Observation = inForce === undefined ? seen : { ...seen, orders: inForce };
      while (workload.nextTickMs <= nowMs) workload.nextTickMs += engine.intervalMs;
      if (workload.open.length > 0) {
        const late = this.#concludeOpen(workload, happened);
        conclusions.push(...late.conclusions);
        entries.push(...late.entries);
      }
      if (observation.capacity.readable !== workload.wasReadable) entries.push(this.#sayUnreadable(workload, observation, happened));
      recorded.push({ workload: id, observation });
      if (workload.mode === "observe") {
        workload.last = { atMs: nowMs, wallMs, observation, decision: undefined, effect: "none" };
        continue;
      }
      const decision = decideShared(this.#shared, workload, observation, nowMs);
      const isApproved = workload.mode === "approve" && (standing.set !== undefined || standing.approval?.decision === hashOfDecision(decision));
      const effect = effectOf(decision, workload, { isReadable: observation.capacity.readable, isStopped, isApproved });
      workload.last = { atMs: nowMs, wallMs, observation, decision, effect };
      happened.push(() => this.#events.onDecision?.(decision, workload.mode, effect, observation));
      if (decision.posture !== workload.posture) {
        entries.push(this.#draft({ kind: "posture", workload: id, from: workload.posture ?? null, to: decision.posture }));
        workload.posture = decision.posture;
      }
      if (nowMs - workload.snapshotAtMs >= SNAPSHOT_MS) {
        workload.snapshotAtMs = nowMs;
        snapshots.push({ workload: id, atMs: nowMs, state: canonicalJson({ policyHash: engine.policyHash, state: engine.state() }) });
      }
      if (effect === "none" || effect === "unreadable") continue;
      entries.push(this.#draft(decisionBody(decision, workload.mode)));
      if (effect !== "begun") continue;
      const { approval, ...unapproved } = standing;
      const intent = this.#intent(workload, decision, this.#head.seq + entries.length, approval);
      if (approval !== undefined) orders.push(this.#orders.put(id, unapproved));
      intents.push(intent);
      entries.push(this.#draft({ kind: "intent", ...intent }));
    }
    const decidedMs = this.#ports.clock.engineMs();
    await this.#commit({
      entries,
      intents,
      conclusions,
      snapshots,
      orders,
      observations: { atMs: nowMs, bytes: encodeObservations(recorded) },
    });
    for (const say of happened) say();
    return { intents, decidedMs };
  }

  /** Capacity that cannot be read, and that can be again, once each. */
  #sayUnreadable(workload: Running, { capacity }: Observation, happened: (() => void)[]): DraftEntry {
    const { id, unreadable } = workload;
    workload.wasReadable = capacity.readable;
    happened.push(() => this.#events.onUnreadable?.(id, capacity.readable ? undefined : unreadable));
    return this.#draft({
      kind: "capacity",
      workload: id,
      isReadable: capacity.readable,
      ...(!capacity.readable && unreadable !== undefined && { message: unreadable }),
    });
  }

  async #observe(workload: Running, deadline: AbortSignal): Promise<Observation> {
    const [capacity, readings] = await Promise.all([readCapacity(workload.actuator, deadline), workload.readings.read(deadline)]);
    workload.found = capacity.kind === "found" ? capacity : undefined;
    workload.unreadable = capacity.kind === "unreadable" ? capacity.message : undefined;
    if (capacity.kind === "unreadable") {
      return { capacity: { readable: false, requested: 0, starting: 0, ready: 0, draining: 0 }, readings };
    }
    const { requested, starting, ready, draining } = capacity;
    return { capacity: { readable: true, requested, starting, ready, draining }, readings };
  }

  /** What became of effects that had no answer, by what is there now. */
  #concludeOpen(workload: Running, happened: (() => void)[]): { entries: DraftEntry[]; conclusions: Conclusion[] } {
    const entries: DraftEntry[] = [];
    const conclusions: Conclusion[] = [];
    const { found } = workload;
    if (found === undefined) return { entries, conclusions };
    for (const intent of workload.open) {
      const outcome = found.requested === intent.do.units ? "applied" : "abandoned";
      conclusions.push({ intentId: intent.id, outcome });
      entries.push(this.#outcome(intent, outcome, `found ${found.requested} units`));
      happened.push(() => this.#events.onOutcome?.(intent, outcome, `found ${found.requested} units when it could be read again`));
    }
    workload.open = [];
    return { entries, conclusions };
  }

  /** Writes down what came of effects. */
  async #concludeDone(): Promise<void> {
    await this.#exclusive(async () => {
      const done = this.#effects.takeDone();
      if (done.length === 0) return;
      await this.#commit({
        entries: done.map(({ intent, result: { outcome, message } }) => this.#outcome(intent, outcome, message)),
        conclusions: done.map(({ intent, result: { outcome } }) => ({ intentId: intent.id, outcome })),
      });
      for (const { intent, result } of done) {
        const workload = this.#byId.get(intent.workload) as Running;
        workload.isActing = false;
        if (result.outcome === "unknown") workload.open.push(intent);
        this.#events.onOutcome?.(intent, result.outcome, result.message);
      }
    });
  }

  /** One at a time: the end of the chain is one. */
  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return await mine;
  }

  async #checkpoint(): Promise<void> {
    const { clock, store, key, keepCheckpoint } = this.#ports;
    this.#checkpointAtMs = clock.engineMs();
    await this.#exclusive(async () => {
      if (this.#head.seq === this.#checkpointed) return;
      const checkpoint = key.sign([this.#head], formatTimestamp(clock.wallMs()));
      await store.keepCheckpoint(checkpoint);
      this.#checkpointed = this.#head.seq;
      try {
        keepCheckpoint(canonicalJson(checkpoint));
      } catch (error) {
        // The ledger has it; what is missing is the copy that it could be held against.
        this.#events.onWarning?.(`a signed checkpoint could not be kept outside of the ledger: ${messageOf(error)}`);
      }
    });
  }

  async #commit(commit: Parameters<Store["commit"]>[1]): Promise<void> {
    const last = (await this.#ports.store.commit(this.#head, commit)).at(-1);
    if (last !== undefined) this.#head = { shard: SHARD, seq: last.entry.seq, hash: last.hash };
  }

  #draft(body: DraftEntry["body"]): DraftEntry {
    return { at: formatTimestamp(this.#ports.clock.wallMs()), body };
  }

  #outcome(intent: Intent, outcome: Conclusion["outcome"], message: string | undefined): DraftEntry {
    return this.#draft({ kind: "outcome", workload: intent.workload, intentId: intent.id, outcome, ...(message !== undefined && { message }) });
  }

  #intent({ id, engine, found }: Running, { from, requested }: Decision, decisionSeq: number, approval: StandingOrders["approval"]): Intent {
    const intentId = this.#ports.newId();
    return {
      id: intentId,
      planId: intentId,
      index: 0,
      workload: id,
      do: { units: requested },
      expect: { units: from, ...(found?.version !== undefined && { version: found.version }), ...(found?.uid !== undefined && { uid: found.uid }) },
      inverse: { units: from },
      epoch: 1,
      deadlineMs: this.#ports.clock.wallMs() + engine.intervalMs,
      decisionSeq,
      ...(approval !== undefined && { approvals: [{ who: approval.who, why: approval.why }] }),
    };
  }
}
