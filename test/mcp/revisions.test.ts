import { describe, expect, test } from "vitest";
import { REVISIONS, standingOf, standingWithoutBody, unsupportedRevision } from "../../src/mcp/revisions.ts";
import { call, message, notify } from "./messages.ts";

const CLAIM = "io.modelcontextprotocol/protocolVersion";
const header = (value: string | undefined) => (value === undefined ? [] : ["MCP-Protocol-Version", value]);
const claiming = (version: unknown) => ({ _meta: { [CLAIM]: version } });
const said = (answer: ReturnType<typeof standingOf>) => (answer.ok ? answer.value : answer.failure.code);
const modern = { era: "modern", revision: "2026-07-28" };
const legacy = (revision?: string) => ({ era: "legacy", revision });
const result = message({ jsonrpc: "2.0", id: 1, result: claiming("2026-07-28") });
const error = message({ jsonrpc: "2.0", id: 1, error: { code: 1, message: "" } });

describe("what a message speaks", () => {
  test.each([
    ["a claim and its header", "2026-07-28", call("tools/list", claiming("2026-07-28")), modern],
    ["a claim without header (which mirroredFault refuses)", undefined, call("tools/list", claiming("2026-07-28")), modern],
    ["a claim and another header", "2025-11-25", call("tools/list", claiming("2026-07-28")), "ERR_HEADER_MISMATCH"],
    ["a claim and an unknown header", "2027-01-01", call("tools/list", claiming("2026-07-28")), "ERR_HEADER_MISMATCH"],
    ["two headers", "2026-07-28, 2026-07-28", call("tools/list", claiming("2026-07-28")), "ERR_HEADER_MISMATCH"],
    ["an unknown claim", "2027-01-01", call("tools/list", claiming("2027-01-01")), "ERR_REVISION"],
    ["an unknown claim without header", undefined, call("tools/list", claiming("2027-01-01")), "ERR_REVISION"],
    ["a legacy claim", "2025-11-25", call("tools/list", claiming("2025-11-25")), "ERR_REVISION"],
    ["an empty claim", undefined, call("tools/list", claiming("")), "ERR_REVISION"],
    ["a claim that is a number", undefined, call("tools/list", claiming(20260728)), "ERR_REVISION"],
    ["a claim that is null", undefined, call("tools/list", claiming(null)), "ERR_REVISION"],
    ["a claim that is a number, and a header", "2026-07-28", call("tools/list", claiming(20260728)), "ERR_HEADER_MISMATCH"],
    ["a claim on initialize", "2026-07-28", call("initialize", claiming("2026-07-28")), modern],
    ["no claim and no header", undefined, call("tools/list"), legacy()],
    ["no claim, a legacy header", "2025-06-18", call("tools/list", {}), legacy("2025-06-18")],
    ["no claim, a modern header", "2026-07-28", call("tools/list", { _meta: {} }), "ERR_HEADER_MISMATCH"],
    ["initialize under a modern header", "2026-07-28", call("initialize", { protocolVersion: "2025-11-25" }), "ERR_HEADER_MISMATCH"],
    ["initialize that proposes any revision", undefined, call("initialize", { protocolVersion: "2031-01-01" }), legacy()],
    ["no claim, an unknown header", "2025-01-01", call("tools/list"), "ERR_REVISION"],
    ["no claim, an empty header", "", call("tools/list"), "ERR_REVISION"],
    ["a claim in arguments", undefined, call("tools/call", { name: "a", arguments: claiming("2026-07-28") }), legacy()],
    ["_meta that is no object", undefined, call("tools/list", { _meta: ["x"] }), legacy()],
    ["a notification with a claim", "2026-07-28", notify("notifications/cancelled", claiming("2026-07-28")), modern],
    ["a notification under a modern header", "2026-07-28", notify("notifications/cancelled"), modern],
    ["a notification with a claim and another header", "2025-11-25", notify("a", claiming("2026-07-28")), "ERR_HEADER_MISMATCH"],
    ["a notification under a legacy header", "2025-11-25", notify("notifications/initialized"), legacy("2025-11-25")],
    ["a notification without header", undefined, notify("notifications/initialized"), legacy()],
    ["a result under a legacy header", "2025-11-25", result, legacy("2025-11-25")],
    ["a result without header", undefined, result, legacy()],
    ["a result under a modern header", "2026-07-28", result, "ERR_UNASKED"],
    ["an error under a modern header", "2026-07-28", error, "ERR_UNASKED"],
    ["an error under an unknown header", "1", error, "ERR_REVISION"],
  ])("%s", (_, version, about, expected) => {
    expect(said(standingOf(header(version), about))).toEqual(expected);
  });

  test.each([
    [undefined, legacy()],
    ["2025-11-25", legacy("2025-11-25")],
    ["2024-11-05", legacy("2024-11-05")],
    ["2026-07-28", "ERR_HTTP_METHOD"],
    ["2099-01-01", "ERR_REVISION"],
  ])("GET and DELETE with %s", (version, expected) => {
    expect(said(standingWithoutBody(header(version)))).toEqual(expected);
  });
});

describe("what an unsupported revision is answered with", () => {
  test("to a claim: the modern revisions; what was asked for, when it looks like a revision", () => {
    const about = call("tools/list", claiming("2027-01-01"));
    expect(unsupportedRevision([], about)).toEqual({ supported: ["2026-07-28"], requested: "2027-01-01" });
    expect(unsupportedRevision([], call("tools/list", claiming("a b")))).toEqual({ supported: ["2026-07-28"], requested: "" });
    expect(unsupportedRevision([], call("tools/list", claiming(7)))).toEqual({ supported: ["2026-07-28"], requested: "" });
  });

  test("to a header: all revisions", () => {
    expect(unsupportedRevision(header("2027-01-01"), call("tools/list"))).toEqual({
      supported: [...REVISIONS.keys()],
      requested: "2027-01-01",
    });
    expect(unsupportedRevision(header("2027-01-01"), undefined)).toEqual({ supported: [...REVISIONS.keys()], requested: "2027-01-01" });
    expect(unsupportedRevision([], undefined).requested).toBe("");
  });
});
