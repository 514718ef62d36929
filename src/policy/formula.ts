import { parseDuration } from "../lib/duration.ts";
import { nearest } from "../lib/nearest.ts";
import { RATE_SECONDS } from "./quantities.ts";
import type { Measures } from "./schema.ts";

/** A computed metric, as plain JSON: numbers in base units (ratios, seconds, per second). */
export type Formula =
  | { readonly number: number }
  | { readonly metric: string }
  | { readonly op: "+" | "-" | "*" | "/" | "min" | "max"; readonly of: readonly Formula[] };

/** Exponents of things counted and of seconds; undefined fits everything (a gauge says no unit). */
type Unit = { readonly things: number; readonly seconds: number } | undefined;

const PLAIN: Unit = { things: 0, seconds: 0 };
const UNITS: Readonly<Record<Measures, Unit>> = {
  rate: { things: 1, seconds: -1 },
  throughput: { things: 1, seconds: -1 },
  utilisation: PLAIN,
  errors: PLAIN,
  up: PLAIN,
  concurrency: { things: 1, seconds: 0 },
  backlog: { things: 1, seconds: 0 },
  latency: { things: 0, seconds: 1 },
  gauge: undefined,
};

/** Longest formula, in characters. */
export const FORMULA_LENGTH_MAX = 500;
const DEPTH_MAX = 32;
const TOKEN = /\s*(?:(?<rate>\d+(?:\.\d+)?\/(?:s|min|m|h|d)(?![\w.-]))|(?<word>[\w.]+(?:-[\w.]+)*%?)|(?<sign>[-+*/(),]))/y;

/** What is wrong with a formula, and where: characters from its beginning. */
export class FormulaError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

interface Token {
  readonly text: string;
  readonly kind: "rate" | "word" | "sign";
  readonly at: number;
}

interface Typed {
  readonly formula: Formula;
  readonly unit: Unit;
}

/**
 * Reads a formula over metrics: `+ - * / ( )`, `min(a, b)`, `max(a, b)`, numbers, `50%`, `30s`, `10/s`. A minus sign
 * between names has spaces around it, since names contain it. Both sides of `+`, `-` and of a comma must be in the same
 * unit; the result must be in the unit of what the metric measures.
 * @param measured what each metric that may be named measures
 * @throws FormulaError
 */
export function parseFormula(text: string, measures: Measures, measured: ReadonlyMap<string, Measures>): Formula {
  if (text.length > FORMULA_LENGTH_MAX) throw new FormulaError(`longer than ${FORMULA_LENGTH_MAX} characters`, 0);
  const parser = new Parser(tokens(text), text.length, measured);
  const { formula, unit } = parser.sum(0);
  parser.end();
  const expected = UNITS[measures];
  if (!isSame(unit, expected)) throw new FormulaError(`gives ${unitText(unit)}, but ${measures} is ${unitText(expected)}`, 0);
  if (metricsOf(formula).length === 0) throw new FormulaError("names no metric", 0);
  return formula;
}

/** Metrics that a formula reads. */
export function metricsOf(formula: Formula): readonly string[] {
  if ("metric" in formula) return [formula.metric];
  return "of" in formula ? [...new Set(formula.of.flatMap(metricsOf))] : [];
}

/** The value of a formula; NaN or infinite where division by zero or overflow makes it so. */
export function evaluateFormula(formula: Formula, read: (metric: string) => number): number {
  if ("number" in formula) return formula.number;
  if ("metric" in formula) return read(formula.metric);
  let value = evaluateFormula(formula.of[0] as Formula, read);
  for (let i = 1; i < formula.of.length; i++) {
    const next = evaluateFormula(formula.of[i] as Formula, read);
    if (formula.op === "+") value += next;
    else if (formula.op === "-") value -= next;
    else if (formula.op === "*") value *= next;
    else if (formula.op === "/") value /= next;
    else value = formula.op === "min" ? Math.min(value, next) : Math.max(value, next);
  }
  return value;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const before = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      const at = before + (/^\s*/.exec(text.slice(before))?.[0].length ?? 0);
      throw new FormulaError(`found "${text[at]}"`, at);
    }
    const [kind, value] = Object.entries(match.groups as Record<string, string | undefined>).find(([, group]) => group !== undefined) as [
      Token["kind"],
      string,
    ];
    found.push({ kind, text: value, at: match.index + match[0].length - value.length });
  }
  return found;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #length: number;
  readonly #measured: ReadonlyMap<string, Measures>;
  #next = 0;

  constructor(given: readonly Token[], length: number, measured: ReadonlyMap<string, Measures>) {
    this.#tokens = given;
    this.#length = length;
    this.#measured = measured;
  }

  end(): void {
    const token = this.#tokens[this.#next];
    if (token !== undefined) throw new FormulaError(`did not expect "${token.text}" here`, token.at);
  }

  sum(depth: number): Typed {
    let left = this.#product(depth);
    for (let sign = this.#take("+", "-"); sign !== undefined; sign = this.#take("+", "-")) {
      const right = this.#product(depth);
      left = { formula: { op: sign.text as "+" | "-", of: [left.formula, right.formula] }, unit: this.#same(left.unit, right.unit, sign) };
    }
    return left;
  }

  #product(depth: number): Typed {
    let left = this.#atom(depth);
    for (let sign = this.#take("*", "/"); sign !== undefined; sign = this.#take("*", "/")) {
      const right = this.#atom(depth);
      const k = sign.text === "*" ? 1 : -1;
      const unit =
        left.unit === undefined || right.unit === undefined
          ? undefined
          : { things: left.unit.things + k * right.unit.things, seconds: left.unit.seconds + k * right.unit.seconds };
      left = { formula: { op: sign.text as "*" | "/", of: [left.formula, right.formula] }, unit };
    }
    return left;
  }

  #atom(depth: number): Typed {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw new FormulaError("ends where a metric or number should be", this.#length);
    if (depth > DEPTH_MAX) throw new FormulaError(`nested deeper than ${DEPTH_MAX}`, token.at);
    this.#next++;
    if (token.text === "(") {
      const inner = this.sum(depth + 1);
      this.#expect(")");
      return inner;
    }
    if ((token.text === "min" || token.text === "max") && this.#take("(") !== undefined) {
      let all = this.sum(depth + 1);
      const of = [all.formula];
      for (let comma = this.#take(","); comma !== undefined; comma = this.#take(",")) {
        const next = this.sum(depth + 1);
        of.push(next.formula);
        all = { formula: next.formula, unit: this.#same(all.unit, next.unit, comma) };
      }
      this.#expect(")");
      return { formula: { op: token.text, of }, unit: all.unit };
    }
    if (token.kind === "sign") throw new FormulaError(`did not expect "${token.text}" here`, token.at);
    const measures = this.#measured.get(token.text);
    if (measures !== undefined) return { formula: { metric: token.text }, unit: UNITS[measures] };
    return this.#literal(token);
  }

  #literal({ text, at, kind }: Token): Typed {
    if (kind === "rate") {
      const [amount, per] = text.split("/") as [string, string];
      return { formula: { number: Number(amount) / (RATE_SECONDS[per] as number) }, unit: UNITS.rate };
    }
    if (/^\d+(\.\d+)?$/.test(text)) return { formula: { number: Number(text) }, unit: PLAIN };
    if (/^\d+(\.\d+)?%$/.test(text)) return { formula: { number: Number(text.slice(0, -1)) / 100 }, unit: PLAIN };
    const ms = parseDuration(text);
    if (ms !== undefined) return { formula: { number: ms / 1_000 }, unit: UNITS.latency };
    const near = nearest(text, [...this.#measured.keys()]);
    const hint = text.includes("-") ? "; a minus sign has spaces around it" : "";
    throw new FormulaError(`there is no metric "${text}"${near === undefined ? "" : `; did you mean "${near}"?`}${hint}`, at);
  }

  #take(...texts: readonly string[]): Token | undefined {
    const token = this.#tokens[this.#next];
    if (token === undefined || token.kind !== "sign" || !texts.includes(token.text)) return undefined;
    this.#next++;
    return token;
  }

  #expect(text: string): void {
    if (this.#take(text) !== undefined) return;
    const token = this.#tokens[this.#next];
    throw new FormulaError(`expected "${text}"${token === undefined ? " at the end" : `, found "${token.text}"`}`, token?.at ?? this.#length);
  }

  #same(left: Unit, right: Unit, { text, at }: Token): Unit {
    if (!isSame(left, right)) throw new FormulaError(`"${text}" between ${unitText(left)} and ${unitText(right)}`, at);
    return left ?? right;
  }
}

function isSame(left: Unit, right: Unit): boolean {
  return left === undefined || right === undefined || (left.things === right.things && left.seconds === right.seconds);
}

function unitText(unit: Unit): string {
  if (unit === undefined) return "no declared unit";
  const { things, seconds } = unit;
  if (things === 0 && seconds === 0) return "a plain number";
  if (things === 1 && seconds === -1) return "a rate";
  if (things === 1 && seconds === 0) return "a count";
  if (things === 0 && seconds === 1) return "a time";
  return `count^${things} s^${seconds}`;
}
