import { basename } from "node:path";
import { policyName } from "../formats/policy-name.ts";
import { formatPercent, formatSpan } from "../lib/format.ts";
import { oneLine } from "../lib/one-line.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import type { Trace } from "../sim/trace.ts";
import { profileTrace } from "../sim/trace-profile.ts";

const CEILING = 0.8;
const STARTUP_MS = 60_000;
/** From a rise of load until units for it are ready: start-up, half a window, lag and a tick. */
const LEAD_MS = STARTUP_MS + 15_000 + 15_000 + 15_000;
/** Units that the peak is taken to need when nobody says. */
const PEAK_UNITS = 20;
/** Room above the highest peak seen. */
const HEADROOM = 1.5;
const SERVES_LEAST = 1e-3;
const TARGET_LEAST = 0.4;
const TARGET_MOST = 0.75;

/**
 * A policy proposed from a recording: bounds, what a unit serves and the target, each with the evidence beside it.
 * @returns undefined when the recording has no load
 */
export function policyFromTrace(trace: Trace, path: string, peakUnitsGiven: number | undefined): string | undefined {
  const profile = profileTrace(trace, LEAD_MS);
  if (profile === undefined) return undefined;
  const { peak, peakBin, median, trough, rise, riseMs } = profile;
  const isBusyUnits = trace.isBusyUnits === true;
  const isRate = trace.semantics === "count" || trace.semantics === "rate";
  const peakUnits = peakUnitsGiven ?? (isBusyUnits ? Math.max(1, Math.ceil(peak / CEILING)) : PEAK_UNITS);
  const perUnit = peak / (CEILING * peakUnits);
  const needed = (load: number): number => Math.max(1, Math.ceil(load / (CEILING * perUnit) - 1e-9));
  const min = Math.max(2, needed(trough));
  const max = Math.max(min, Math.ceil(HEADROOM * peakUnits));
  const target = rise === undefined ? 0.7 : Math.min(TARGET_MOST, Math.max(TARGET_LEAST, Math.floor((CEILING / rise) * 20) / 20));
  const unit = isBusyUnits ? " busy units" : isRate ? "/s" : "";
  const show = (load: number): string => `${Number(load.toPrecision(4))}${unit}`;
  const when =
    trace.startMs === undefined ? `${formatSpan(peakBin * trace.binMs)} after the beginning` : formatTimestamp(trace.startMs + peakBin * trace.binMs);
  const basis =
    peakUnitsGiven !== undefined
      ? `as you said, the peak takes ${peakUnits} units at ${formatPercent(CEILING)}`
      : isBusyUnits
        ? `the recording counts busy units; its peak takes ${peakUnits} at ${formatPercent(CEILING)}`
        : `ASSUMED: the peak takes ${peakUnits} units. The recording does not say; a load test does, or --peak-units`;
  // Rates so small are no requests per second that anyone would write down.
  const serves = !isRate || perUnit < SERVES_LEAST ? [] : [`      serves: {rate: ${Number(perUnit.toPrecision(4))}/s} # ${basis}`];
  return `# Proposed from ${oneLine(basename(path))}: ${formatSpan(trace.load.length * trace.binMs)} in bins of ${formatSpan(trace.binMs)}.
# Load: peak ${show(peak)} (${when}), median ${show(median)}, 99 % of the time above ${show(trough)}.
version: 1
workloads:
  default/${policyName(basename(path).replace(/\.csv(\.gz)?$/, ""))}:
    kind: stateless # how costly losing a unit is: stateless, stateful, cache or quorum
    # min: ${min === 2 && needed(trough) < 2 ? "two, so that one may fail" : `what the load needs 99 % of the time, ${show(trough)}`}. max: half as much again as the highest peak, ${peakUnits} units.
    bounds: {min: ${min}, max: ${max}}
    unit:
${serves.length === 0 ? `      # ${basis}\n` : `${serves.join("\n")}\n`}      startup: 60s # from request to ready; measure yours, the target depends on it
    metrics:
      cpu: {measures: utilisation}
    strategies:
      # ${
        rise === undefined
          ? `The usual 70 %: bins of ${formatSpan(trace.binMs)} do not show how fast load rises within ${formatSpan(LEAD_MS)}, the time until new units are ready.`
          : `Within ${formatSpan(riseMs)} (new units are ready after some ${formatSpan(LEAD_MS)}), a busy load rose by at most ${formatPercent(rise - 1)} in 99 of 100 cases: ${formatPercent(CEILING)} over ${rise.toFixed(2)} is ${formatPercent(CEILING / rise)}${CEILING / rise > TARGET_MOST || CEILING / rise < TARGET_LEAST ? `, kept between ${formatPercent(TARGET_LEAST)} and ${formatPercent(TARGET_MOST)}` : ""}.`
      }
      - {type: targetTracking, metric: cpu, target: ${Math.round(target * 100)}%}
simulation:
  trace: ${JSON.stringify(path)}
${serves.length > 0 ? "" : `  peakUnits: ${peakUnits}\n`}`;
}
