/** One of the HPA's scaling policies: at most so many, or so much, in a period. */
export interface ScalingPolicy {
  readonly type: "Pods" | "Percent";
  readonly value: number;
  readonly periodMs: number;
}

export interface ScalingRules {
  readonly policies: readonly ScalingPolicy[];
  readonly select: "Max" | "Min" | "Disabled";
  readonly stabilizationMs: number;
}

/** A past change of one direction: units, and when. */
export interface ScaleEvent {
  count: number;
  atMs: number;
}

export interface Recommendation {
  units: number;
  atMs: number;
}

export interface Limited {
  readonly units: number;
  /** What held it, as the condition says it. */
  readonly reason: "DesiredWithinRange" | "TooFewReplicas" | "TooManyReplicas" | "ScaleUpLimit" | "ScaleDownLimit";
}

/** Limits without a behaviour block: growth to max(2 x current, 4), then min and max. */
export function limitLegacy(current: number, desired: number, min: number, max: number): Limited {
  const upLimit = Math.max(2 * current, 4);
  const top = Math.min(max, upLimit);
  if (desired < min) return { units: min, reason: "TooFewReplicas" };
  if (desired > top) return { units: top, reason: top < max ? "ScaleUpLimit" : "TooManyReplicas" };
  return { units: desired, reason: "DesiredWithinRange" };
}

/** Units changed by events with an age strictly below the period. */
export function changedWithin(events: readonly ScaleEvent[], periodMs: number, nowMs: number): number {
  let sum = 0;
  for (const event of events) if (nowMs - event.atMs < periodMs) sum += event.count;
  return sum;
}

/** Capacity that the policies of one direction allow; the direction is that of `desired`. */
export function limitRate(
  parameters: {
    readonly current: number;
    readonly desired: number;
    readonly min: number;
    readonly max: number;
    readonly up: ScalingRules;
    readonly down: ScalingRules;
    readonly added: readonly ScaleEvent[];
    readonly removed: readonly ScaleEvent[];
  },
  nowMs: number,
): Limited {
  const { current, desired, min, max, up, down, added, removed } = parameters;
  if (desired > current) {
    const limit = Math.max(current, allowedUp(current, up, added, removed, nowMs));
    const top = Math.min(max, limit);
    if (desired > top) return { units: top, reason: top < max ? "ScaleUpLimit" : "TooManyReplicas" };
    return { units: desired, reason: "DesiredWithinRange" };
  }
  if (desired < current) {
    const limit = Math.min(current, allowedDown(current, down, added, removed, nowMs));
    const bottom = Math.max(min, limit);
    if (desired < bottom) return { units: bottom, reason: bottom > min ? "ScaleDownLimit" : "TooFewReplicas" };
  }
  return { units: desired, reason: "DesiredWithinRange" };
}

function allowedUp(current: number, rules: ScalingRules, added: readonly ScaleEvent[], removed: readonly ScaleEvent[], nowMs: number): number {
  if (rules.select === "Disabled") return current;
  let result = rules.select === "Min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (const policy of rules.policies) {
    const start = current - changedWithin(added, policy.periodMs, nowMs) + changedWithin(removed, policy.periodMs, nowMs);
    // The order of operations is the HPA's: 100 x (1 + 10 / 100) is 110.00000000000001, so its ceiling is 111.
    const proposed = policy.type === "Pods" ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
    result = rules.select === "Min" ? Math.min(result, proposed) : Math.max(result, proposed);
  }
  return result;
}

function allowedDown(current: number, rules: ScalingRules, added: readonly ScaleEvent[], removed: readonly ScaleEvent[], nowMs: number): number {
  if (rules.select === "Disabled") return current;
  // Max is the policy that allows the biggest change, so the lowest capacity.
  let result = rules.select === "Min" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (const policy of rules.policies) {
    const start = current - changedWithin(added, policy.periodMs, nowMs) + changedWithin(removed, policy.periodMs, nowMs);
    const proposed = policy.type === "Pods" ? start - policy.value : Math.trunc(start * (1 - policy.value / 100));
    result = rules.select === "Min" ? Math.max(result, proposed) : Math.min(result, proposed);
  }
  return result;
}

/** Stores a change; an event that no policy of the direction can still see is overwritten. Without policies nothing is stored. */
export function rememberEvent(events: ScaleEvent[], count: number, policies: readonly ScalingPolicy[], nowMs: number): void {
  if (policies.length === 0) return;
  const longestMs = policies.reduce((longest, policy) => Math.max(longest, policy.periodMs), 0);
  const expired = events.findLastIndex((event) => nowMs - event.atMs > longestMs);
  if (expired >= 0) events[expired] = { count, atMs: nowMs };
  else events.push({ count, atMs: nowMs });
}

/**
 * Without a behaviour block: the highest recommendation younger than the window, the new one included. An entry older than
 * the window is overwritten, else the new one is appended.
 */
export function stabilizeLegacy(history: Recommendation[], raw: number, windowMs: number, nowMs: number): number {
  let result = raw;
  let expired = -1;
  for (let i = 0; i < history.length; i++) {
    const recommendation = history[i] as Recommendation;
    if (nowMs - recommendation.atMs > windowMs) expired = i;
    else if (recommendation.units > result) result = recommendation.units;
  }
  remember(history, expired, raw, nowMs);
  return result;
}

/** With a behaviour block: growth takes the lowest, reduction the highest of the recommendations younger than its own window. */
export function stabilizeBehaviour(
  history: Recommendation[],
  parameters: { readonly current: number; readonly raw: number; readonly upMs: number; readonly downMs: number },
  nowMs: number,
): number {
  const { current, raw, upMs, downMs } = parameters;
  let up = raw;
  let down = raw;
  let expired = -1;
  for (let i = 0; i < history.length; i++) {
    const recommendation = history[i] as Recommendation;
    const ageMs = nowMs - recommendation.atMs;
    if (ageMs < upMs) up = Math.min(up, recommendation.units);
    if (ageMs < downMs) down = Math.max(down, recommendation.units);
    if (ageMs > upMs && ageMs > downMs) expired = i;
  }
  let result = current;
  if (result < up) result = up;
  if (result > down) result = down;
  remember(history, expired, raw, nowMs);
  return result;
}

function remember(history: Recommendation[], expired: number, units: number, nowMs: number): void {
  const slot = history[expired];
  if (slot === undefined) history.push({ units, atMs: nowMs });
  else {
    slot.units = units;
    slot.atMs = nowMs;
  }
}
