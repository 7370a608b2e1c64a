/** What operators meet besides messages: TLS, private CAs, credentials on both hops, health, metrics. */
import { createServer as createHttpsServer, get as httpsGet } from "node:https";
import type { AddressInfo } from "node:net";
import { generate } from "selfsigned";
import { Agent, request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway | undefined;

const open = async (...options: Parameters<typeof openGateway>): Promise<TestGateway> => {
  gateway = await openGateway(...options);
  return gateway;
};

beforeEach(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await upstream.close();
});

describe("credentials for the server", () => {
  test("come from the environment or a file, replace the client's, and stay out of everything else", async () => {
    process.env["SLUICE_TEST_TOKEN"] = "env-token-value";
    const opened = await open(
      `servers: {one: {url: "${upstream.url}", headers: {Authorization: {env: SLUICE_TEST_TOKEN}, X-Team: {file: ./team.txt}, X-Plain: hello}}}`,
      { "team.txt": "file-token-value\n" },
    );
    await send(opened.endpoint("one"), {
      headers: { Authorization: "Bearer the-client's", Cookie: "a=b", "X-Team": "forged" },
      body: CALL,
    });
    const { headers } = upstream.received.at(-1) ?? {};
    expect(headers).toMatchObject({ authorization: "Bearer env-token-value", "x-team": "file-token-value", "x-plain": "hello" });
    expect(headers?.cookie).toBeUndefined();
    expect(JSON.stringify(opened.records())).not.toMatch(/env-token|file-token|the-client/);
    delete process.env["SLUICE_TEST_TOKEN"];
  });

  test.each([
    ["strip", undefined],
    ["passthrough", "Bearer the-clients"],
  ])("the client's own: authorization %s", async (mode, expected) => {
    const opened = await open(`servers: {one: {url: "${upstream.url}", authorization: ${mode}}}`);
    await send(opened.endpoint("one"), { headers: { Authorization: "Bearer the-clients" }, body: CALL });
    expect(upstream.received.at(-1)?.headers.authorization).toBe(expected);
  });

  test.each([
    ["strip", 401, undefined],
    ["passthrough", 401, 'Bearer resource_metadata="https://h/.well-known/x"'],
    ["strip", 403, undefined],
  ])("refused by the server (%s, %i): a clear message, a metric, a record", async (mode, status, challenge) => {
    const opened = await open(`servers: {one: {url: "${upstream.url}", authorization: ${mode}}}`);
    upstream.answer((_received, response) => {
      response
        .writeHead(status, { "www-authenticate": 'Bearer resource_metadata="https://h/.well-known/x"', "content-type": "application/json" })
        .end('{"x":1}');
    });
    const answer = await send(opened.endpoint("one"), { body: CALL });
    expect(answer.status).toBe(status);
    expect(answer.headers["www-authenticate"]).toBe(challenge);
    expect(answer.body.toString()).toContain("refused the credentials");
    expect(opened.records().at(-1)).toMatchObject({ reason: "ERR_UPSTREAM_CREDENTIAL", upstream_status: status });
    const metrics = await send(`${opened.gateway.url}/metrics`, { method: "GET" });
    expect(metrics.body.toString()).toContain('sluice_upstream_credential_failures_total{server="one"} 1');
  });
});

describe("API keys of clients", () => {
  test("say who calls, decide what is listed under access, and never go upstream", async () => {
    const [ann, bob] = [newApiKey(), newApiKey()];
    const opened = await open(`
servers: {one: {url: "${upstream.url}", authorization: passthrough, settings: {protocol_and_identity: {access: [{principals: [ann], tools: [echo]}]}}}}
authn: {api_keys: [{id: ann, sha256: ${hashApiKey(ann)}}, {id: bob, sha256: ${hashApiKey(bob)}, expires: 2100-01-01}]}`);
    const as = (headers: Record<string, string>) => send(opened.endpoint("one"), { headers, body: CALL });
    expect((await as({ Authorization: `Bearer ${ann}` })).body.toString()).toBe(RESULT);
    expect(upstream.received.at(-1)?.headers.authorization).toBeUndefined();
    expect((await as({ "X-API-Key": ann })).body.toString()).toBe(RESULT);
    expect(upstream.received.at(-1)?.headers["x-api-key"]).toBeUndefined();
    const sent = upstream.received.length;
    expect((await as({ Authorization: `Bearer ${bob}` })).body.toString()).toContain('"isError":true');
    for (const headers of [{}, { Authorization: "Bearer nope" }, { Authorization: `Bearer ${ann}x` }, { "X-API-Key": `${newApiKey()}` }]) {
      const answer = await as(headers as Record<string, string>);
      expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
    }
    expect(upstream.received).toHaveLength(sent);
    expect(opened.records()[0]).toMatchObject({ principal: { id: "ann", method: "api_key" } });
    expect(JSON.stringify(opened.records())).not.toContain(ann);
  });
});

test("health, readiness and metrics answer, and hold no payload", async () => {
  const opened = await open(`servers: {one: {url: "${upstream.url}"}}`);
  await send(opened.endpoint("one"), { body: CALL.replace("echo", "payload-name") });
  await send(opened.endpoint("one"), { body: CALL.replace("tools/call", "payload/method") });
  const at = async (path: string) => {
    const { status, body } = await send(`${opened.gateway.url}${path}`, { method: "GET" });
    return [status, body.toString()] as const;
  };
  expect(await at("/healthz")).toEqual([200, "ok\n"]);
  expect(await at("/readyz")).toEqual([200, "ready\n"]);
  const [, metrics] = await at("/metrics");
  expect(metrics).toContain('sluice_messages_total{server="one",method="tools/call",direction="client_to_server",effect="allow"} 1');
  expect(metrics).toContain('method="other"');
  expect(metrics).not.toContain("payload");
  expect((await at("/nowhere/mcp"))[0]).toBe(404);
  expect(opened.records().at(-1)).toMatchObject({ kind: "refused", reason: "ERR_SERVER_UNKNOWN", server: "none" });
});

test("a TLS listener and a server behind a private CA", async () => {
  const certificate = await generate([{ name: "commonName", value: "localhost" }], {
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const server = createHttpsServer({ cert: certificate.cert, key: certificate.private }, (request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json" }).end(RESULT);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `https://localhost:${(server.address() as AddressInfo).port}/mcp`;
  const files = { "cert.pem": certificate.cert, "key.pem": certificate.private };
  try {
    const opened = await open(
      `tls: {cert: ./cert.pem, key: ./key.pem}\nservers: {trusted: {url: "${url}", ca: ./cert.pem}, untrusted: {url: "${url}"}}`,
      files,
    );
    expect(opened.gateway.url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      httpsGet(`${opened.gateway.url}/readyz`, { ca: certificate.cert }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
    const agent = new Agent({ connect: { ca: certificate.cert } });
    const headers = { "content-type": "application/json" };
    const post = (name: string) => request(opened.endpoint(name), { method: "POST", headers, body: CALL, dispatcher: agent });
    expect(await (await post("trusted")).body.text()).toBe(RESULT);
    const refused = await post("untrusted");
    expect([refused.statusCode, (await refused.body.text()).includes("could not be reached")]).toEqual([502, true]);
    await agent.close();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a server that is switched off is refused at the door", async () => {
  const opened = await open(`servers: {one: {url: "${upstream.url}", disabled: true}}`);
  const answer = await send(opened.endpoint("one"), { body: CALL });
  expect(answer.status).toBe(503);
  expect(upstream.received).toHaveLength(0);
});
