import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorAnswer, idKey, parseMessage, toolRefusal } from "../../src/mcp/message.ts";
import { document, message } from "./messages.ts";

const parse = (text: string) => parseMessage(document(text));
const codeOf = (text: string) => {
  const parsed = parse(text);
  return parsed.ok ? parsed.value.kind : parsed.failure.code;
};

describe("one JSON-RPC message", () => {
  test.each([
    ["request", '{"jsonrpc":"2.0","id":1,"method":"ping"}', "1", "ping", undefined],
    ["request", '{"jsonrpc":"2.0","id":"a","method":"x/y","params":{"a":1}}', '"a"', "x/y", '{"a":1}'],
    ["request", '{"id":-7,"params":{},"method":"a","jsonrpc":"\\u0032.0"}', "-7", "a", "{}"],
    ["request", '{"jsonrpc":"2.0","id":9007199254740993,"m\\u0065thod":"ping","vendor":[1]}', "9007199254740993", "ping", undefined],
    ["notification", '{"jsonrpc":"2.0","method":"notifications/initialized"}', undefined, "notifications/initialized", undefined],
    ["result", '{"jsonrpc":"2.0","id":"\\u0031","result":{ }}', '"\\u0031"', undefined, "{ }"],
    ["error", '{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"","data":1}}', "0", undefined, '{"code":-1,"message":"","data":1}'],
    ["error", '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}', "null", undefined, '{"code":-32700,"message":"m"}'],
    ["error", '{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}', undefined, undefined, '{"code":-32700,"message":"m"}'],
  ])("%s: %s", (kind, text, id, method, payload) => {
    const { document, ...got } = message(text);
    expect(got).toMatchObject({ kind, id: id === undefined ? undefined : { raw: id }, method });
    expect(got.payload < 0 ? undefined : document.raw(got.payload)).toBe(payload);
  });

  test.each([
    ["no object", '"ping"'],
    ["null", "null"],
    ["an empty object", "{}"],
    ["no version", '{"id":1,"method":"ping"}'],
    ["version 1.0", '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ["a version that is a number", '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
    ["neither call nor answer", '{"jsonrpc":"2.0","id":1}'],
    ["a call that is an answer too", '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
    ["a notification with an error", '{"jsonrpc":"2.0","method":"ping","error":{"code":1,"message":""}}'],
    ["an answer with params", '{"jsonrpc":"2.0","id":1,"result":{},"params":{}}'],
    ["result and error", '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}'],
    ["a null id of a request", '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ["a null id of a result", '{"jsonrpc":"2.0","id":null,"result":{}}'],
    ["a result without id", '{"jsonrpc":"2.0","result":{}}'],
    ["a fractional id", '{"jsonrpc":"2.0","id":1.0,"method":"ping"}'],
    ["an id with exponent", '{"jsonrpc":"2.0","id":1e2,"method":"ping"}'],
    ["an id of minus zero", '{"jsonrpc":"2.0","id":-0,"method":"ping"}'],
    ["a boolean id", '{"jsonrpc":"2.0","id":true,"method":"ping"}'],
    ["an id in an array", '{"jsonrpc":"2.0","id":[1],"method":"ping"}'],
    ["an endless id", `{"jsonrpc":"2.0","id":"${"a".repeat(1023)}","method":"ping"}`],
    ["a method that is no string", '{"jsonrpc":"2.0","id":1,"method":["ping"]}'],
    ["an empty method", '{"jsonrpc":"2.0","id":1,"method":""}'],
    ["a null method", '{"jsonrpc":"2.0","id":1,"method":null,"result":{}}'],
    ["params in an array", '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}'],
    ["null params", '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}'],
    ["a result that is no object", '{"jsonrpc":"2.0","id":1,"result":[]}'],
    ["a null result", '{"jsonrpc":"2.0","id":1,"result":null}'],
    ["an error that is a string", '{"jsonrpc":"2.0","id":1,"error":"no"}'],
    ["an error without code", '{"jsonrpc":"2.0","id":1,"error":{"message":""}}'],
    ["an error code that is no integer", '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}'],
    ["an error without message", '{"jsonrpc":"2.0","id":1,"error":{"code":1}}'],
  ])("refuses %s", (_, text) => {
    expect(codeOf(text)).toBe("ERR_MESSAGE");
  });

  test.each(["[]", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'])("refuses the batch %s by a code of its own", (text) => {
    expect(codeOf(text)).toBe("ERR_BATCH");
  });

  test("says where a look-alike is, without quoting it", () => {
    const parsed = parse('{"jsonrpc":"2.0","id":1,"method":"ping","PARAMS":{}}');
    expect(parsed).toEqual({ ok: false, failure: { code: "ERR_MESSAGE", detail: 'look-alike of "params" at byte 40' } });
  });
});

describe("ids", () => {
  test("match by type and meaning, not by spelling", () => {
    expect(idKey({ raw: '"\\u0031"' })).toBe(idKey({ raw: '"1"' }));
    expect(idKey({ raw: "1" })).not.toBe(idKey({ raw: '"1"' }));
    expect(idKey({ raw: "null" })).not.toBe(idKey({ raw: '"null"' }));
    expect(idKey({ raw: "9007199254740993" })).not.toBe(idKey({ raw: "9007199254740992" }));
  });
});

describe("Sluice's own answers", () => {
  test("an error keeps the id's spelling", () => {
    expect(errorAnswer({ raw: '"\\u0031"' }, -31403, "Blocked.", { rules: ["a/b"] }).toString()).toBe(
      '{"jsonrpc":"2.0","id":"\\u0031","error":{"code":-31403,"message":"Blocked.","data":{"rules":["a/b"]}}}',
    );
  });

  test("an error for what could not be read has a null id", () => {
    expect(errorAnswer(undefined, -32700, "m").toString()).toBe('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}');
  });

  test("a refused call is a tool result, in the modern era with its type", () => {
    const id = { raw: "9007199254740993" };
    expect(toolRefusal(id, 'Blocked "here".', false).toString()).toBe(
      '{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[{"type":"text","text":"Blocked \\"here\\"."}],"isError":true}}',
    );
    expect(toolRefusal(id, "b", true).toString()).toBe(
      '{"jsonrpc":"2.0","id":9007199254740993,"result":{"content":[{"type":"text","text":"b"}],"isError":true,"resultType":"complete"}}',
    );
  });

  test("are messages that the reader accepts, whatever they say", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 100 }), fc.maxSafeInteger()), fc.string(), fc.boolean(), (id, text, modern) => {
        const raw = { raw: JSON.stringify(id) };
        expect(message(errorAnswer(raw, -31403, text).toString())).toMatchObject({ kind: "error", id: raw });
        expect(message(toolRefusal(raw, text, modern).toString())).toMatchObject({ kind: "result", id: raw });
      }),
    );
  });
});
