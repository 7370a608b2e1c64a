/** Invariant 5: redaction is idempotent, and changes nothing but what it redacts. With the real reader and the real detectors. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kinds as allKinds } from "../../src/detect/detect.ts";
import type { Redaction, RedactWith } from "../../src/policy/decision.ts";
import { detect, type Loose, outcome, read } from "../enforce/support.ts";

const KINDS = allKinds().map(({ kind }) => kind);
const OPERATORS: readonly RedactWith[] = ["replace", "mask", "drop", "partial", "hash"];

/** Whole values of many kinds, parts of them, and what may stand between: so that removing one can make another. */
const fragment = fc.constantFrom(
  ...[
    "ann@example.com",
    "bob.smith@mail.example.org",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
    "123-45-6789",
    "078-05-1120",
  ],
  ...["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "+1 (415) 555-2671", "+49 30 901820", "8.8.8.8", "192.168.10.1"],
  ...[
    "AKIAIOSFODNN7EXAMPLE",
    `ghp_${"a1B2".repeat(9)}`,
    `xoxb-${"1234567890".repeat(2)}-abcdefABCDEF`,
    `sk_live_${"4eC39HqLyjWDarjtT1zdp7dc"}`,
  ],
  ...[
    "4111",
    "1111",
    "123-45",
    "-6789",
    "@",
    "example.com",
    "ann",
    "AKIA",
    "IOSFODNN7EXAMPLE",
    "DE89",
    "8.8",
    ".8.8",
    "+1",
    "555-2671",
    "ghp_",
  ],
  ...[" ", "-", ".", ",", "0", "1", "ssn: ", "card ", "phone ", "password=", '"', "\\", "\n", "é", "💡", "[EMAIL_1]", "****"],
);
const text = fc.array(fragment, { maxLength: 8 }).map((parts) => parts.join(""));
const number = fc.constantFrom(0, 1, 4111111111111111, 5555555555554444, 123456789, 1.5);
const { payload } = fc.letrec((tie) => ({
  payload: fc.dictionary(fc.oneof(fc.constantFrom("a", "b", "ssn", "card"), text), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: text },
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("payload"),
  ),
}));
const message = payload.map((result) => JSON.stringify({ jsonrpc: "2.0", id: 1, result }));

const operator = fc.constantFrom(...OPERATORS);
const byKind = fc.record({ with: operator, kinds: fc.constantFrom(KINDS, ["email"], ["card", "us_ssn"], ["phone", "ipv4", "email"]) });
const byPath = fc.record({ with: operator, path: fc.constantFrom("$.result.a", "$.result..b", "$.result.*", "/result/ssn") });
const everything = fc.record({ with: operator });
const redactions: fc.Arbitrary<Loose<Redaction>[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: byKind }, byPath, { weight: 1, arbitrary: everything }),
  {
    minLength: 1,
    maxLength: 3,
  },
);

const RUNS = { numRuns: 500 };

describe("redaction", () => {
  it("is idempotent: what it leaves, it leaves as it is", async () => {
    await fc.assert(
      fc.asyncProperty(message, redactions, async (before, wanted) => {
        const once = await outcome(before, { redactions: wanted });
        expect(once).toBeTypeOf("string");
        expect(await outcome(once as string, { redactions: wanted })).toBe(once);
      }),
      RUNS,
    );
  });

  it("leaves nothing to be found of the kinds that it redacts", async () => {
    await fc.assert(
      fc.asyncProperty(message, operator, fc.subarray(KINDS, { minLength: 1 }), async (before, by, kinds) => {
        const after = await outcome(before, { redactions: [{ with: by, kinds }] });
        expect(detect(read(after as string)).list.filter(({ kind }) => kinds.includes(kind))).toEqual([]);
      }),
      RUNS,
    );
  });

  it("changes no byte outside of what it redacts", async () => {
    await fc.assert(
      fc.asyncProperty(message, operator, async (before, by) => {
        const document = read(before);
        const { list } = detect(document);
        fc.pre(list.length > 0);
        const after = Buffer.from((await outcome(before, { redactions: [{ with: by, kinds: KINDS }] })) as string);
        // Inside a value or key with a finding more may go, where what is left would be found anew.
        const first = Math.min(...list.map(({ node }) => document.start(document.isKey(node - 1) ? node - 1 : node)));
        expect(after.subarray(0, first)).toEqual(document.bytes.subarray(0, first));
        const touched = new Set(list.map(({ node }) => node));
        const now = read(after.toString());
        expect(now.size).toBe(document.size);
        for (let node = 0; node < document.size; node += 1) {
          expect(now.kind(node)).toBe(document.kind(node));
          const scalar = document.next(node) === node + 1 && !["object", "array"].includes(document.kind(node));
          if (scalar && !touched.has(node) && !touched.has(node - 1) && !touched.has(node + 1))
            expect(now.raw(node)).toBe(document.raw(node));
        }
      }),
      RUNS,
    );
  });

  it("never makes two members of one name", async () => {
    const crowded = fc.uniqueArray(fc.oneof(fragment, text), { minLength: 2, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(crowded, operator, async (names, by) => {
        const before = JSON.stringify({ jsonrpc: "2.0", id: 1, result: Object.fromEntries(names.map((name, index) => [name, index])) });
        const after = (await outcome(before, { redactions: [{ with: by, kinds: KINDS }] })) as string;
        expect(Object.keys(JSON.parse(after).result)).toHaveLength(new Set(names).size);
      }),
      RUNS,
    );
  });
});
