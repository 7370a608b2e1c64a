import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMirrored, encodeMirrored } from "../../src/mcp/header-fields.ts";
import { headerFault, mirroredFault, paramHeadersStillTrue, rewriteMirrored } from "../../src/mcp/headers.ts";
import { call, message, notify } from "./messages.ts";

const base64 = (text: string) => `=?base64?${Buffer.from(text).toString("base64")}?=`;

describe("mirrored values", () => {
  test.each([
    ["echo", "echo"],
    ["a b", "a b"],
    [base64("naïve"), "naïve"],
    [base64(""), ""],
    [base64("=?base64?eA==?="), "=?base64?eA==?="],
    ["=?BASE64?eA==?=", "=?BASE64?eA==?="],
    ["=?base64?=", "=?base64?="],
  ])("%s means %j", (value, text) => {
    expect(decodeMirrored(value)).toBe(text);
  });

  test.each([
    ["not base64", "=?base64?*?="],
    ["base64 without padding", "=?base64?eA?="],
    ["base64 with spare bits", "=?base64?eB==?="],
    ["base64 for URLs", "=?base64?8J-SqQ==?="],
    ["bytes that are not UTF-8", "=?base64?/w==?="],
    ["raw bytes above ASCII", "na\xefve"],
    ["a control character", "a\x01b"],
    ["nothing", ""],
  ])("%s means nothing", (_, value) => {
    expect(decodeMirrored(value)).toBeUndefined();
  });

  test("carry every text there and back", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constantFrom("=?base64?eA==?=", " a", "a\t", "\n"));
    fc.assert(
      fc.property(text, (value) => {
        const encoded = encodeMirrored(value);
        expect(encoded).toMatch(/^[\x21-\x7e][\t\x20-\x7e]*$/);
        expect(decodeMirrored(encoded)).toBe(value);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a request's headers", () => {
  test.each([
    ["nothing special", ["Host", "a", "Content-Type", "application/json", "Accept", "a", "Accept", "b", "Connection", "keep-alive"]],
    ["different Mcp-Param", ["Mcp-Param-A", "1", "Mcp-Param-B", "1"]],
    ["identity coding", ["Content-Encoding", "identity"]],
    ["connection options of its own", ["Connection", "close, x-mine"]],
    ["an underscore elsewhere", ["x_mine", "1", "x_mine", "2"]],
  ])("pass with %s", (_, raw) => {
    expect(headerFault(raw)).toBeUndefined();
  });

  test.each([
    ["Mcp-Name", "safe", "mcp-name", "evil"],
    ["Mcp-Method", "ping", "MCP-METHOD", "ping"],
    ["MCP-Protocol-Version", "2025-11-25", "Mcp-Protocol-Version", "2026-07-28"],
    ["Mcp-Session-Id", "a", "Mcp-Session-Id", "b"],
    ["Mcp-Param-X", "a", "mcp-param-x", "b"],
    ["Content-Type", "application/json", "content-type", "text/plain"],
    ["Content-Length", "1", "Content-Length", "1"],
    ["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"],
    ["Authorization", "Bearer a", "authorization", "Bearer b"],
    ["Host", "a", "host", "b"],
    ["Origin", "a", "Origin", "b"],
    ["Last-Event-ID", "1", "Last-Event-Id", "2"],
    ["Mcp_Name", "evil"],
    ["Mcp-Name", "safe", "Mcp_Name", "evil"],
    ["content_type", "text/plain"],
    ["Connection", "close, Mcp-Name"],
    ["Connection", "AUTHORIZATION"],
    ["Content-Encoding", "gzip"],
    ["Content-Encoding", "identity, gzip"],
  ])("are refused with %s: %s, %s: %s", (...raw) => {
    expect(headerFault(raw.filter((part) => part !== undefined))?.code).toBe("ERR_HEADER");
  });

  test("are not quoted when refused", () => {
    expect(headerFault(["Mcp-Param-Password", "hunter2", "Mcp-Param-Password", "hunter3"])?.detail).not.toMatch(/assword|hunter/);
  });
});

describe("mirrored headers", () => {
  const version = ["MCP-Protocol-Version", "2026-07-28"];
  const tool = call("tools/call", { name: "echo" });
  const read = call("resources/read", { uri: "a://naïve" });
  const answer = message({ jsonrpc: "2.0", id: 1, result: {} });

  test.each([
    ["all there", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "echo"], tool],
    ["names in any case", "modern", ["mcp-PROTOCOL-version", "2026-07-28", "mcp-METHOD", "tools/call", "MCP-name", "echo"], tool],
    ["encoded values", "modern", [...version, "Mcp-Method", base64("tools/call"), "Mcp-Name", base64("echo")], tool],
    ["a URI that must be encoded", "modern", [...version, "Mcp-Method", "resources/read", "Mcp-Name", base64("a://naïve")], read],
    ["a task", "modern", [...version, "Mcp-Method", "tasks/get", "Mcp-Name", "7"], call("tasks/get", { taskId: "7" })],
    ["a method without a name", "modern", [...version, "Mcp-Method", "tools/list"], call("tools/list")],
    ["an unknown method that mirrors a name", "modern", [...version, "Mcp-Method", "x/y", "Mcp-Name", "a"], call("x/y", { name: "a" })],
    ["an unknown method that does not", "modern", [...version, "Mcp-Method", "x/y"], call("x/y", { name: "a" })],
    ["a notification without any", "modern", [], notify("notifications/cancelled")],
    ["none", "legacy", [], tool],
    ["those that agree", "legacy", ["Mcp-Method", "tools/call", "Mcp-Name", "echo"], tool],
    ["none on an answer", "legacy", [], answer],
    ["unknown Mcp-Param", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "echo", "Mcp-Param-X", "y"], tool],
  ] as const)("pass: %s (%s)", (_, era, raw, about) => {
    expect(mirroredFault(raw, about, era)).toBeUndefined();
  });

  test.each([
    ["no version", "modern", ["Mcp-Method", "tools/call", "Mcp-Name", "echo"], tool],
    ["no method", "modern", [...version, "Mcp-Name", "echo"], tool],
    ["no name", "modern", [...version, "Mcp-Method", "tools/call"], tool],
    ["another method", "modern", [...version, "Mcp-Method", "tools/list", "Mcp-Name", "echo"], tool],
    ["a method in other case", "modern", [...version, "Mcp-Method", "Tools/Call", "Mcp-Name", "echo"], tool],
    ["another name", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "evil"], tool],
    ["a name in other case", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "Echo"], tool],
    ["two names", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "echo", "Mcp-Name", "echo"], tool],
    ["a malformed name", "modern", [...version, "Mcp-Method", "tools/call", "Mcp-Name", "=?base64?*?="], tool],
    ["a raw name above ASCII", "modern", [...version, "Mcp-Method", "resources/read", "Mcp-Name", "a://na\xefve"], read],
    [
      "the URI's name",
      "modern",
      [...version, "Mcp-Method", "resources/read", "Mcp-Name", "x"],
      call("resources/read", { uri: "a", name: "x" }),
    ],
    ["a name where there is none", "modern", [...version, "Mcp-Method", "tools/list", "Mcp-Name", "echo"], call("tools/list")],
    ["another method", "legacy", ["Mcp-Method", "ping"], tool],
    ["another name", "legacy", ["Mcp-Name", "evil"], tool],
    ["an empty method", "legacy", ["Mcp-Method", ""], tool],
    ["a method on an answer", "legacy", ["Mcp-Method", "tools/call"], answer],
    ["a malformed method on an answer", "legacy", ["Mcp-Method", ""], answer],
    ["a name on an answer", "legacy", ["Mcp-Name", "echo"], answer],
    ["another method on a notification", "modern", [...version, "Mcp-Method", "tools/call"], notify("notifications/cancelled")],
  ] as const)("are refused: %s (%s)", (_, era, raw, about) => {
    expect(mirroredFault(raw, about, era)?.code).toBe("ERR_HEADER_MISMATCH");
  });

  test("say what the final message says, and others stay as they are", () => {
    const raw = ["Mcp-Method", "resources/read", "MCP-NAME", "a://secret", "X-Mine", "a", "Mcp-Param-A", "1"];
    expect(rewriteMirrored(raw, call("resources/read", { uri: "a://[EMAIL_1]" }))).toEqual([
      "Mcp-Method",
      "resources/read",
      "MCP-NAME",
      "a://[EMAIL_1]",
      "X-Mine",
      "a",
      "Mcp-Param-A",
      "1",
    ]);
    expect(rewriteMirrored(["Mcp-Name", "x"], call("tools/call", { name: "ñ" }))).toEqual(["Mcp-Name", base64("ñ")]);
    expect(rewriteMirrored(["Mcp-Name", "x"], call("tools/call", {}))).toEqual([]);
    expect(rewriteMirrored(["X-Mine", "x"], call("tools/call", { name: "a" }))).toEqual(["X-Mine", "x"]);
    expect(rewriteMirrored(["Mcp-Name", "7"], call("x/y", { name: "a", taskId: "7" }))).toEqual(["Mcp-Name", "7"]);
  });
});

describe("Mcp-Param headers beside changed arguments", () => {
  const about = message(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"to":"[EMAIL_1]","n":42,"big":9007199254740993,"half":0.50,' +
      '"deep":[{"on":true}],"none":null,"ü":"naïve"},"_meta":{"x":"elsewhere"}}}',
  );

  test.each(["[EMAIL_1]", "42", "42.0", "042", "9007199254740993", "0.5", "0.50", "true", base64("naïve")])(
    "%s still stands there",
    (value) => {
      expect(paramHeadersStillTrue(["Mcp-Param-X", value], about)).toBe(true);
    },
  );

  test.each([
    "a@example.com",
    base64("a@example.com"),
    "43",
    "9007199254740992",
    "false",
    "null",
    "",
    "to",
    "elsewhere",
    "t",
    "=?base64?*?=",
  ])("%s does not", (value) => {
    expect(paramHeadersStillTrue(["Mcp-Param-Ok", "42", "mcp-param-x", value], about)).toBe(false);
  });

  test("are true when there are none, and false without arguments", () => {
    expect(paramHeadersStillTrue(["Mcp-Name", "x"], call("tools/call"))).toBe(true);
    expect(paramHeadersStillTrue(["Mcp-Param-X", "x"], call("tools/call"))).toBe(false);
    expect(paramHeadersStillTrue(["Mcp-Param-X", "x"], call("tools/call", { name: "x" }))).toBe(false);
  });
});
