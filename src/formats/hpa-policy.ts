import { formatDuration } from "../lib/duration.ts";
import { oneLine } from "../lib/one-line.ts";
import type { ScalingRules } from "../peers/hpa/behaviour.ts";
import { HPA_DEFAULT_BEHAVIOUR, type HpaMetricSpec } from "../peers/hpa/config.ts";
import type { HpaManifest } from "./hpa-manifest.ts";
import { freeName, policyName } from "./policy-name.ts";

/** A policy made from something else, and what of it did not fit. */
export interface ConvertedPolicy {
  /** A `vernier.yaml`. */
  readonly text: string;
  /** In words, one thing each. */
  readonly left: readonly string[];
}

/**
 * A policy that does at least what these HPAs do: the same bounds, the same or earlier growth as fast as theirs, reductions
 * no earlier; with our guards besides. What cannot be carried over is listed, in the file too.
 */
export function policyFromHpa(manifests: readonly HpaManifest[], file: string): ConvertedPolicy {
  const left: string[] = [];
  const ids = new Set<string>();
  const entries = manifests.map((manifest) => workloadLines(manifest, ids, left));
  const head = [
    `# Made from ${oneLine(file)}. It does at least what the HPA does; vernier compare sets the two side by side:`,
    `#   vernier compare --peer ${oneLine(file)} --trace <requests.csv> --peak-units <n>`,
    ...(left.length === 0 ? [] : ["# Not carried over:", ...left.map((what) => `#   - ${oneLine(what)}`)]),
    "version: 1",
    "workloads:",
  ];
  return { text: `${[...head, ...entries.flat()].join("\n")}\n`, left };
}

/** The most that the policy language takes. */
const PERCENT_MAX = 1_000;

interface Carried {
  readonly name: string;
  readonly metric: string;
  readonly target: string;
}

function workloadLines({ name, target, config, hasBehaviour }: HpaManifest, ids: Set<string>, left: string[]): string[] {
  const id = workloadName(name, ids);
  const carried: Carried[] = [];
  for (const metric of config.metrics) {
    const found = carry(metric, carried);
    if (typeof found === "string") left.push(`${id}: ${metric.name}: ${found}`);
    else carried.push(found);
  }
  if (carried.length === 0) {
    carried.push({ name: "cpu", metric: "{measures: utilisation}", target: "70%" });
    left.push(`${id}: no metric could be carried over: CPU at 70 % stands in its place`);
  }
  if (config.min === 0) left.push(`${id}: minReplicas 0: scaling to zero is not available yet, min is 1`);
  // Growth no later than the HPA's, reductions no earlier.
  const tolerance = `{up: ${percent(Math.min(config.toleranceUp, 0.05))}, down: ${percent(Math.min(1, config.toleranceDown))}}`;
  const behaviour = config.behaviour ?? HPA_DEFAULT_BEHAVIOUR;
  const lines = [
    `  ${id}:${target === undefined ? "" : ` # ${target}`}`,
    "    kind: stateless # how costly losing a unit is: stateless, stateful, cache or quorum",
    `    bounds: {min: ${Math.max(1, config.min)}, max: ${config.max}}`,
    "    unit: {startup: 60s} # from request to ready, as an HPA never knows it; measure yours",
    "    metrics:",
    ...carried.map(({ name: metricName, metric }) => `      ${metricName}: ${metric}`),
    "    strategies:",
    ...carried.map((one) => `      - {type: targetTracking, metric: ${one.name}, target: ${one.target}, tolerance: ${tolerance}}`),
    "    guards:",
    `      up: ${direction(behaviour.up, `${id}: scaleUp`, left)}${hasBehaviour ? "" : " # as fast as an HPA; without this line 10 % a tick while there is time"}`,
  ];
  const down = direction(behaviour.down, `${id}: scaleDown`, left);
  if (hasBehaviour && config.behaviour !== undefined) lines.push(`      down: ${down}`);
  else lines.push("      # down: 5 min of stabilisation as an HPA has it, then at most 10 % a minute; an HPA takes everything at once");
  return lines;
}

/** One metric in the policy language, or why not. */
function carry(metric: HpaMetricSpec, before: readonly Carried[]): Carried | string {
  const { source, name, target, measures } = metric;
  if (source === "resource" && name.replace(/#\d+$/, "") !== "cpu")
    return "it does not fall when units are added, so scaling on it runs away; watch it, or set its limit per unit";
  if (target.type === "value") return "a total against a total (type Value) compounds while units start; give a target for one unit instead (AverageValue)";
  if (measures === "backlog") return "a queue also needs what arrives; add {type: queue, arrivals: …, backlog: …, drain: 5m}";
  if (measures !== "rate" && measures !== "utilisation") return `a strategy for ${measures} is not available yet`;
  const known = policyName(name);
  const unique = freeName(known, new Set(before.map((other) => other.name)));
  if (target.type === "utilisation" && target.percent > PERCENT_MAX)
    return `a target of ${target.percent} % of the request; write it in the use of a unit instead`;
  if (target.type === "utilisation") return { name: unique, metric: "{measures: utilisation}", target: `${target.percent}%` };
  if (measures === "utilisation") {
    const share = target.milli / (metric.fullMilli ?? 1_000);
    if (share * 100 > PERCENT_MAX || share * 100 < 1) return `a target of ${target.milli / 1_000} does not look like a share of a unit; write it as one`;
    return {
      name: unique,
      metric: `{measures: utilisation} # ${metric.fullMilli === 100_000 ? "in percent at its source" : "a unit at 100 % is taken to use 1 core; scale the target if it has more"}`,
      target: percent(share),
    };
  }
  return "a rate for one unit needs `unit.serves`, which an HPA does not say; add it and a strategy {type: targetTracking, target: …/s}";
}

function direction(rules: ScalingRules, what: string, left: string[]): string {
  if (rules.select === "Disabled") return "{select: off}";
  // A percentage for each of several periods is the same in both languages; so are units.
  const limits = rules.policies.map(({ type, value, periodMs }) => {
    if (type === "Percent" && value > PERCENT_MAX) left.push(`${what}: ${value} % is written as ${PERCENT_MAX} %`);
    return `{${type === "Pods" ? `units: ${value}` : `percent: ${Math.min(PERCENT_MAX, value)}%`}, per: ${formatDuration(periodMs)}}`;
  });
  if (limits.length > 8) left.push(`${what}: only 8 of ${limits.length} policies`);
  const parts = [
    `window: ${rules.stabilizationMs === 0 ? "0s" : formatDuration(rules.stabilizationMs)}`,
    ...(limits.length === 0 ? [] : [`limits: [${limits.slice(0, 8).join(", ")}]`]),
    `select: ${rules.select.toLowerCase()}`,
  ];
  return `{${parts.join(", ")}}`;
}

/** An id that no other workload of the file has yet. */
function workloadName(name: string, ids: Set<string>): string {
  const [namespace, own] = name.includes("/") ? (name.split("/") as [string, string]) : ["default", name];
  const space = policyName(namespace);
  const taken = new Set([...ids].filter((id) => id.startsWith(`${space}/`)).map((id) => id.slice(space.length + 1)));
  const id = `${space}/${freeName(policyName(own), taken)}`;
  ids.add(id);
  return id;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`;
}
