import type { Actuator, ActuatorAbilities, CapacityFound, Permission } from "../actuators/actuator.ts";
import type { Reading } from "../engine/model.ts";
import { formatOperand, formatSpan } from "../lib/format.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { evaluateFormula, metricsOf } from "../policy/formula.ts";
import { metricsReadBy, type ResolvedWorkload } from "../policy/resolve.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { Clock } from "./clock.ts";
import { type Mode, mayAct } from "./decision.ts";
import { readCapacity, readingTimeMs } from "./effect.ts";
import { type MetricSource, WorkloadReadings } from "./workload-readings.ts";

/** What a workload needs of the world, to be looked at before it runs. */
export interface PreflightSubject {
  readonly mode: Mode;
  readonly policy: ResolvedWorkload;
  readonly metrics: readonly MetricSource[];
  /** Undefined where the policy names no target. */
  readonly actuator: Actuator | undefined;
  /** Changes of capacity that the record of an earlier run has seen and did not ask for; undefined without a record. */
  readonly others?: OthersChanges | undefined;
}

/** What somebody else did to capacity. */
export interface OthersChanges {
  readonly count: number;
  /** Wall time of the last; undefined when there was none. */
  readonly lastMs: number | undefined;
  /** How far back was looked. */
  readonly withinMs: number;
}

/** One metric, asked for once. */
export interface MetricPreflight {
  readonly metric: string;
  /** In the metric's own unit; null when it cannot be used. */
  readonly value: number | null;
  /** Null when there is no sample. Negative: its time has not come yet by our clock. */
  readonly ageMs: number | null;
  readonly staleAfterMs: number;
  readonly problem: string | null;
}

/** From a change of load to units that serve it, by its parts. All in ms. */
export interface EffectiveDelay {
  /** The slowest of the metrics that strategies read. */
  readonly metric: string;
  /** A mean over a window shows a change half a window late. */
  readonly halfWindowMs: number;
  readonly lagMs: number;
  readonly scrapeMs: number;
  readonly intervalMs: number;
  readonly startupMs: number;
  readonly totalMs: number;
}

/** What was found out about one workload without changing anything. */
export interface Preflight {
  readonly workload: string;
  readonly mode: Mode;
  readonly metrics: readonly MetricPreflight[];
  readonly capacity: Omit<CapacityFound, "kind"> | null;
  readonly abilities: ActuatorAbilities | null;
  /** Whether capacity may be changed; null without a target. */
  readonly permission: Permission | null;
  /** Undefined when no strategy reads a metric. */
  readonly delay: EffectiveDelay | undefined;
  /** Longest of all answers, and how long a tick waits for them. */
  readonly tookMs: number;
  readonly deadlineMs: number;
  /** What keeps it from working. */
  readonly problems: readonly string[];
  /** What somebody may want to know. */
  readonly notes: readonly string[];
}

/** Asks every source and the target of a workload once, as a tick does, and judges the answers as its engine would. Changes nothing. */
export async function preflight({ mode, policy, metrics, actuator, others }: PreflightSubject, clock: Clock): Promise<Preflight> {
  const reasons = new Map<string, string>();
  const readings = new WorkloadReadings(policy.id, metrics, clock, (metric, trouble) => void reasons.set(metric, trouble?.reason ?? ""));
  const deadlineMs = readingTimeMs(policy.intervalMs);
  const deadline = clock.timeout(deadlineMs);
  const beganMs = clock.engineMs();
  const [found, capacity, permission] = await Promise.all([
    readings.read(deadline),
    actuator === undefined ? undefined : readCapacity(actuator, deadline),
    actuator?.permission(),
  ]);
  const nowMs = clock.engineMs();
  const judged = new Map<string, MetricPreflight>();
  for (const [i, { metric, from }] of metrics.entries()) {
    const reading = found[i] as Reading;
    const why = metric.formula === undefined && from === undefined ? "the policy names no source and query for it" : reasons.get(metric.name);
    judged.set(metric.name, metric.formula === undefined ? judge(metric, reading, why, policy, nowMs) : compute(metric, judged, policy));
  }
  const problems = [...judged.values()].flatMap(({ metric, problem }) => (problem === null ? [] : [`${metric} ${problem}`]));
  const notes: string[] = [];
  if (capacity?.kind === "unreadable") problems.push(`capacity cannot be read: ${capacity.message}`);
  if (permission?.kind === "denied") {
    const text = `capacity may not be changed: ${permission.message}`;
    if (mayAct(mode)) problems.push(text);
    else notes.push(text);
  }
  if (permission?.kind === "unknown") notes.push(`whether capacity may be changed is not known: ${permission.message}`);
  if (others !== undefined && others.count > 0)
    notes.push(
      `somebody else changed its capacity ${others.count === 1 ? "once" : `${others.count} times`} in the last ${formatSpan(others.withinMs)}${others.lastMs === undefined ? "" : `, the last time at ${formatTimestamp(others.lastMs)}`}: an autoscaler or a person on the same target`,
    );
  if (capacity === undefined) notes.push("no target: it starts from its least units in memory, and nothing real is read or set");
  if (!mayAct(mode)) notes.push(`mode ${mode}: nothing is changed`);
  if (capacity?.kind === "found") notes.push(...capacityNotes(capacity, policy));
  return {
    workload: policy.id,
    mode,
    metrics: [...judged.values()],
    capacity: capacity?.kind === "found" ? withoutKind(capacity) : null,
    abilities: actuator?.abilities ?? null,
    permission: permission ?? null,
    delay: effectiveDelay(policy),
    tookMs: nowMs - beganMs,
    deadlineMs,
    problems,
    notes,
  };
}

/** The rules of the engine for what counts as a reading. */
function judge(
  { name, lagMs }: ResolvedMetric,
  { status, value, sampledAtMs, partial }: Reading,
  why: string | undefined,
  { guards, intervalMs }: ResolvedWorkload,
  nowMs: number,
): MetricPreflight {
  const staleAfterMs = guards.staleAfterMs + lagMs;
  if (status !== "value") return { metric: name, value: null, ageMs: null, staleAfterMs, problem: `cannot be read: ${why || "no answer in time"}` };
  const ageMs = nowMs - sampledAtMs;
  const problem = !Number.isFinite(value)
    ? `is ${value}, which is no number`
    : ageMs < -intervalMs
      ? `is of a time ${formatSpan(-ageMs)} ahead of this clock, and counts as invalid: set the clocks right`
      : ageMs > staleAfterMs
        ? `is ${formatSpan(ageMs)} old, and counts as stale after ${formatSpan(staleAfterMs)}`
        : partial
          ? "is partial, as the source says: nothing shrinks on it"
          : null;
  return { metric: name, value, ageMs, staleAfterMs, problem };
}

function compute({ name, formula, lagMs }: ResolvedMetric, judged: ReadonlyMap<string, MetricPreflight>, { guards }: ResolvedWorkload): MetricPreflight {
  const staleAfterMs = guards.staleAfterMs + lagMs;
  const operands = metricsOf(formula as NonNullable<typeof formula>).map((operand) => judged.get(operand) as MetricPreflight);
  const missing = operands.filter(({ problem }) => problem !== null).map(({ metric }) => metric);
  if (missing.length > 0) return { metric: name, value: null, ageMs: null, staleAfterMs, problem: `cannot be computed without ${missing.join(", ")}` };
  const value = evaluateFormula(formula as NonNullable<typeof formula>, (operand) => judged.get(operand)?.value ?? Number.NaN);
  const problem = Number.isFinite(value) ? null : "comes to no number with these values";
  return { metric: name, value: problem === null ? value : null, ageMs: Math.max(...operands.map(({ ageMs }) => ageMs ?? 0)), staleAfterMs, problem };
}

function capacityNotes({ requested, ready }: CapacityFound, { bounds: { min, max } }: ResolvedWorkload): string[] {
  const notes: string[] = [];
  if (requested < min || requested > max)
    notes.push(`has ${formatOperand(requested)} units, outside its bounds of ${formatOperand(min)} to ${formatOperand(max)}: its first steps are into them`);
  if (ready < requested) notes.push(`only ${formatOperand(ready)} of ${formatOperand(requested)} units are ready`);
  return notes;
}

function withoutKind({ kind: _, ...capacity }: CapacityFound): Omit<CapacityFound, "kind"> {
  return capacity;
}

function effectiveDelay({ strategies, metrics, intervalMs, unit }: ResolvedWorkload): EffectiveDelay | undefined {
  const read = new Set(strategies.flatMap(metricsReadBy));
  const delays = metrics
    .filter(({ name }) => read.has(name))
    .map(({ name, windowMs, lagMs, scrapeMs }): EffectiveDelay => {
      const parts = { halfWindowMs: windowMs / 2, lagMs, scrapeMs, intervalMs, startupMs: unit.startup.meanMs };
      return { metric: name, ...parts, totalMs: Object.values(parts).reduce((sum, part) => sum + part, 0) };
    });
  return delays.toSorted((a, b) => b.totalMs - a.totalMs)[0];
}
