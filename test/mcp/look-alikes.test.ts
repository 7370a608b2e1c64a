import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fold } from "../../src/mcp/key-folding.ts";
import { findLookAlike } from "../../src/mcp/look-alikes.ts";
import { document } from "./messages.ts";

const found = (text: string) => {
  const read = document(text);
  const lookAlike = findLookAlike(read);
  return lookAlike === undefined ? undefined : [read.text(lookAlike.key), lookAlike.of];
};
const params = (members: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${members}}}`;
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`;

describe("a key that another reader may take for a protocol key", () => {
  test.each([
    // Published bypasses.
    [params('"name":"denied","Name":"echo"'), "Name", "name"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"ping"}', "Method", "method"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{},"Params":{}}', "Params", "params"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","paramſ":{}}', "paramſ", "params"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","param\\u017f":{}}', "paramſ", "params"],
    // (With U+0000, as published, the strict reader refuses the document.)
    [params('"name":"denied","name\\u0001":"echo"'), "name\u0001", "name"],
    // The envelope.
    ['{"JSONRPC":"2.0","id":1,"method":"ping"}', "JSONRPC", "jsonrpc"],
    ['{"jsonrpc":"2.0","ID":1,"method":"ping"}', "ID", "id"],
    ['{"jsonrpc":"2.0","İd":1,"method":"ping"}', "İd", "id"],
    ['{"jsonrpc":"2.0","ıd":1,"method":"ping"}', "ıd", "id"],
    ['{"jsonrpc":"2.0","id":1,"rеsult":{},"Result":{}}', "Result", "result"],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","Data":{}}}', "Data", "data"],
    ['{"jsonrpc":"2.0","id":1,"method ":"ping"}', "method ", "method"],
    ['{"jsonrpc":"2.0","id":1,"meth\\u200bod":"ping"}', "meth\u200bod", "method"],
    ['{"jsonrpc":"2.0","id":1,"ｍethod":"ping"}', "ｍethod", "method"],
    ['{"jsonrpc":"2.0","id":1,"meth\\u00adod":"ping"}', "meth\u00adod", "method"],
    ['{"jsonrpc":"2.0","id":1,"method\\ufe0f":"ping"}', "method\ufe0f", "method"],
    ['{"jsonrpc":"2.0","id":1,"method\\udb40\\udc41":"ping"}', "method\u{e0041}", "method"],
    // Params, with the other names that the Python SDK's models take.
    [params('"Arguments":{}'), "Arguments", "arguments"],
    [params('"URI":""'), "URI", "uri"],
    [params('"meta":{}'), "meta", "_meta"],
    [params('"_Meta":{}'), "_Meta", "_meta"],
    [params('"input_responses":{}'), "input_responses", "inputResponses"],
    [params('"RequestState":""'), "RequestState", "requestState"],
    [params('"ref":{"Type":"ref/prompt"}'), "Type", "type"],
    [params('"argument":{"Value":"x"}'), "Value", "value"],
    [params('"context":{"Arguments":{}}'), "Arguments", "arguments"],
    [params('"messages":[{"Role":"user"}]'), "Role", "role"],
    [params('"messages":[{"role":"user","content":{"Text":"x"}}]'), "Text", "text"],
    [params('"inputResponses":{"a":{"Action":"accept"}}'), "Action", "action"],
    [params('"inputResponses":{"a":{"role":"assistant","content":[{"Type":"text"}]}}'), "Type", "type"],
    [
      params('"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}'),
      "io.modelcontextprotocol/ProtocolVersion",
      "io.modelcontextprotocol/protocolVersion",
    ],
    [
      params('"_meta":{"IO.modelcontextprotocol/protocolVersion":"x"}'),
      "IO.modelcontextprotocol/protocolVersion",
      "io.modelcontextprotocol/protocolVersion",
    ],
    [params('"_meta":{"Io.ModelContextProtocol/unheard-of":"x"}'), "Io.ModelContextProtocol/unheard-of", "io.modelcontextprotocol/"],
    [params('"_meta":{"io.modelcontextprotocol/clientInfo":{"Name":"x"}}'), "Name", "name"],
    // Results.
    [result('"Content":[]'), "Content", "content"],
    [result('"structured_content":{}'), "structured_content", "structuredContent"],
    [result('"is_error":true'), "is_error", "isError"],
    [result('"ResultType":"x"'), "ResultType", "resultType"],
    [result('"InputRequests":{}'), "InputRequests", "inputRequests"],
    [result('"inputRequests":{"a":{"Method":"sampling/createMessage"}}'), "Method", "method"],
    [result('"inputRequests":{"a":{"method":"sampling/createMessage","params":{"System_Prompt":""}}}'), "System_Prompt", "systemPrompt"],
    [result('"nextcursor":"x"'), "nextcursor", "nextCursor"],
    [result('"CacheScope":"public"'), "CacheScope", "cacheScope"],
    [result('"content":[{"type":"text"},{"type":"text","Text":"x"}]'), "Text", "text"],
    [result('"content":[{"type":"resource","resource":{"Text":"x"}}]'), "Text", "text"],
    [result('"content":[{"type":"tool_result","content":[{"TYPE":"text"}]}]'), "TYPE", "type"],
    [result('"role":"assistant","content":{"Text":"x"}'), "Text", "text"],
    [result('"tools":[{"name":"a","Name":"b"}]'), "Name", "name"],
    [result('"tools":[{"name":"a","input_schema":{}}]'), "input_schema", "inputSchema"],
    [result('"tools":[{"name":"a","annotations":{"ReadOnlyHint":true}}]'), "ReadOnlyHint", "readOnlyHint"],
    [result('"prompts":[{"name":"a","arguments":[{"Description":"x"}]}]'), "Description", "description"],
    [result('"resources":[{"Uri":"x"}]'), "Uri", "uri"],
    [result('"resourceTemplates":[{"uritemplate":"x"}]'), "uritemplate", "uriTemplate"],
    [result('"contents":[{"uri":"x","Blob":""}]'), "Blob", "blob"],
    [result('"messages":[{"role":"user","Content":{}}]'), "Content", "content"],
    [result('"result":{"Content":[]}'), "Content", "content"],
    [result('"serverInfo":{"Version":"x"}'), "Version", "version"],
    [result('"_meta":{"ProgressToken":1}'), "ProgressToken", "progressToken"],
    // Long spellings.
    [params(`"name${" ".repeat(1000)}":1`), `name${" ".repeat(1000)}`, "name"],
    [params(`"${"-".repeat(1000)}_me__ta":1`), `${"-".repeat(1000)}_me__ta`, "_meta"],
    [
      params(`"_meta":{"IO.modelcontextprotocol/${"a".repeat(1000)}":1}`),
      `IO.modelcontextprotocol/${"a".repeat(1000)}`,
      "io.modelcontextprotocol/",
    ],
    [params(`"name${"\u00ad".repeat(100)}":1`), `name${"\u00ad".repeat(100)}`, "name"],
    [params(`"na${"\u0301".repeat(200)}":1`), `na${"\u0301".repeat(200)}`, "any key"],
    [params(`"na${"\\u0301".repeat(200)}":1`), `na${"\u0301".repeat(200)}`, "any key"],
  ])("is found in %s", (text, key, of) => {
    expect(found(text)).toEqual([key, of]);
  });

  test.each([
    ["an escaped spelling of the key itself", '{"jsonrpc":"2.0","id":1,"m\\u0065thod":"ping","params":{"n\\u0061me":"x"}}'],
    ["members that the protocol does not know", params('"name":"x","vendor":1,"Vendor":2,"names":3,"_name":4')],
    ["what an API takes", params('"name":"x","arguments":{"Name":1,"ID":2,"Arguments":{"Content":[]},"_Meta":{}}')],
    ["what an API answers", result('"content":[],"structuredContent":{"Content":[{"Text":"x"}],"isError":1,"IsError":2}')],
    ["a schema", result('"tools":[{"name":"a","inputSchema":{"Type":"object","properties":{"Name":{},"NAME":{}}}}]')],
    ["a person's form", result('"action":"accept","content":{"Type":"x","Text":"y"}')],
    ["a person's form in a retry", params('"inputResponses":{"Name":{"action":"accept","content":{"Text":"y"}}}')],
    ["free keys of embedded requests", result('"inputRequests":{"Method":{"method":"roots/list"}}')],
    ["an error's data", '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"Code":2,"Message":"m"}}}'],
    ["capabilities, an open map", result('"capabilities":{"experimental":{"Tools":{}}}')],
    ["meta beside a result's content", result('"content":[],"meta":{"page":1}')],
    ["a long key of ASCII", params(`"name${"x".repeat(10_000)}":1,"${"_".repeat(10_000)}":2,"\\u0061${"\\/".repeat(1000)}":3`)],
    ["a long key that keeps too many letters", params(`"${"x".repeat(100)}${"é".repeat(1000)}":1`)],
    ["a long vendor key", params(`"_meta":{"com.example/${"x".repeat(1000)}":1,"com.example/${"x".repeat(50)}${"é".repeat(1000)}":2}`)],
    ["keys of other scripts", params('"имя":1,"名前":2,"naïveté":3')],
    ["other _meta keys", params('"_meta":{"com.example/ProtocolVersion":1,"ui":{"ResourceUri":"x"}}')],
    ["a tool call's context in completion", params('"context":{"arguments":{"Arguments":"x"}}')],
  ])("is not seen in %s", (_, text) => {
    expect(found(text)).toBeUndefined();
  });
});

test("more keys beyond ASCII than can be folded are refused", () => {
  const many = (count: number) => params(Array.from({ length: count }, (_, i) => `"${"é".repeat(50)}${i}":1`).join(","));
  expect(found(many(500))).toBeUndefined();
  expect(found(many(1000))?.[1]).toBe("any key");
});

test("what is not folded is what folding would let pass", () => {
  const piece = fc.constantFrom(
    "m",
    "E",
    "t",
    "a",
    "A",
    "_",
    "-",
    ".",
    " ",
    "\x7f",
    "/",
    "0",
    "é",
    "\u0301",
    "ｍ",
    "\u00ad",
    "meta",
    "name",
    "ID",
  );
  const key = fc.oneof(
    fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  const known = new Map(["jsonrpc", "id", "method", "params", "result", "error"].map((name) => [fold(name), name]));
  const paramsKnown = new Map([..."_meta name uri ref task mode level".split(" "), "meta"].map((name) => [fold(name), name]));
  fc.assert(
    fc.property(key, (name) => {
      fc.pre(name.isWellFormed() && !name.includes("\0"));
      const envelope = found(`{${JSON.stringify(name)}:1}`);
      if (!known.has(name)) expect(envelope?.[1]).toBe(known.get(fold(name)));
      const inner = found(`{"params":{${JSON.stringify(name)}:1}}`);
      if (!paramsKnown.has(name) && paramsKnown.has(fold(name))) expect(inner).toBeDefined();
    }),
    { numRuns: 3000 },
  );
});

describe("folding", () => {
  test("is idempotent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        expect(fold(fold(key))).toBe(fold(key));
      }),
      { numRuns: 2000 },
    );
  });

  test("is blind to case, width, invisible characters and separators, wherever they stand", () => {
    const noise = fc.constantFrom("\0", "\u200b", "\u00ad", "\u2060", "\ufe0f", "\u{e0061}", "\u0301", "-", " ", "\t");
    const letter = (c: string) => fc.constantFrom(c, c.toUpperCase(), String.fromCodePoint(c.codePointAt(0)! + 0xfee0));
    const variant = fc
      .constantFrom("method", "params", "arguments")
      .chain((key) =>
        fc
          .tuple(...Array.from(key, (c) => fc.tuple(letter(c), fc.array(noise, { maxLength: 2 }))))
          .map((parts) => [key, parts.map(([c, after]) => c + after.join("")).join("")] as const),
      );
    fc.assert(
      fc.property(variant, ([key, spelled]) => {
        expect(fold(spelled)).toBe(key);
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps apart what readers keep apart", () => {
    expect(fold("meta")).not.toBe(fold("_meta"));
    expect(fold("names")).not.toBe(fold("name"));
    expect(fold("___")).toBe("___");
  });
});
