import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Observation } from "../engine/model.ts";

/** What one workload's engine was shown at a tick. */
export interface RecordedTick {
  readonly workload: string;
  readonly observation: Observation;
}

/** Observations of one tick as they are kept: JSON, deflated. Numbers come back as they were, to the last bit. */
export function encodeObservations(ticks: readonly RecordedTick[]): Uint8Array {
  let text = "";
  // What JSON has words for is written several times as fast when nobody asks about each number.
  for (const tick of ticks) text += `${text === "" ? "" : ","}${isAllFinite(tick) ? JSON.stringify(tick) : JSON.stringify(tick, named)}`;
  return deflateRawSync(`[${text}]`);
}

/** Whether JSON has words for every number of it: a sum is finite only when all of it are. */
function isAllFinite({ observation: { capacity, readings, orders } }: RecordedTick): boolean {
  let sum = capacity.requested + capacity.starting + capacity.ready + capacity.draining + (orders?.units ?? 0);
  for (const { value, sampledAtMs, windowMs } of readings) sum += value + sampledAtMs + windowMs;
  return Number.isFinite(sum);
}

/** Numbers that JSON has no words for, by name. */
function named(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
}

export function decodeObservations(bytes: Uint8Array): readonly RecordedTick[] {
  return parse(inflateRawSync(bytes).toString("utf8")) as readonly RecordedTick[];
}

/** What one workload was shown at a tick, without reading what thousands of others were; undefined when it was not due. */
export function observationIn(bytes: Uint8Array, workload: string): Observation | undefined {
  const text = inflateRawSync(bytes).toString("utf8");
  const from = text.indexOf(`{"workload":${JSON.stringify(workload)},`);
  if (from < 0) return undefined;
  // Not inside of a string: there, quotes have a stroke before them.
  const next = text.indexOf(',{"workload":"', from + 1);
  return (parse(text.slice(from, next < 0 ? -1 : next)) as RecordedTick).observation;
}

function parse(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === "object" && value !== null && "number" in value && typeof value.number === "string" ? Number(value.number) : value,
  );
}
