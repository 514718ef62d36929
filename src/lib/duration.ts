const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Text accepted by {@link parseDuration}: one or more `<number><unit>` parts, largest unit first. */
export const DURATION_PATTERN = "^(\\d+(\\.\\d+)?(ms|s|m|h|d|w))+$";

const DURATION = new RegExp(DURATION_PATTERN);

/**
 * Milliseconds written as people write them: `45s`, `1h30m`, `250ms`, `1.5h`, `7d`.
 * @returns whole milliseconds, or `undefined` when the text is not a duration or exceeds 100 years
 * @example parseDuration("1h30m") // 5_400_000
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > 40 || !DURATION.test(text)) return undefined;
  let totalMs = 0;
  let previousUnitMs = Number.POSITIVE_INFINITY;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    const unitMs = UNIT_MS[part[2] as string] as number;
    if (unitMs >= previousUnitMs) return undefined;
    previousUnitMs = unitMs;
    totalMs += Number(part[1]) * unitMs;
  }
  return totalMs <= 100 * 365 * 86_400_000 ? Math.round(totalMs) : undefined;
}

/**
 * The shortest exact text of a duration: `90_000` is `1m30s`.
 * @param ms whole milliseconds, >= 0
 */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = Math.round(ms);
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const unitMs = UNIT_MS[unit] as number;
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}
