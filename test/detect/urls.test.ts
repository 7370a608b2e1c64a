import { describe, expect, test } from "vitest";
import { findUrls } from "../../src/detect/urls.ts";
import { documentOf, SPELLINGS, unicodeSpelling } from "./documents.ts";

const CAP = 50;
const hostsIn = (text: string, spell: (text: string) => string = JSON.stringify) =>
  findUrls(documentOf(`[${spell(text)}]`), CAP).list.map(
    ({ scheme, host, port }) => `${scheme}:${host}${port === undefined ? "" : `:${port}`}`,
  );

/** A text, and what is contacted by whoever follows its URLs. */
const CASES: readonly (readonly [text: string, ...hosts: string[]])[] = [
  ["see http://Example.com.", "http:example.com"],
  ["(https://a.b.co.uk:8443/x?y)", "https:a.b.co.uk:8443"],
  ["[text](https://a.com), <b href='https://b.com'>", "https:a.com", "https:b.com"],
  ["http://[::1]:8080/x", "http:::1:8080"],
  ["http://user:pw@a.com/", "http:a.com"],
  ["postgres://u:p@DB.corp.local:5432/x", "postgres:db.corp.local:5432"],
  ["file:///etc/passwd", "file:"],
  ["file://server/share", "file:server"],
  ["https://a.com/?next=https://b.com/", "https:a.com", "https:b.com"],
  ["blob:https://a.com/1", "https:a.com"],
  ["mailto:alice@example.com", "mailto:"],
  ["data:text/html,hello", "data:"],
  ["javascript:alert(1)", "javascript:"],
  // Protocol-relative, where a link can stand.
  ["//a.com/x", ":a.com"],
  ["![x](//a.com/y.png)", ":a.com"],
  ["<img src=//a.com>", ":a.com"],
  ["\\\\server\\share", ":server"],
];

/** Spellings that hide a host from one parser or another. */
const DISGUISES: readonly (readonly [text: string, ...hosts: string[]])[] = [
  ["http://evil.com\\@good.com/", "http:evil.com", "http:good.com"],
  ["http://good.com@evil.com/", "http:evil.com"],
  ["http://good.com,x@evil.com/", "http:good.com", "http:evil.com"],
  ["http://a@good.com@evil.com/", "http:evil.com", "http:good.com"],
  ["https:evil.com/x", "https:evil.com"],
  ["https:/evil.com", "https:evil.com"],
  ["https:\\\\evil.com", "https:evil.com"],
  ["http:////evil.com", "http:evil.com"],
  ["hTTp://EVIL.com", "http:evil.com"],
  ["ht\ntp://evil.com", "http:evil.com"],
  ["java\nscript:alert(1)", "javascript:"],
  ["http://ev\til.com/x", "http:ev", "http:evil.com"],
  ["http://ev%69l.com", "http:evil.com"],
  ["http://ＥＶＩＬ.com", "http:evil.com"],
  ["http://b\u00fccher.example", "http:xn--bcher-kva.example"],
  ["http://2130706433/", "http:127.0.0.1"],
  ["http://0x7f.1/", "http:127.0.0.1"],
  ["http://0177.0.0.1/", "http:127.0.0.1"],
  ["http://evil.com:99999/", "http:evil.com"],
];

const NONE: readonly string[] = [
  "a.com",
  "a.com:80",
  "x // comment",
  "a //b c",
  "C:\\\\Users\\x",
  "metadata:foo",
  "data:foo",
  "see file:main.ts",
  "hotel:x",
  "foo:bar",
  "http://",
  "and/or",
  "a: b",
];

describe("URLs in text", () => {
  test.each(CASES)("%j", (text, ...hosts) => expect(hostsIn(text)).toEqual(hosts));
});

describe("disguised hosts are reported as they will be contacted", () => {
  test.each(DISGUISES)("%j", (text, ...hosts) => expect(hostsIn(text)).toEqual(hosts));
});

describe("not URLs", () => {
  test.each(NONE)("%j", (text) => expect(hostsIn(text)).toEqual([]));
});

describe.each(Object.entries(SPELLINGS))("spelled in JSON: %s", (_, spell) => {
  test.each([...CASES, ...DISGUISES])("%j is the same", (text, ...hosts) => expect(hostsIn(text, spell)).toEqual(hosts));
});

test("facts: path, registrable domain, credentials", () => {
  const { list } = findUrls(documentOf('{"a":{"https://u:p@x.example.co.uk":["https://10.1.2.3:8443/"]}}'), CAP);
  expect(list).toEqual([
    { path: "/a/https:~1~1u:p@x.example.co.uk", scheme: "https", host: "x.example.co.uk", domain: "example.co.uk", has_credentials: true },
    { path: "/a/https:~1~1u:p@x.example.co.uk/0", scheme: "https", host: "10.1.2.3", port: 8443 },
  ]);
});

test("a line break behind a URL in a text ends it", () => {
  expect(hostsIn("see https://a.com\nthen https://b.com")).toEqual(["https:a.com", "https:b.com"]);
});

test("an authority longer than any host is never read as the host in front of its user info's end", () => {
  const list = hostsIn(`http://good.com)${"x".repeat(5_000)}@evil.com/`);
  expect(list).not.toContain("http:good.com");
  expect(list).toHaveLength(1);
});

describe("the cap", () => {
  const many = (count: number) => JSON.stringify(Array.from({ length: count }, (_, index) => `https://h${index}.com`));

  test("lists the first ones and says that there were more", () => {
    expect(findUrls(documentOf(many(6)), 5)).toMatchObject({ capped: true, list: { length: 5 } });
    expect(findUrls(documentOf(many(5)), 5)).toMatchObject({ capped: false, list: { length: 5 } });
  });

  test("a URL repeated in one string is listed once, in two strings twice", () => {
    expect(hostsIn("https://a.com https://a.com")).toEqual(["https:a.com"]);
    expect(findUrls(documentOf('["https://a.com","https://a.com"]'), CAP).list).toHaveLength(2);
  });

  test("endless repeats are given up, and it says so", () => {
    expect(findUrls(documentOf(JSON.stringify(["https://a.com ".repeat(1_000)])), 10)).toMatchObject({ capped: true, list: { length: 1 } });
  });

  test.each(["src//a ", " //a", "data:x ", "http:/ "])("endless beginnings of none are given up, and it says so: %s", (piece) => {
    expect(findUrls(documentOf(JSON.stringify([`x${piece.repeat(1_000)}`])), 10)).toMatchObject({ capped: true });
    expect(findUrls(documentOf(JSON.stringify([`x${piece.repeat(100)}`])), 10)).toEqual({ capped: false, list: [] });
  });

  test("a URL behind some that are none is found", () => {
    const { list, capped } = findUrls(documentOf(JSON.stringify([`x${" //a".repeat(1_000)} https://b.com`])), 500);
    expect([capped, list.map(({ host }) => host)]).toEqual([false, ["b.com"]]);
  });

  test("paths that are too long together are left out, and it says so", () => {
    const key = "k".repeat(10_000);
    expect(findUrls(documentOf(`{"${key}":[${Array.from({ length: 40 }, () => '"https://a.com"').join(",")}]}`), CAP)).toMatchObject({
      capped: true,
      list: { length: 26 },
    });
  });
});

test("a document without escapes and slashes costs no decoding but has the same answer as one spelled out", () => {
  const text = "nothing to see: here";
  expect(findUrls(documentOf(`[${unicodeSpelling(text)}]`), CAP)).toEqual(findUrls(documentOf(JSON.stringify([text])), CAP));
});
