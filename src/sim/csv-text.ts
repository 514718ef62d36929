const [LF, CR, QUOTE, SPACE] = [10, 13, 34, 32];

/** What a file that is no CSV begins with. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ["PK\u0003\u0004", "a zip archive; unpack it first"],
  ["PAR1", "a Parquet file; export it as CSV"],
  ["BZh", "bzip2; unpack it first"],
  ["\u00fd7zXZ", "xz; unpack it first"],
  ["(\u00b5/\u00fd", "zstd; unpack it first"],
  ["\u00ff\u00fe", "UTF-16 text; save it as UTF-8"],
  ["\u00fe\u00ff", "UTF-16 text; save it as UTF-8"],
  ["SQLite format 3", "an SQLite database"],
  ["<", "HTML or XML, not CSV"],
];

/** What a file is that is no CSV, by its first bytes; `undefined` when it may be one. */
export function foreignFormat(bytes: Uint8Array): { readonly what: string; readonly column?: number; readonly hint?: string } | undefined {
  const head = bytes.subarray(0, 4096);
  if (/^\uFEFF?\s*[{[]\s*["{[]/.test(new TextDecoder().decode(head.subarray(0, 200)))) {
    return { what: "this is JSON, not a recording", column: 1, hint: "a manifest describes recordings; name one of its CSV files instead" };
  }
  const ascii = String.fromCharCode(...head.subarray(0, 16));
  for (const [signature, what] of SIGNATURES) if (ascii.trimStart().startsWith(signature)) return { what: `this is ${what}`, column: 1 };
  const control = head.findIndex((byte) => byte < 9 || (byte > 13 && byte < SPACE && byte !== 26) || byte === 127);
  if (control < 0) return undefined;
  return {
    what: `byte ${control + 1} is 0x${(head[control] as number).toString(16).padStart(2, "0")}: this is a binary file`,
    hint: "expected text: a time and a value in each row",
  };
}

/** Whether the line that begins here holds only white space, or the end-of-file mark of old systems. */
export function isBlank(bytes: Uint8Array, begin: number): boolean {
  for (let at = begin; ; at++) {
    const byte = bytes[at];
    if (byte === LF || byte === undefined) return true;
    if (byte !== SPACE && byte !== CR && byte !== 9 && byte !== 26) return false;
  }
}

/** Bytes as text. */
export function text(bytes: Uint8Array, begin: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString("utf8");
}

/** Cells of a line, trimmed and without quotes; a delimiter inside quotes does not separate. */
export function splitCells(line: string, delimiter: number): string[] {
  const cells: string[] = [];
  let begin = 0;
  let isQuoted = false;
  for (let i = 0; i <= line.length; i++) {
    if (line.charCodeAt(i) === QUOTE) isQuoted = !isQuoted;
    if (i < line.length && (isQuoted || line.charCodeAt(i) !== delimiter)) continue;
    cells.push(
      line
        .slice(begin, i)
        .trim()
        .replace(/^"(.*)"$/, "$1")
        .trim(),
    );
    begin = i + 1;
  }
  return cells;
}

/** At most 40 characters of what was found, printable. */
export function quoted(field: string): string {
  const shown = field.length > 40 ? `${field.slice(0, 40)}…` : field;
  return JSON.stringify(shown);
}
