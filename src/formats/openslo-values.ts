/** Stands for 100 %, which OpenSLO has no target for; the annotation beside it says so. */
export const HIGHEST_TARGET = 0.999999999;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Months, quarters and years have no fixed length in OpenSLO; these are ours. */
const SHORTHAND_MS: Readonly<Record<string, number>> = {
  m: MINUTE_MS,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
  M: 30 * DAY_MS,
  Q: 90 * DAY_MS,
  Y: 365 * DAY_MS,
};
const MS_MAX = 100 * 365 * DAY_MS;

/**
 * Milliseconds of OpenSLO's duration shorthand, a whole number and one of `m h d w M Q Y`, at most 100 years;
 * undefined for what is none.
 * @example shorthandMs("4w") === 2_419_200_000
 */
export function shorthandMs(text: string): number | undefined {
  const [, number, unit] = /^([1-9]\d{0,8})([mhdwMQY])$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const ms = Number(number) * (SHORTHAND_MS[unit] as number);
  return ms <= MS_MAX ? ms : undefined;
}

/** The shortest shorthand that is not shorter than `ms`: `90_000` is `2m`, which is not exact. */
export function shorthandOf(ms: number): { readonly text: string; readonly isExact: boolean } {
  for (const unit of ["d", "h", "m"]) {
    const unitMs = SHORTHAND_MS[unit] as number;
    if (ms > 0 && ms % unitMs === 0) return { text: `${ms / unitMs}${unit}`, isExact: true };
  }
  return { text: `${Math.max(1, Math.ceil(ms / MINUTE_MS))}m`, isExact: false };
}

/** The decimal digits of a number >= 0 with its point moved to the right, without an exponent: `(0.999, 2)` is `99.9`. */
export function shiftedText(value: number, places: number): string {
  const [, whole = "0", fraction = "", exponent = "0"] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  const digits = whole + fraction;
  const point = whole.length + Number(exponent) + places;
  const padded = point <= 0 ? "0".repeat(1 - point) + digits : digits.padEnd(point, "0");
  const at = Math.max(point, 1);
  const left = padded.slice(0, at).replace(/^0+(?=\d)/, "");
  const right = padded.slice(at).replace(/0+$/, "");
  return right === "" ? left : `${left}.${right}`;
}

/** A ratio as a percentage of the policy language. Digits are moved, not multiplied: 0.999 is `99.9%`. */
export function percentText(ratio: number): string {
  return `${shiftedText(ratio, 2)}%`;
}

/**
 * The number with the fewest digits that means this ratio in a policy: 33.3 % is 0.333, although 33.3 / 100 is
 * 0.33299999999999996 in doubles. The ratio itself where there is none.
 */
export function cleanRatio(ratio: number): number {
  for (const digits of [15, 16, 17]) {
    const percent = Number((ratio * 100).toPrecision(digits));
    if (percent / 100 === ratio) return Number(shiftedText(percent, -2));
  }
  return ratio;
}
