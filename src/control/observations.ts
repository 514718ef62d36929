import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Observation } from "../engine/model.ts";

/** What one workload's engine was shown at a tick. */
export interface RecordedTick {
  readonly workload: string;
  readonly observation: Observation;
}

/** Observations of one tick as they are kept: JSON, deflated. Numbers come back as they were, to the last bit. */
export function encodeObservations(ticks: readonly RecordedTick[]): Uint8Array {
  return deflateRawSync(
    JSON.stringify(ticks, (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value)),
  );
}

export function decodeObservations(bytes: Uint8Array): readonly RecordedTick[] {
  return JSON.parse(inflateRawSync(bytes).toString("utf8"), (_, value: unknown) =>
    typeof value === "object" && value !== null && "number" in value && typeof value.number === "string" ? Number(value.number) : value,
  ) as readonly RecordedTick[];
}
