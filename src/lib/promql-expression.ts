/** A condition on a label; a label that is not there is an empty one. */
export interface Matcher {
  readonly label: string;
  readonly operator: "=" | "!=" | "=~" | "!~";
  readonly value: string;
  readonly matches: (value: string) => boolean;
}

/** Series of one metric. */
export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

/** A query as a tree. `buckets` is `sum by (le)`. */
export type PromqlExpression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "select"; readonly selector: Selector }
  | { readonly kind: "window"; readonly of: "rate" | "increase"; readonly selector: Selector; readonly windowMs: number }
  | { readonly kind: "aggregate"; readonly op: "sum" | "avg" | "max" | "min" | "count"; readonly of: PromqlExpression }
  | { readonly kind: "buckets"; readonly of: PromqlExpression }
  | { readonly kind: "quantile"; readonly quantile: number; readonly of: PromqlExpression }
  | { readonly kind: "binary"; readonly sign: "+" | "-" | "*" | "/"; readonly left: PromqlExpression; readonly right: PromqlExpression };

/** What an expression gives: a number, a series without labels, any number of series, or sums by `le`. */
export type Shape = "scalar" | "series" | "vector" | "buckets";

/** A query that was understood. */
export interface PromqlQuery {
  readonly text: string;
  readonly expression: PromqlExpression;
  /** What it reads, each once, with the longest window over it; 0 for the last value only. */
  readonly selections: readonly { readonly selector: Selector; readonly windowMs: number }[];
}

/** What is wrong with a query, and where: characters from its beginning. */
export class PromqlError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** A selector as PromQL writes it. */
export function selectorText({ name, matchers }: Selector): string {
  if (matchers.length === 0) return name;
  return `${name}{${matchers.map(({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`).join(",")}}`;
}
