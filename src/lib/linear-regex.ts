/** Why a pattern is not taken. */
export class RegexError extends Error {}

/** Longest pattern, in characters. */
const LENGTH_MAX = 500;
/** Steps that a pattern may compile to: a text of n characters takes at most n times as many. */
const PROGRAM_MAX = 500;
const DEPTH_MAX = 20;
const REPEAT_MAX = 100;
const LAST = 0x10ffff;

type Range = readonly [from: number, to: number];

type Node =
  | { readonly kind: "one"; readonly ranges: readonly Range[] }
  | { readonly kind: "begin" | "end" }
  | { readonly kind: "all" | "any"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

interface Step {
  readonly kind: "one" | "begin" | "end" | "split" | "match";
  readonly ranges: readonly Range[];
  /** Steps that may come next. */
  next: readonly number[];
}

const DIGITS: readonly Range[] = [[0x30, 0x39]];
const WORDS: readonly Range[] = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACES: readonly Range[] = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];
const CLASSES: Readonly<Record<string, readonly Range[]>> = { d: DIGITS, w: WORDS, s: SPACES, D: others(DIGITS), W: others(WORDS), S: others(SPACES) };
const CONTROLS: Readonly<Record<string, number>> = { n: 0x0a, t: 0x09, r: 0x0d, f: 0x0c, v: 0x0b };

/**
 * A matcher of whole texts for a subset of RE2, in time linear in the text whatever the pattern: literals, `.` (any character),
 * classes, `\d \w \s`, groups, `|`, `* + ?`, `{n,m}`, `^ $`. All alternatives are followed at once (Thompson 1968); nothing is tried again.
 * @throws RegexError
 */
export function compileRegex(pattern: string): (text: string) => boolean {
  if (pattern.length > LENGTH_MAX) throw new RegexError(`longer than ${LENGTH_MAX} characters`);
  const steps: Step[] = [];
  const start = emit(new Reader(pattern).whole(), push(steps, { kind: "match", ranges: [], next: [] }), steps);
  const machine = new Machine(steps, start);
  return (text) => machine.isMatch(text);
}

class Reader {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  whole(): Node {
    const node = this.#alternatives(0);
    if (this.#peek() !== undefined) throw new RegexError("a ) without its (");
    return node;
  }

  #alternatives(depth: number): Node {
    if (depth > DEPTH_MAX) throw new RegexError(`nested deeper than ${DEPTH_MAX}`);
    const branches = [this.#sequence(depth)];
    while (this.#take("|")) branches.push(this.#sequence(depth));
    return branches.length === 1 ? (branches[0] as Node) : { kind: "any", of: branches };
  }

  #sequence(depth: number): Node {
    const parts: Node[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) parts.push(this.#repeated(this.#atom(depth)));
    return { kind: "all", of: parts };
  }

  #repeated(of: Node): Node {
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    // Lazy or not: what counts is whether the whole text matches.
    this.#take("?");
    if (this.#bounds() !== undefined) throw new RegexError("a repetition of a repetition");
    return { kind: "repeat", of, ...bounds };
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (!this.#take("{")) return undefined;
    let inside = "";
    for (let next = this.#next(); next !== "}"; next = this.#next()) {
      if (next === undefined || inside.length > 8) throw new RegexError("a { that begins no repetition; write \\{ for the character");
      inside += next;
    }
    const found = /^(\d+)(?:(,)(\d*))?$/.exec(inside);
    if (found === null) throw new RegexError(`{${inside}} is no repetition; write \\{ for the character`);
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY)) throw new RegexError(`more than ${REPEAT_MAX} repetitions`);
    if (min > max) throw new RegexError(`{${inside}} ends before it begins`);
    return { min, max };
  }

  #atom(depth: number): Node {
    const next = this.#next() as string;
    switch (next) {
      case "(": {
        if (this.#take("?") && !this.#take(":")) throw new RegexError("(? begins what is not supported: flags, names, looking ahead or behind");
        const inner = this.#alternatives(depth + 1);
        if (!this.#take(")")) throw new RegexError("a ( without its )");
        return inner;
      }
      case "[":
        return { kind: "one", ranges: this.#set() };
      case ".":
        return { kind: "one", ranges: [[0, LAST]] };
      case "^":
        return { kind: "begin" };
      case "$":
        return { kind: "end" };
      case "\\":
        return { kind: "one", ranges: this.#escape() };
      case "*":
      case "+":
      case "?":
      case "{":
        throw new RegexError(`nothing before ${next} that it could repeat`);
      default:
        return { kind: "one", ranges: single(next) };
    }
  }

  #set(): readonly Range[] {
    const isNegated = this.#take("^");
    const ranges: Range[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      const from = this.#member();
      const isRange = this.#peek() === "-" && this.#characters[this.#at + 1] !== "]" && this.#characters[this.#at + 1] !== undefined;
      if (!isRange) {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#member();
      const [low, high] = [from[0]?.[0] ?? 0, to[0]?.[0] ?? 0];
      if (from.length !== 1 || from[0]?.[1] !== low || to.length !== 1 || to[0]?.[1] !== high || low > high)
        throw new RegexError("a range in [ ] that is none");
      ranges.push([low, high]);
    }
    this.#at++;
    return isNegated ? others(ranges) : ranges;
  }

  #member(): readonly Range[] {
    const next = this.#next();
    if (next === undefined) throw new RegexError("a [ without its ]");
    if (next === "[" && this.#peek() === ":") throw new RegexError("[: is not supported; write out the characters");
    return next === "\\" ? this.#escape() : single(next);
  }

  #escape(): readonly Range[] {
    const next = this.#next();
    if (next === undefined) throw new RegexError("a \\ at the end");
    const known = Object.hasOwn(CLASSES, next) ? CLASSES[next] : undefined;
    if (known !== undefined) return known;
    if (Object.hasOwn(CONTROLS, next)) return [[CONTROLS[next] as number, CONTROLS[next] as number]];
    if (!/^[!-/:-@[-`{-~]$/.test(next)) throw new RegexError(`\\${next} is not supported`);
    return single(next);
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): string | undefined {
    return this.#characters[this.#at++];
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

/** Adds the steps of a node, from its last to its first. @returns the first */
function emit(node: Node, next: number, steps: Step[]): number {
  switch (node.kind) {
    case "one":
      return push(steps, { kind: "one", ranges: node.ranges, next: [next] });
    case "begin":
    case "end":
      return push(steps, { kind: node.kind, ranges: [], next: [next] });
    case "all":
      return node.of.reduceRight((after, part) => emit(part, after, steps), next);
    case "any":
      return push(steps, { kind: "split", ranges: [], next: node.of.map((branch) => emit(branch, next, steps)) });
    case "repeat": {
      let first = next;
      if (node.max === Number.POSITIVE_INFINITY) {
        first = push(steps, { kind: "split", ranges: [], next: [] });
        (steps[first] as Step).next = [emit(node.of, first, steps), next];
      } else for (let i = node.min; i < node.max; i++) first = push(steps, { kind: "split", ranges: [], next: [emit(node.of, first, steps), next] });
      for (let i = 0; i < node.min; i++) first = emit(node.of, first, steps);
      return first;
    }
  }
}

function push(steps: Step[], step: Step): number {
  if (steps.length >= PROGRAM_MAX) throw new RegexError("too large with its repetitions");
  return steps.push(step) - 1;
}

class Machine {
  readonly #steps: readonly Step[];
  readonly #start: number;
  /** The last place, counted over all texts, where each step was reached: none is followed twice at one place. */
  readonly #reached: Float64Array;
  #place = 0;
  readonly #open: number[] = [];
  #current: Step[] = [];
  #next: Step[] = [];

  constructor(steps: readonly Step[], start: number) {
    this.#steps = steps;
    this.#start = start;
    this.#reached = new Float64Array(steps.length);
  }

  isMatch(text: string): boolean {
    this.#current.length = 0;
    this.#place++;
    this.#follow(this.#start, this.#current, text, 0);
    for (let at = 0; at < text.length; ) {
      if (this.#current.length === 0) return false;
      const code = text.codePointAt(at) as number;
      at += code > 0xffff ? 2 : 1;
      this.#next.length = 0;
      this.#place++;
      for (const { kind, ranges, next } of this.#current) if (kind === "one" && includes(ranges, code)) this.#follow(next[0] as number, this.#next, text, at);
      [this.#current, this.#next] = [this.#next, this.#current];
    }
    return this.#current.some(({ kind }) => kind === "match");
  }

  /** Adds the steps that take a character and can be reached without one. */
  #follow(from: number, into: Step[], text: string, at: number): void {
    const open = this.#open;
    open.push(from);
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (this.#reached[index] === this.#place) continue;
      this.#reached[index] = this.#place;
      const step = this.#steps[index] as Step;
      if (step.kind === "one" || step.kind === "match") into.push(step);
      else if (step.kind === "split" || (step.kind === "begin" ? at === 0 : at === text.length)) for (const next of step.next) open.push(next);
    }
  }
}

function includes(ranges: readonly Range[], code: number): boolean {
  for (const [from, to] of ranges) if (from <= code && code <= to) return true;
  return false;
}

function single(character: string): readonly Range[] {
  const code = character.codePointAt(0) as number;
  return [[code, code]];
}

/** All characters that are in none of some ranges. */
function others(ranges: readonly Range[]): readonly Range[] {
  const left: Range[] = [];
  let from = 0;
  for (const [low, high] of ranges.toSorted(([a], [b]) => a - b)) {
    if (low > from) left.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  if (from <= LAST) left.push([from, LAST]);
  return left;
}
