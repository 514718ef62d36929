import { compileRegex, RegexError } from "./linear-regex.ts";
import { type Matcher, PromqlError } from "./promql-expression.ts";

const LABEL = /[a-zA-Z_]\w*/y;
const OPERATOR = /\s*(=~|!~|!=|=)\s*/y;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', "'": "'", n: "\n", t: "\t", r: "\r" };
const VALUE_MAX = 1_000;

/** Reads `label="value"` and its like. @throws PromqlError */
export function readMatcher(text: string, at: number): { readonly matcher: Matcher; readonly end: number } {
  LABEL.lastIndex = at;
  const label = LABEL.exec(text)?.[0];
  if (label === undefined) throw new PromqlError('expected a condition on a label, for example code="200"', at);
  if (label === "__name__") throw new PromqlError("__name__ is not supported: write the name of the metric before the {", at);
  OPERATOR.lastIndex = at + label.length;
  const operator = OPERATOR.exec(text)?.[1] as Matcher["operator"] | undefined;
  if (operator === undefined) throw new PromqlError(`expected =, !=, =~ or !~ after ${label.slice(0, 60)}`, at + label.length);
  const valueAt = OPERATOR.lastIndex;
  const { value, end } = readString(text, valueAt);
  return { matcher: { label, operator, value, matches: matcherOf(operator, value, valueAt) }, end };
}

function matcherOf(operator: Matcher["operator"], wanted: string, at: number): (value: string) => boolean {
  if (operator === "=") return (value) => value === wanted;
  if (operator === "!=") return (value) => value !== wanted;
  try {
    const isMatch = compileRegex(wanted);
    return operator === "=~" ? isMatch : (value) => !isMatch(value);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new PromqlError(`the regular expression "${wanted.slice(0, 60)}" is not supported: ${error.message}`, at);
  }
}

function readString(text: string, at: number): { readonly value: string; readonly end: number } {
  const quote = text[at];
  if (quote !== '"' && quote !== "'" && quote !== "`") throw new PromqlError("expected a text in quotes", at);
  let value = "";
  for (let i = at + 1; i < text.length; i++) {
    const character = text[i] as string;
    if (value.length > VALUE_MAX) throw new PromqlError(`a text of more than ${VALUE_MAX} characters`, at);
    if (character === quote) return { value, end: i + 1 };
    if (character === "\n" && quote !== "`") break;
    if (character !== "\\" || quote === "`") {
      value += character;
      continue;
    }
    const escaped = text[++i] ?? "";
    if (!Object.hasOwn(ESCAPES, escaped))
      throw new PromqlError(`\\${escaped} in a text means nothing to PromQL; a \\ of a regular expression is written \\\\, or stands between \` and \``, i - 1);
    value += ESCAPES[escaped];
  }
  throw new PromqlError("a text without its closing quote", at);
}
