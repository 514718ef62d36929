const DECIMAL: Readonly<Record<string, number>> = { n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };

/**
 * A Kubernetes quantity (`500m`, `2`, `1.5`, `10k`, `1Gi`, `2e3`) in milli-units, rounded up as the API rounds it;
 * undefined for what is none.
 * @example parseMilli("500m") === 500
 */
export function parseMilli(text: string | number): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(String(text));
  if (match === null) return undefined;
  const [, digits = "", exponent, suffix = ""] = match;
  const factor = DECIMAL[suffix] ?? BINARY[suffix];
  const milli = Number(digits + (exponent ?? "")) * (factor as number) * 1_000;
  // 0.1 k is 100.00000000000001 in doubles and must not round up to 101.
  return Number.isFinite(milli) ? Math.ceil(milli - 1e-6) : undefined;
}
