/**
 * Finds bodies that can never hold: a part of the input compared with two constants, or read where it is never there (`input.mcp.params`
 * in a response). Must not judge what could hold for some message.
 */
import { isTerm, constantRef, type RegoModule, type Term } from "./rego-ast.ts";
import { callIn, isNestedBody, operatorOf } from "./rule-index.ts";
import type { Slip } from "./rule-check.ts";

/** What the input never holds while another part of it has this value, and what to read instead. */
const NEVER_THERE: Readonly<Record<string, Readonly<Record<string, readonly (readonly [absent: string, hint?: string])[]>>>> = {
  "input.phase": {
    request: [["input.mcp.result"], ["input.mcp.error"], ["input.mcp.item"], ["input.mcp.request"]],
    notification: [["input.mcp.result"], ["input.mcp.error"], ["input.mcp.item"], ["input.mcp.request"]],
    response: [["input.mcp.params", "What the request asked stands in `input.mcp.request.params`."], ["input.mcp.item"]],
    list_item: [
      ["input.mcp.params", 'The entry of the list is `input.mcp.item`; a rule about arguments asks for the phase "request".'],
      ["input.mcp.result", "The entry of the list is `input.mcp.item`."],
      ["input.mcp.error"],
      ["input.mcp.request"],
    ],
  },
  "input.target.kind": {
    resource: [["input.target.name", "A resource has `input.target.uri`."], ["input.tool"]],
    template: [["input.target.name", "A template has `input.target.uri`."], ["input.tool"]],
    prompt: [["input.target.uri", "A prompt has `input.target.name`."], ["input.tool"]],
    tool: [["input.target.uri", "A tool has `input.target.name`."]],
  },
};

export function checkNever(module: RegoModule): Slip[] {
  const slips: Slip[] = [];
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    if (isNestedBody(part)) slips.push(...checkBody(part.body, module.file));
    for (const child of Array.isArray(part) ? part : Object.values(part)) visit(child);
  };
  for (const rule of module.rules) visit(rule);
  return slips;
}

function checkBody(body: readonly unknown[], file: string): Slip[] {
  const slips: Slip[] = [];
  const constants = new Map<string, string>();
  const report = (term: Term, message: string, hint?: string): void => {
    slips.push({ file, location: term.location, check: "policy/never", message, ...(hint === undefined ? {} : { hint }) });
  };
  const positive = body.filter((expression) => !isNegated(expression));
  for (const expression of positive) {
    const call = callIn(expression);
    if (call === undefined || !["equal", "eq"].includes(operatorOf(call))) continue;
    const [, one, other] = call as [Term, Term, Term];
    const [ref, constant] = one.type === "string" ? [other, one] : [one, other];
    const name = inputRef(ref);
    if (name === undefined || constant.type !== "string") continue;
    const value = String(constant.value);
    const before = constants.get(name);
    if (before !== undefined && before !== value)
      report(
        ref,
        `\`${name}\` cannot be "${before}" and "${value}" at once: this body never holds.`,
        `Write \`${name} in {"${before}", "${value}"}\`, or two rules.`,
      );
    constants.set(name, value);
  }
  const read = positive.flatMap((expression) => [...readIn(expression)]);
  for (const [name, value] of constants) {
    for (const [absent, hint] of NEVER_THERE[name]?.[value] ?? []) {
      const found = read.find(({ path }) => path === absent || path.startsWith(`${absent}.`));
      if (found !== undefined)
        report(found.term, `\`${absent}\` is never there when \`${name}\` is "${value}": this body never holds.`, hint);
    }
  }
  return slips;
}

/** References into the input that a body needs; not those of comprehensions and templates, which hold without. */
function* readIn(part: unknown): Generator<{ readonly path: string; readonly term: Term }> {
  if (typeof part !== "object" || part === null || isNestedBody(part) || isNegated(part)) return;
  if (isTerm(part)) {
    if (part.type === "templatestring" || part.type.endsWith("comprehension")) return;
    if (part.type === "ref") {
      const path = inputRef(part);
      if (path !== undefined) yield { path, term: part };
    }
  }
  for (const child of Array.isArray(part) ? part : Object.values(part)) yield* readIn(child);
}

/** The constant names at the start of a reference into the input. */
function inputRef(term: Term): string | undefined {
  if (term.type !== "ref") return undefined;
  const parts = term.value as Term[];
  const end = parts.findIndex((part, at) => at > 0 && part.type !== "string");
  const names = constantRef({ ...term, value: end === -1 ? parts : parts.slice(0, end) });
  return names?.[0] === "input" ? names.join(".") : undefined;
}

function isNegated(part: unknown): boolean {
  return typeof part === "object" && part !== null && "negated" in part && part.negated === true;
}
