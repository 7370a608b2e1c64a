/**
 * Generated JSON in odd spellings, as a tree that knows its own text, and an independent judge of what the strict reader may accept.
 * The judge shares nothing with the reader: it uses the platform's UTF-8 decoder and JSON.parse, and a regular expression for tokens.
 */
import fc from "fast-check";

/** A value as spelled: a scalar's text, or a container whose `gaps` are the white space before each item and before the end. */
export type Spelled =
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "array"; readonly items: readonly Spelled[]; readonly gap: string }
  | { readonly kind: "object"; readonly items: readonly { readonly key: string; readonly value: Spelled }[]; readonly gap: string };

/** A node that the reader has to report, in document order: its text and the byte at which it starts. */
export interface Expected {
  readonly text: string;
  readonly start: number;
  readonly key: boolean;
}

const gap = fc.constantFrom("", "", "", " ", "\t", "\r\n", "  \n ");

export const spelledNumber = fc.oneof(
  fc.constantFrom("0", "-0", "1e2", "1E+02", "1.50", "9007199254740993", "-1.5e-3", "1e-400", "0.10e1", "4111111111111111"),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
);

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", " ", "/", "~", "0", "name") },
  { weight: 2, arbitrary: fc.constantFrom("\\u0041", "\\u006E", "\\/", "\\\\", '\\"', "\\n", "\\u00e9", "\\ud83d\\ude00", "\\uFFFD") },
  { weight: 1, arbitrary: fc.constantFrom("é", "€", "😀", "\u007f", "\u2028", "\ufeff", "\ufffd", "\ud7ff") },
);
const characters = fc.array(character, { maxLength: 8 }).map((parts) => parts.join(""));

export const spelledString = fc
  .oneof(
    characters,
    characters.map((text) => `${text}\\u0000`),
  )
  .map((text) => `"${text}"`);
const spelledKey = fc.oneof(
  fc.constantFrom('"a"', '"\\u0061"', '"name"', '"n\\u0061me"', '""', '"__proto__"', '"é"', '"\\u00e9"'),
  characters.map((text) => `"${text}"`),
);

/** A tree of values; with `unique`, one that the reader has to accept. */
export function spelledJson(unique: boolean): fc.Arbitrary<Spelled> {
  const member = (value: fc.Arbitrary<Spelled>) => fc.record({ key: spelledKey, value });
  return fc.letrec<{ value: Spelled }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(spelledNumber, spelledString, fc.constantFrom("true", "false", "null")).map((text) => ({ kind: "scalar" as const, text })),
      fc.record({ kind: fc.constant("array" as const), items: fc.array(tie("value"), { maxLength: 6 }), gap }),
      fc.record({
        kind: fc.constant("object" as const),
        items: unique
          ? fc.uniqueArray(member(tie("value")), { maxLength: 6, selector: ({ key }) => JSON.parse(key) as string })
          : fc.array(member(tie("value")), { maxLength: 5 }),
        gap,
      }),
    ),
  })).value;
}

/** The text of a tree and the nodes that the reader has to report for it. */
export function render(tree: Spelled, around = ""): { text: string; nodes: Expected[] } {
  const nodes: Expected[] = [];
  let text = "";
  let bytes = 0;
  const write = (part: string): void => {
    text += part;
    bytes += Buffer.byteLength(part);
  };
  const visit = (value: Spelled): void => {
    const index = nodes.push({ text: "", start: bytes, key: false }) - 1;
    const from = text.length;
    if (value.kind === "scalar") write(value.text);
    else {
      write(value.kind === "array" ? "[" : "{");
      value.items.forEach((item, position) => {
        write(position === 0 ? value.gap : `${value.gap},${value.gap}`);
        if ("key" in item) {
          nodes.push({ text: item.key, start: bytes, key: true });
          write(item.key);
          write(`${value.gap}:${value.gap}`);
          visit(item.value);
        } else visit(item);
      });
      write(value.gap);
      write(value.kind === "array" ? "]" : "}");
    }
    nodes[index] = { text: text.slice(from), start: (nodes[index] as Expected).start, key: false };
  };
  write(around);
  visit(tree);
  write(around);
  return { text, nodes };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|-?[0-9][0-9.eE+-]*|true|false|null/g;

/** Tokens of a text that JSON.parse accepts, or nearly accepts. */
export const tokens = (text: string): string[] => text.match(TOKEN) ?? [];

/** Whether these bytes have exactly one meaning, limits aside. */
export function hasOneMeaning(bytes: Uint8Array): boolean {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
  } catch {
    return false;
  }
  const objects: (Set<string> | undefined)[] = [];
  const all = tokens(text);
  return all.every((token, index) => {
    if (token === "{" || token === "[") objects.push(token === "{" ? new Set() : undefined);
    else if (token === "}" || token === "]") objects.pop();
    else if (token.startsWith('"')) {
      const decoded = JSON.parse(token) as string;
      if (!decoded.isWellFormed()) return false;
      if (all[index + 1] !== ":") return true;
      const keys = objects.at(-1) as Set<string>;
      if (keys.has(decoded) || decoded.includes("\0")) return false;
      keys.add(decoded);
    } else if (/^[-0-9]/.test(token)) return Number.isFinite(Number(token));
    return true;
  });
}

const INTRUDERS = [
  ",",
  ":",
  "]",
  "}",
  "[",
  "{",
  '"',
  "\\",
  "\\u0061",
  "\\ud800",
  "\\u0000",
  "0",
  "-",
  ".",
  "e",
  "e999",
  " ",
  "\0",
  "\ufeff",
  "nul",
  '"a":1,',
  '"\\u0061":1,',
];

/** A document's bytes after a few changes at its tokens' borders or in the middle of them. */
export const mutatedJson: fc.Arbitrary<Buffer> = fc
  .tuple(
    spelledJson(false).map((tree) => render(tree).text),
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.oneof(
          fc.constantFrom(...INTRUDERS).map((text) => Buffer.from(text)),
          fc
            .constantFrom([0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xe2, 0x82], [0x1f])
            .map((raw) => Buffer.from(raw)),
        ),
        fc.constantFrom("insert", "replace", "delete", "repeat", "cut"),
        fc.boolean(),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([text, changes]) => changes.reduce(mutate, Buffer.from(text)));

type Change = [place: number, intruder: Buffer, how: string, atToken: boolean];

function mutate(bytes: Buffer, [place, intruder, how, atToken]: Change): Buffer {
  const latin1 = bytes.toString("latin1");
  const borders = [...latin1.matchAll(TOKEN)].map((match) => [match.index, match.index + match[0].length] as const);
  const anywhere = [place % (bytes.length + 1), Math.min(bytes.length, (place % (bytes.length + 1)) + 1)] as const;
  const [start, end] = (atToken ? borders[place % Math.max(borders.length, 1)] : undefined) ?? anywhere;
  const [head, token, tail] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
  if (how === "insert") return Buffer.concat([head, intruder, token, tail]);
  if (how === "replace") return Buffer.concat([head, intruder, tail]);
  if (how === "delete") return Buffer.concat([head, tail]);
  if (how === "repeat") return Buffer.concat([head, token, token, tail]);
  return head;
}
