/**
 * What a policy must answer before it is activated: the probe is denied, missing data is noticed, and a plain message of every phase
 * gets a usable decision (which warms the engine up as well). Must not depend on what the operator allows.
 */
import type { Result } from "../errors.ts";
import { ABOUT, type Engine } from "./engine.ts";
import type { Phase, PolicyInput } from "./input.ts";
import { inputText } from "./input-text.ts";
import type { Decider } from "./decider.ts";
import type { About } from "./sources/main-rego.ts";
import { isTree } from "./tree.ts";

/** Enough for the engine's compiler to notice what runs often. */
const WARM_UP_ROUNDS = 100;

/** Answers why the policy must not be activated, as a sentence; undefined when nothing speaks against it. */
export function findFaults(judge: Decider, serverName: string, withoutData: Result<Engine, string>): string | undefined {
  const context = { serverName, now: 0, principal: "probe" };
  const probe = judge(inputText({ ...plainMessage(serverName, "request"), phase: "probe" }), { ...context, phase: "probe" });
  if (probe.effect === "error") return `The load probe got no usable decision: ${probe.detail ?? "no detail"}.`;
  if (probe.effect !== "deny" || !probe.matched.some(({ id }) => id === "firewall/probe"))
    return "The load probe was not denied: this bundle does not work as a firewall.";

  if (!withoutData.ok) return withoutData.failure;
  if (answersWithoutData(withoutData.value, serverName))
    return "The policy answers without its data, so missing data would go unnoticed: it was built with optimisation.";

  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const phase of ["request", "notification", "response", "list_item"] as const) {
      const decision = judge(inputText(plainMessage(serverName, phase)), { ...context, phase });
      if (decision.effect === "error") return `A plain message (${phase}) got no usable decision: ${decision.detail ?? "no detail"}.`;
    }
  }
  return undefined;
}

/** What the bundle says of itself. */
export function readAbout(engine: Engine): About | undefined {
  try {
    const answer = engine.read(engine.evaluate(inputText({}), ABOUT));
    if (!isTree(answer) || answer["contract"] !== "v1") return undefined;
    const { packs, packages, titles, settings, servers } = answer;
    if (!isNames(packs) || !isNames(packages) || !isTexts(titles) || typeof settings !== "string" || !isTexts(servers)) return undefined;
    return { contract: "v1", packs, packages, titles, settings, servers };
  } catch {
    // A bundle that cannot even say what it holds is refused by the caller.
    return undefined;
  }
}

function answersWithoutData(engine: Engine, serverName: string): boolean {
  try {
    return engine.read(engine.evaluate(inputText(plainMessage(serverName, "request")))) !== undefined;
  } catch {
    // Failing without data is as good as having no answer.
    return false;
  }
}

function plainMessage(server: string, phase: Exclude<Phase, "probe">): Omit<PolicyInput, "nonce"> {
  const tool = { name: "probe", description: "A plain tool.", inputSchema: { type: "object" } };
  const params = { name: "probe", arguments: { text: "plain" } };
  const mcp = {
    request: { method: "tools/call", kind: "request", id: 1, params },
    notification: { method: "notifications/progress", kind: "notification", params: { progressToken: 1, progress: 1 } },
    response: {
      method: "tools/call",
      kind: "result",
      id: 1,
      result: { content: [{ type: "text", text: "plain" }] },
      request: { method: "tools/call", params },
    },
    list_item: { method: "tools/call", kind: "item", item: tool },
  } as const;
  return {
    phase,
    direction: phase === "response" || phase === "list_item" ? "server_to_client" : "client_to_server",
    now: { unix_ms: 0, rfc3339: "1970-01-01T00:00:00Z", weekday: 4, hour: 0 },
    server: { name: server, url: "https://probe.invalid/mcp", trust: "third_party", labels: [] },
    principal: { id: "probe", method: "anonymous", scopes: [], groups: [], claims: {} },
    client: { ip: "127.0.0.1" },
    flow: { labels: [], counters: {} },
    mcp: { ...mcp[phase], size: 200 },
    ...(phase === "notification"
      ? {}
      : { target: { kind: "tool", name: "probe", definition: tool }, tool: { name: "probe", definition: tool } }),
    findings: [],
    urls: [],
    destinations: [],
    http: { headers: {} },
  };
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function isTexts(value: unknown): value is Record<string, string> {
  return isTree(value) && Object.values(value).every((text) => typeof text === "string");
}
