import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from "yaml";
import type { Problem } from "../lib/file-error.ts";

/** Sizes that no honest policy reaches; beyond them a file is refused before any work is done. */
const BYTES_MAX = 512 * 1024;
const DEPTH_MAX = 32;
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
  const problems: Problem[] = [];
  const bytes = Buffer.byteLength(text);
  if (bytes > BYTES_MAX) {
    return {
      problems: [
        {
          severity: "error",
          code: "file_too_large",
          message: `${bytes} bytes, at most ${BYTES_MAX} are read`,
          hint: "split the file; a folder of policies can be given too",
        },
      ],
    };
  }
  const nesting = nestedTooDeep(text);
  if (nesting !== undefined) {
    return {
      problems: [
        { severity: "error", code: "nested_too_deep", line: nesting, message: `more than ${DEPTH_MAX} levels of nesting`, hint: "a policy has at most ten" },
      ],
    };
  }
  const lines = new LineCounter();
  // uniqueKeys compares every pair of keys; our own check below is linear.
  const source = parseDocument(text, { lineCounter: lines, uniqueKeys: false, merge: false, prettyErrors: false, stringKeys: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of [...source.errors, ...source.warnings].slice(0, 20)) {
    problems.push({ severity: "error", code: "yaml_syntax", ...at(error.pos[0]), message: error.message.replace(/\n[\s\S]*$/, "") });
  }
  refuseFeatures(source.contents, problems, at);
  if (problems.length > 0) return { problems };
  const root = source.contents;
  return {
    problems,
    document: {
      value: toValue(root),
      locate: (path, what) => at(offsetOf(root, path, what)),
    },
  };
}

/** Line of the first place where brackets or dashes nest deeper than allowed; a scan, so that the parser never recurses that far. */
function nestedTooDeep(text: string): number | undefined {
  let depth = 0;
  let line = 1;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === 10) {
      line++;
      // `- - - -` opens a level with each dash, `? ? ?` with each mark.
      const compact = /^[ ]*((?:[-?][ ]+)+)/.exec(text.slice(i + 1, i + 1 + 4 * DEPTH_MAX));
      if ((compact?.[1]?.replaceAll(" ", "").length ?? 0) > DEPTH_MAX) return line;
      const indent = /^[ ]*/.exec(text.slice(i + 1, i + 400))?.[0].length ?? 0;
      if (indent > 300) return line;
    } else if (character === 91 || character === 123) {
      if (++depth > DEPTH_MAX) return line;
    } else if ((character === 93 || character === 125) && depth > 0) depth--;
  }
  return /^[ ]*(?:[-?][ ]+){33}/.test(text) ? 1 : undefined;
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
      if (node.tag !== undefined && !node.tag.startsWith("tag:yaml.org,2002:")) refuse(node, "yaml_tag", `found the tag ${node.tag}`, "remove the tag");
      else if (hasExplicitTag(node)) refuse(node, "yaml_tag", `found the tag ${node.tag}`, "remove the tag");
      if (isMap(node)) refuseKeys(node.items, refuse);
    }
    return undefined;
  });
}

function hasExplicitTag(node: Node): boolean {
  // The composer sets `tag` only where the text has one; plain nodes carry none.
  return node.tag !== undefined && node.tag !== "tag:yaml.org,2002:map" && node.tag !== "tag:yaml.org,2002:seq";
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

function offsetOf(root: Node | null, path: Path, what: "key" | "value"): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
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
