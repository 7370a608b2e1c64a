import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { auditFindings, auditRules, printable, printablePath, printableUri } from "../../src/audit/record.ts";
import type { Finding } from "../../src/detect/detector.ts";

/** Stands for the detectors: finds one word. */
const screen = (text: string): string => text.replaceAll("secret", "[FOUND]");

describe("a name", () => {
  test.each(["tools/call", "get_file-contents", "a.b@c$d", "x".repeat(128)])("that is a plain word is written: %s", (name) => {
    expect(printable(name, screen)).toBe(name);
  });

  test.each([
    ["nothing", ""],
    ["a space", "two words"],
    ["a line of its own", 'a\n{"schema":"sluice.audit/v1"}'],
    ["a last line feed", "name\n"],
    ["quotes", 'a"b'],
    ["what a terminal obeys", "a\u001b[31m"],
    ["letters beyond ASCII", "nаme"],
    ["what is too long", "x".repeat(129)],
    ["what the detectors find", "my-secret-name"],
  ])("that holds %s is not", (_what, name) => {
    expect(printable(name, screen)).toBe("*");
  });

  test("is written as it is or not at all", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (name) => {
        expect(["*", name]).toContain(printable(name, screen));
      }),
    );
  });
});

describe("a URI", () => {
  test.each([
    ["file:///srv/notes.txt", "file:///srv/notes.txt"],
    ["https://example.com/a/b?token=abc#part", "https://example.com/a/b"],
    ["https://joe:pass@example.com/a", "https://example.com/a"],
    ["https://a@b@example.com/", "https://example.com/"],
    ["https://example.com/a?x\n?y", "https://example.com/a"],
    ["ui://widget/{id}", "ui://widget/{id}"],
    ["https://example.com/%20a", "https://example.com/%20a"],
    ["urn:isbn:1", "urn:isbn:1"],
  ])("%s is written without query, fragment and credentials", (uri, expected) => {
    expect(printableUri(uri, screen)).toBe(expected);
  });

  test.each([
    ["no URI", "hello"],
    ["nothing", ""],
    ["a space", "file:///a b"],
    ["a last line feed", "file:///a\n"],
    ["what the detectors find", "file:///my-secret"],
    ["what is too long", `file:///${"a".repeat(300)}`],
    ["a first part that is no scheme", "1x:abc"],
  ])("that is or holds %s is not", (_what, uri) => {
    expect(printableUri(uri, screen)).toBe("*");
  });

  test("never shows what stands behind ? or #", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z/.@:]{0,20}$/), fc.constantFrom("?", "#"), fc.string(), (path, mark, rest) => {
        expect(printableUri(`x:${path}${mark}marker${rest}`, screen)).not.toContain("marker");
      }),
    );
  });
});

describe("a path", () => {
  test.each([
    ["", ""],
    ["/params/arguments/0/to", "/params/arguments/0/to"],
    ["/params/joe smith/x", "/params/*/x"],
    ["/params//x", "/params/*/x"],
    ["/params/secret/x", "/params/*/x"],
    ["/a~1b/~0", "/*/*"],
  ])("%j is written %j", (pointer, expected) => {
    expect(printablePath(pointer, screen)).toBe(expected);
  });

  test("keeps its number of segments, each as it is or *", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z ~"\n]{0,4}$/), { minLength: 1 }), (segments) => {
        const written = printablePath(`/${segments.join("/")}`, screen)
          .split("/")
          .slice(1);
        expect(written).toHaveLength(segments.length);
        for (const [at, each] of written.entries()) expect(["*", segments[at]]).toContain(each);
      }),
    );
  });
});

describe("rules and findings", () => {
  test("a rule's message is searched, then cut", () => {
    const [rule] = auditRules([{ id: "p/r", policy: "p", effect: "deny", message: `a secret ${"x".repeat(500)}` }], screen);
    expect(rule?.message?.startsWith("a [FOUND] x")).toBe(true);
    expect(rule?.message).toHaveLength(200);
    expect(auditRules([{ id: "p/r", policy: "p", effect: "deny" }], screen)).toEqual([{ id: "p/r", effect: "deny" }]);
  });

  test("of findings the first hundred are written, with nothing but place and kind", () => {
    const finding = {
      kind: "email",
      category: "pii",
      path: "/params/a b",
      on: "value",
      start: 1,
      end: 9,
      score: 1,
      domain: "evil.example",
    };
    const written = auditFindings(
      Array.from({ length: 150 }, () => finding as unknown as Finding),
      screen,
    );
    expect(written).toHaveLength(100);
    expect(written[0]).toEqual({ kind: "email", category: "pii", path: "/params/*", on: "value", start: 1, end: 9, score: 1 });
  });
});
