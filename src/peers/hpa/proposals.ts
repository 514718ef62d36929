import { UNITS_MAX } from "../../capacity/units.ts";
import { classifyPod, type PodGroup, type ReadinessParameters } from "./pods.ts";

/** Relative band in which nothing changes, by direction; both ends belong to it. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

/** What one metric asks for; undefined when it cannot say (the HPA reports an error and holds for this metric). */
export interface MetricProposal {
  readonly units: number;
  /** What the status shows: percent of request for utilisation, milli-units otherwise. */
  readonly usage: number | bigint;
}

const INT64_MAX = 9_223_372_036_854_775_807n;

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

/** What older versions make of a number that is no int32 (on amd64). */
const INT32_MIN = -2_147_483_648;

/** `int32(ceil(x))` of newer versions: it saturates instead of wrapping round. */
function ceilUnits(wish: number, wraps = false): number {
  if (!(wish > 0)) return 0;
  if (wraps && Math.ceil(wish) > -INT32_MIN - 1) return INT32_MIN;
  return wish >= UNITS_MAX ? UNITS_MAX : Math.ceil(wish);
}

/** What the controller knows apart from the pods: flags and tolerances. */
export interface PodRules {
  readonly tolerance: Tolerance;
  readonly readiness: ReadinessParameters;
}

/** The two kinds of targets over pods: percent of the request, or a mean in milli-units. */
export type PodTarget = { readonly type: "utilisation"; readonly percent: number } | { readonly type: "mean"; readonly milli: number };

/** Sums over a set of pods that have samples. */
interface Sums {
  count: number;
  usedMilli: number;
  requestMilli: number;
}

/** What the status shows. Whole percent, truncated, so that a utilisation moves in steps of 1 %; a mean in whole milli-units. */
function usageOf(sums: Sums, target: PodTarget): number {
  return target.type === "utilisation" ? Math.trunc((sums.usedMilli * 100) / sums.requestMilli) : Math.trunc(sums.usedMilli / sums.count);
}

function ratioOf(sums: Sums, target: PodTarget): number {
  return usageOf(sums, target) / (target.type === "utilisation" ? target.percent : target.milli);
}

function add(sums: Sums, pod: PodGroup, usedMilli: number): void {
  sums.count += pod.count;
  sums.usedMilli += pod.count * usedMilli;
  sums.requestMilli += pod.count * (pod.requestMilli ?? 0);
}

/** What a pod without a sample is taken to use when the rest asks for less. */
function assumedMilli(pod: PodGroup, target: PodTarget): number {
  return target.type === "utilisation" ? Math.trunc(((pod.requestMilli as number) * Math.max(100, target.percent)) / 100) : target.milli;
}

/**
 * Replicas for a metric over pods: resources with a utilisation target, resources and Pods metrics with an average value.
 * Undefined when a request is missing (utilisation) or no pod has a usable sample.
 */
export function podProposal(
  pods: readonly PodGroup[],
  target: PodTarget,
  { tolerance, readiness }: PodRules,
  current: number,
  nowMs: number,
): MetricProposal | undefined {
  const sums: Sums = { count: 0, usedMilli: 0, requestMilli: 0 };
  let missing = 0;
  let unready = 0;
  for (let i = 0; i < pods.length; i++) {
    const pod = pods[i] as PodGroup;
    if (target.type === "utilisation" && pod.requestMilli === undefined) return undefined;
    const group = classifyPod(pod, readiness, nowMs);
    if (group === "ready") add(sums, pod, pod.usedMilli as number);
    else if (group === "missing") missing += pod.count;
    else if (group === "unready") unready += pod.count;
  }
  if (sums.count === 0 || (target.type === "utilisation" && sums.requestMilli === 0)) return undefined;
  const ratio = ratioOf(sums, target);
  const usage = usageOf(sums, target);
  const growsWithUnready = unready > 0 && ratio > 1;
  if (missing === 0 && !growsWithUnready) {
    return { units: isWithin(ratio, tolerance) ? current : ceilUnits(ratio * sums.count), usage };
  }
  // What is not known is assumed to pull against the direction of change.
  for (let i = 0; i < pods.length; i++) {
    const pod = pods[i] as PodGroup;
    const group = classifyPod(pod, readiness, nowMs);
    if (group === "missing" && ratio !== 1) add(sums, pod, ratio < 1 ? assumedMilli(pod, target) : 0);
    else if (group === "unready" && growsWithUnready) add(sums, pod, 0);
  }
  const refilled = ratioOf(sums, target);
  if (isWithin(refilled, tolerance) || (ratio < 1 && refilled > 1) || (ratio > 1 && refilled < 1)) return { units: current, usage };
  const units = ceilUnits(refilled * sums.count);
  if ((refilled < 1 && units > current) || (refilled > 1 && units < current)) return { units: current, usage };
  return { units, usage };
}

interface SeriesParameters {
  /** Every series the selector matched, milli-units. */
  readonly seriesMilli: readonly (number | bigint)[];
  readonly targetMilli: number | bigint;
  readonly tolerance: Tolerance;
  readonly wraps?: boolean | undefined;
}

/** Sum of series, saturating at the largest int64. */
function saturatingSum(seriesMilli: readonly (number | bigint)[]): bigint {
  let sum = 0n;
  for (const value of seriesMilli) {
    sum += BigInt(value);
    if (sum > INT64_MAX) return INT64_MAX;
  }
  return sum;
}

/**
 * Replicas for an object or external metric with target type Value: multiplies the pods that are running and ready, so it
 * compounds while new ones are not.
 */
export function valueProposal({
  seriesMilli,
  targetMilli,
  tolerance,
  wraps,
  current,
  readyRunning,
}: SeriesParameters & { readonly current: number; readonly readyRunning: number }): MetricProposal {
  const total = saturatingSum(seriesMilli);
  const ratio = Number(total) / Number(targetMilli);
  if (current === 0) return { units: ceilUnits(ratio, wraps), usage: total };
  return { units: isWithin(ratio, tolerance) ? current : ceilUnits(ratio * readyRunning, wraps), usage: total };
}

/** Replicas for an object or external metric with target type AverageValue: absolute, cannot run away. */
export function averageValueProposal({ seriesMilli, targetMilli, tolerance, wraps, status }: SeriesParameters & { readonly status: number }): MetricProposal {
  const total = saturatingSum(seriesMilli);
  const ratio = Number(total) / (Number(targetMilli) * status);
  const units = isWithin(ratio, tolerance) ? status : ceilUnits(Number(total) / Number(targetMilli), wraps);
  return { units, usage: meanOf(total, status) };
}

/** What the status shows for one pod: nothing without pods, and at most what fits an int64. */
function meanOf(total: bigint, pods: number): bigint {
  if (Number(total) >= 2 ** 63) return INT64_MAX;
  return pods === 0 ? 0n : BigInt(Math.ceil(Number(total) / pods));
}
