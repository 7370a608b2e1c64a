/** Whoever can set the machine's clock, or waits for it to be set, resets no limit and no label with it: those run on a clock of their own. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

label contains {"id": "house/read", "add": "seen"} if input.target.name == "read"

deny contains {"id": "house/after_reading"} if {
	input.phase == "request"
	input.target.name == "send"
	"seen" in input.flow.labels
}

limit contains {"id": "house/once", "key": "once", "cost": 1, "per_s": 0.0001, "max": 1} if {
	input.phase == "request"
	input.target.name == "once"
}
`;
const DAY_MS = 86_400_000;
const call = (name: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{}}}`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  upstream = await openUpstream();
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  gateway = await openGateway(`policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}"}}`, { "rules/house.rego": POLICY });
});
afterAll(async () => {
  vi.useRealTimers();
  await gateway.close();
  await upstream.close();
});

const denied = async (name: string): Promise<boolean> =>
  (await send(gateway.endpoint("one"), { body: call(name) })).body.toString().includes('"isError":true');

test.each([
  ["forwards", 40 * DAY_MS],
  ["backwards", -400 * DAY_MS],
])("a clock that jumps %s resets no limit and no label", async (direction, by) => {
  if (direction === "forwards") {
    expect(await denied("send")).toBe(false);
    expect(await denied("read")).toBe(false);
    expect(await denied("once")).toBe(false);
  }
  expect([await denied("send"), await denied("once")]).toEqual([true, true]);
  vi.setSystemTime(Date.now() + by);
  expect([await denied("send"), await denied("once")]).toEqual([true, true]);
  // Policies and records see the clock that people see.
  expect(gateway.records().at(-1)?.time).toBe(new Date().toISOString());
});
