import type { SampleHistory } from "./sample-history.ts";

/** Beyond this many mean distances between samples, a series is taken to begin or end inside of the window. */
const NEAR = 1.1;

/**
 * How much a counter grew in the window that ends at `toMs`, as Prometheus computes `increase`: what it lost in resets added back, and
 * extrapolated to the ends of the window when the first and last samples are near them, else by half a distance between samples; never
 * to before the counter was zero. The beginning of the window does not belong to it.
 * @returns undefined with fewer than two samples
 */
export function increaseOver(history: SampleHistory, windowMs: number, toMs: number): number | undefined {
  const fromMs = toMs - windowMs;
  const first = history.firstAfter(fromMs);
  const last = history.firstAfter(toMs) - 1;
  if (last <= first) return undefined;
  const begin = history.value(first);
  let increase = history.value(last) - begin;
  for (let i = first + 1; i <= last; i++) {
    const before = history.value(i - 1);
    if (history.value(i) < before) increase += before;
  }
  const sampledMs = history.time(last) - history.time(first);
  const distanceMs = sampledMs / (last - first);
  let headMs = history.time(first) - fromMs;
  if (headMs >= distanceMs * NEAR) headMs = distanceMs / 2;
  if (increase > 0 && begin >= 0) headMs = Math.min(headMs, sampledMs * (begin / increase));
  let tailMs = toMs - history.time(last);
  if (tailMs >= distanceMs * NEAR) tailMs = distanceMs / 2;
  return (increase * (sampledMs + headMs + tailMs)) / sampledMs;
}
