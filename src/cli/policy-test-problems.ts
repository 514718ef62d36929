import { formatDuration } from "../lib/duration.ts";
import { nearest } from "../lib/nearest.ts";
import { workloadId } from "../policy/resolve.ts";
import { timeOf } from "../sim/scenario/judge.ts";
import type { Matcher, MatcherUnit } from "../sim/scenario/matcher.ts";
import type { Expectation } from "../sim/scenario/schema.ts";
import { SCORE_NUMBERS } from "../sim/score.ts";
import type { LoadedTest } from "./policy-tests.ts";

/** Whether another autoscaler decides, which reads its own metrics and does not speak in our codes. */
function isForeign(engine: string): boolean {
  return !/^vernier(@|:|$)/.test(engine);
}

/** Expectations that could never fail: they speak of times that do not come, or say nothing. */
export function pointless({ test: { expect, engines }, trace }: Omit<LoadedTest, "engines">): { path: (string | number)[]; message: string }[] {
  const found: { path: (string | number)[]; message: string }[] = [];
  for (const [field, condition] of Object.entries(expect.score)) {
    if (SCORE_NUMBERS.some((name) => name === field)) {
      const message = wrongUnit(condition, scoreUnit(field));
      if (message !== undefined) found.push({ path: ["score", field], message });
      continue;
    }
    const near = nearest(field, SCORE_NUMBERS) ?? SCORE_NUMBERS.find((name) => name.toLowerCase().includes(field.toLowerCase()));
    const hint = near === undefined ? `there are ${SCORE_NUMBERS.join(", ")} (docs/scores.md)` : `did you mean ${near}?`;
    found.push({ path: ["score", field], message: `there is no score "${field}"; ${hint}` });
  }
  const endMs = trace.load.length * trace.binMs;
  const end = `the load ends at ${formatDuration(endMs)}`;
  for (const [time, expectation] of Object.entries(expect.at)) {
    const atMs = timeOf(time);
    if (atMs === undefined) found.push({ path: ["at", time], message: `found "${time}", expected a time from the start such as 5m` });
    else if (atMs >= endMs) found.push({ path: ["at", time], message: `${time} never comes: ${end}` });
    else if (Object.keys(expectation).length === 0) found.push({ path: ["at", time], message: "nothing is expected here" });
  }
  for (const [i, { from, to, ...expectation }] of expect.between.entries()) {
    if (from >= to) found.push({ path: ["between", i], message: `from ${formatDuration(from)} to ${formatDuration(to)} is no time at all` });
    else if (to > endMs) found.push({ path: ["between", i], message: `${formatDuration(to)} never comes: ${end}` });
    else if (Object.keys(expectation).length === 0) found.push({ path: ["between", i], message: "nothing is expected here" });
  }
  if (expect.always !== undefined && Object.keys(expect.always).length === 0) found.push({ path: ["always"], message: "nothing is expected here" });
  const places: [(string | number)[], Expectation][] = [
    ...Object.entries(expect.at).map(([time, expectation]): [(string | number)[], Expectation] => [["at", time], expectation]),
    ...expect.between.map((expectation, i): [(string | number)[], Expectation] => [["between", i], expectation]),
    ...(expect.always === undefined ? [] : [[["always"], expect.always] as [(string | number)[], Expectation]]),
  ];
  for (const [path, expectation] of places)
    for (const what of ["requested", "ready", "desired"] as const) {
      const condition = expectation[what];
      const message = condition === undefined ? undefined : wrongUnit(condition, "number");
      if (message !== undefined) found.push({ path: [...path, what], message });
    }
  const count = Object.keys(expect.at).length + expect.between.length + Object.keys(expect.score).length;
  if (count === 0 && expect.always === undefined && expect.decisions === undefined)
    found.push({ path: [], message: "a test that expects nothing cannot fail" });
  const all = [...Object.values(expect.at), ...expect.between, ...(expect.always === undefined ? [] : [expect.always])];
  const hasNumbers =
    Object.keys(expect.score).length > 0 ||
    all.some(({ requested, ready, desired }) => requested !== undefined || ready !== undefined || desired !== undefined);
  if (!hasNumbers && Object.keys(engines).some(isForeign)) found.push({ path: [], message: "other engines are judged by numbers, and none is expected here" });
  return found;
}

/** What a score may be compared with, beside plain numbers. */
function scoreUnit(field: string): MatcherUnit {
  if (field.endsWith("Ms")) return "duration";
  return field.endsWith("Ratio") || field.startsWith("theta") || field.startsWith("tau") || field === "meanUtilisation" ? "percentage" : "number";
}

/** A condition in a unit that its value does not have would always hold, or never. */
function wrongUnit({ text, unit }: Matcher, wanted: MatcherUnit): string | undefined {
  if (unit === "number" || unit === wanted) return undefined;
  return `"${text}" is a ${unit}, expected a ${wanted === "number" ? "number" : `${wanted} or a number`}`;
}

/** Parts of the scene that would not take place. */
export function neverHappening({ test, workload, system, trace }: Omit<LoadedTest, "engines">): { path: (string | number)[]; message: string }[] {
  const found: { path: (string | number)[]; message: string }[] = [];
  const endMs = trace.load.length * trace.binMs;
  const all = [workload, ...system.called];
  for (const what of ["faults", "events"] as const)
    for (const [i, { workload: where }] of test[what].entries())
      if (where !== undefined && !all.some(({ id }) => id === workloadId(where)))
        found.push({ path: [what, i, "workload"], message: `"${where}" is not simulated here; there are ${all.map(({ id }) => id).join(", ")}` });
  for (const [i, { metric, workload: where, from, to }] of test.faults.entries()) {
    const hit = all.filter(({ id }) => where === undefined || id === workloadId(where)).flatMap(({ metrics }) => metrics);
    const names = [...new Set(hit.map(({ name }) => name))];
    if (names.includes(metric) && hit.every(({ name, formula }) => name !== metric || formula !== undefined))
      found.push({ path: ["faults", i, "metric"], message: `"${metric}" is computed; let one of the metrics fail that it is computed from` });
    else if (metric !== "*" && !names.includes(metric))
      found.push({ path: ["faults", i, "metric"], message: `there is no metric "${metric}"; there are ${names.join(", ")}, or * for all` });
    else if (from >= to) found.push({ path: ["faults", i], message: `the fault from ${formatDuration(from)} to ${formatDuration(to)} never happens` });
    else if (from >= endMs)
      found.push({ path: ["faults", i], message: `the fault begins at ${formatDuration(from)}, the load ends at ${formatDuration(endMs)}` });
  }
  for (const [i, event] of test.events.entries()) {
    const [fromMs, toMs] = "at" in event ? [event.at, event.at + 1] : [event.from, event.to];
    if (fromMs >= toMs) found.push({ path: ["events", i], message: `${event.kind} from ${formatDuration(fromMs)} to ${formatDuration(toMs)} never happens` });
    else if (fromMs >= endMs)
      found.push({ path: ["events", i], message: `${event.kind} comes at ${formatDuration(fromMs)}, the load ends at ${formatDuration(endMs)}` });
  }
  for (const [i, { at }] of test.spikes.entries()) {
    if ("csv" in test.load) found.push({ path: ["spikes"], message: "spikes are laid over stretches of load, not over a recording" });
    else if (at >= endMs) found.push({ path: ["spikes", i], message: `the spike begins at ${formatDuration(at)}, the load ends at ${formatDuration(endMs)}` });
  }
  if (test.initialUnits !== undefined && test.initialUnits > workload.bounds.max)
    found.push({ path: ["initialUnits"], message: `${test.initialUnits} units at the start, at most ${workload.bounds.max} are allowed` });
  return found;
}
