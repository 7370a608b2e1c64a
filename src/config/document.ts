/**
 * The configuration file as YAML: plain data, and the place in the file of every key and value.
 * Must not know any key. Refuses what has no single plain meaning (duplicate keys, unknown tags, cycles, alias bombs).
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from "yaml";
import type { Problem } from "./problem.ts";

export type Path = readonly (string | number)[];
export interface Position {
  readonly line: number;
  readonly column: number;
}
/** Where the value at a path is; `key`: where its key is. A path that leads nowhere gives the nearest key above it. */
export type Locate = (path: Path, part?: "key" | "value") => Position | undefined;

export interface ConfigDocument {
  /** Undefined when the text could not be read at all. */
  readonly data: unknown;
  readonly locate: Locate;
  readonly problems: readonly Problem[];
}

/** How often aliases may multiply the text before it counts as a bomb. */
const MAX_ALIASES = 100;

const SENTENCES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "this key is already there",
  MULTIPLE_DOCS: "the file holds more than one YAML document",
  NON_STRING_KEY: "keys must be text",
  TAG_RESOLVE_FAILED: "YAML tags are not accepted",
  TAB_AS_INDENT: "tabs cannot be used for indentation",
};

/** Reads YAML text; `file` is only named in problems. */
export function readDocument(text: string, file: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, stringKeys: true, uniqueKeys: true });
  const at = (offset: number | undefined): Position | undefined => {
    if (offset === undefined) return undefined;
    const { line, col } = lines.linePos(offset);
    return line === 0 ? undefined : { line, column: col };
  };
  const problems: Problem[] = [];
  const report = (offset: number | undefined, check: string, message: string, hint?: string): void => {
    problems.push({ file, ...at(offset), severity: "error", check, message, ...(hint === undefined ? {} : { hint }) });
  };

  for (const fault of [...document.errors, ...document.warnings]) {
    const bracket = fault.code === "UNEXPECTED_TOKEN" && /\[[0-9a-fA-F:]+\]$/u.test(text.slice(0, fault.pos[0]));
    const duplicate = fault.code === "DUPLICATE_KEY";
    report(
      fault.pos[0],
      duplicate ? "config/duplicate-key" : "config/yaml",
      SENTENCES[fault.code] ?? withoutQuotes(fault.message),
      bracket ? 'Put an IPv6 address in quotes: "[::1]:8080".' : duplicate ? "Remove or rename one of the two." : undefined,
    );
  }
  checkNodes(document, report);
  let data: unknown;
  // Text with other faults than a repeated key has no one meaning to look at.
  if (!problems.some(({ check }) => check === "config/yaml")) {
    try {
      data = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      // The only throws of toJS are about aliases: too many, or an unknown one (reported above with its place).
      report(
        undefined,
        "config/yaml",
        error instanceof ReferenceError ? "aliases multiply the file beyond its bounds" : "the file cannot be read as YAML",
      );
    }
  }
  return { data, problems, locate: (path, part = "value") => at(find(document, path, part)) };
}

/** The parser's sentence without the pieces of the file that some end in: they may be a secret. */
const withoutQuotes = (message: string): string => message.replace(/(?<=\S): .*$|(?<=^Invalid escape sequence) .*$/su, "");

/** Reports what the parser lets pass: aliases without anchor or within their own anchor, and `__proto__`. */
function checkNodes(document: Document.Parsed, report: (offset: number | undefined, check: string, message: string) => void): void {
  visit(document, {
    Alias(_key, node, ancestors) {
      const target = node.resolve(document);
      if (target === undefined) report(node.range?.[0], "config/yaml", `there is no anchor &${node.source} before this alias`);
      else if (ancestors.includes(target)) report(node.range?.[0], "config/yaml", "this alias refers to what contains it");
    },
    Pair(_key, pair) {
      if (isScalar(pair.key) && pair.key.value === "__proto__")
        report(pair.key.range?.[0], "config/unknown-key", 'unknown key "__proto__"');
    },
  });
}

/** Offset of the value (or key) at `path`, or of the deepest key on the way to it. */
function find(document: Document.Parsed, path: Path, part: "key" | "value"): number | undefined {
  let node: Node | null = document.contents;
  let keyOffset: number | undefined;
  for (const segment of path) {
    const step = child(document, node, segment);
    if (step === undefined) return keyOffset ?? node?.range?.[0] ?? 0;
    keyOffset = step.key ?? step.value?.range?.[0] ?? keyOffset;
    node = step.value;
  }
  // A block mapping or list starts on the line after its key: the key is the better place to point at.
  const leaf = isScalar(node) || isAlias(node);
  return part === "value" && leaf ? (node?.range?.[0] ?? keyOffset) : (keyOffset ?? node?.range?.[0]);
}

function child(
  document: Document.Parsed,
  parent: Node | null,
  segment: string | number,
): { key: number | undefined; value: Node | null } | undefined {
  const node = isAlias(parent) ? (parent.resolve(document) ?? null) : parent;
  if (isSeq(node)) {
    const item = node.items[Number(segment)];
    return item === undefined ? undefined : { key: undefined, value: item as Node | null };
  }
  if (!isMap(node)) return undefined;
  const own = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(segment)) as
    | Pair<Node, Node | null>
    | undefined;
  if (own !== undefined) return { key: own.key.range?.[0], value: own.value };
  for (const pair of node.items) {
    if (!isScalar(pair.key) || (pair.key.value !== "<<" && pair.key.source !== "<<")) continue;
    const merged = isSeq(pair.value) ? pair.value.items : [pair.value];
    for (const source of merged) {
      const found = child(document, source as Node | null, segment);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
