import { FileError, type Problem } from "../lib/file-error.ts";
import { GrowableFloats } from "../lib/growable-floats.ts";
import { parseTimestamp } from "../lib/timestamp.ts";
import { foreignFormat, isBlank, quoted, splitCells, text } from "./csv-text.ts";

/** Columns of a parsed recording. `NaN` stands for an empty cell: absent, not zero. */
export interface ParsedTrace {
  /** As written: a number in unknown unit, or milliseconds since the epoch when `isCalendar`. */
  readonly times: Float64Array | { readonly first: number; readonly step: number };
  readonly isCalendar: boolean;
  readonly zoneAssumed: boolean;
  readonly values: Float64Array;
  readonly further: ReadonlyMap<string, Float64Array>;
  readonly valueColumn: string | undefined;
  readonly firstDataLine: number;
  readonly guesses: readonly string[];
}

export interface TraceParserOptions {
  readonly timestampColumn?: string | undefined;
  readonly valueColumn?: string | undefined;
  /** Names of further columns to keep; ones that the file lacks are left out. */
  readonly further?: readonly string[];
}

/** Largest value a recording may hold: beyond 2^53 a count is no longer exact, and no service has seen it. */
const VALUE_MAX = 9_007_199_254_740_992;
const LINE_BYTES_MAX = 1 << 20;
const POW10 = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const [LF, CR, QUOTE, HASH, DOT, ZERO, SPACE] = [10, 13, 34, 35, 46, 48, 32];
const ABSENT = new Set(["", "nan", "null", "none", "na", "n/a", "-"]);
const TIME_NAMES = /^(timestamp|time|ts|date|datetime|_time|ds|at|epoch|unix|seconds?)$/i;
const VALUE_NAMES = /^(value|y|count|requests?|load|rate|rps|qps|hits|invocations|total)$/i;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SKIP = 0;
const TIME = 1;
const VALUE = 2;
const FURTHER = 3;

/**
 * Reads a recording from the bytes of a CSV file (comma, semicolon or tab; LF or CRLF; with or without header, byte
 * order mark and quotes), chunk by chunk. Plain decimals are read straight from the bytes, everything else by way of text.
 * @throws FileError with line and column for what is not a recording
 */
export class TraceParser {
  readonly #file: string;
  readonly #options: TraceParserOptions;
  readonly #guesses: string[] = [];
  readonly #values = new GrowableFloats();
  readonly #further = new Map<string, GrowableFloats>();
  #furtherByColumn: (GrowableFloats | undefined)[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  #line = 0;
  #isStarted = false;
  #delimiter = 44;
  #roles: Int8Array | undefined;
  #lastRole = 0;
  #valueColumn: string | undefined;
  #firstDataLine = 0;
  #rows = 0;
  #isCalendar: boolean | undefined;
  #zoneAssumed = false;
  #hasTime = true;
  // Times of a regular recording are first + row x step; they are stored only from the first irregular row on.
  #first = 0;
  #step = 0;
  #times: GrowableFloats | undefined;
  #previous = Number.NEGATIVE_INFINITY;

  constructor(file: string, options: TraceParserOptions = {}) {
    this.#file = file;
    this.#options = options;
  }

  /** Lines read so far. */
  get line(): number {
    return this.#line;
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    const end = bytes.lastIndexOf(LF) + 1;
    if (end === 0) {
      this.#rest = bytes.slice();
      if (this.#rest.length > LINE_BYTES_MAX) {
        if (!this.#isStarted) this.#refuseForeign(this.#rest);
        this.#fail(this.#line + 1, 1, "line_too_long", `a line of more than ${LINE_BYTES_MAX} bytes`, "is this a CSV file with one row per bin?");
      }
      return;
    }
    this.#rest = bytes.slice(end);
    this.#rowsIn(bytes, end);
  }

  finish(): ParsedTrace {
    if (this.#rest.length > 0) {
      const last = new Uint8Array(this.#rest.length + 1);
      last.set(this.#rest);
      last[this.#rest.length] = LF;
      this.#rest = new Uint8Array(0);
      this.#rowsIn(last, last.length);
    }
    if (this.#rows === 0)
      this.#fail(Math.max(1, this.#line), undefined, "trace_empty", "no data rows", "a recording has a time and a value in each row, for example `0,42`");
    return {
      times: this.#times === undefined ? { first: this.#first, step: this.#step } : this.#times.take(),
      isCalendar: this.#isCalendar ?? false,
      zoneAssumed: this.#zoneAssumed,
      values: this.#values.take(),
      further: new Map([...this.#further].map(([name, column]) => [name, column.take()])),
      valueColumn: this.#valueColumn,
      firstDataLine: this.#firstDataLine,
      guesses: this.#guesses,
    };
  }

  /** Whole lines: `bytes[end - 1]` is a line feed. */
  #rowsIn(bytes: Uint8Array, end: number): void {
    let at = 0;
    if (!this.#isStarted) {
      this.#refuseForeign(bytes);
      this.#isStarted = true;
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;
    }
    while (at < end) {
      this.#line++;
      const first = bytes[at] as number;
      if (first === LF || first === HASH || ((first === CR || first === SPACE || first === 26) && isBlank(bytes, at))) {
        at = bytes.indexOf(LF, at) + 1;
        continue;
      }
      if (this.#roles === undefined) {
        const lineEnd = bytes.indexOf(LF, at);
        const isHeader = this.#readFirstLine(bytes.subarray(at, lineEnd));
        if (isHeader) {
          at = lineEnd + 1;
          continue;
        }
      }
      at = this.#row(bytes, at);
    }
  }

  /** Reads one row from `begin`; returns where the next begins. */
  #row(bytes: Uint8Array, begin: number): number {
    const roles = this.#roles as Int8Array;
    const delimiter = this.#delimiter;
    let at = begin;
    let time = 0;
    let value = Number.NaN;
    for (let column = 0; ; column++) {
      const role = column < roles.length ? roles[column] : SKIP;
      const fieldBegin = at;
      let byte = bytes[at] as number;
      let number = 0;
      let isPlain = false;
      if (role !== SKIP) {
        let digits = 0;
        let decimals = 0;
        for (; byte >= ZERO && byte <= 57; byte = bytes[++at] as number) {
          number = number * 10 + (byte - ZERO);
          digits++;
        }
        if (byte === DOT) {
          for (byte = bytes[++at] as number; byte >= ZERO && byte <= 57; byte = bytes[++at] as number) {
            number = number * 10 + (byte - ZERO);
            digits++;
            decimals++;
          }
        }
        // Up to 15 digits mantissa and power of ten are exact, so that one division rounds as Number() does.
        if (digits > 0 && digits <= 15 && (byte === delimiter || byte === LF || byte === CR)) {
          isPlain = true;
          if (decimals > 0) number /= POW10[decimals] as number;
        }
      }
      if (!isPlain) {
        let isQuoted = bytes[fieldBegin] === QUOTE;
        at = isQuoted ? fieldBegin + 1 : at;
        for (byte = bytes[at] as number; byte !== LF && (isQuoted || byte !== delimiter); byte = bytes[++at] as number) {
          if (byte === QUOTE) isQuoted = !isQuoted;
        }
        if (isQuoted) this.#fail(this.#line, fieldBegin - begin + 1, "quote_open", "a quoted field that does not end on its line", "close the quote");
        if (role !== SKIP) number = this.#field(text(bytes, fieldBegin, at), role === TIME, fieldBegin - begin + 1);
      } else if (byte === CR) {
        byte = bytes[++at] as number;
        if (byte !== LF)
          this.#fail(this.#line, at - begin, "stray_return", "a carriage return in the middle of a line", "save the file with LF or CRLF line ends");
      }
      if (role === TIME) {
        if (isPlain && this.#isCalendar !== false) {
          if (this.#isCalendar) this.#fail(this.#line, 1, "time_mixed", `found ${number} after times of another form`, "write all times the same way");
          this.#isCalendar = false;
        }
        time = number;
      }
      if (role === VALUE) value = number;
      else if (role === FURTHER) (this.#furtherByColumn[column] as GrowableFloats).push(number);
      at++;
      if (byte === LF) {
        // An empty field too many is a comma at the end of the line; anything else would be read in the wrong column.
        if (column >= roles.length && (column > roles.length || at - 1 > fieldBegin + (bytes[at - 2] === CR ? 1 : 0))) {
          this.#fail(
            this.#line,
            fieldBegin - begin + 1,
            "row_wide",
            `${column + 1} columns, the first line has ${roles.length}`,
            "a thousands separator? write numbers without, or in quotes",
          );
        }
        if (column < this.#lastRole) {
          this.#fail(
            this.#line,
            at - begin,
            "row_short",
            `${column + 1} column${column === 0 ? "" : "s"}, expected at least ${this.#lastRole + 1}`,
            "is the file cut here?",
          );
        }
        break;
      }
    }
    this.#append(time, value);
    return at;
  }

  #append(time: number, value: number): void {
    if (value < 0 || value > VALUE_MAX) {
      const what = value < 0 ? "a negative load" : "a value beyond 2^53";
      this.#fail(
        this.#line,
        undefined,
        value < 0 ? "value_negative" : "value_gigantic",
        `${what}, ${value}`,
        "a load is 0 or more and a count stays exact below 9e15; correct the row or leave the value empty",
      );
    }
    const row = this.#rows++;
    this.#values.push(value);
    if (!this.#hasTime) return;
    if (row === 0) {
      this.#first = time;
      this.#firstDataLine = this.#line;
    } else {
      if (row === 1) this.#step = time - this.#first;
      if (time <= this.#previous) this.#failOrder(time);
      if (this.#times !== undefined) this.#times.push(time);
      else if (time !== this.#first + row * this.#step) {
        this.#times = new GrowableFloats();
        for (let i = 0; i < row; i++) this.#times.push(this.#first + i * this.#step);
        this.#times.push(time);
      }
    }
    this.#previous = time;
  }

  #failOrder(time: number): never {
    if (time === this.#previous) {
      this.#fail(
        this.#line,
        undefined,
        "time_duplicate",
        `time ${time} again, as on the row before`,
        "one row per bin: add up or remove the duplicates (several series in one file? pick one)",
      );
    }
    this.#fail(this.#line, undefined, "time_unsorted", `time ${time} comes after ${this.#previous}`, "sort the rows by time, oldest first");
  }

  /** A field that is not a plain decimal. */
  #field(raw: string, isTime: boolean, column: number): number {
    let field = raw.trim();
    if (field.startsWith('"')) field = field.slice(1, field.endsWith('"') ? -1 : undefined).trim();
    if (isTime) {
      const isNumber = NUMBER.test(field);
      const calendar = isNumber ? undefined : parseTimestamp(field);
      if (!isNumber && calendar === undefined) {
        this.#fail(this.#line, column, "time_unreadable", `found ${quoted(field)} for a time`, "expected seconds, or ISO 8601 such as 2026-11-23T04:00:00Z");
      }
      if (this.#isCalendar !== undefined && this.#isCalendar !== !isNumber) {
        this.#fail(this.#line, column, "time_mixed", `found ${quoted(field)} after times of another form`, "write all times the same way");
      }
      this.#isCalendar = !isNumber;
      if (calendar?.zoneAssumed) this.#zoneAssumed = true;
      const time = calendar?.atMs ?? Number(field);
      if (!Number.isFinite(time)) this.#fail(this.#line, column, "time_unreadable", `found ${quoted(field)} for a time`, "expected a finite number");
      return time;
    }
    if (ABSENT.has(field.toLowerCase())) return Number.NaN;
    if (this.#delimiter !== 44 && /^[+-]?\d+,\d+$/.test(field)) return Number(field.replace(",", "."));
    if (!NUMBER.test(field)) {
      this.#fail(
        this.#line,
        column,
        "value_unreadable",
        `found ${quoted(field)} for a value`,
        "expected a number such as 42 or 1.5e3, or nothing for a missing one",
      );
    }
    const value = Number(field);
    if (!Number.isFinite(value))
      this.#fail(this.#line, column, "value_gigantic", `found ${quoted(field)}, more than a double holds`, "correct the row or leave the value empty");
    return value;
  }

  /** Settles delimiter and columns by the first line; true when it is a header. */
  #readFirstLine(bytes: Uint8Array): boolean {
    const line = text(bytes, 0, bytes.length).replace(/\r$/, "");
    // On a tie the semicolon wins: with it the comma is a decimal mark.
    this.#delimiter = [59, 9, 44].reduce((best, candidate) => (splitCells(line, candidate).length > splitCells(line, best).length ? candidate : best));
    const cells = splitCells(line, this.#delimiter);
    const looksNumeric = (cell: string): boolean => NUMBER.test(cell) || parseTimestamp(cell) !== undefined;
    const isHeader = !cells.some(looksNumeric);
    const names = isHeader ? cells : cells.map((_, i) => `column ${i + 1}`);
    const timeAt = this.#pick(names, this.#options.timestampColumn, TIME_NAMES, isHeader, cells.length === 1 ? -1 : 0);
    const fallback = names.findIndex((_, i) => i !== timeAt);
    const valueAt = this.#pick(names, this.#options.valueColumn, VALUE_NAMES, isHeader, fallback, timeAt);
    if (valueAt < 0) this.#fail(this.#line, 1, "column_missing", "one column only", "a recording needs a value in each row");
    this.#hasTime = timeAt >= 0;
    const roles = new Int8Array(names.length);
    if (timeAt >= 0) roles[timeAt] = TIME;
    roles[valueAt] = VALUE;
    this.#furtherByColumn = names.map((name, i) => {
      if (i === timeAt || i === valueAt || !this.#options.further?.includes(name)) return undefined;
      const column = new GrowableFloats();
      this.#further.set(name, column);
      roles[i] = FURTHER;
      return column;
    });
    this.#roles = roles;
    this.#lastRole = roles.reduce((last, role, i) => (role === SKIP ? last : i), 0);
    this.#valueColumn = isHeader ? names[valueAt] : undefined;
    if (names.length > 2 && this.#options.valueColumn === undefined) this.#guesses.push(`the load is in column "${names[valueAt]}"`);
    if (!this.#hasTime) this.#guesses.push("one column only, so each row is one bin");
    return isHeader;
  }

  #pick(names: readonly string[], wanted: string | undefined, usual: RegExp, isHeader: boolean, fallback: number, taken = -1): number {
    if (wanted !== undefined) {
      const at = names.indexOf(wanted);
      if (at < 0)
        this.#fail(this.#line, 1, "column_missing", `no column "${wanted}"; there are ${names.map((name) => `"${name}"`).join(", ")}`, "name one of these");
      return at;
    }
    const at = isHeader ? names.findIndex((name, i) => i !== taken && usual.test(name)) : -1;
    return at >= 0 ? at : fallback;
  }

  #refuseForeign(bytes: Uint8Array): void {
    const foreign = foreignFormat(bytes);
    if (foreign !== undefined) this.#fail(1, foreign.column, "not_csv", foreign.what, foreign.hint);
  }

  #fail(line: number | undefined, column: number | undefined, code: string, message: string, hint: string | undefined): never {
    const problem: Problem = {
      severity: "error",
      code,
      message,
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
      ...(hint !== undefined && { hint }),
    };
    throw new FileError(this.#file, [problem]);
  }
}
