/**
 * Reads the project's documents: which there are, their fenced blocks and their links. A block's second word says what a test does with
 * it: `run`, `config`, `policy=NAME`, `refused=CHECK`, … Must not run anything.
 */
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

export interface Block {
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The words behind the language, by name: `policy=a` is `policy` → `a`, a word alone is itself → "". */
  readonly marks: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Documents whose blocks are held to be true; docs/configuration.md and the rules' pages have tests of their own. */
export const DOCUMENTS: readonly string[] = [
  "README.md",
  "SECURITY.md",
  ...globSync(["docs/{architecture,connect-clients,errors,operations}.md", "docs/policy/*.md", "docs/decisions/*.md"], { cwd: ROOT }),
].toSorted();

export function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [index, line] of read(file).split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 1, info: fence[1] ?? "", lines: [] };
    else {
      const [language = "", ...marks] = open.info.split(/\s+/);
      const pairs = marks.map((mark): [string, string] => [mark.split("=")[0] ?? "", mark.split("=").slice(1).join("=")]);
      blocks.push({ file, line: open.line, language, marks: new Map(pairs), text: `${open.lines.join("\n")}\n` });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: this block is not closed`);
  return blocks;
}

export const allBlocks = (): Block[] => DOCUMENTS.flatMap(blocksOf);

/** `name` for the title of a test. */
export const place = ({ file, line }: Block): string => `${file}:${line}`;

/** Every Markdown file of the repository. */
export function markdownFiles(): string[] {
  const own = (path: string): boolean => !/(^|\/)(node_modules|dist|\.tools|\.sluice|fixtures)(\/|$)/.test(path);
  return globSync("**/*.md", { cwd: ROOT, exclude: (path) => !own(typeof path === "string" ? path : String(path)) })
    .map((path) => relative(ROOT, join(ROOT, path)))
    .filter(own)
    .toSorted();
}
