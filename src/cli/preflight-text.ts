import type { MetricPreflight, Preflight } from "../control/preflight.ts";
import { formatOperand, formatSpan } from "../lib/format.ts";
import type { LivePreflight } from "../live/preflight.ts";
import { table } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** A clock that is off by less may be the time that the answer took. */
const CLOCK_NOTABLE_MS = 2_000;

/** What asking once cannot show. */
export const NOT_CHECKED: readonly string[] = [
  "permission of the other side: files and commands are looked at, and nothing is set to find out more",
  "other writers that have changed nothing since the record began, or where there is no record (guards.drift says what comes of them)",
  "quotas and limits of the platform",
];

/** The findings as a person reads them. */
export function preflightText({ workloads, clocks }: LivePreflight, { paint }: Terminal): string {
  const lines = workloads.flatMap((one) => [`${paint("bold", one.workload)} (${one.mode})`, ...workloadLines(one, paint), ""]);
  for (const { server, aheadMs } of clocks) {
    const isOff = Math.abs(aheadMs) > CLOCK_NOTABLE_MS;
    const said = isOff
      ? paint("yellow", `${formatSpan(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead of" : "behind"} this one: set both right`)
      : "agrees with this one";
    lines.push(`the clock of ${server} ${said}`);
  }
  lines.push(...NOT_CHECKED.map((text) => `not checked: ${text}`));
  const failing = workloads.filter(({ problems }) => problems.length > 0).length;
  lines.push(
    failing === 0
      ? paint("green", `${workloads.length === 1 ? "the workload" : `all ${workloads.length} workloads`} could work`)
      : paint("red", `${failing} of ${workloads.length} workload${workloads.length === 1 ? "" : "s"} could not work as written`),
  );
  return `${lines.join("\n")}\n`;
}

function workloadLines({ metrics, capacity, abilities, delay, tookMs, deadlineMs, problems, notes }: Preflight, paint: Terminal["paint"]): string[] {
  const rows = metrics.map((metric) => [`  ${metric.metric}`, metricText(metric)]);
  if (capacity !== null)
    rows.push(["  capacity", `${formatOperand(capacity.requested)} requested, ${formatOperand(capacity.ready)} ready${startingText(capacity)}`]);
  if (abilities !== null)
    rows.push([
      "  target",
      [
        abilities.comparesAndSets ? "compares and sets" : "cannot compare and set: a change by someone else in between may be overwritten",
        abilities.keepsEpoch ? "keeps the epoch" : "keeps no epoch: a controller that was replaced is not refused",
        `a change is seen within ${formatSpan(abilities.settlesWithinMs)}`,
      ].join("; "),
    ]);
  if (delay !== undefined) {
    const { metric, halfWindowMs, lagMs, scrapeMs, intervalMs, startupMs, totalMs } = delay;
    rows.push([
      "  delay",
      `${formatSpan(totalMs)} from a change of load to units that serve it: ${formatSpan(halfWindowMs)} half a window + ${formatSpan(lagMs)} lag + ${formatSpan(scrapeMs)} scrape (${metric}) + ${formatSpan(intervalMs)} interval + ${formatSpan(startupMs)} start-up`,
    ]);
  }
  rows.push(["  answers", `after ${formatSpan(tookMs)}; a tick waits ${formatSpan(deadlineMs)}`]);
  return [
    ...table(rows).split("\n"),
    ...notes.map((note) => `  ${paint("yellow", "note")} ${note}`),
    ...problems.map((problem) => `  ${paint("red", "problem")} ${problem}`),
  ];
}

function metricText({ value, ageMs, staleAfterMs }: MetricPreflight): string {
  if (value === null || ageMs === null) return "no value";
  const age = ageMs < 0 ? `${formatSpan(-ageMs)} in the future` : `${formatSpan(ageMs)} old`;
  return `${formatOperand(value)}, ${age} (stale after ${formatSpan(staleAfterMs)})`;
}

function startingText({ starting, draining }: { readonly starting: number; readonly draining: number }): string {
  return `${starting > 0 ? `, ${formatOperand(starting)} starting` : ""}${draining > 0 ? `, ${formatOperand(draining)} draining` : ""}`;
}
