import type { Rng } from "../../src/lib/rng.ts";

/** Things that parsers stumble over. */
const NASTY = [
  ...["0", "-0", "-1", "1e308", "1e-308", "9007199254740993", "NaN", "Infinity", "0x10", "1_000", "٣", "1,5", "100%", "0%", "1000000h", "0s", "1/0"],
  ...["{", "}", "[", "]", "{{", ": ", "- ", "&a ", "*a", "<<: ", "!!binary ", "|", ">", "#", "---\n", "\t", '"', "'", "\\", "\u0000", "\ufeff", "\u2028", "😀"],
  ...[
    "null",
    "~",
    "true",
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "\r\n",
    "\n\n",
    " ".repeat(40),
    "a".repeat(300),
    "[".repeat(60),
    "{a: ".repeat(40),
  ],
];
/** A text grows no longer than this: what is fuzzed here is shape, not size. */
const LENGTH_MAX = 6_000;

function below(rng: Rng, most: number): number {
  return Math.floor(rng.next() * most);
}

function pick<T>(rng: Rng, all: readonly T[]): T {
  return all[below(rng, all.length)] as T;
}

/** A text made of those of a corpus by a few random changes. */
export function mutate(corpus: readonly string[], rng: Rng): string {
  let text = pick(rng, corpus);
  for (let changes = 1 + below(rng, 1 + below(rng, 6)); changes > 0; changes--) text = change(text, corpus, rng).slice(0, LENGTH_MAX);
  return text;
}

function change(text: string, corpus: readonly string[], rng: Rng): string {
  const at = below(rng, text.length + 1);
  const end = Math.min(text.length, at + 1 + below(rng, rng.next() < 0.5 ? 8 : 120));
  switch (below(rng, 14)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, end) + text.slice(at);
    case 2:
      return text.slice(0, at) + pick(rng, NASTY) + text.slice(rng.next() < 0.5 ? at : end);
    case 3: {
      const other = pick(rng, corpus);
      return text.slice(0, at) + other.slice(below(rng, other.length + 1));
    }
    case 4:
      return text.slice(0, at) + String.fromCodePoint(below(rng, 0x2500)) + text.slice(at + 1);
    case 5:
    case 6:
    case 7:
    case 8:
      return replaceOne(text, /[-+]?\d+(?:\.\d+)?/g, rng, (found) =>
        rng.next() < 0.5 ? pick(rng, NASTY) : String(Number(found) * 10 ** (below(rng, 30) - 10)),
      );
    case 9:
    case 10:
    case 11:
    case 12: {
      // One word for another of the corpus: keys in wrong places, names of other things.
      const words = pick(rng, corpus).match(/[A-Za-z_][\w-]*/g) ?? ["x"];
      return replaceOne(text, /[A-Za-z_][\w-]*/g, rng, () => pick(rng, words));
    }
    default: {
      const lines = text.split("\n");
      const from = below(rng, lines.length);
      const [moved = ""] = lines.splice(from, 1);
      lines.splice(
        below(rng, lines.length + 1),
        0,
        moved.replace(/^ {0,2}/, (indent) => (rng.next() < 0.5 ? indent : `${indent}  `)),
      );
      return lines.join("\n");
    }
  }
}

function replaceOne(text: string, pattern: RegExp, rng: Rng, by: (found: string) => string): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const one = pick(rng, found);
  return text.slice(0, one.index) + by(one[0]) + text.slice(one.index + one[0].length);
}
