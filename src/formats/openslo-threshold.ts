import { formatDuration, parseDuration } from "../lib/duration.ts";
import type { UnitOfValue } from "./openslo-annotations.ts";
import type { Notes } from "./openslo-metrics.ts";
import { percentText, shiftedText } from "./openslo-values.ts";

interface ThresholdContext {
  readonly measures: string;
  /** The unit that the file says, a {@link UnitOfValue}. */
  readonly unit: string | undefined;
  /** Names and query, from which milliseconds are told. */
  readonly words: readonly string[];
  readonly what: string;
  readonly notes: Notes;
}

/** Above this, a latency in seconds is more likely one in milliseconds. */
const SECONDS_LIKELY_MAX = 60;

/**
 * OpenSLO's bare number as a threshold of the policy language: 0.3 of a latency is `300ms`, 0.05 of errors `5%`.
 * Undefined for what no such threshold can be.
 */
export function thresholdValue(value: number, context: ThresholdContext): string | number | undefined {
  const unit = (context.unit as UnitOfValue | undefined) ?? guessUnit(value, context);
  switch (unit) {
    case "s":
      return durationText(value * 1_000, value, context);
    case "ms":
      return durationText(value, value, context);
    case "ratio":
      return value <= 10 ? percentText(value) : undefined;
    case "percent":
      return value <= 1_000 ? `${shiftedText(value, 0)}%` : undefined;
    case "per-second":
      // The language has no rate of zero.
      return value > 0 ? `${shiftedText(value, 0)}/s` : value;
    case "number":
      return value;
  }
}

function guessUnit(value: number, { measures, words, what, notes }: ThresholdContext): UnitOfValue {
  switch (measures) {
    case "latency": {
      const says = words.find((word) => /(^|[^a-z])(ms|millis(econds)?)($|[^a-z])/i.test(word));
      const doubt = value > SECONDS_LIKELY_MAX ? ", which is long" : "";
      notes.guessed.push(
        says === undefined
          ? `${what}: ${value} is in seconds${doubt}; annotation vernier.dev/unit-of-value: ms says otherwise`
          : `${what}: ${value} is in milliseconds, by its name or query`,
      );
      return says === undefined ? "s" : "ms";
    }
    case "utilisation":
    case "errors":
      if (value <= 1) return "ratio";
      notes.guessed.push(`${what}: ${value} is in percent; annotation vernier.dev/unit-of-value: ratio says otherwise`);
      return "percent";
    case "rate":
      return "per-second";
    default:
      return "number";
  }
}

function durationText(ms: number, value: number, { what, notes }: ThresholdContext): string | undefined {
  const whole = Math.round(ms);
  if (Math.abs(whole - ms) > 1e-6) notes.guessed.push(`${what}: ${value} is rounded to ${formatDuration(whole)}`);
  const text = formatDuration(whole);
  return Number.isSafeInteger(whole) && parseDuration(text) === whole ? text : undefined;
}
