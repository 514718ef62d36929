/** Stages in the order they run (design: the loop and the one stage order). */
export const STAGES = [
  "observe",
  "judge",
  "validate",
  "recommend",
  "combine",
  "proof",
  "stabilise",
  "rate_limit",
  "cooldown",
  "constraints",
  "bounds",
  "blast_radius",
  "settle",
] as const;
export type Stage = (typeof STAGES)[number];

/** How an operand is stored and shown. `metric`, `limit` and `strategy` are positions in the workload's own lists, shown as names. */
export type OperandKind = "units" | "ratio" | "ms" | "number" | "metric" | "limit";

interface ReasonDefinition {
  readonly stage: Stage;
  /** At most five. */
  readonly operands: Readonly<Record<string, OperandKind>>;
  /**
   * A sentence for people; `{name}` stands for an operand, `{from}` and `{to}` for the numbers before and after. What stands in `[ ]`
   * is left out when its operand is zero.
   */
  readonly text: string;
}

/**
 * Every reason an engine of ours can give: code, stage, operands, sentence. Codes are never renamed after release.
 * docs/reasons.md is generated from this; a test keeps each code in use and asserted.
 */
export const REASONS = {
  reading_absent: { stage: "observe", operands: { metric: "metric" }, text: "{metric} has no reading" },
  reading_invalid: { stage: "observe", operands: { metric: "metric", value: "number" }, text: "{metric} reads {value}, which its unit does not allow" },
  reading_partial: { stage: "observe", operands: { metric: "metric" }, text: "{metric} is incomplete, as its source says itself" },
  formula_unknown: { stage: "observe", operands: { metric: "metric", of: "metric" }, text: "{metric} cannot be computed: {of} is unusable" },
  reading_stale: { stage: "judge", operands: { metric: "metric", age: "ms", limit: "ms" }, text: "{metric} is {age} old, more than {limit}" },
  implausible_zero: {
    stage: "judge",
    operands: { metric: "metric", worth: "number", zeros: "number" },
    text: "{metric} fell to zero from a load worth {worth} units; not believed yet (seen {zeros} times)",
  },
  source_down: {
    stage: "judge",
    operands: { metric: "metric", up: "metric", share: "ratio" },
    text: "{metric} is not believed: {up} says that only {share} of the targets answer",
  },
  metrics_disagree: {
    stage: "judge",
    operands: { metric: "metric", other: "metric", worth: "number" },
    text: "{metric} says that nothing is going on, {other} sees load worth {worth} units: not believed",
  },
  capacity_unconfirmed: {
    stage: "observe",
    operands: { expected: "units" },
    text: "capacity reads {from}, far from the {expected} it has to be: read once more before anything is done",
  },
  capacity_unreadable: { stage: "observe", operands: {}, text: "capacity could not be read" },
  start_failed: {
    stage: "judge",
    operands: { units: "units", after: "ms" },
    text: "{units} units are not ready {after} after they were requested; they no longer count as on their way",
  },
  step_validated: { stage: "validate", operands: {}, text: "the last steps, to {from}, did what they should" },
  retrograde: {
    stage: "validate",
    operands: { before: "number", now: "number" },
    text: "growth made it worse: {now} is served, {before} was with {to}: back to that",
  },
  futile: {
    stage: "validate",
    operands: { before: "number", now: "number" },
    text: "growth brings nothing: {now} is served, {before} was with {to}: back to that",
  },
  not_the_step: { stage: "validate", operands: {}, text: "taking the step back changed nothing, so it was not the cause: growth is free again" },
  step_failed_errors: {
    stage: "validate",
    operands: { before: "ratio", now: "ratio" },
    text: "since the last scale-in {now} of the requests fail, before it {before}: taken back, to {to}",
  },
  step_failed_latency: {
    stage: "validate",
    operands: { slowness: "number" },
    text: "since the last scale-in latency is {slowness} times the limit of its objective: taken back, to {to}",
  },
  posture_partial: { stage: "judge", operands: { unusable: "number" }, text: "{unusable} of the metrics unusable: may grow, may not shrink" },
  posture_blind: { stage: "judge", operands: {}, text: "no usable reading at all" },
  no_opinion: { stage: "recommend", operands: { metric: "metric" }, text: "{metric} is unusable, so its strategy has no opinion" },
  tier_up: {
    stage: "recommend",
    operands: { metric: "metric", utilisation: "ratio", at: "ratio", step: "units" },
    text: "projected {metric} {utilisation} is at or above the {at} tier: add {step}",
  },
  tier_down: {
    stage: "recommend",
    operands: { metric: "metric", utilisation: "ratio", below: "ratio", step: "units" },
    text: "projected {metric} {utilisation} is below the {below} tier: remove {step}",
  },
  no_tier: { stage: "recommend", operands: { metric: "metric", utilisation: "ratio" }, text: "projected {metric} {utilisation} is on no tier" },
  target_tracking: {
    stage: "recommend",
    operands: { metric: "metric", load: "number", target: "number", missing: "units" },
    text: "{metric}: a load of {load} over a target of {target} for one unit[, plus {missing} for units that will not start]",
  },
  queue: {
    stage: "recommend",
    operands: { metric: "metric", arrivals: "number", backlog: "number", drain: "ms", perUnit: "number" },
    text: "{metric}: {arrivals} a second arrive and {backlog} wait, to be gone in {drain}; a unit works off {perUnit} a second",
  },
  queue_unseen: {
    stage: "recommend",
    operands: { metric: "metric" },
    text: "{metric} is unusable: what is known of the queue may add units, not take any",
  },
  slo_burn: {
    stage: "recommend",
    operands: { metric: "metric", long: "number", short: "number", threshold: "number", budget: "number" },
    text: "{metric} burns its error budget {long} times too fast, lately {short}, at or over {threshold}: add; {budget} of it is left",
  },
  slo_burn_slow: {
    stage: "recommend",
    operands: { metric: "metric", long: "number", short: "number", budget: "number" },
    text: "{metric} burns its error budget slowly ({long}, lately {short}), or little is left ({budget}): nothing is taken away",
  },
  late_growth: { stage: "recommend", operands: { metric: "metric" }, text: "{metric} is late or incomplete, and may only add units: {to}" },
  within_tolerance: {
    stage: "recommend",
    operands: { metric: "metric", ratio: "number", toleranceDown: "ratio", toleranceUp: "ratio" },
    text: "{metric}, with units ready and on their way, is at {ratio} of its target, inside -{toleranceDown} to +{toleranceUp}",
  },
  activation_wake: { stage: "combine", operands: { metric: "metric", value: "number", above: "number" }, text: "{metric} is {value}, over {above}: awake" },
  activation_sleep: {
    stage: "combine",
    operands: { metric: "metric", above: "number", idle: "ms" },
    text: "{metric} was at or under {above} for {idle}: may sleep",
  },
  activation_unseen: { stage: "combine", operands: { metric: "metric", wake: "units" }, text: "asleep, and {metric} cannot be seen: wake with {wake}" },
  highest_wins: { stage: "combine", operands: { strategy: "number", of: "number" }, text: "strategy {strategy} of {of} asks for the most" },
  no_recommendation: { stage: "combine", operands: {}, text: "no strategy has an opinion: hold" },
  blind_hold: { stage: "combine", operands: {}, text: "blind: hold" },
  blind_floor: { stage: "combine", operands: { floor: "units" }, text: "blind: at least {floor}" },
  blind_grow: { stage: "combine", operands: { grow: "ratio", since: "units" }, text: "blind: {grow} more than the {since} there were when sight was lost" },
  proof_unreadable: { stage: "proof", operands: { metric: "metric" }, text: "no scale-in: {metric} is not fresh" },
  proof_utilisation: {
    stage: "proof",
    operands: { metric: "metric", predicted: "ratio", limit: "ratio" },
    text: "scale-in to {from} would put {metric} at {predicted}, over {limit}",
  },
  proof_objective: {
    stage: "proof",
    operands: { metric: "metric", value: "number", limit: "number" },
    text: "no scale-in: {metric} is {value}, its objective {limit}",
  },
  load_cliff: {
    stage: "judge",
    operands: { metric: "metric", recent: "number", earlier: "number", hold: "ms" },
    text: "{metric} fell off a cliff, from {earlier} to {recent}: no scale-in for {hold}",
  },
  cliff_hold: { stage: "cooldown", operands: { remaining: "ms" }, text: "no scale-in for another {remaining} after a cliff of load" },
  stabilised_up: { stage: "stabilise", operands: { lowest: "units", window: "ms" }, text: "the lowest recommendation of the last {window} was {lowest}" },
  stabilised_down: { stage: "stabilise", operands: { highest: "units", window: "ms" }, text: "the highest recommendation of the last {window} was {highest}" },
  rate_limited_up: {
    stage: "rate_limit",
    operands: { limit: "units", changed: "units", period: "ms" },
    text: "growth is limited to {limit}; {changed} added in the last {period}",
  },
  rate_limited_down: {
    stage: "rate_limit",
    operands: { limit: "units", changed: "units", period: "ms" },
    text: "scale-in is limited to {limit}; {changed} removed in the last {period}",
  },
  rate_unlimited: {
    stage: "rate_limit",
    operands: { utilisation: "ratio", above: "ratio" },
    text: "projected utilisation {utilisation} is above {above}: growth is not limited",
  },
  growth_serial: {
    stage: "rate_limit",
    operands: {},
    text: "the next step waits until the last has shown its worth: a dependency is saturated, or growth brought little",
  },
  untested_size: {
    stage: "rate_limit",
    operands: { tested: "units" },
    text: "beyond {tested} units in small steps, each when the last has shown its worth: nothing larger is known to work",
  },
  direction_off: { stage: "rate_limit", operands: {}, text: "this direction is switched off" },
  frozen: { stage: "cooldown", operands: {}, text: "a freeze is on: no step in this direction" },
  wakes_anyway: { stage: "cooldown", operands: {}, text: "nobody is helped by a guard that keeps a sleeper from waking: {to}" },
  scale_in_unsafe: { stage: "cooldown", operands: { remaining: "ms" }, text: "the last scale-in had to be taken back: none for another {remaining}" },
  step_settling: { stage: "cooldown", operands: {}, text: "the last scale-in has not shown yet that it did no harm" },
  cooling_down: { stage: "cooldown", operands: { remaining: "ms" }, text: "the last step was too recent; {remaining} to go" },
  drift_yielded: { stage: "validate", operands: { before: "units" }, text: "someone else changed {before} units to {from}: we go on from there" },
  drift_restored: {
    stage: "validate",
    operands: { before: "units" },
    text: "someone else took {before} units down to {from}, more than may go at once: put back, this once",
  },
  drift_hold: { stage: "cooldown", operands: { remaining: "ms" }, text: "someone else took away too much at once: no scale-in for another {remaining}" },
  drift_robot: {
    stage: "bounds",
    operands: { remaining: "ms" },
    text: "another controller undoes our steps, now to {from}: it is not fought; no step for another {remaining}",
  },
  ordered: { stage: "cooldown", operands: { units: "units" }, text: "a person ordered {units} units" },
  held_in: { stage: "cooldown", operands: {}, text: "a person ordered: no scale-in" },
  paused: { stage: "bounds", operands: {}, text: "a person paused this workload: no step" },
  growth_held: {
    stage: "constraints",
    operands: { units: "units", remaining: "ms" },
    text: "more than {units} units did not help: not tried again for {remaining}",
  },
  futile_starts: {
    stage: "constraints",
    operands: { steps: "number", remaining: "ms" },
    text: "{steps} steps asked for units that never came: the next single unit is tried in {remaining}",
  },
  dependency_limit: { stage: "constraints", operands: { dependency: "limit", units: "units" }, text: "{dependency} has connections for {units} units" },
  group_limit: { stage: "constraints", operands: { group: "limit", units: "units" }, text: "group {group} may have {units} units" },
  budget_limit: { stage: "constraints", operands: { budget: "limit", units: "units" }, text: "the budget for an hour pays for {units} units" },
  constraint_below_min: {
    stage: "constraints",
    operands: { units: "units", min: "units" },
    text: "a limit of {units} units is below the minimum of {min}: no growth beyond it; someone must decide which is right",
  },
  spend_exhausted: {
    stage: "constraints",
    operands: { spent: "number", budget: "number" },
    text: "{spent} of this month's budget of {budget} is spent: no growth",
  },
  spend_alarm: { stage: "constraints", operands: { spent: "number", budget: "number" }, text: "{spent} of this month's budget of {budget} is spent" },
  clamped_min: { stage: "bounds", operands: { min: "units" }, text: "at least {min}" },
  clamped_max: { stage: "bounds", operands: { max: "units" }, text: "at most {max}" },
  blast_radius: {
    stage: "blast_radius",
    operands: { allowed: "units", removed: "units", highest: "units", share: "ratio", window: "ms" },
    text: "at most {allowed} of {highest} units ({share}) may go in {window}; {removed} are gone already",
  },
  bounds_pending: {
    stage: "bounds",
    operands: { bound: "units" },
    text: "above the bound of {bound}: on the way down, as fast as scale-in may go and not without sight",
  },
  allowance: { stage: "settle", operands: { units: "units" }, text: "shared limits leave {units} units" },
  doubled: {
    stage: "recommend",
    operands: { metric: "metric", utilisation: "ratio", above: "ratio" },
    text: "{metric} {utilisation} is above {above}: double",
  },
  schedule_open: { stage: "recommend", operands: { desired: "units" }, text: "a window of the schedule is open: {desired}" },
  schedule_closed: { stage: "recommend", operands: { min: "units" }, text: "no window of the schedule is open: the minimum of {min}" },
  bounds_changed: { stage: "bounds", operands: { min: "units", max: "units" }, text: "by the calendar, bounds are now {min} to {max}" },
  timetable: { stage: "recommend", operands: { slot: "number" }, text: "the timetable asks for {to} in slot {slot}" },
  halved: { stage: "recommend", operands: { metric: "metric", utilisation: "ratio", below: "ratio" }, text: "{metric} {utilisation} is below {below}: halve" },
} as const satisfies Record<string, ReasonDefinition>;

export type ReasonCode = keyof typeof REASONS;

/** Reasons by which a step is taken back. */
export const ROLLBACKS: ReadonlySet<ReasonCode> = new Set(["retrograde", "futile", "step_failed_errors", "step_failed_latency"]);

export const REASON_CODES = Object.keys(REASONS) as ReasonCode[];
/** Position of each code, for the log of a tick. */
export const REASON = Object.fromEntries(REASON_CODES.map((code, index) => [code, index])) as Readonly<Record<ReasonCode, number>>;

/** One stage's say on the number: what it was before and after, and with which operands. */
export interface Reason {
  readonly stage: Stage;
  readonly code: ReasonCode;
  readonly from: number;
  readonly to: number;
  readonly operands: Readonly<Record<string, number | string>>;
}
