/** One row of a conformance file; its fields depend on the file. */
export type Row = Readonly<Record<string, unknown>> & { readonly id: string };

export interface ConformanceFile {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly cases: readonly Row[];
}

/** What came of one row. Unsupported: it concerns an engine that we do not have. */
export type Verdict = { readonly outcome: "passed" | "unsupported" } | { readonly outcome: "failed"; readonly why: string };

export const PASSED: Verdict = { outcome: "passed" };
export const UNSUPPORTED: Verdict = { outcome: "unsupported" };

/** Parses JSON keeping whole numbers of 16 and more digits as bigint: an int64 does not fit into a double. */
export function parseLossless(text: string): unknown {
  // Tokens are matched whole, so that digits inside text or behind a point stay what they are.
  const marked = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => (/^-?\d{16,}$/.test(token) ? `"bigint:${token}"` : token));
  return JSON.parse(marked, (_, value: unknown) => (typeof value === "string" && /^bigint:-?\d+$/.test(value) ? BigInt(value.slice(7)) : value));
}

/** Passed when every expected field has the value found, else what differs. */
export function compare(expected: Readonly<Record<string, unknown>>, found: Readonly<Record<string, unknown>>): Verdict {
  const differences = Object.entries(expected)
    .filter(([name, value]) => show(value) !== show(found[name]))
    .map(([name, value]) => `${name}: expected ${show(value)}, found ${show(found[name])}`);
  return differences.length === 0 ? PASSED : { outcome: "failed", why: differences.join("; ") };
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? String(item) : typeof item === "number" ? String(item) : item)) ?? "nothing";
}
