import { describe, expect, test } from "vitest";
import { listOf, methodEntry, methodFault, METHODS, mirroredNames, targetOf } from "../../src/mcp/methods.ts";
import { call, message, notify } from "./messages.ts";

const rows = (direction: "client_to_server" | "server_to_client", era: "legacy" | "modern", kind: "request" | "notification") =>
  METHODS.filter((entry) => entry.kind === kind && entry.eras[direction].includes(era))
    .map((entry) => entry.name)
    .toSorted();

describe("the table", () => {
  test("names each method once", () => {
    expect(new Set(METHODS.map((e) => e.name)).size).toBe(METHODS.length);
    for (const entry of METHODS) expect(methodEntry(entry.name)).toBe(entry);
  });

  test("has the requests and notifications of each era by sender", () => {
    expect(rows("client_to_server", "legacy", "request")).toEqual([
      "completion/complete",
      "initialize",
      "logging/setLevel",
      "ping",
      "prompts/get",
      "prompts/list",
      "resources/list",
      "resources/read",
      "resources/subscribe",
      "resources/templates/list",
      "resources/unsubscribe",
      "tasks/cancel",
      "tasks/get",
      "tasks/list",
      "tasks/result",
      "tools/call",
      "tools/list",
    ]);
    expect(rows("client_to_server", "modern", "request")).toEqual([
      "completion/complete",
      "prompts/get",
      "prompts/list",
      "resources/list",
      "resources/read",
      "resources/templates/list",
      "server/discover",
      "subscriptions/listen",
      "tasks/cancel",
      "tasks/get",
      "tasks/update",
      "tools/call",
      "tools/list",
    ]);
    expect(rows("server_to_client", "legacy", "request")).toEqual([
      "elicitation/create",
      "ping",
      "roots/list",
      "sampling/createMessage",
      "tasks/cancel",
      "tasks/get",
      "tasks/list",
      "tasks/result",
    ]);
    expect(rows("client_to_server", "legacy", "notification")).toEqual([
      "notifications/cancelled",
      "notifications/elicitation/complete",
      "notifications/initialized",
      "notifications/progress",
      "notifications/roots/list_changed",
      "notifications/tasks/status",
    ]);
    expect(rows("server_to_client", "modern", "notification")).toEqual([
      "notifications/cancelled",
      "notifications/elicitation/complete",
      "notifications/message",
      "notifications/progress",
      "notifications/prompts/list_changed",
      "notifications/resources/list_changed",
      "notifications/resources/updated",
      "notifications/subscriptions/acknowledged",
      "notifications/tasks",
      "notifications/tools/list_changed",
    ]);
  });

  test("has no request that a modern server may send", () => {
    expect(rows("server_to_client", "modern", "request")).toEqual([]);
    expect(METHODS.filter((e) => e.embedded).map((e) => e.name)).toEqual(["sampling/createMessage", "elicitation/create", "roots/list"]);
  });

  test.each(["x/unheard-of", "constructor", "__proto__", "Tools/call", ""])("does not know %j", (name) => {
    expect(methodEntry(name)).toBeUndefined();
    expect(listOf(name)).toBeUndefined();
  });

  test("names the list, its items and the method that uses them", () => {
    expect(listOf("tools/list")).toEqual({ member: "tools", kind: "tool", key: "name", use: "tools/call" });
    expect(listOf("prompts/list")).toEqual({ member: "prompts", kind: "prompt", key: "name", use: "prompts/get" });
    expect(listOf("resources/list")).toEqual({ member: "resources", kind: "resource", key: "uri", use: "resources/read" });
    expect(listOf("resources/templates/list")).toEqual({
      member: "resourceTemplates",
      kind: "template",
      key: "uriTemplate",
      use: "resources/read",
    });
    expect(listOf("tools/call")).toBeUndefined();
    for (const use of METHODS.flatMap(({ list }) => (list ? [list.use] : []))) expect(methodEntry(use)).toBeDefined();
  });
});

describe("the target", () => {
  test.each([
    ["tools/call", { name: "echo", arguments: {} }, { kind: "tool", name: "echo" }],
    ["prompts/get", { name: "p" }, { kind: "prompt", name: "p" }],
    ["resources/read", { uri: "a://b" }, { kind: "resource", uri: "a://b" }],
    ["resources/subscribe", { uri: "a://b" }, { kind: "resource", uri: "a://b" }],
    ["resources/unsubscribe", { uri: "a://b" }, { kind: "resource", uri: "a://b" }],
    ["completion/complete", { ref: { type: "ref/prompt", name: "p" } }, { kind: "prompt", name: "p" }],
    ["completion/complete", { ref: { type: "ref/resource", uri: "a://b" } }, { kind: "resource", uri: "a://b" }],
    ["completion/complete", { ref: { type: "ref/resource", uri: "a://{b}" } }, { kind: "template", uri: "a://{b}" }],
    ["completion/complete", { ref: { type: "ref/prompt", name: "p", uri: "a://b" } }, { kind: "prompt", name: "p" }],
  ])("of %s %j", (method, params, target) => {
    expect(targetOf(call(method, params))).toEqual(target);
    expect(methodFault(call(method, params))).toBeUndefined();
  });

  test.each([
    ["tools/call", undefined],
    ["tools/call", {}],
    ["tools/call", { name: ["echo"] }],
    ["tools/call", { name: null }],
    ["tools/call", { uri: "echo" }],
    ["resources/read", { uri: 1 }],
    ["completion/complete", {}],
    ["completion/complete", { ref: "p" }],
    ["completion/complete", { ref: { type: "ref/tool", name: "p" } }],
    ["completion/complete", { ref: { name: "p" } }],
    ["completion/complete", { ref: { type: "ref/resource", name: "p" } }],
  ])("that %s %j does not say is a fault", (method, params) => {
    expect(targetOf(call(method, params))).toBeUndefined();
    expect(methodFault(call(method, params))?.code).toBe("ERR_MESSAGE");
  });

  test.each([
    ["ping", undefined],
    ["tools/list", { cursor: "x" }],
    ["x/unheard-of", { name: "echo" }],
  ])("of %s %j is none, and that is right", (method, params) => {
    expect(targetOf(call(method, params))).toBeUndefined();
    expect(methodFault(call(method, params))).toBeUndefined();
  });
});

describe("a method in the wrong form", () => {
  test("is a fault: a call without an id, a notification with one", () => {
    expect(methodFault(notify("tools/call", { name: "echo" }))?.code).toBe("ERR_MESSAGE");
    expect(methodFault(call("notifications/initialized"))?.code).toBe("ERR_MESSAGE");
  });

  test("is none when the method is not known, or there is no method", () => {
    expect(methodFault(notify("x/unheard-of"))).toBeUndefined();
    expect(methodFault(notify("notifications/unheard-of"))).toBeUndefined();
    expect(methodFault(message({ jsonrpc: "2.0", id: 1, result: {} }))).toBeUndefined();
  });
});

describe("what Mcp-Name may say", () => {
  test.each([
    [call("tools/call", { name: "echo", uri: "a://b" }), ["echo"], true],
    [call("resources/read", { name: "echo", uri: "a://b" }), ["a://b"], true],
    [call("tasks/get", { taskId: "7" }), ["7"], true],
    [call("tasks/update", { taskId: "7" }), ["7"], true],
    [call("tools/call", {}), [], false],
    [call("x/unheard-of", { name: "a", taskId: "7" }), ["a", "7"], false],
    [call("ping"), [], false],
    [notify("x/unheard-of", { uri: "a" }), ["a"], false],
    [message({ jsonrpc: "2.0", id: 1, result: { name: "a" } }), [], false],
  ])("case %#", (about, names, required) => {
    expect(mirroredNames(about)).toEqual({ names, required });
  });
});
