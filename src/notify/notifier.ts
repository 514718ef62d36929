/** What people can be told of. `test` is only ever asked for. */
export type NoticeKind =
  | "step"
  | "approval_wanted"
  | "holding"
  | "resumed"
  | "rollback"
  | "budget_alarm"
  | "at_maximum"
  | "drift"
  | "stopped"
  | "effect_failed"
  | "test";

/** Something that people are told of, in words and in data. */
export interface NoticeBody {
  readonly kind: NoticeKind;
  /** A condition that began (or got worse), one that goes on, one that ended, or what happened once. */
  readonly phase: "began" | "continues" | "ended" | "once";
  /** Absent for what concerns all workloads. */
  readonly workload?: string;
  /** One line. */
  readonly title: string;
  /** One line, or nothing. */
  readonly text: string;
  /** What the words say, for programs: units, money for an hour, codes. */
  readonly facts: Readonly<Record<string, number | string>>;
}

/** A notice on its way; the same on every attempt, so that whoever gets it twice can tell. */
export interface Notice extends NoticeBody {
  readonly id: string;
  /** ISO 8601, when it happened. */
  readonly time: string;
  /** How many notices before this one were given up because too many waited. */
  readonly dropped: number;
}

/** What became of one attempt. A message never holds an address, a header or a secret. */
export type Sent =
  | { readonly kind: "delivered" }
  /** `afterMs`: not before, as the other side asked. */
  | { readonly kind: "failed"; readonly message: string; readonly mayHeal: boolean; readonly afterMs?: number };

/** The port: takes one notice to one target, once. Never rejects. */
export interface Notifier {
  send(notice: Notice, signal: AbortSignal): Promise<Sent>;
}
