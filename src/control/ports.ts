import type { Actuator } from "../actuators/actuator.ts";
import type { Decision, Engine, Observation, Reading } from "../engine/model.ts";
import type { CheckpointKey } from "../ledger/checkpoint.ts";
import type { Conclusion, Intent, Store } from "../ledger/store.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { Clock } from "./clock.ts";
import type { Effect, Mode } from "./decision.ts";
import type { StorageLimits } from "./housekeeping.ts";

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
  /** What the engine's policy hash is of. */
  readonly policy: ResolvedWorkload;
  readonly actuator: Actuator;
  readonly readings: ReadingsOf;
}

/** What of a workload may change while it runs. */
export type WorkloadReload = Pick<ControlledWorkload, "id" | "mode" | "engine" | "policy" | "readings">;

/** Why a metric has no value, or one that something is missing of. */
export interface ReadingTrouble {
  readonly reason: string;
  readonly isPartial: boolean;
}

/** What happened, for whoever watches. Called after what happened was written down. Decisions are to be read at once: the object is reused. */
export interface ControllerEvents {
  onDecision?(decision: Decision, mode: Mode, effect: Effect, observation: Observation): void;
  onOutcome?(intent: Intent, outcome: Conclusion["outcome"], message: string | undefined): void;
  /** Capacity cannot be read, with why; undefined: it can again. */
  onUnreadable?(workload: string, message: string | undefined): void;
  /** The kill switch was thrown, or taken back. */
  onStopped?(isStopped: boolean): void;
  onWarning?(message: string): void;
  /** A metric cannot be read, or not wholly; undefined: it can again. */
  onReading?(workload: string, metric: string, trouble: ReadingTrouble | undefined): void;
  onTick?(tookMs: number, workloads: number): void;
  onStages?(stages: TickStages): void;
}

/** When the parts of a tick ended, engine time. Engines decide and the store commits in one turn, which has to be waited for. */
export interface TickStages {
  readonly beganMs: number;
  readonly observedMs: number;
  readonly decidedMs: number;
  readonly committedMs: number;
  /** Effects that take longer go on beside the next tick. */
  readonly actedMs: number;
  readonly workloads: number;
  readonly intents: number;
}

/** What a controller needs of the world. */
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
  /** How much is kept; everything when absent. */
  readonly storage?: StorageLimits;
}
