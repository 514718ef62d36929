/** Capacity as the world has it, in whole units. */
export interface CapacityFound {
  readonly kind: "found";
  /** What was last asked for, by whomever. */
  readonly requested: number;
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
  /** Changes with every change that anybody makes, where the world keeps such a thing. */
  readonly version?: string;
  /** Identity of what is scaled: another one under the same name is another thing. */
  readonly uid?: string;
}

/**
 * Why capacity could not be read. Nothing is known then, which is not the same as zero. `pending`: an order was taken that may
 * yet be carried out, hours later perhaps, so what is there now says nothing of it.
 */
export interface CapacityUnreadable {
  readonly kind: "unreadable";
  readonly code: "unreachable" | "deadline" | "denied" | "gone" | "strange" | "pending";
  readonly message: string;
}

/** Absolute and idempotent: how many units there are to be, never how many more. */
export interface SetOrder {
  /** The same for every attempt at the same change. */
  readonly intentId: string;
  /** Of the controller that gives the order; a lower one is from a controller that has been replaced. */
  readonly epoch: number;
  readonly units: number;
  /** What the decision was made on. Where the world can compare and set, nothing is done when it finds something else. */
  readonly expect: { readonly requested: number; readonly version?: string | undefined; readonly uid?: string | undefined };
}

/** What came of an order. `unknown`: it may have taken effect or not, and only reading tells. */
export type SetOutcome =
  | { readonly kind: "applied" | "unchanged" }
  | { readonly kind: "conflict"; readonly message: string }
  /** Refused for now, by a quota or a rate; not before `untilMs` (wall time), where that is known. */
  | { readonly kind: "rejected"; readonly message: string; readonly untilMs?: number }
  | { readonly kind: "failed" | "unknown"; readonly message: string };

/** What an actuator can do beyond reading and setting. */
export interface ActuatorAbilities {
  /** A change by someone else between reading and setting is seen, and nothing is done. */
  readonly comparesAndSets: boolean;
  /** The world keeps the epoch, and refuses a lower one. */
  readonly keepsEpoch: boolean;
  /** Longest time until a change that was applied can be read back. */
  readonly settlesWithinMs: number;
}

/** Whether capacity may be changed, as far as it can be told without changing it. */
export type Permission =
  | { readonly kind: "granted" }
  /** `unknown`: only the other side can tell, when it is asked in earnest. */
  | { readonly kind: "denied" | "unknown"; readonly message: string };

/** Sets and reads the capacity of one workload. Errors are values: nothing rejects but what is a bug. */
export interface Actuator {
  readonly abilities: ActuatorAbilities;
  observe(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable>;
  set(order: SetOrder, signal: AbortSignal): Promise<SetOutcome>;
  permission(): Promise<Permission>;
  /** Lets go of what it holds. Capacity stays. */
  close(): Promise<void>;
}
