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
  for (const tick of ticks) {
    const plain = JSON.stringify(tick);
    // What JSON has no words for it calls null, and nothing else here is; asking about each number takes several times as long.
    text += `${text === "" ? "" : ","}${plain.includes("null") ? JSON.stringify(tick, named) : plain}`;
  }
  return deflateRawSync(`[${text}]`);
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
