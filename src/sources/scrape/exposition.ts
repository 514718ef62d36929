import { oneLine } from "../../lib/one-line.ts";
import { parseTimestamp, parseValue } from "./exposition-number.ts";

/** OpenMetrics 1.0, or the Prometheus text format 0.0.4. */
export type ExpositionFormat = "openmetrics" | "text";

export type Label = readonly [name: string, value: string];

/** A line of an exposition that somebody wants. */
export interface ExpositionSample {
  readonly name: string;
  /** As written; none is empty, none comes twice. */
  readonly labels: readonly Label[];
  readonly value: number;
  /** The time that the exporter gives, ms since 1970. */
  readonly atMs: number | undefined;
  readonly line: number;
}

export interface ExpositionOptions {
  readonly format: ExpositionFormat;
  /** More samples than this are an error, wanted or not. */
  readonly samplesMax: number;
  /** Metrics to hand out; the others are read for mistakes only. */
  readonly wants: (name: string) => boolean;
}

/** An exposition that is not of its format. Lines count from 1. */
export class ExpositionError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

const NAME_MAX = 256;
const LABELS_MAX = 64;
const LABEL_VALUE_MAX = 1_024;
const TYPES: Readonly<Record<ExpositionFormat, readonly string[]>> = {
  text: ["counter", "gauge", "histogram", "summary", "untyped", "unknown"],
  openmetrics: ["counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary", "unknown"],
};
/** Longest type with the blanks after it. */
const TYPE_MAX = 100;
const TAB = 0x09;
const LF = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * Reads an exposition in one pass and hands out the wanted samples. A mistake anywhere refuses the whole, as Prometheus does: whoever
 * calls must not use what was handed out before.
 * @throws ExpositionError
 */
export function parseExposition(text: string, options: ExpositionOptions, onSample: (sample: ExpositionSample) => void): void {
  new Parser(text, options).run(onSample);
}

class Parser {
  readonly #text: string;
  readonly #options: ExpositionOptions;
  readonly #isStrict: boolean;
  readonly #counters = new Set<string>();
  #at = 0;
  #line = 1;
  #samples = 0;
  #hasEnded = false;

  constructor(text: string, options: ExpositionOptions) {
    this.#text = text;
    this.#options = options;
    this.#isStrict = options.format === "openmetrics";
  }

  run(onSample: (sample: ExpositionSample) => void): void {
    const text = this.#text;
    for (; this.#at < text.length; this.#line++) {
      if (this.#hasEnded) throw this.#error("nothing after # EOF");
      if (!this.#isStrict) this.#blanks();
      const first = text.charCodeAt(this.#at);
      if (first === HASH) this.#comment();
      else if (first === LF && !this.#isStrict) this.#at++;
      else if (this.#at < text.length) this.#sample(onSample);
    }
    if (this.#isStrict && !this.#hasEnded) throw new ExpositionError(this.#line, "the exposition ends without # EOF: it was cut");
  }

  #comment(): void {
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end === -1 ? this.#text.length : end);
    if (this.#isStrict && line === "# EOF") {
      this.#hasEnded = true;
      this.#at += line.length + (end === -1 ? 0 : 1);
      return;
    }
    if (end === -1) throw this.#cut();
    const found = (this.#isStrict ? /^# (TYPE|HELP|UNIT) ([a-zA-Z_:][\w:]*) (.*)$/su : /^#[ \t]+(TYPE|HELP)(?:[ \t]+(\S*)(?:[ \t]+(.*))?)?$/su).exec(line);
    if (found === null && this.#isStrict) throw this.#error("# TYPE, # HELP, # UNIT or # EOF");
    if (found !== null) this.#metadata(found[1] as string, found[2] ?? "", found[3] ?? "");
    this.#at = end + 1;
  }

  #metadata(keyword: string, name: string, rest: string): void {
    if (!/^[a-zA-Z_:][\w:]*$/.test(name)) throw this.#error(`the name of a metric after ${keyword}`);
    if (keyword !== "TYPE") return;
    const type = this.#isStrict ? rest : (/^[a-z]*(?=[ \t]*$)/.exec(rest.slice(0, TYPE_MAX))?.[0] ?? rest);
    if (!TYPES[this.#options.format].includes(type))
      throw new ExpositionError(this.#line, `found the type "${oneLine(type.slice(0, 40))}", expected one of ${TYPES[this.#options.format].join(", ")}`);
    if (type === "counter") this.#counters.add(name);
  }

  #sample(onSample: (sample: ExpositionSample) => void): void {
    if (++this.#samples > this.#options.samplesMax) throw new ExpositionError(this.#line, `more than ${this.#options.samplesMax} series`);
    const name = this.#name(true, "the name of a metric");
    const labels: Label[] | undefined = this.#options.wants(name) ? [] : undefined;
    if (labels !== undefined && name.length > NAME_MAX) throw new ExpositionError(this.#line, `a name of more than ${NAME_MAX} characters`);
    if (!this.#isStrict) this.#blanks();
    if (this.#code() === OPEN) this.#labels(labels);
    else if (this.#isStrict ? this.#code() !== SPACE : !isBlank(this.#text.charCodeAt(this.#at - 1))) throw this.#error("{ or a blank after the name");
    this.#gap("a blank before the value");
    const value = this.#value();
    let atMs: number | undefined;
    const next = this.#isStrict ? this.#code() : this.#blanks();
    const hasMore = this.#isStrict ? next === SPACE && this.#text.charCodeAt(this.#at + 1) !== HASH : next !== LF && this.#at < this.#text.length;
    if (hasMore) {
      this.#gap("a blank before the timestamp");
      atMs = this.#timestamp();
    }
    if (this.#isStrict && this.#code() === SPACE) this.#exemplar();
    const line = this.#line;
    this.#end();
    if (this.#isStrict && !(value >= 0) && name.endsWith("_total") && this.#counters.has(name.slice(0, -6)))
      throw new ExpositionError(line, `the counter ${name.slice(0, 60)} is ${value}, expected 0 or more`);
    if (labels !== undefined) onSample({ name, labels, value, atMs, line });
  }

  /** @param into where to put them; undefined: they are only read over */
  #labels(into: Label[] | undefined): void {
    this.#at++;
    for (let count = 0; ; count++) {
      if (!this.#isStrict) this.#blanks();
      // A comma before the } is allowed in the older format only.
      if (this.#code() === CLOSE && (count === 0 || !this.#isStrict)) break;
      const name = this.#name(false, count === 0 ? "the name of a label or }" : "the name of a label");
      this.#sign(EQUALS, "= after the name of a label");
      this.#sign(QUOTE, '" before the value of a label');
      const value = this.#labelValue();
      if (into !== undefined) this.#keep(into, name, value);
      if (!this.#isStrict) this.#blanks();
      if (this.#code() === CLOSE) break;
      this.#sign(COMMA, ", or }");
    }
    this.#at++;
  }

  #keep(into: Label[], name: string, value: string): void {
    if (name.length > NAME_MAX || value.length > LABEL_VALUE_MAX)
      throw new ExpositionError(this.#line, `a label of more than ${name.length > NAME_MAX ? NAME_MAX : LABEL_VALUE_MAX} characters`);
    if (name === "__name__") throw new ExpositionError(this.#line, "a label with the name __name__");
    if (into.some(([other]) => other === name)) throw new ExpositionError(this.#line, `the label ${name} a second time`);
    if (into.length >= LABELS_MAX) throw new ExpositionError(this.#line, `more than ${LABELS_MAX} labels`);
    // A label without a value is one that is not there.
    if (value !== "") into.push([name, value]);
  }

  #labelValue(): string {
    const text = this.#text;
    const from = this.#at;
    let isEscaped = false;
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === QUOTE) {
        this.#at = i + 1;
        const value = text.slice(from, i);
        return isEscaped ? value.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped)) : value;
      }
      if (code === LF) break;
      if (code !== BACKSLASH) continue;
      isEscaped = true;
      if (text.charCodeAt(i + 1) !== LF) i++;
    }
    throw new ExpositionError(this.#line, "the line ends inside the value of a label");
  }

  #exemplar(): void {
    this.#at++;
    this.#sign(HASH, "# of an exemplar");
    this.#gap("a blank in an exemplar");
    if (this.#code() !== OPEN) throw this.#error("{ of an exemplar");
    this.#labels(undefined);
    this.#gap("a blank before the value of an exemplar");
    this.#value();
    if (this.#code() !== SPACE) return;
    this.#at++;
    this.#timestamp();
  }

  #value(): number {
    const from = this.#at;
    const token = this.#token();
    const value = parseValue(token);
    if (value === undefined) throw this.#wrong(from, token, "a value");
    return value;
  }

  #timestamp(): number {
    const from = this.#at;
    const token = this.#token();
    const ms = parseTimestamp(token, this.#options.format);
    if (ms === undefined) throw this.#wrong(from, token, this.#isStrict ? "a timestamp in seconds" : "a timestamp in milliseconds");
    return ms;
  }

  #name(isOfMetric: boolean, expected: string): string {
    const text = this.#text;
    const from = this.#at;
    let i = from;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const isLetter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (isOfMetric && code === 0x3a);
      if (!isLetter && !(i > from && code >= 0x30 && code <= 0x39)) break;
    }
    if (i === from) throw this.#error(expected);
    this.#at = i;
    return text.slice(from, i);
  }

  /** Text up to a blank or the end of the line. */
  #token(): string {
    const text = this.#text;
    const from = this.#at;
    let i = from;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === SPACE || code === LF || (code === TAB && !this.#isStrict)) break;
    }
    this.#at = i;
    return text.slice(from, i);
  }

  /** One space in OpenMetrics, any blanks or none in the older format. */
  #gap(expected: string): void {
    if (!this.#isStrict) {
      this.#blanks();
      return;
    }
    if (this.#code() !== SPACE) throw this.#error(expected);
    this.#at++;
  }

  #sign(code: number, expected: string): void {
    if (!this.#isStrict) this.#blanks();
    if (this.#code() !== code) throw this.#error(expected);
    this.#at++;
    if (!this.#isStrict && code === EQUALS) this.#blanks();
  }

  #end(): void {
    const code = this.#isStrict ? this.#code() : this.#blanks();
    // What was read may be half of a number.
    if (Number.isNaN(code)) throw this.#cut();
    if (code !== LF) throw this.#error("the end of the line");
    this.#at++;
  }

  /** @returns the code of what comes after them */
  #blanks(): number {
    let code = this.#code();
    while (isBlank(code)) {
      this.#at++;
      code = this.#code();
    }
    return code;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #cut(): ExpositionError {
    return new ExpositionError(this.#line, "the last line has no end: the exposition was cut");
  }

  #wrong(from: number, token: string, expected: string): ExpositionError {
    if (token.endsWith("\r")) return new ExpositionError(this.#line, "found a carriage return, expected lines that end with a line feed alone");
    this.#at = from;
    return this.#error(expected);
  }

  #error(expected: string): ExpositionError {
    const found = oneLine(/^[^\n]*/.exec(this.#text.slice(this.#at, this.#at + 40))?.[0] ?? "");
    return new ExpositionError(this.#line, `found ${found === "" ? "the end of the line" : `"${found}"`}, expected ${expected}`);
  }
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
