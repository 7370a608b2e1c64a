import { describe, expect, test } from "vitest";
import { answerHeaders, forwardableHeaders } from "../../src/mcp/forwarded-headers.ts";

const upstream = (raw: string[], authorization: "strip" | "passthrough" = "strip") =>
  forwardableHeaders(raw, { authorization }).slice(0, -2);

describe("to the server", () => {
  test("end-to-end headers pass as they came", () => {
    const raw = [
      "Content-Type",
      "application/json",
      "ACCEPT",
      "a, b",
      "Mcp-Session-Id",
      "s",
      "Mcp-Param-X",
      "=?base64?eA==?=",
      "Origin",
      "http://a",
    ];
    raw.push("Last-Event-ID", "7", "traceparent", "00-1", "User-Agent", "x", "X-Mine", "1", "X-Mine", "2");
    expect(upstream(raw)).toEqual(raw);
  });

  test("bodies are asked for without coding", () => {
    expect(forwardableHeaders(["Accept-Encoding", "gzip, br"], { authorization: "strip" })).toEqual(["accept-encoding", "identity"]);
  });

  test("Authorization passes only where the operator says so", () => {
    expect(upstream(["Authorization", "Bearer a"])).toEqual([]);
    expect(upstream(["AUTHORIZATION", "Bearer a"], "passthrough")).toEqual(["AUTHORIZATION", "Bearer a"]);
  });

  test("headers that Connection names stay behind", () => {
    expect(upstream(["Connection", "close, X-Mine", "x-mine", "1", "Connection", "x-other", "X-Other", "1", "X-Third", "1"])).toEqual([
      "X-Third",
      "1",
    ]);
  });

  test.each(
    "Cookie Cookie2 Host Content-Length Transfer-Encoding TE Trailer Upgrade Keep-Alive Proxy-Authorization Proxy-Connection Expect Via Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Anything X-Real-IP X-HTTP-Method-Override X-Original-URL HTTP2-Settings X_Forwarded_For cookie".split(
      " ",
    ),
  )("%s does not pass", (name) => {
    expect(upstream([name, "x", "X-Mine", "1"])).toEqual(["X-Mine", "1"]);
  });
});

describe("to the client", () => {
  test("end-to-end headers pass as they came, from text or bytes", () => {
    const raw = [
      "Content-Type",
      "text/event-stream",
      "Mcp-Session-Id",
      "s",
      "Cache-Control",
      "no-cache",
      "WWW-Authenticate",
      "Bearer",
      "Retry-After",
      "3",
    ];
    expect(answerHeaders(raw, { challenges: true })).toEqual(raw);
    expect(
      answerHeaders(
        raw.map((part) => Buffer.from(part)),
        { challenges: true },
      ),
    ).toEqual(raw);
  });

  test.each(
    "Set-Cookie Set-Cookie2 Connection Keep-Alive Transfer-Encoding Trailer Content-Length Content-Encoding Content-MD5 Repr-Digest Date Alt-Svc Location Access-Control-Allow-Origin Strict-Transport-Security Clear-Site-Data set_cookie".split(
      " ",
    ),
  )("%s does not pass", (name) => {
    expect(answerHeaders([name, "x", "X-Mine", "1"], { challenges: true })).toEqual(["X-Mine", "1"]);
  });

  test("headers that Connection names stay behind", () => {
    expect(answerHeaders(["Connection", "X-Mine", "X-Mine", "1"], { challenges: true })).toEqual([]);
  });
});
