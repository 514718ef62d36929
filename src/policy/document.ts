import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import type { Problem } from "../lib/file-error.ts";

/** Sizes that no honest policy reaches; beyond them a file is refused before any work is done. */
export const BYTES_MAX = 256 * 1024;
const DEPTH_MAX = 32;
/** Unbalanced ones in plain text count too, so this is far from what anyone nests. */
const BRACKETS_MAX = 100;
const SYNTAX_ERRORS_MAX = 3;
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

export type Path = readonly (string | number)[];

/** A YAML file as plain values, and where each of them stands. */
export interface PolicyDocument {
  readonly value: unknown;
  /** Line and column (from 1) of the value at a path; of its nearest parent when it is missing. */
  locate(path: Path, what: "key" | "value"): { readonly line: number; readonly column: number };
}

/**
 * Reads YAML 1.2 without the parts that surprise or bite: aliases, anchors, merge keys, tags, several documents,
 * duplicate keys, keys of the prototype, keys that are no text, deep nesting and large files are problems.
 */
export function readDocument(text: string): { document?: PolicyDocument; problems: Problem[] } {
  const { documents, problems } = read(text, (lineCounter) => [parseDocument(text, { ...PARSING, lineCounter })]);
  return { problems, ...(documents[0] !== undefined && { document: documents[0] }) };
}

/** Like {@link readDocument}, for files of several documents, such as the manifests of Kubernetes. */
export function readDocuments(text: string, bytesMax: number): { documents: PolicyDocument[]; problems: Problem[] } {
  return read(
    text,
    (lineCounter) => {
      const documents = parseAllDocuments(text, { ...PARSING, lineCounter });
      return Array.isArray(documents) ? documents : [];
    },
    bytesMax,
  );
}

// uniqueKeys compares every pair of keys; our own check below is linear.
const PARSING = { uniqueKeys: false, merge: false, prettyErrors: false, stringKeys: false } as const;

function read(text: string, parse: (lines: LineCounter) => readonly Document[], bytesMax = BYTES_MAX): { documents: PolicyDocument[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) return { documents: [], problems: [tooLarge(bytes, bytesMax)] };
  const nesting = nestedTooDeep(text);
  if (nesting !== undefined) {
    return {
      documents: [],
      problems: [
        { severity: "error", code: "nested_too_deep", line: nesting, message: `more than ${DEPTH_MAX} levels of nesting`, hint: "a policy has at most ten" },
      ],
    };
  }
  const lines = new LineCounter();
  const sources = parse(lines);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // One slip makes a parser stumble many times; the first few say where.
  for (const error of sources.flatMap((source) => [...source.errors, ...source.warnings]).slice(0, SYNTAX_ERRORS_MAX)) {
    const message = error.code === "MULTIPLE_DOCS" ? "a second document begins here; a policy is one" : error.message.replace(/\n[\s\S]*$/, "");
    problems.push({ severity: "error", code: "yaml_syntax", ...at(error.pos[0]), message });
  }
  if (/^%/m.test(text))
    problems.push({
      severity: "error",
      code: "yaml_directive",
      line: text.slice(0, text.search(/^%/m)).split("\n").length,
      message: "found a directive",
      hint: "remove the line that begins with %",
    });
  for (const source of sources) refuseFeatures(source.contents as Node | null, problems, at);
  if (problems.length > 0) return { documents: [], problems };
  const index = new Map<YAMLMap, Map<string, Pair>>();
  return {
    problems,
    documents: sources.map(({ contents }) => {
      const root = contents as Node | null;
      return { value: toValue(root), locate: (path, what) => at(offsetOf(root, path, what, index)) };
    }),
  };
}

/** The problem of a file of more bytes than are read. */
export function tooLarge(bytes: number, bytesMax = BYTES_MAX): Problem {
  return {
    severity: "error",
    code: "file_too_large",
    message: `${bytes} bytes, at most ${bytesMax} are read`,
    hint: bytesMax === BYTES_MAX ? "split the file, or make workloads that are alike from a template" : "split the file",
  };
}

/**
 * Line of the first place where brackets or dashes nest absurdly deep, comments and quoted text left out. A scan, because
 * the parser recurses, and on thousands of dashes in a row takes all memory.
 */
function nestedTooDeep(text: string): number | undefined {
  let depth = 0;
  let line = 1;
  for (let i = 0; i <= text.length; i++) {
    const character = text.charCodeAt(i);
    if (i === 0 || text.charCodeAt(i - 1) === 10) {
      if (i > 0) line++;
      // `- - - -` opens a level with each dash, `? ? ?` with each mark.
      const start = text.slice(i, i + 8 * DEPTH_MAX);
      const [, indent = "", compact = ""] = /^([ ]*)((?:[-?][ \t]+)*)/.exec(start) ?? [];
      if (compact.replaceAll(/[ \t]/g, "").length > DEPTH_MAX || indent.length >= 8 * DEPTH_MAX) return line;
    }
    const isFirst = i === 0 || " \n\t[{,:-".includes(text[i - 1] as string);
    if (character === 35 && isFirst) i = endOf(text, "\n", i) - 1;
    else if ((character === 34 || character === 39) && isFirst) {
      const end = endOfQuoted(text, i);
      line += text.slice(i, end).split("\n").length - 1;
      i = end;
    } else if (character === 91 || character === 123) {
      if (++depth > BRACKETS_MAX) return line;
    } else if ((character === 93 || character === 125) && depth > 0) depth--;
  }
  return undefined;
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end < 0 ? text.length : end;
}

function endOfQuoted(text: string, begin: number): number {
  const quote = text.charAt(begin);
  for (let i = begin + 1; i < text.length; i++) {
    if (text[i] === "\\" && quote === '"') i++;
    else if (text[i] === quote) return i;
  }
  return text.length;
}

function refuseFeatures(root: Node | null, problems: Problem[], at: (offset: number) => { line: number; column: number }): void {
  const refuse = (node: unknown, code: string, message: string, hint: string) => {
    problems.push({ severity: "error", code, message, hint, ...at((node as Node | null)?.range?.[0] ?? 0) });
  };
  visit(root, (_, node, ancestors) => {
    if (problems.length >= 50) return visit.BREAK;
    if (ancestors.length > 2 * DEPTH_MAX) {
      refuse(node, "nested_too_deep", `more than ${DEPTH_MAX} levels of nesting`, "a policy has at most ten");
      return visit.BREAK;
    }
    if (isAlias(node)) refuse(node, "yaml_alias", `found the alias *${node.source}`, "write the value out; templates with `each` repeat workloads");
    else if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined)
        refuse(node, "yaml_anchor", `found the anchor &${node.anchor}`, "write the value out; templates with `each` repeat workloads");
      // The composer sets `tag` only where the text has one.
      if (node.tag !== undefined) refuse(node, "yaml_tag", `found the tag ${node.tag.replace("tag:yaml.org,2002:", "!!")}`, "remove the tag");
      if (isMap(node)) refuseKeys(node.items, refuse);
    }
    return undefined;
  });
}

function refuseKeys(items: readonly Pair[], refuse: (node: unknown, code: string, message: string, hint: string) => void): void {
  const seen = new Set<string>();
  for (const pair of items) {
    if (!isPair(pair)) continue;
    const key = pair.key;
    if (!isScalar(key)) {
      refuse(key, "yaml_key", "found a key that is not text", "keys are names");
      continue;
    }
    const name = String(key.value);
    if (name === "<<") refuse(key, "yaml_merge", "found a merge key <<", "write the fields out; templates with `each` repeat workloads");
    else if (FORBIDDEN_KEYS.has(name)) refuse(key, "key_forbidden", `found the key ${name}`, "choose another name");
    else if (seen.has(name)) refuse(key, "key_duplicate", `found the key "${name}" a second time`, "keep one of them");
    seen.add(name);
  }
}

function toValue(node: unknown): unknown {
  if (isMap(node)) {
    const value: Record<string, unknown> = {};
    for (const pair of node.items) value[String((pair.key as { value: unknown }).value)] = toValue(pair.value);
    return value;
  }
  if (isSeq(node)) return node.items.map(toValue);
  if (isScalar(node)) return node.value ?? undefined;
  return undefined;
}

/** Pairs of a mapping by key, made once for each mapping that is asked about. */
function pairsOf(map: YAMLMap, index: Map<YAMLMap, Map<string, Pair>>): Map<string, Pair> {
  let pairs = index.get(map);
  if (pairs === undefined) {
    pairs = new Map(map.items.filter((item) => isScalar(item.key)).map((item) => [String((item.key as { value: unknown }).value), item]));
    index.set(map, pairs);
  }
  return pairs;
}

function offsetOf(root: Node | null, path: Path, what: "key" | "value", index: Map<YAMLMap, Map<string, Pair>>): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = pairsOf(node as YAMLMap, index).get(String(step));
      if (pair === undefined) break;
      const isLast = depth === path.length - 1;
      const valueOffset = (pair.value as Node | null)?.range?.[0];
      const keyOffset = (pair.key as Node).range?.[0] ?? offset;
      offset = isLast && what === "value" && valueOffset !== undefined ? valueOffset : keyOffset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}
