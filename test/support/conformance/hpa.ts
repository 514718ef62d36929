import {
  changedWithin,
  limitLegacy,
  limitRate,
  type Recommendation,
  rememberEvent,
  type ScaleEvent,
  type ScalingPolicy,
  type ScalingRules,
  stabilizeBehaviour,
  stabilizeLegacy,
} from "../../../src/peers/hpa/behaviour.ts";
import { type HpaMetric, type HpaParameters, reconcile } from "../../../src/peers/hpa/controller.ts";
import { classifyPod, type PodGroup } from "../../../src/peers/hpa/pods.ts";
import { averageValueProposal, type MetricProposal, podProposal, valueProposal } from "../../../src/peers/hpa/proposals.ts";
import { compare, type Row, UNSUPPORTED, type Verdict } from "./rows.ts";

// Rows of hpa_*.json, read as ../conformance/README.md describes them. All times in the rows are seconds on one clock.

interface PodRow {
  readonly name: string;
  readonly phase: PodGroup["phase"];
  readonly ready: boolean | null;
  readonly start_s?: number | null;
  readonly ready_changed_s?: number | null;
  readonly deleted?: boolean;
  readonly request_m?: number | bigint | null;
  readonly used_m?: number | bigint | null;
  readonly sampled_s?: number;
  readonly sample_window_s?: number;
}

interface MetricRow {
  readonly kind: string;
  readonly resource?: string;
  readonly target_pct?: number;
  readonly target_m?: number | bigint;
  readonly series_m?: readonly (number | bigint)[];
  readonly unavailable?: boolean;
}

interface PolicyRow {
  readonly type: "count" | "percent";
  readonly value: number;
  readonly period_s: number;
}

const NOW_MS = 1_000_000_000;
const REASONS: Readonly<Record<string, string>> = {
  DesiredWithinRange: "within",
  TooFewReplicas: "at_min",
  TooManyReplicas: "at_max",
  ScaleUpLimit: "up_limited",
  ScaleDownLimit: "down_limited",
  ScaleDownStabilized: "down_stabilised",
  ScaleUpStabilized: "up_stabilised",
};

function podOf(row: PodRow): PodGroup {
  return {
    count: 1,
    phase: row.phase,
    isDeleted: row.deleted === true,
    isReady: row.ready ?? undefined,
    startedAtMs: row.start_s === null || row.start_s === undefined ? undefined : row.start_s * 1_000,
    readyChangedAtMs: (row.ready_changed_s ?? 0) * 1_000,
    requestMilli: milliOf(row.request_m),
    usedMilli: milliOf(row.used_m),
    sampledAtMs: (row.sampled_s ?? 0) * 1_000,
    sampleWindowMs: (row.sample_window_s ?? 0) * 1_000,
  };
}

function milliOf(value: number | bigint | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

function podsOf(row: Row): PodGroup[] {
  return ((row["pods"] ?? []) as PodRow[]).map(podOf);
}

/** The verdict of one row of any hpa_*.json file. */
export function judgeHpaRow(file: string, row: Row): Verdict {
  const expect = row["expect"] as Record<string, unknown>;
  if (file.startsWith("hpa_pod_grouping")) return judgeGrouping(row, expect);
  if (file.startsWith("hpa_replica_math")) return judgeProposal(row, expect);
  if (file.startsWith("hpa_controller")) return judgeReconcile(row, expect);
  if (/^hpa_behaviou?r/.test(file)) return judgeBehaviour(row, expect);
  return UNSUPPORTED;
}

function readinessOf(row: Row, resource: unknown) {
  return {
    isCpu: resource === "cpu",
    cpuInitializationMs: Number(row["cpu_init_s"]) * 1_000,
    initialReadinessDelayMs: Number(row["readiness_delay_s"]) * 1_000,
  };
}

function judgeGrouping(row: Row, expect: Record<string, unknown>): Verdict {
  const groups: Record<string, string[]> = { ready: [], unready: [], missing: [], ignored: [] };
  for (const pod of (row["pods"] ?? []) as PodRow[])
    groups[classifyPod(podOf(pod), readinessOf(row, row["resource"]), Number(row["now_s"]) * 1_000)]?.push(pod.name);
  for (const names of [...Object.values(groups), ...Object.values(expect)]) (names as string[]).sort();
  return compare(expect, groups);
}

function judgeProposal(row: Row, expect: Record<string, unknown>): Verdict {
  const nowMs = Number(row["now_s"] ?? 1_000_000) * 1_000;
  const tolerance = row["tolerance"] as { up: number; down: number };
  const current = Number(row["current"]);
  const pods = podsOf(row);
  const rules = { readiness: readinessOf(row, row["resource"]), tolerance };
  const series = { seriesMilli: (row["series_m"] ?? []) as (number | bigint)[], targetMilli: (row["target_m"] ?? 0) as number | bigint, tolerance };
  let proposal: MetricProposal | undefined;
  let usage = "usage_m";
  switch (row["kind"]) {
    case "resource_utilisation":
      proposal = podProposal(pods, { type: "utilisation", percent: Number(row["target_pct"]) }, rules, current, nowMs);
      usage = "util_pct";
      break;
    case "per_pod_average":
      proposal = podProposal(pods, { type: "mean", milli: Number(row["target_m"]) }, rules, current, nowMs);
      break;
    case "object_value":
    case "external_value":
      proposal = valueProposal({ ...series, current, readyRunning: readyRunningOf(row, pods, current) });
      break;
    case "object_average":
    case "external_average":
      proposal = averageValueProposal({ ...series, status: current });
      break;
    default:
      return UNSUPPORTED;
  }
  if (proposal === undefined) return compare(expect, { error: true });
  return compare(expect, { replicas: proposal.units, [usage]: proposal.usage, error: false });
}

function readyRunningOf(row: Row, pods: readonly PodGroup[], otherwise: number): number {
  if (row["ready_running_pods"] !== undefined) return Number(row["ready_running_pods"]);
  if (pods.length === 0) return otherwise;
  return pods.filter((pod) => pod.phase === "Running" && pod.isReady === true).length;
}

function judgeReconcile(row: Row, expect: Record<string, unknown>): Verdict {
  const nowMs = Number(row["now_s"]) * 1_000;
  const pods = podsOf(row);
  const tolerance = row["tolerance"] as { up: number; down: number };
  const parameters: HpaParameters = {
    min: Number(row["min"]),
    max: Number(row["max"]),
    tolerance,
    downscaleStabilizationMs: Number(row["stabilisation_s"]) * 1_000,
    scalesToZero: row["zero_gate"] === true,
    ...(row["behaviour"] !== undefined && { behaviour: behaviourOf(row["behaviour"]) }),
  };
  const spec = Number(row["spec_replicas"]);
  const metrics = (row["metrics"] as MetricRow[]).map((metric): HpaMetric | undefined => {
    const isTargetless = metric.kind === "resource_utilisation" ? metric.target_pct === undefined : metric.target_m === undefined;
    if (metric.unavailable || isTargetless) return { kind: "unavailable" };
    const targetMilli = metric.target_m ?? 0;
    const seriesMilli = metric.series_m ?? [];
    switch (metric.kind) {
      case "resource_utilisation":
        return {
          kind: "pods",
          target: { type: "utilisation", percent: Number(metric.target_pct) },
          rules: { tolerance, readiness: readinessOf(row, metric.resource ?? "cpu") },
          pods,
        };
      case "per_pod_average":
        return { kind: "pods", target: { type: "mean", milli: Number(targetMilli) }, rules: { tolerance, readiness: readinessOf(row, metric.resource) }, pods };
      case "object_value":
      case "external_value":
        return { kind: "value", targetMilli, seriesMilli };
      case "object_average":
      case "external_average":
        return { kind: "averageValue", targetMilli, seriesMilli };
      default:
        return undefined;
    }
  });
  if (metrics.includes(undefined)) return UNSUPPORTED;
  const history = ((row["history"] ?? []) as { value: number; age_s: number }[]).map((entry) => ({ units: entry.value, atMs: nowMs - entry.age_s * 1_000 }));
  // Upstream seeds an empty history with the current capacity; its tests that start empty mean empty.
  const memory = { history: history.length === 0 ? [{ units: 0, atMs: Number.NEGATIVE_INFINITY }] : history, added: [], removed: [] };
  const observation = {
    spec,
    status: Number(row["status_replicas"] ?? spec),
    readyRunning: readyRunningOf(row, pods, spec),
    metrics: metrics as HpaMetric[],
    scaledToZero: row["scaled_to_zero_condition"] === true,
  };
  const result = reconcile(parameters, observation, memory, nowMs);
  return compare(expect, { replicas: result.units, reason: REASONS[result.reason] ?? result.reason, error: result.reason === "FailedGetMetrics" });
}

function rulesOf(rules: unknown, stabilizationMs = 0): ScalingRules {
  const { select, policies } = (rules ?? { select: "max", policies: [] }) as { select?: string; policies?: PolicyRow[] | null };
  const isOff = select === "off" || select === "disabled";
  return { select: isOff ? "Disabled" : select === "min" ? "Min" : "Max", policies: (policies ?? []).map(policyOf), stabilizationMs };
}

function behaviourOf(given: unknown): { up: ScalingRules; down: ScalingRules } {
  const { up, down } = given as Record<"up" | "down", { window_s?: number } | undefined>;
  return { up: rulesOf(up, (up?.window_s ?? 0) * 1_000), down: rulesOf(down, (down?.window_s ?? 300) * 1_000) };
}

function policyOf(policy: PolicyRow): ScalingPolicy {
  return { type: policy.type === "count" ? "Pods" : "Percent", value: policy.value, periodMs: policy.period_s * 1_000 };
}

function eventsOf(events: unknown): ScaleEvent[] {
  return ((events ?? []) as { count: number; age_s: number }[]).map((event) => ({ count: event.count, atMs: NOW_MS - event.age_s * 1_000 }));
}

function judgeBehaviour(row: Row, expect: Record<string, unknown>): Verdict {
  const number = (name: string): number => Number(row[name]);
  const history: Recommendation[] = ((row["history"] ?? []) as { value: number; age_s: number }[]).map((entry) => ({
    units: entry.value,
    atMs: NOW_MS - entry.age_s * 1_000,
  }));
  switch (row["kind"]) {
    case "default_limits": {
      const { units, reason } = limitLegacy(number("current"), number("desired"), number("min"), number("max"));
      return compare(expect, { replicas: units, reason: REASONS[reason] });
    }
    case "rate_policies": {
      const { units, reason } = limitRate(
        {
          current: number("current"),
          desired: number("desired"),
          min: number("min"),
          max: number("max"),
          up: rulesOf(row["up"]),
          down: rulesOf(row["down"]),
          added: eventsOf(row["added_events"]),
          removed: eventsOf(row["removed_events"]),
        },
        NOW_MS,
      );
      return compare(expect, { replicas: units, reason: REASONS[reason] });
    }
    case "legacy_stabilisation": {
      const units = stabilizeLegacy(history, number("raw"), number("window_s") * 1_000, NOW_MS);
      return compare(expect, { replicas: units, history_len: history.length });
    }
    case "behaviour_stabilisation": {
      const units = stabilizeBehaviour(
        history,
        { current: number("current"), raw: number("raw"), upMs: number("up_window_s") * 1_000, downMs: number("down_window_s") * 1_000 },
        NOW_MS,
      );
      return compare(expect, { replicas: units, history_len: history.length });
    }
    case "event_bookkeeping": {
      const events = eventsOf(row["events"]);
      const before = changedWithin(events, number("sum_window_s") * 1_000, NOW_MS);
      rememberEvent(events, number("new_change"), ((row["policies"] ?? []) as PolicyRow[]).map(policyOf), NOW_MS);
      return compare(expect, { sum_before: before, stored_counts: events.map((event) => event.count) });
    }
    default:
      return UNSUPPORTED;
  }
}
