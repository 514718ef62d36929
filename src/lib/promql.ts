import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { type Matcher, PromqlError, type PromqlExpression, type PromqlQuery, type Selector, type Shape, selectorText } from "./promql-expression.ts";
import { readMatcher } from "./promql-matcher.ts";

const FUNCTIONS = ["rate", "increase", "histogram_quantile"];
const AGGREGATIONS = ["sum", "avg", "max", "min", "count"] as const;
type Aggregation = (typeof AGGREGATIONS)[number];

/** What is understood, for whoever wrote something else. */
export const PROMQL_SUPPORTED =
  'supported are requests_total{code!~"5.."}, rate(x[1m]), increase(x[1m]), sum avg max min count, histogram_quantile(0.95, sum by (le) (rate(x_bucket[1m]))), numbers, + - * / and ( )';

const LENGTH_MAX = 2_000;
const DEPTH_MAX = 32;
const MATCHERS_MAX = 20;
/** Longest window: history is kept in memory for as long. */
const WINDOW_MAX_MS = 3_600_000;

interface Typed {
  readonly expression: PromqlExpression;
  readonly shape: Shape;
}

/**
 * Reads a query in a small part of PromQL: what is taken means what it means to Prometheus, everything else is refused.
 * @throws PromqlError
 */
export function parsePromql(text: string): PromqlQuery {
  if (text.length > LENGTH_MAX) throw new PromqlError(`longer than ${LENGTH_MAX} characters`, 0);
  const parser = new Parser(text);
  const { expression, shape } = parser.whole();
  if (shape === "scalar") throw new PromqlError("reads no metric", 0);
  return { text, expression, selections: parser.selections };
}

class Parser {
  readonly selections: { readonly selector: Selector; readonly windowMs: number }[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Typed {
    const at = this.#skip();
    const typed = this.#oneNumber(this.#sum(0), at);
    if (this.#skip() < this.#text.length) throw this.#unexpected("an operator or the end");
    return typed;
  }

  #sum(depth: number): Typed {
    let left = this.#product(depth);
    for (let operator = this.#operator("+-"); operator !== undefined; operator = this.#operator("+-")) left = combined(operator, left, this.#product(depth));
    return left;
  }

  #product(depth: number): Typed {
    let left = this.#signed(depth);
    for (let operator = this.#operator("*/"); operator !== undefined; operator = this.#operator("*/")) left = combined(operator, left, this.#signed(depth));
    return left;
  }

  #signed(depth: number): Typed {
    if (depth > DEPTH_MAX) throw new PromqlError(`nested deeper than ${DEPTH_MAX}`, this.#at);
    const operator = this.#operator("+-");
    if (operator === undefined) return this.#primary(depth);
    const of = this.#signed(depth + 1);
    return operator.sign === "-" ? combined({ sign: "*", at: operator.at }, { expression: { kind: "number", value: -1 }, shape: "scalar" }, of) : of;
  }

  #primary(depth: number): Typed {
    const at = this.#skip();
    if (this.#take("(")) {
      const inner = this.#sum(depth + 1);
      this.#expect(")");
      return inner;
    }
    const number = this.#match(/(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) {
      if (/[\w.]/.test(this.#text[this.#at] ?? "")) throw new PromqlError(`found "${this.#excerpt(at)}", expected a decimal number`, at);
      if (!Number.isFinite(Number(number))) throw new PromqlError(`${number} is larger than a number can be`, at);
      return { expression: { kind: "number", value: Number(number) }, shape: "scalar" };
    }
    const word = this.#match(/[a-zA-Z_:][\w:]*/y);
    if (word !== undefined && /^(inf|nan)$/i.test(word)) throw new PromqlError(`${word} gives no number to act on`, at);
    if (word === undefined) throw this.#unexpected("a metric, a function or a number");
    const isAggregation = (AGGREGATIONS as readonly string[]).includes(word);
    if (isAggregation && /^\s*(\(|by\b|without\b)/.test(this.#text.slice(this.#at, this.#at + 100))) return this.#aggregate(word as Aggregation, at, depth);
    const isCall = this.#peek() === "(";
    if (isCall && (word === "rate" || word === "increase")) return this.#overWindow(word);
    if (isCall && word === "histogram_quantile") return this.#quantile(depth);
    if (isCall) {
      const near = nearest(word, [...FUNCTIONS, ...AGGREGATIONS]);
      throw new PromqlError(`the function ${word.slice(0, 60)} is not supported${near === undefined ? "" : `; did you mean ${near}?`}`, at);
    }
    const selector = this.#selector(word);
    if (this.#peek() === "[") throw new PromqlError("a window goes inside rate(…) or increase(…)", this.#at);
    return { expression: { kind: "select", selector: this.#use(selector, 0) }, shape: "vector" };
  }

  #aggregate(op: Aggregation, at: number, depth: number): Typed {
    let isByLe = this.#grouping(op);
    this.#expect("(");
    const inside = this.#skip();
    const of = this.#sum(depth + 1);
    if (of.shape === "buckets" || of.shape === "scalar") throw new PromqlError(`${op} needs series, found ${DESCRIPTIONS[of.shape]}`, inside);
    this.#expect(")");
    isByLe ||= this.#grouping(op);
    if (isByLe && of.shape !== "vector") throw new PromqlError("sum by (le) of what has no le any more", at);
    return isByLe
      ? { expression: { kind: "buckets", of: of.expression }, shape: "buckets" }
      : { expression: { kind: "aggregate", op, of: of.expression }, shape: "series" };
  }

  /** Whether `by (le)` stands here. */
  #grouping(op: Aggregation): boolean {
    const at = this.#skip();
    const word = this.#match(/(?:by|without)\b/y);
    if (word === undefined) return false;
    this.#expect("(");
    const inside = this.#match(/[^()]*/y) ?? "";
    this.#expect(")");
    if (word === "by" && inside.trim() === "le" && op === "sum") return true;
    throw new PromqlError(
      `${op} ${word} (${inside.trim().slice(0, 60)}) gives several series; only sum by (le), inside histogram_quantile(…), is supported`,
      at,
    );
  }

  #overWindow(of: "rate" | "increase"): Typed {
    this.#expect("(");
    const at = this.#skip();
    const word = this.#match(/[a-zA-Z_:][\w:]*/y);
    if (word === undefined || this.#peek() === "(") throw new PromqlError(`${of} needs a metric with a window, for example ${of}(requests_total[1m])`, at);
    const selector = this.#selector(word);
    const windowAt = this.#skip();
    if (!this.#take("[")) throw new PromqlError(`${of} needs a window, for example ${of}(${word.slice(0, 60)}[1m])`, windowAt);
    const written = this.#match(/[^\]]*/y) ?? "";
    this.#expect("]");
    const windowMs = /^(\d+[a-z]+)+$/.test(written.trim()) ? parseDuration(written.trim()) : undefined;
    if (windowMs === undefined || windowMs < 1_000 || windowMs > WINDOW_MAX_MS)
      throw new PromqlError(`found the window [${written.slice(0, 40)}], expected one from 1s to 1h`, windowAt);
    this.#expect(")");
    return { expression: { kind: "window", of, selector: this.#use(selector, windowMs), windowMs }, shape: "vector" };
  }

  #quantile(depth: number): Typed {
    this.#expect("(");
    const at = this.#skip();
    const share = this.#match(/(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y);
    const quantile = Number(share);
    if (share === undefined || quantile > 1) throw new PromqlError("histogram_quantile needs a number from 0 to 1, for example 0.95", at);
    this.#expect(",");
    const insideAt = this.#skip();
    const of = this.#sum(depth + 1);
    if (of.shape !== "buckets") throw new PromqlError("histogram_quantile needs sum by (le) (…), for example sum by (le) (rate(x_bucket[1m]))", insideAt);
    this.#expect(")");
    return { expression: { kind: "quantile", quantile, of: of.expression }, shape: "series" };
  }

  #selector(name: string): Selector {
    const matchers: Matcher[] = [];
    if (this.#peek() !== "{") return { name, matchers };
    this.#take("{");
    while (!this.#take("}")) {
      if (matchers.length >= MATCHERS_MAX) throw new PromqlError(`more than ${MATCHERS_MAX} conditions on labels`, this.#at);
      const at = this.#skip();
      const { matcher, end } = readMatcher(this.#text, at);
      matchers.push(matcher);
      this.#at = end;
      if (this.#take(",")) continue;
      if (this.#peek() !== "}") throw this.#unexpected('"," or "}"');
    }
    return { name, matchers };
  }

  /** The same selector is one, however often it is written. */
  #use(selector: Selector, windowMs: number): Selector {
    const text = selectorText(selector);
    const index = this.selections.findIndex((one) => selectorText(one.selector) === text);
    const known = this.selections[index];
    if (known === undefined) this.selections.push({ selector, windowMs });
    else this.selections[index] = { selector: known.selector, windowMs: Math.max(known.windowMs, windowMs) };
    return known?.selector ?? selector;
  }

  #oneNumber(typed: Typed, at: number): Typed {
    if (typed.shape === "buckets") throw new PromqlError("sum by (le) gives several series; it goes inside histogram_quantile(0.95, …)", at);
    return typed;
  }

  #operator(signs: string): { readonly sign: "+" | "-" | "*" | "/"; readonly at: number } | undefined {
    const at = this.#skip();
    const sign = this.#text[at];
    if (sign === undefined || !signs.includes(sign)) return undefined;
    this.#at++;
    return { sign: sign as "+", at };
  }

  #skip(): number {
    this.#match(/\s+/y);
    return this.#at;
  }

  #peek(): string | undefined {
    return this.#text[this.#skip()];
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#unexpected(`"${character}"`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #excerpt(at: number): string {
    return (/^(?:[\w:.]+|[^\w:.])/.exec(this.#text.slice(at, at + 40))?.[0] ?? "").trim();
  }

  #unexpected(expected: string): PromqlError {
    const found = this.#excerpt(this.#skip());
    return new PromqlError(`found ${found === "" ? "the end" : `"${found}"`}, expected ${expected}`, this.#at);
  }
}

const DESCRIPTIONS: Readonly<Record<Shape, string>> = { scalar: "a number", series: "one series", vector: "series", buckets: "sum by (le)" };

function combined({ sign, at }: { readonly sign: "+" | "-" | "*" | "/"; readonly at: number }, left: Typed, right: Typed): Typed {
  const shapes = [left.shape, right.shape];
  if (shapes.includes("buckets")) throw new PromqlError(`"${sign}" with sum by (le), which goes inside histogram_quantile(0.95, …)`, at);
  // Prometheus would pair series by their labels.
  if (shapes.includes("vector") && !shapes.includes("scalar")) throw new PromqlError(`"${sign}" between several series: put each side in sum(…)`, at);
  const shape = shapes.includes("vector") ? "vector" : shapes.includes("series") ? "series" : "scalar";
  return { expression: { kind: "binary", sign, left: left.expression, right: right.expression }, shape };
}
