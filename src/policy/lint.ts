import { dominantPeriod } from "../lib/autocorrelation.ts";
import { formatDuration } from "../lib/duration.ts";
import type { Problem } from "../lib/file-error.ts";
import type { Path } from "./document.ts";
import { metricsOf } from "./formula.ts";
import type { Policy, PolicyWorkload } from "./parse.ts";
import { metricsReadBy } from "./resolve.ts";
import type { ScheduleWindow } from "./schedule-window.ts";
import type { StepSize, WindowPolicy } from "./schema.ts";

/** What is legal but unwise: stable code, what it does to a service, what to write instead. docs/lints.md is generated from this. */
export const LINTS = {
  ladder_fights_band:
    "The lowest tier adds capacity below the utilisation band, so utilisation can never stay in the band. The well-known 50/75/90 % ladder does this to 60-80 %.",
  ladder_flaps: "What a tier removes, another adds straight back (or the other way round): capacity swings without any change of load.",
  no_scale_in: "Nothing ever removes capacity: it only grows until someone pays.",
  step_below_one_unit: "A share of `min` is less than one unit. Steps are at least one unit, so near `min` they are larger than they look.",
  min_one: "With one unit there is no spare: every restart is an outage, and a single slow unit is the whole service.",
  window_longer_than_scale_in: "The metric averages over longer than the scale-in window waits: capacity is removed on news older than the window.",
  lag_beyond_half_period: "By the time new units are ready the load has turned: reacting costs more and helps less than constant capacity.",
  dependency_overcommitted: "At `max` the units open more connections than the dependency accepts. `max` is a database parameter.",
  guard_off: "A guard is switched off.",
  price_without_currency: "A price without a currency cannot be added to any other.",
  kind_undeclared: "Without `kind` the narrowest blast radius applies (5 % in 10 min), which makes scale-in slow and dear for stateless services.",
  target_above_ceiling: "The target is at or above the ceiling: capacity is steered to where the service already counts as short.",
  calendar_without_event: "A window whose calendar has no event that it asks for never opens: the words may be misspelt, or the calendar out of date.",
  queue_beyond_unit: "The queue counts on more from one unit than it serves at 100 %: it takes longer to drain than it says.",
  schedule_above_limit: "The calendar raises `min` above what a limit allows: capacity stays at the limit, and below the minimum.",
  curve_falls: "Measured response times get shorter while utilisation rises: two measurements are likely swapped, or not of the same thing.",
  unused_metric: "No strategy and no objective reads the metric.",
} as const;
export type LintCode = keyof typeof LINTS;

const GUARD_RISK: Readonly<Record<string, string>> = {
  proof: "capacity is removed even where the rest cannot carry the load",
  cliff: "load that vanishes through an upstream fault takes the capacity with it, and comes back to a small fleet",
  implausibleZero: 'an adapter that reports 0 for "no data" empties the fleet',
  drift: "another controller on the same target is fought for ever",
  steps: "a step that did harm, or nothing at all, is never noticed",
  blastRadius: "one bad number can remove everything at once",
  "up.limits": "one bad number can ask for everything at once",
  "down.limits": "capacity goes as fast as the metric falls",
  "up.unlimitedAbove": "growth stays slow even while the service is short",
};
/** The band that the field aims at when a policy names none. */
const USUAL_BAND = { from: 0.6, to: 0.8 };
const PERIODIC_FROM = 0.3;

/** A recording to lint against: load of each bin. */
export interface LintTrace {
  readonly load: Float64Array;
  readonly binMs: number;
}

/** Warnings about a policy that parses. With a trace, also what only shows against its traffic. */
export function lintPolicy(policy: Policy, trace?: LintTrace): Problem[] {
  const found = new Map<string, Problem>();
  const warn = (workload: PolicyWorkload | undefined, path: Path, code: LintCode, message: string, hint: string): void => {
    const place = workload === undefined ? path : workload.pathInDocument(path);
    const { line, column } = policy.document.locate(place, "value");
    const shown = workload === undefined ? path : ["workloads", workload.id, ...path];
    const key = `${code} ${line}:${column}`;
    if (!found.has(key)) found.set(key, { severity: "warning", code, path: shown.join("."), line, column, message, hint });
  };
  const periodBins = trace === undefined ? undefined : dominantPeriod(trace.load, PERIODIC_FROM);
  const periodMs = trace === undefined || periodBins === undefined ? undefined : periodBins * trace.binMs;
  for (const workload of policy.workloads) {
    const say = (path: Path, code: LintCode, message: string, hint: string) => warn(workload, path, code, message, hint);
    lintTiers(workload, say);
    lintScaleIn(workload, say);
    lintMetrics(workload, say, periodMs);
    lintBasics(workload, say);
    lintGuards(workload, say);
    lintWindows(workload, say);
    lintScheduledMin(workload, say);
    lintCurve(workload, say);
  }
  lintDependencies(policy, warn);
  return [...found.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

type Say = (path: Path, code: LintCode, message: string, hint: string) => void;

function lintTiers({ resolved, written }: PolicyWorkload, say: Say): void {
  const declared = resolved.objectives.find((objective) => objective.kind === "band");
  const band = declared?.kind === "band" ? declared : USUAL_BAND;
  const bandText = `${declared === undefined ? "the usual band of " : "the band of "}${percent(band.from)} to ${percent(band.to)}`;
  for (const [index, strategy] of written.strategies.entries()) {
    if (strategy.type !== "tiers") continue;
    const path = ["strategies", index];
    for (const [direction, ladder] of [
      ["up", strategy.up.map((tier) => tier.add)],
      ["down", strategy.down.map((tier) => tier.remove)],
    ] as const) {
      for (const [rung, size] of ladder.entries()) {
        if (!("ratio" in size) || resolved.bounds.min === 0 || size.ratio * resolved.bounds.min >= 1) continue;
        say(
          [...path, direction, rung],
          "step_below_one_unit",
          `${percent(size.ratio)} of min (${resolved.bounds.min}) is ${round(size.ratio * resolved.bounds.min)} units; the step is one unit, which is ${percent(1 / resolved.bounds.min)} there`,
          `raise min to ${Math.ceil(1 / size.ratio - 1e-9)}, or write the step in units`,
        );
      }
    }
    const lowest = strategy.up.reduce((least, tier) => (tier.at < least.at ? tier : least), { at: Number.POSITIVE_INFINITY, add: { units: 1 } as StepSize });
    if (lowest.at < band.from) {
      say(
        [...path, "up"],
        "ladder_fights_band",
        `adds capacity from ${percent(lowest.at)} on, below ${bandText}: utilisation settles under ${percent(lowest.at)} and the rest is waste`,
        `begin at or above ${percent(band.from)}, for example ${percent((band.from + band.to) / 2)}`,
      );
    }
    for (const [rung, tier] of strategy.down.entries()) {
      const after = tier.below / (1 - shareOf(tier.remove, resolved.bounds.max));
      if (after < lowest.at) continue;
      say(
        [...path, "down", rung],
        "ladder_flaps",
        `removing ${stepText(tier.remove)} just below ${percent(tier.below)} leads to ${percent(after)}, where capacity is added from ${percent(lowest.at)} on`,
        `remove below ${percent(lowest.at * (1 - shareOf(tier.remove, resolved.bounds.max)) * 0.95)}, or less at a time`,
      );
    }
    const highestDown = strategy.down.reduce((most, tier) => Math.max(most, tier.below), 0);
    for (const [rung, tier] of strategy.up.entries()) {
      const after = tier.at / (1 + shareOf(tier.add, resolved.bounds.max));
      if (after >= highestDown) continue;
      say(
        [...path, "up", rung],
        "ladder_flaps",
        `adding ${stepText(tier.add)} at ${percent(tier.at)} leads to ${percent(after)}, where capacity is removed below ${percent(highestDown)}`,
        "add less at this tier, or remove lower down",
      );
    }
  }
}

function lintScaleIn({ written }: PolicyWorkload, say: Say): void {
  if (written.guards.down?.select === "off") {
    say(["guards", "down", "select"], "no_scale_in", "scale-in is switched off", "give the direction a limit instead");
    return;
  }
  const canShrink = written.strategies.some((strategy) =>
    strategy.type === "tiers" ? strategy.down.length > 0 : strategy.type === "targetTracking" ? strategy.tolerance.down < 1 : true,
  );
  if (!canShrink) say(["strategies"], "no_scale_in", "no strategy ever asks for less", "add a down tier such as {below: 50%, remove: 10%}, or target tracking");
}

function lintMetrics({ resolved, written }: PolicyWorkload, say: Say, periodMs: number | undefined): void {
  for (const metric of resolved.metrics) {
    const path = ["metrics", metric.name];
    const isRead =
      resolved.activation?.metric === metric.name ||
      resolved.metrics.some(({ formula }) => formula !== undefined && metricsOf(formula).includes(metric.name)) ||
      resolved.strategies.some((strategy) => metricsReadBy(strategy).includes(metric.name)) ||
      resolved.objectives.some((objective) =>
        objective.kind === "ratio" ? [objective.good, objective.bad, objective.total].includes(metric.name) : objective.metric === metric.name,
      );
    if (!isRead && metric.measures !== "errors" && metric.measures !== "up")
      say(path, "unused_metric", `nothing reads "${metric.name}"`, "remove it, or give it a strategy or an objective");
    if (metric.windowMs > resolved.guards.down.windowMs && written.guards.down?.select !== "off") {
      say(
        [...path, "window"],
        "window_longer_than_scale_in",
        `a window of ${formatDuration(metric.windowMs)}, scale-in waits ${formatDuration(resolved.guards.down.windowMs)}`,
        "shorten the window, or lengthen guards.down.window",
      );
    }
    const delayMs = metric.lagMs + resolved.unit.startup.meanMs;
    if (periodMs !== undefined && isRead && delayMs > periodMs / 2) {
      say(
        [...path, "lag"],
        "lag_beyond_half_period",
        `metric lag plus start-up is ${formatDuration(delayMs)}, the traffic repeats every ${formatDuration(periodMs)}`,
        "hold capacity for the peak (raise min), or make start-up and metric faster",
      );
    }
  }
}

function lintBasics({ resolved, written }: PolicyWorkload, say: Say): void {
  if (resolved.bounds.min === 1) say(["bounds", "min"], "min_one", "min is 1", "use at least 2 for anything that must not go away");
  if (written.kind === undefined) say([], "kind_undeclared", "kind is not declared", "add kind: stateless (or stateful, cache, quorum)");
  if (resolved.unit.price !== undefined && resolved.unit.price.currency === undefined)
    say(["unit", "price"], "price_without_currency", "the price has no currency", "write it as 0.096 USD/h");
  for (const [index, strategy] of written.strategies.entries()) {
    const rate = resolved.unit.serves?.rate;
    if (strategy.type === "queue" && strategy.perUnit !== undefined && rate !== undefined && strategy.perUnit > rate)
      say(
        ["strategies", index, "perUnit"],
        "queue_beyond_unit",
        `counts on ${round(strategy.perUnit)}/s of one unit, which serves ${round(rate)}/s`,
        "leave perUnit out: it is what a unit serves at the ceiling",
      );
    if (strategy.type !== "targetTracking") continue;
    const serves = resolved.unit.serves?.rate;
    const utilisation =
      "ratio" in strategy.target ? strategy.target.ratio : serves === undefined || !("rate" in strategy.target) ? 0 : strategy.target.rate / serves;
    if (utilisation < resolved.ceiling) continue;
    say(
      ["strategies", index, "target"],
      "target_above_ceiling",
      `a target of ${percent(utilisation)} utilisation, the ceiling is ${percent(resolved.ceiling)}`,
      `aim lower, for example ${percent(resolved.ceiling - 0.1)}`,
    );
  }
}

function lintGuards({ written }: PolicyWorkload, say: Say): void {
  const off = (path: Path): void => {
    const name = path.join(".");
    say(["guards", ...path], "guard_off", `${name} is off: ${GUARD_RISK[name]}`, "remove the line to have the default back, unless you can say why not");
  };
  const { guards } = written;
  if (guards.proof === "off") off(["proof"]);
  if (guards.cliff === "off") off(["cliff"]);
  if (guards.implausibleZero === "off") off(["implausibleZero"]);
  if (guards.steps === "off") off(["steps"]);
  if (guards.drift === "off") off(["drift"]);
  if (guards.blastRadius === "off") off(["blastRadius"]);
  if (guards.up?.limits === "off") off(["up", "limits"]);
  if (guards.down?.limits === "off") off(["down", "limits"]);
  if (guards.up?.unlimitedAbove === "off") off(["up", "unlimitedAbove"]);
}

function lintWindows({ resolved, written }: PolicyWorkload, say: Say): void {
  const look = (path: Path, windows: readonly ScheduleWindow[], given: readonly WindowPolicy[]): void => {
    for (const [index, window] of windows.entries()) {
      if (!("events" in window) || window.events.some(({ days, forMs }) => days + forMs + window.beforeMs + window.afterMs > 0)) continue;
      const { calendar, matching } = given[index] as WindowPolicy;
      const what = `${window.events.length === 0 ? "no event" : "only moments without length"}${matching === undefined ? "" : ` with "${matching}"`}`;
      say([...path, index], "calendar_without_event", `${calendar} has ${what}, so it never opens`, "look at the words in the calendar, or remove the window");
    }
  };
  look(["bounds", "schedule"], resolved.boundsSchedule ?? [], written.bounds.schedule ?? []);
  look(["guards", "freeze"], resolved.guards.freeze, written.guards.freeze ?? []);
  for (const [index, strategy] of resolved.strategies.entries()) {
    const given = written.strategies[index];
    if (strategy.type === "schedule" && given?.type === "schedule") look(["strategies", index, "windows"], strategy.windows, given.windows);
  }
}

function lintScheduledMin({ resolved }: PolicyWorkload, say: Say): void {
  for (const [index, { min }] of (resolved.boundsSchedule ?? []).entries()) {
    const [limit] = resolved.limits.filter(({ units }) => min !== undefined && min > units).toSorted((a, b) => a.units - b.units);
    if (limit === undefined) continue;
    const of = limit.kind === "budget" ? "the budget for an hour" : limit.name;
    say(
      ["bounds", "schedule", index, "min"],
      "schedule_above_limit",
      `min is ${min} while it is open, and ${of} allows ${limit.units}`,
      "raise the limit, or lower min",
    );
  }
}

function lintCurve({ resolved: { unit } }: PolicyWorkload, say: Say): void {
  if (unit.latency === undefined || !("curve" in unit.latency)) return;
  const { curve } = unit.latency;
  const at = curve.findIndex(
    ({ p50Ms, p95Ms, p99Ms }, i) =>
      i > 0 && (p50Ms < (curve[i - 1]?.p50Ms ?? 0) || p95Ms < (curve[i - 1]?.p95Ms ?? 0) || (p99Ms ?? Number.POSITIVE_INFINITY) < (curve[i - 1]?.p99Ms ?? 0)),
  );
  const [before, after] = [curve[at - 1], curve[at]];
  if (before !== undefined && after !== undefined)
    say(
      ["unit", "latency", "curve"],
      "curve_falls",
      `response times at ${percent(after.at)} are shorter than at ${percent(before.at)}`,
      "measure again, or swap them",
    );
}

function lintDependencies(
  policy: Policy,
  warn: (workload: PolicyWorkload | undefined, path: Path, code: LintCode, message: string, hint: string) => void,
): void {
  for (const [name, dependency] of Object.entries(policy.settings.dependencies)) {
    if (dependency.connections === undefined) continue;
    const users = policy.workloads.flatMap((workload) => workload.resolved.uses.filter((use) => use.dependency === name).map((use) => ({ workload, use })));
    const wanted = users.reduce((sum, { workload, use }) => sum + workload.resolved.bounds.max * use.connectionsPerUnit, 0);
    if (wanted <= dependency.connections) continue;
    const parts = users.slice(0, 5).map(({ workload, use }) => `${workload.id} ${workload.resolved.bounds.max} x ${use.connectionsPerUnit}`);
    warn(
      undefined,
      ["dependencies", name],
      "dependency_overcommitted",
      `at max its users open ${wanted} connections (${parts.join(", ")}${users.length > 5 ? ", …" : ""}), it has ${dependency.connections}`,
      "lower max or the pools, or put a pooler between",
    );
  }
}

function shareOf(size: StepSize, units: number): number {
  return Math.min(0.99, "ratio" in size ? size.ratio : size.units / units);
}

function stepText(size: StepSize): string {
  return "ratio" in size ? percent(size.ratio) : `${size.units} units`;
}

function percent(ratio: number): string {
  return `${round(ratio * 100)} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
