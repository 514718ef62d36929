const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/**
 * Bytes as people write them: `500MiB`, `1.5 GiB`. Units are binary, and have to be said.
 * @returns whole bytes, or `undefined` when the text is no size, or more than can be counted
 * @example parseBytes("10GiB") // 10_737_418_240
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?(B|KiB|MiB|GiB|TiB)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * 1_024 ** UNITS.indexOf(match[2] as (typeof UNITS)[number]));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size with at most three digits that count: `10 GiB`, `1.5 MiB`, `512 B`. */
export function formatBytes(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1_000 && unit < UNITS.length - 1) [size, unit] = [size / 1_024, unit + 1];
  return `${size >= 100 || unit === 0 ? Math.round(size) : Number(size.toPrecision(size >= 10 ? 3 : 2))} ${UNITS[unit]}`;
}
