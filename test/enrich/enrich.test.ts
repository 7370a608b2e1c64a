import { describe, expect, test } from "vitest";
import { catalogueOf, flowOf, targetKey } from "../../src/enrich/enrich.ts";
import type { Exchange } from "../../src/transaction.ts";

type Who = { id?: string; method?: string; ip?: string; server?: string };

function exchange({ id = "anonymous", method = "anonymous", ip = "10.0.0.1", server = "one" }: Who): Exchange {
  return {
    id: "exchange",
    nextDecisionId: () => "exchange-1",
    server: {
      name: server,
      url: "https://example.com/mcp",
      trust: "third_party",
      labels: [],
      disabled: false,
      mode: "enforce",
      packs: undefined,
      settings: {},
      headers: {},
      authorization: "strip",
      ca: undefined,
    },
    principal: { id, method, scopes: [], groups: [], claims: {} } as Exchange["principal"],
    ip,
    flow: flowOf({ principal: { id, method, scopes: [], groups: [], claims: {} } as Exchange["principal"], ip }),
    userAgent: undefined,
    session: undefined,
    era: "legacy",
    revision: undefined,
    consumed: [],
    paramHeaders: [],
    headers: {},
  };
}
const flow = (who: Who): string => exchange(who).flow;

describe("a flow", () => {
  test("is one principal's, wherever it calls from and whichever server it calls", () => {
    const ann = { id: "ann", method: "api_key" };
    expect(flow({ ...ann, ip: "10.0.0.1", server: "one" })).toBe(flow({ ...ann, ip: "2001:db8::1", server: "two" }));
    expect(flow({ ...ann })).not.toBe(flow({ ...ann, id: "bob" }));
  });

  test.each([
    ["127.0.0.1", "127.8.9.10"],
    ["127.0.0.1", "::1"],
    ["127.0.0.1", "::ffff:127.0.0.1"],
    ["10.0.0.1", "::ffff:10.0.0.1"],
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8:1:2::1", "2001:db8:1:2:3::"],
    ["2001:db8::a:b:c:d:1", "2001:db8:0:a:2::"],
    ["2001:db8::1", "2001:db8:0:0:5:6:7:8"],
    ["::2", "0:0:0:0:5:6:7:8"],
  ])("of anonymous callers is the same from %s and %s", (first, second) => {
    expect(flow({ ip: first })).toBe(flow({ ip: second }));
  });

  test.each([
    ["10.0.0.1", "10.0.0.2"],
    ["10.0.0.1", "127.0.0.1"],
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["2001:db8::1", "2001:db8:0:1::1"],
    ["::1", "::2"],
  ])("of anonymous callers differs between %s and %s", (first, second) => {
    expect(flow({ ip: first })).not.toBe(flow({ ip: second }));
  });

  // An operator may name a principal as he likes: no name may let one share, or fill up, the flow of anonymous callers.
  test("of a named principal is no anonymous one's", () => {
    for (const id of ["anonymous", "anonymous\nloopback", "loopback", "10.0.0.1", "\nloopback"])
      expect(flow({ id, method: "api_key", ip: "127.0.0.1" })).not.toBe(flow({ ip: "127.0.0.1" }));
  });
});

describe("keys of what is remembered", () => {
  test.each([
    [
      { server: "ab", id: "c" },
      { server: "a", id: "bc" },
    ],
    [
      { server: "a", id: "b" },
      { server: "a", id: "c" },
    ],
    [
      { server: "a", id: "x" },
      { server: "b", id: "x" },
    ],
    [
      { server: "a", id: "b\nc" },
      { server: "a\nb", id: "c" },
    ],
  ])("a catalogue is one server's and one principal's: %j, %j", (one, other) => {
    expect(catalogueOf(exchange(one))).not.toBe(catalogueOf(exchange(other)));
  });

  test("a target's kind keeps equal names apart", () => {
    expect(targetKey({ kind: "tool", name: "a" })).not.toBe(targetKey({ kind: "prompt", name: "a" }));
  });
});
