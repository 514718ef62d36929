import type { Actuator, CapacityFound } from "../actuators/actuator.ts";
import type { Decision, Engine, Observation, Posture, Reading } from "../engine/model.ts";
import { UNLIMITED } from "../engine/model.ts";
import type { CheckpointKey } from "../ledger/checkpoint.ts";
import type { DraftEntry, Head } from "../ledger/entry.ts";
import type { Conclusion, Intent, Store } from "../ledger/store.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import type { Clock } from "./clock.ts";
import { ACTING_MAX_MS, type CarriedOut, carryOut, READING_MAX_MS, readCapacity } from "./effect.ts";
import { encodeObservations, type RecordedTick } from "./observations.ts";
import { remember } from "./remember.ts";

/** How far a workload may go: `observe` reads and records, `shadow` also decides, `live` also acts. */
export type Mode = "observe" | "shadow" | "live";

/** Where the readings of a workload come from: one function for each of its metrics, by source. */
export interface ReadingsOf {
  /** The last readings of a workload, asked for now. Every metric has one. */
  read(signal: AbortSignal): Promise<readonly Reading[]>;
}

/** A workload as the controller runs it. */
export interface ControlledWorkload {
  readonly id: string;
  readonly mode: Mode;
  readonly engine: Engine;
  /** Canonical text of what the engine's policy hash is of. */
  readonly policy: string;
  readonly actuator: Actuator;
  readonly readings: ReadingsOf;
}

/** What happened, for whoever watches. */
export interface ControllerEvents {
  onDecision?(decision: Decision, mode: Mode): void;
  onOutcome?(intent: Intent, outcome: Conclusion["outcome"], message: string | undefined): void;
  onUnreadable?(workload: string, message: string): void;
  onTick?(tookMs: number, workloads: number): void;
}

export interface ControllerPorts {
  readonly clock: Clock;
  readonly store: Store;
  readonly key: CheckpointKey;
  /** A new identity each time. */
  readonly newId: () => string;
  /** Whether nothing may be changed at the moment: the kill switch. */
  readonly isStopped: () => boolean;
  /** Keeps a checkpoint where the store cannot reach it. */
  readonly keepCheckpoint: (text: string) => void;
}

/** One controller, one shard: the embedded store. */
const SHARD = 0;
const CHECKPOINT_MS = 30_000;
const SNAPSHOT_MS = 3_600_000;
/** How long observations are kept. */
const RETENTION_MS = 7 * 86_400_000;
const FORGET_EVERY_MS = 3_600_000;
/** Of the interval, time for reading before a decision. */
const READING_SHARE = 0.5;
/** Whoever stops us waits for ten seconds. */
const STOP_GRACE_MS = 8_000;

interface Running extends ControlledWorkload {
  nextTickMs: number;
  posture: Posture | undefined;
  /** The version that was read with the capacity that a decision is made on. */
  found: CapacityFound | undefined;
  /** What an earlier controller, or an effect without an answer, has left open. Nothing is set until it is known. */
  open: Intent[];
  snapshotAtMs: number;
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
  #head: Head = { shard: SHARD, seq: 0, hash: "" };
  #checkpointAtMs = 0;
  #checkpointed = 0;
  #forgotAtMs = 0;
  readonly #ended = new AbortController();
  readonly #graces = new WeakMap<AbortSignal, AbortSignal>();

  constructor(workloads: readonly ControlledWorkload[], ports: ControllerPorts, events: ControllerEvents = {}) {
    this.#ports = ports;
    this.#events = events;
    this.#workloads = workloads
      .map((workload): Running => ({ ...workload, nextTickMs: 0, posture: undefined, found: undefined, open: [], snapshotAtMs: 0 }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
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
    for (const intent of await store.openIntents(SHARD)) this.#byId.get(intent.workload)?.open.push(intent);
    await remember(this.#workloads, store, SHARD, nowMs);
    for (const { engine, policy } of this.#workloads) await store.keepPolicy(engine.policyHash, policy);
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

  /** Ticks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    while (!signal.aborted) {
      const nextMs = Math.min(...this.#workloads.map(({ nextTickMs }) => nextTickMs), this.#checkpointAtMs + CHECKPOINT_MS);
      await clock.sleep(nextMs - clock.engineMs(), signal);
      if (signal.aborted) return;
      await this.tick(signal);
    }
  }

  /** One tick of every workload whose time has come. */
  async tick(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const nowMs = clock.engineMs();
    const due = this.#workloads.filter(({ nextTickMs }) => nextTickMs <= nowMs);
    if (due.length > 0) {
      await this.#tickDue(due, nowMs, signal);
      this.#events.onTick?.(clock.engineMs() - nowMs, due.length);
    }
    if (clock.engineMs() - this.#checkpointAtMs >= CHECKPOINT_MS) await this.#checkpoint();
    if (clock.engineMs() - this.#forgotAtMs < FORGET_EVERY_MS) return;
    this.#forgotAtMs = clock.engineMs();
    await this.#ports.store.forget(this.#forgotAtMs - RETENTION_MS);
  }

  /** Says that it ends, and signs what there is. Capacity stays. */
  async stop(why: string): Promise<void> {
    await this.#commit({ entries: [this.#draft({ kind: "stop", why })] });
    await this.#checkpoint();
    this.#ended.abort();
  }

  async #tickDue(due: readonly Running[], nowMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    // One deadline for all that tick as often.
    const deadlines = new Map<number, AbortSignal>();
    for (const { engine } of due)
      if (!deadlines.has(engine.intervalMs))
        deadlines.set(engine.intervalMs, AbortSignal.any([signal, clock.timeout(Math.min(READING_MAX_MS, engine.intervalMs * READING_SHARE))]));
    const observations = await Promise.all(due.map((workload) => this.#observe(workload, deadlines.get(workload.engine.intervalMs) as AbortSignal)));
    const entries: DraftEntry[] = [];
    const intents: Intent[] = [];
    const conclusions: Conclusion[] = [];
    const snapshots: { workload: string; atMs: number; state: string }[] = [];
    const recorded: RecordedTick[] = [];
    for (const [i, workload] of due.entries()) {
      const observation = observations[i] as Observation;
      const { engine } = workload;
      while (workload.nextTickMs <= nowMs) workload.nextTickMs += engine.intervalMs;
      const late = this.#concludeOpen(workload);
      conclusions.push(...late.conclusions);
      entries.push(...late.entries);
      recorded.push({ workload: workload.id, observation });
      if (workload.mode === "observe") continue;
      engine.propose(observation, nowMs);
      const decision = engine.settle(UNLIMITED);
      this.#events.onDecision?.(decision, workload.mode);
      if (decision.posture !== workload.posture) {
        entries.push(this.#draft({ kind: "posture", workload: workload.id, from: workload.posture ?? null, to: decision.posture }));
        workload.posture = decision.posture;
      }
      if (nowMs - workload.snapshotAtMs >= SNAPSHOT_MS) {
        workload.snapshotAtMs = nowMs;
        snapshots.push({ workload: workload.id, atMs: nowMs, state: canonicalJson({ policyHash: engine.policyHash, state: engine.state() }) });
      }
      if (!observation.capacity.readable || decision.requested === decision.from) continue;
      entries.push(this.#draft(decisionBody(decision, workload.mode)));
      if (workload.mode !== "live" || workload.open.length > 0 || this.#ports.isStopped()) continue;
      const intent = this.#intent(workload, decision, this.#head.seq + entries.length);
      intents.push(intent);
      entries.push(this.#draft({ kind: "intent", ...intent }));
    }
    await this.#commit({
      entries,
      intents,
      conclusions,
      snapshots,
      observations: { atMs: nowMs, bytes: encodeObservations(recorded) },
    });
    if (intents.length > 0) await this.#act(intents, signal);
  }

  async #observe(workload: Running, deadline: AbortSignal): Promise<Observation> {
    const [capacity, readings] = await Promise.all([readCapacity(workload.actuator, deadline), workload.readings.read(deadline)]);
    workload.found = capacity.kind === "found" ? capacity : undefined;
    if (capacity.kind === "unreadable") {
      this.#events.onUnreadable?.(workload.id, capacity.message);
      return { capacity: { readable: false, requested: 0, starting: 0, ready: 0, draining: 0 }, readings };
    }
    const { requested, starting, ready, draining } = capacity;
    return { capacity: { readable: true, requested, starting, ready, draining }, readings };
  }

  /** What became of effects that had no answer, by what is there now. */
  #concludeOpen(workload: Running): { entries: DraftEntry[]; conclusions: Conclusion[] } {
    const entries: DraftEntry[] = [];
    const conclusions: Conclusion[] = [];
    const { found } = workload;
    if (found === undefined || workload.open.length === 0) return { entries, conclusions };
    for (const intent of workload.open) {
      const outcome = found.requested === intent.do.units ? "applied" : "abandoned";
      conclusions.push({ intentId: intent.id, outcome });
      entries.push(this.#outcome(intent, outcome, `found ${found.requested} units`));
      this.#events.onOutcome?.(intent, outcome, "read back later");
    }
    workload.open = [];
    return { entries, conclusions };
  }

  async #act(intents: readonly Intent[], signal: AbortSignal): Promise<void> {
    const entries: DraftEntry[] = [];
    const conclusions: Conclusion[] = [];
    const { clock, isStopped } = this.#ports;
    const deadline = AbortSignal.any([clock.timeout(ACTING_MAX_MS), this.#graceAfter(signal)]);
    const results = await Promise.all(
      intents.map((intent): Promise<CarriedOut> | CarriedOut => {
        if (signal.aborted || isStopped() || clock.wallMs() > intent.deadlineMs) return { outcome: "abandoned", message: "stopped before it began" };
        return carryOut(intent, this.#byId.get(intent.workload) as Running, { clock, deadline });
      }),
    );
    for (const [i, { outcome, message }] of results.entries()) {
      const intent = intents[i] as Intent;
      conclusions.push({ intentId: intent.id, outcome });
      entries.push(this.#outcome(intent, outcome, message));
      if (outcome === "unknown") this.#byId.get(intent.workload)?.open.push(intent);
      this.#events.onOutcome?.(intent, outcome, message);
    }
    await this.#commit({ entries, conclusions });
  }

  /** Aborts a while after `signal` has, unless everything has ended by then. One for each signal, however many effects. */
  #graceAfter(signal: AbortSignal): AbortSignal {
    const known = this.#graces.get(signal);
    if (known !== undefined) return known;
    const grace = new AbortController();
    this.#graces.set(signal, grace.signal);
    const giveUp = async (): Promise<void> => {
      await this.#ports.clock.sleep(STOP_GRACE_MS, this.#ended.signal);
      grace.abort();
    };
    signal.addEventListener("abort", () => void giveUp(), { once: true });
    return grace.signal;
  }

  async #checkpoint(): Promise<void> {
    const { clock, store, key, keepCheckpoint } = this.#ports;
    this.#checkpointAtMs = clock.engineMs();
    if (this.#head.seq === this.#checkpointed) return;
    this.#checkpointed = this.#head.seq;
    const checkpoint = key.sign([this.#head], formatTimestamp(clock.wallMs()));
    await store.keepCheckpoint(checkpoint);
    keepCheckpoint(canonicalJson(checkpoint));
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

  #intent({ id, engine, found }: Running, { from, requested }: Decision, decisionSeq: number): Intent {
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
    };
  }
}

/** A decision as the ledger keeps it. */
export function decisionBody(decision: Decision, mode: Mode): DraftEntry["body"] {
  const { workload, engine, policyHash, atMs, posture, from, desired, requested, ready } = decision;
  return { kind: "decision", workload, engine, policyHash, mode, engineMs: atMs, posture, from, desired, requested, ready, reasons: decision.reasons() };
}
