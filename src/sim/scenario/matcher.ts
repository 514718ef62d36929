import { z } from "zod";
import { parseDuration } from "../../lib/duration.ts";

/** What a number has to be: `6`, `>= 2`, `< 1%`, `5..8`, `<= 2m`. */
export interface Matcher {
  /** As written, for messages. */
  readonly text: string;
  readonly matches: (value: number) => boolean;
  /** What it is written in. */
  readonly unit: MatcherUnit;
}

export type MatcherUnit = "number" | "percentage" | "duration";

const EPSILON = 1e-9;
const COMPARE: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  "": (value, limit) => Math.abs(value - limit) <= EPSILON,
  "=": (value, limit) => Math.abs(value - limit) <= EPSILON,
  "!=": (value, limit) => Math.abs(value - limit) > EPSILON,
  ">=": (value, limit) => value >= limit - EPSILON,
  "<=": (value, limit) => value <= limit + EPSILON,
  ">": (value, limit) => value > limit + EPSILON,
  "<": (value, limit) => value < limit - EPSILON,
};

/** A number, a percentage (as a ratio) or a duration (as milliseconds). */
function quantity(text: string): number | undefined {
  const percent = /^(-?\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (percent !== null) return Number(percent[1]) / 100;
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  return parseDuration(text);
}

function unitOf(text: string): MatcherUnit {
  if (text.endsWith("%")) return "percentage";
  return /^-?\d+(?:\.\d+)?$/.test(text) ? "number" : "duration";
}

/** @returns undefined for text that is no condition */
export function parseMatcher(written: string | number): Matcher | undefined {
  const text = String(written).trim();
  const range = /^(\S+)\s*\.\.\s*(\S+)$/.exec(text);
  if (range !== null) {
    const [low, high] = [quantity(range[1] as string), quantity(range[2] as string)];
    const units = [unitOf(range[1] as string), unitOf(range[2] as string)] as const;
    if (low === undefined || high === undefined || low > high || units[0] !== units[1]) return undefined;
    return { text, unit: units[0], matches: (value) => value >= low - EPSILON && value <= high + EPSILON };
  }
  const [, operator = "", operand = ""] = /^(>=|<=|!=|=|<|>)?\s*(.+)$/.exec(text) ?? [];
  const limit = quantity(operand);
  const compare = COMPARE[operator];
  return limit === undefined || compare === undefined ? undefined : { text, unit: unitOf(operand.trim()), matches: (value) => compare(value, limit) };
}

export const Condition = z
  .union([z.number(), z.string()], { error: "expected a number or a condition such as >= 2, < 1%, 5..8" })
  .transform((written, context): Matcher => {
    const matcher = parseMatcher(written);
    if (matcher !== undefined) return matcher;
    context.issues.push({ code: "custom", message: "expected a number or a condition such as >= 2, < 1%, 5..8", input: written });
    return z.NEVER;
  });
