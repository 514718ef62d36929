import type { Trace } from "../trace.ts";
import type { PolicyTest, Segment } from "./schema.ts";

/** Bins of a made load; short enough that a step falls where it was written. */
const BIN_MS = 5_000;

/** The load of a test as a trace: its stretches one after the other, its spikes laid over them. */
export function traceOfLoad(name: string, segments: readonly Segment[], spikes: PolicyTest["spikes"]): Trace {
  const durationMs = segments.reduce((sum, segment) => sum + segment.for, 0);
  const load = new Float64Array(Math.max(1, Math.ceil(durationMs / BIN_MS)));
  let segment = 0;
  let beganMs = 0;
  for (let bin = 0; bin < load.length; bin++) {
    const atMs = bin * BIN_MS;
    while (segment + 1 < segments.length && atMs >= beganMs + (segments[segment] as Segment).for) beganMs += (segments[segment++] as Segment).for;
    let level = levelOf(segments[segment] as Segment, atMs - beganMs);
    for (const spike of spikes) if (atMs >= spike.at && atMs < spike.at + spike.for) level *= spike.times;
    load[bin] = Math.max(0, level);
  }
  return { name, semantics: "rate", binMs: BIN_MS, startMs: undefined, load, columns: new Map(), masks: [], censoredBins: 0, guesses: [] };
}

function levelOf(segment: Segment, sinceMs: number): number {
  if ("constant" in segment) return segment.constant;
  if ("mean" in segment) return segment.mean + segment.amplitude * Math.sin((2 * Math.PI * sinceMs) / segment.period);
  return segment.from + ((segment.to - segment.from) * sinceMs) / segment.for;
}
