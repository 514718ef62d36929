/** One logical line of iCalendar (RFC 5545, section 3.1): folded lines joined, name and parameter names in capitals. */
export interface ContentLine {
  readonly name: string;
  /** Of a parameter with several values, all of them with commas between. */
  readonly parameters: ReadonlyMap<string, string>;
  /** As it stands, escapes not undone. */
  readonly value: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

const NAME = /([A-Za-z0-9-]+)/y;
const PARAMETER = /;([A-Za-z0-9-]+)=((?:"[^"]*"|[^",;:]*)(?:,(?:"[^"]*"|[^",;:]*))*)/y;
const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();

/** Lines of a file, one at a time; a line without a name and a colon comes out as its number alone. Takes LF and CRLF. */
export function* contentLines(text: string): Generator<ContentLine | number> {
  let parts: string[] = [];
  let begin = 1;
  let line = 0;
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at <= text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const physical = text.slice(at, text.charCodeAt(end - 1) === 13 && end > at ? end - 1 : end);
    line++;
    at = end + 1;
    const mark = physical.charCodeAt(0);
    if ((mark === 32 || mark === 9) && parts.length > 0) {
      parts.push(physical.slice(1));
      continue;
    }
    if (parts.length > 0) yield contentLine(parts.join(""), begin);
    parts = physical === "" ? [] : [physical];
    begin = line;
  }
  if (parts.length > 0) yield contentLine(parts.join(""), begin);
}

function contentLine(text: string, line: number): ContentLine | number {
  NAME.lastIndex = 0;
  const name = NAME.exec(text)?.[1];
  if (name === undefined) return line;
  let at = name.length;
  let parameters: Map<string, string> | undefined;
  for (PARAMETER.lastIndex = at; text.charCodeAt(at) === 59; at = PARAMETER.lastIndex) {
    const [, parameter, value] = PARAMETER.exec(text) ?? [];
    if (parameter === undefined || value === undefined) return line;
    parameters ??= new Map();
    parameters.set(parameter.toUpperCase(), value.replaceAll('"', ""));
  }
  return text.charCodeAt(at) === 58 ? { name: name.toUpperCase(), parameters: parameters ?? NO_PARAMETERS, value: text.slice(at + 1), line } : line;
}

/** Values of a list of texts, split at commas, with the escapes of RFC 5545 (section 3.3.11) undone. */
export function textValues(value: string): string[] {
  return (value.match(/(?:\\[\s\S]|[^\\,])+/g) ?? []).map((text) =>
    text.replaceAll(/\\([\s\S])/g, (_, character: string) => (character === "n" || character === "N" ? "\n" : character)).trim(),
  );
}
