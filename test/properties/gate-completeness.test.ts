/**
 * The laws of searching: the gate hides nothing, a piece of text is searched as if it stood alone, and what a finding points at is
 * what was found.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PII, SECRETS } from "../../src/detect/catalogue.ts";
import { createDetect } from "../../src/detect/detect.ts";
import type { Finding } from "../../src/detect/detector.ts";
import { resolveOverlaps } from "../../src/detect/overlaps.ts";
import { findUrls } from "../../src/detect/urls.ts";
import { Placer, walkText } from "../../src/detect/text-walk.ts";
import type { JsonDocument } from "../../src/mcp/json.ts";
import { CASES } from "../detect/cases.ts";
import { documentOf, unicodeSpelling } from "../detect/documents.ts";

const DETECTORS = [...PII, ...SECRETS];
const detect = createDetect({ maxFindings: 10_000 });

const planted = Object.values(CASES).flatMap(({ fires, quiet }) => [...fires.map(([text]) => text), ...quiet]);
const labels = ["ssn", "card", "phone", "tel: ", "aws secret ", "secret_access_key", "version ", "social security "];
/** What detectors look at, and what sits badly between it. */
const hostile = fc.constantFrom(...("0123456789abAZ@@..--__  ++()/\\\"'\n\t:=&%,é\u0430\u{1f600}\u200b\u0001".match(/./gsu) as string[]));
const noise = fc.string({ unit: hostile, maxLength: 12 });

/** A planted value with up to three characters lost, doubled or replaced. */
const mutated = fc
  .record({ text: fc.constantFrom(...planted), edits: fc.array(fc.tuple(fc.nat(), fc.nat(2), hostile), { maxLength: 3 }) })
  .map(({ text, edits }) => {
    const points = [...text];
    for (const [at, removed, inserted] of edits) points.splice(at % (points.length + 1), removed, inserted);
    return points.join("");
  });
const anyText = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .array(fc.oneof(noise, mutated, fc.constantFrom(...planted), fc.constantFrom(...labels)), { maxLength: 4 })
      .map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: hostile, maxLength: 40 }) },
);

/** What a URL is made of, in JSON as a client would write it. */
const urlish = fc
  .array(fc.constantFrom("http", "HTTPS:", ":", "/", "\\", "\t", "\n", "mailto:", "ws", "e", ".com", " ", "a", "@", "javascript:", "?"), {
    maxLength: 7,
  })
  .map((parts) => JSON.stringify(parts.join("")));

/** One text in JSON, each character plain, by its short escape or by `\u`. */
const spelled = fc
  .tuple(anyText, fc.constantFrom("plain", "slashes", "mixed", "unicode"), fc.infiniteStream(fc.boolean()))
  .map(([text, how, coins]) => {
    if (how === "plain") return JSON.stringify(text);
    if (how === "slashes") return JSON.stringify(text).replaceAll("/", "\\/");
    let json = "";
    for (let index = 0; index < text.length; index += 1) {
      const pair = (text.codePointAt(index) as number) > 0xffff ? 2 : 1;
      const units = text.slice(index, index + pair);
      const escaped = [...Array(pair).keys()].map((unit) => `\\u${units.charCodeAt(unit).toString(16).padStart(4, "0")}`).join("");
      json += how === "unicode" || coins.next().value === true ? escaped : JSON.stringify(units).slice(1, -1);
      index += pair - 1;
    }
    return `"${json}"`;
  });
const number = fc.oneof(
  fc.constantFrom("4111111111111111", "123456789", "4155552671", "-4111111111111111", "4111111111111111.5", "1e16"),
  fc.integer().map(String),
);
const value = fc.oneof({ weight: 4, arbitrary: spelled }, { weight: 1, arbitrary: number });

/** Members (their keys made distinct by position) and elements. */
const anyDocument = fc
  .array(fc.tuple(fc.option(spelled), value), { maxLength: 5 })
  .map((entries) => entries.map(([key, item], index) => (key === null ? `[${item}]` : `{${key.slice(0, -1)} ${index}":${item}}`)))
  .map((items) => documentOf(`[${items.join(", ")}]`));

const shape = ({ kind, on, rawStart, rawEnd, start, end, score }: Finding) => ({ kind, on, rawStart, rawEnd, start, end, score });

function searchUngated(document: JsonDocument): object[] {
  const walked = walkText(document);
  const hits = DETECTORS.flatMap((detector) =>
    detector
      .find(walked.text, Number.POSITIVE_INFINITY, { left: Number.POSITIVE_INFINITY })
      .map((match) => ({ detector, match, start: match.start, end: match.end })),
  );
  const placer = new Placer(document, walked);
  return resolveOverlaps(hits).map(({ detector, match: { score }, start, end }) => {
    const { on, ...place } = placer.place(start, end);
    return { kind: detector.kind, on, score, rawStart: place.rawStart, rawEnd: place.rawEnd, start: place.start, end: place.end };
  });
}

describe("gate completeness", () => {
  test("the gate never hides a finding", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        expect(detect(document).list.map(shape)).toEqual(searchUngated(document));
      }),
      { numRuns: 1_000 },
    );
  });

  test("the finer look at numbers never hides one, whatever stands around a date", () => {
    const piece = fc.constantFrom(
      ...[
        "2026-07-28",
        "1999-12-31",
        "2026-07-2",
        "tel ",
        "phone: ",
        "+",
        "(",
        ")",
        " ",
        "-",
        ".",
        "/",
        "  ",
        "T",
        "1",
        "07",
        "415",
        "2671",
      ],
      ...["555-0134", "+1 ", "(0", "\\n", '","', "20"],
    );
    let found = 0;
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const document = documentOf(`["${pieces.join("")}"]`);
        const expected = searchUngated(document);
        found += expected.length;
        expect(detect(document).list.map(shape)).toEqual(expected);
      }),
      { numRuns: 5_000 },
    );
    expect(found).toBeGreaterThan(200);
  });

  test("the planted values are found at all: the law above is not about nothing", () => {
    const found = new Set(
      planted.flatMap((text) => searchUngated(documentOf(JSON.stringify([text])))).map((finding) => (finding as Finding).kind),
    );
    expect(found.size).toBe(DETECTORS.length);
  });
});

test("the gate of URLs never hides one: spelled plainly, a string has the URLs that it has with every character escaped", () => {
  const unit = fc.constantFrom(
    "http",
    "https",
    "javascript",
    "data",
    "a.com",
    "h",
    ":",
    "/",
    "/",
    "\\",
    "\n",
    "\t",
    " ",
    '"',
    "@",
    ",",
    "x",
    "(",
    "]",
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
      const urls = (json: string) => findUrls(documentOf(`[${json}]`), 1_000);
      expect(urls(JSON.stringify(text))).toEqual(urls(unicodeSpelling(text)));
    }),
    { numRuns: 1_500 },
  );
});

test("what is found in a string does not depend on its neighbours", () => {
  fc.assert(
    fc.property(fc.array(spelled, { minLength: 1, maxLength: 5 }), (texts) => {
      const apart = texts.flatMap((text) =>
        detect(documentOf(`[${text}]`)).list.map(({ kind, start, end, score }) => ({ kind, start, end, score })),
      );
      const together = detect(documentOf(`[${texts.join(",")}]`)).list.map(({ kind, start, end, score }) => ({ kind, start, end, score }));
      expect(together).toEqual(apart);
    }),
    { numRuns: 1_000 },
  );
});

test("the bytes of a finding decode to the code points of it", () => {
  fc.assert(
    fc.property(anyDocument, (document) => {
      for (const { node, on, start, end, rawStart, rawEnd } of detect(document).list) {
        const raw = document.bytes.toString("utf8", rawStart, rawEnd);
        const decoded = on === "number" ? raw : (JSON.parse(`"${raw}"`) as string);
        const whole = on === "number" ? document.raw(node) : document.text(node);
        expect(decoded).toBe([...whole].slice(start, end).join(""));
        expect(rawStart).toBeGreaterThanOrEqual(document.start(node));
        expect(rawEnd).toBeLessThanOrEqual(document.end(node));
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a search that says there is no URL is right, however the document is spelled", () => {
  let said = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(spelled, urlish), { maxLength: 3 }), (texts) => {
      const document = documentOf(`[${texts.join(",")}]`);
      if (detect(document).noUrls !== true) return;
      said += 1;
      expect(findUrls(document, 1_000)).toEqual({ list: [], capped: false });
    }),
    { numRuns: 3_000 },
  );
  expect(said).toBeGreaterThan(300);
});
