import { type PromqlExpression, type PromqlQuery, type Selector, selectorText } from "../../lib/promql-expression.ts";
import { parseValue } from "./exposition-number.ts";
import { type Bucket, histogramQuantile } from "./quantile.ts";
import { increaseOver } from "./rate.ts";
import type { Series, SeriesStore } from "./series-store.ts";

/** What a query gives at an instant, in the clock of the store. */
export type Outcome =
  | { readonly kind: "value"; readonly value: number; readonly sampledAtMs: number }
  | { readonly kind: "absent" | "invalid"; readonly reason: string };

/** A sample with a timestamp of its own is the last value for this long, as for Prometheus. */
const LOOKBACK_MS = 300_000;

interface Element {
  readonly series: Series;
  readonly value: number;
}

/** A number, series, sums by `le`, or nothing: why is in the evaluation. */
type Found = number | readonly Element[] | readonly Bucket[] | undefined;

/** Evaluates a query over a store at an instant. */
export function evaluatePromql({ expression }: PromqlQuery, store: SeriesStore, atMs: number): Outcome {
  const evaluation = new Evaluation(store, atMs);
  const found = evaluation.of(expression);
  if (typeof found === "number") return evaluation.outcome(found);
  const [one, ...more] = (found ?? []) as readonly Element[];
  if (one === undefined) return { kind: "absent", reason: evaluation.why ?? "the query gives no series" };
  if (more.length > 0) return { kind: "invalid", reason: `the query gives ${more.length + 1} series, expected one: add them up with sum(…)` };
  return evaluation.outcome(one.value);
}

class Evaluation {
  readonly #store: SeriesStore;
  readonly #atMs: number;
  /** Of the series that are there, the sample that is the longest ago. */
  #oldestMs = Number.POSITIVE_INFINITY;
  #newestMs = Number.NEGATIVE_INFINITY;
  /** Why there was nothing, the first time. */
  why: string | undefined;

  constructor(store: SeriesStore, atMs: number) {
    this.#store = store;
    this.#atMs = atMs;
  }

  outcome(value: number): Outcome {
    // NaN is what 0/0 gives on an idle service: known to be no number.
    if (!Number.isFinite(value)) return { kind: "invalid", reason: `the value is ${value}` };
    return { kind: "value", value, sampledAtMs: Number.isFinite(this.#oldestMs) ? this.#oldestMs : this.#newestMs };
  }

  of(expression: PromqlExpression): Found {
    switch (expression.kind) {
      case "number":
        return expression.value;
      case "select":
        return this.#last(expression.selector);
      case "window":
        return this.#overWindow(expression.selector, expression.windowMs, expression.of === "rate" ? expression.windowMs / 1_000 : 1);
      case "aggregate":
        return aggregated(expression.op, valuesOf(this.of(expression.of)));
      case "buckets":
        return sumsByLe(this.of(expression.of) as readonly Element[]);
      case "quantile":
        return this.#quantile(expression.quantile, this.of(expression.of) as readonly Bucket[]);
      case "binary":
        return binary(expression.sign, this.of(expression.left), this.of(expression.right));
    }
  }

  #last(selector: Selector): readonly Element[] {
    const elements: Element[] = [];
    for (const series of this.#seriesOf(selector)) {
      const { history, isLive } = series;
      const index = history.firstAfter(this.#atMs) - 1;
      if (!isLive || index < 0 || history.time(index) <= this.#atMs - LOOKBACK_MS) continue;
      this.#use(series, history.time(index));
      elements.push({ series, value: history.value(index) });
    }
    if (elements.length === 0) this.why ??= `no series matches ${selectorText(selector)}`;
    return elements;
  }

  #overWindow(selector: Selector, windowMs: number, per: number): readonly Element[] {
    const elements: Element[] = [];
    const all = this.#seriesOf(selector);
    for (const series of all) {
      const increase = increaseOver(series.history, windowMs, this.#atMs);
      if (increase === undefined) continue;
      this.#use(series, series.history.time(series.history.firstAfter(this.#atMs) - 1));
      elements.push({ series, value: increase / per });
    }
    const isAny = [...all].some(({ isLive }) => isLive);
    if (elements.length === 0)
      this.why ??= isAny ? `needs two scrapes within ${windowMs / 1_000} s of ${selectorText(selector)}` : `no series matches ${selectorText(selector)}`;
    return elements;
  }

  #quantile(quantile: number, buckets: readonly Bucket[]): number | undefined {
    const found = histogramQuantile(quantile, buckets);
    if (typeof found === "number") return found;
    this.why ??= found;
    return undefined;
  }

  #seriesOf(selector: Selector): ReadonlySet<Series> {
    return this.#store.selectionOf(selector)?.series ?? new Set();
  }

  /** What is gone counts in its window, and says nothing about how fresh the rest is. */
  #use({ isLive }: Series, sampledAtMs: number): void {
    this.#newestMs = Math.max(this.#newestMs, sampledAtMs);
    if (isLive) this.#oldestMs = Math.min(this.#oldestMs, sampledAtMs);
  }
}

function valuesOf(found: Found): readonly number[] {
  if (found === undefined) return [];
  return typeof found === "number" ? [found] : (found as readonly Element[]).map(({ value }) => value);
}

function aggregated(op: "sum" | "avg" | "max" | "min" | "count", values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  if (op === "count") return values.length;
  if (op === "sum" || op === "avg") return values.reduce((sum, value) => sum + value, 0) / (op === "sum" ? 1 : values.length);
  // Nothing is larger or smaller than NaN unless all are.
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.length === 0 ? Number.NaN : numbers.reduce((best, value) => (op === "max" ? Math.max(best, value) : Math.min(best, value)));
}

function sumsByLe(elements: readonly Element[]): readonly Bucket[] {
  const sums = new Map<string, number>();
  for (const { series, value } of elements) {
    const le = series.labels.find(([name]) => name === "le")?.[1];
    if (le !== undefined) sums.set(le, (sums.get(le) ?? 0) + value);
  }
  return [...sums].flatMap(([text, count]) => {
    const le = parseValue(text);
    return le === undefined || Number.isNaN(le) ? [] : [{ le, count }];
  });
}

function binary(sign: "+" | "-" | "*" | "/", left: Found, right: Found): Found {
  if (left === undefined || right === undefined) return undefined;
  if (typeof left === "number" && typeof right === "number") return compute(sign, left, right);
  if (typeof left === "number") return (right as readonly Element[]).map(({ series, value }) => ({ series, value: compute(sign, left, value) }));
  return (left as readonly Element[]).map(({ series, value }) => ({ series, value: compute(sign, value, right as number) }));
}

function compute(sign: "+" | "-" | "*" | "/", left: number, right: number): number {
  if (sign === "+") return left + right;
  if (sign === "-") return left - right;
  return sign === "*" ? left * right : left / right;
}
