/** Invariant 1 over real sockets: what was inspected is what is forwarded, byte for byte; a redaction changes its own bytes and no others. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get","arguments":{}}}';
const ODD_HEAD =
  '{ "result" :{"content":[ {"type":"hologram","depth":9007199254740993,"price":1.50,"big":1e2,"zero":-0},\t{"type":"text","text":"\\u0041\\/B \\ud83d\\ude00';
const ODD_TAIL = ' é"} ],"unknown":{"z":1,"a":[null,true , false]},"_meta":{"k":"v"}}  ,"id":1,"jsonrpc":"2.0","extension": [ 0.10 ] }\n';

const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

describe("a result with odd spellings", () => {
  const odd = ODD_HEAD + ODD_TAIL;

  test("arrives byte for byte as JSON", async () => {
    upstream.answer(json(odd));
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(sha256(answer.body)).toBe(sha256(odd));
  });

  test.each(["\n", "\r\n", "\r"])("arrives byte for byte on a stream with %j line ends", async (eol) => {
    const stream = `: note${eol}${eol}retry: 50${eol}id: 7${eol}data: ${odd.trimEnd()}${eol}${eol}`;
    upstream.answer(events(stream));
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(sha256(answer.body)).toBe(sha256(stream));
  });

  test("with one e-mail in it differs in exactly those bytes", async () => {
    upstream.answer(json(`${ODD_HEAD}joe@example.com${ODD_TAIL}`));
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(answer.body.toString()).toBe(`${ODD_HEAD}[EMAIL_1]${ODD_TAIL}`);
  });

  test("with an e-mail spelled in escapes loses the escapes with it, and nothing else", async () => {
    upstream.answer(json(`${ODD_HEAD}joe\\u0040example.com${ODD_TAIL}`));
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(answer.body.toString()).toBe(`${ODD_HEAD}[EMAIL_1]${ODD_TAIL}`);
  });

  test("over several data lines keeps its lines", async () => {
    const stream = 'id: 1\nevent: message\ndata: {"jsonrpc":"2.0","id":1,\ndata: "result":{"content":[],"n":1.50}}\n\n';
    upstream.answer(events(stream));
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(answer.body.toString()).toBe(stream);
  });
});

test.each([
  [
    "odd spellings",
    '{"params":{"arguments":{"n":9007199254740993,"f":1.50,"s":"\\u0041\\/"},"name":"get"} ,"method":"tools/call","id":"\\u0031","jsonrpc":"2.0"}',
  ],
  ["unknown members", '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get","arguments":{},"later":[1]},"trace":{"a":1}}'],
])("a request with %s reaches the server byte for byte", async (_what, body) => {
  upstream.answer(json('{"jsonrpc":"2.0","id":2,"result":{}}'));
  await send(gateway.endpoint("one"), { body });
  expect(upstream.received.at(-1)?.body).toBe(body);
});
