/**
 * Carries rewrites out: replaces, removes and adds values at the places that they name, all as of the document as it came.
 * Must not depend on the order of the rewrites: two that do not agree about a place are an error.
 */
import { fail, ok, type Failure, type Result } from "../errors.ts";
import { immutableNodes, protectedNode } from "../mcp/immutable.ts";
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import { selectNodes, selectParents } from "../mcp/json/path.ts";
import { covers, within } from "../mcp/json/subtree.ts";
import type { Rewrite } from "../policy/decision.ts";
import { type Edit, removeElement, removeMember } from "../mcp/json/splice.ts";

/**
 * Edits of the document's bytes. `replace` and `remove` act on every value that the path selects, `add` as JSON Patch's (RFC 6902
 * section 4.1) in every parent: a member that is there is replaced, `-` and the length append. What is not there needs no replacing.
 * ERR_DECISION: a path that is not acceptable or names the root or an immutable member, a missing value, rewrites that do not agree.
 * ERR_ENFORCE: an `add` that finds no parent, or one that has no such place: what the rule wanted to be there would be missing.
 * An immutable member that a rewrite would bring in shows only in the result: whoever makes the edits compares.
 */
export function rewrite(document: JsonDocument, rewrites: readonly Rewrite[]): Result<Edit[]> {
  const plan: Plan = { immutable: immutableNodes(document), values: new Map(), inserts: new Map(), unplaced: false };
  for (const one of rewrites) {
    const failure = enter(document, plan, one);
    if (failure !== undefined) return fail(failure);
  }
  const values = agree(document, plan);
  // Only now, so that the order of the rewrites cannot choose the error.
  if (values.ok && plan.unplaced) return fail({ code: "ERR_ENFORCE", detail: "a rewrite adds where nothing can be added" });
  return values.ok ? ok([...valueEdits(document, values.value), ...insertEdits(document, plan, values.value)]) : values;
}

/** The new JSON text of a place; undefined: it goes. */
type Content = string | undefined;

interface Plan {
  readonly immutable: readonly Node[];
  readonly values: Map<Node, Content>;
  /** Container → name, or index as of the document → JSON text. */
  readonly inserts: Map<Node, Map<string | number, string>>;
  /** An addition had no place. */
  unplaced: boolean;
}

function enter(document: JsonDocument, plan: Plan, { op, path, value }: Rewrite): Failure | undefined {
  const content = op === "remove" ? undefined : JSON.stringify(value);
  if (op !== "remove" && content === undefined) return refused(`a rewrite with op ${op} has no value`);
  if (op === "add") return enterAdd(document, plan, path, content as string);
  const nodes = selectNodes(document, 0, path);
  if (!nodes.ok) return nodes.failure;
  return firstFailure(nodes.value, (node) => enterValue(document, plan, node, content));
}

function enterAdd(document: JsonDocument, plan: Plan, path: Rewrite["path"], content: string): Failure | undefined {
  const places = selectParents(document, 0, path);
  if (!places.ok) return places.failure;
  const { parents, last } = places.value;
  if (parents.length === 0) plan.unplaced = true;
  return firstFailure(parents, (parent) => {
    if (document.kind(parent) === "object") {
      const name = String(last);
      const present = document.member(parent, name);
      if (present !== ABSENT) return enterValue(document, plan, present, content);
      return enterInsert(plan, parent, name, content);
    }
    const index = document.kind(parent) === "array" ? indexIn(document.elements(parent).length, last) : undefined;
    if (index !== undefined) return enterInsert(plan, parent, index, content);
    plan.unplaced = true;
    return undefined;
  });
}

function firstFailure(nodes: readonly Node[], step: (node: Node) => Failure | undefined): Failure | undefined {
  for (const node of nodes) {
    const failure = step(node);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function indexIn(length: number, last: string | number): number | undefined {
  if (last === "-") return length;
  const index = /^(?:0|[1-9][0-9]{0,9})$/.test(String(last)) ? Number(last) : undefined;
  return index === undefined || index > length ? undefined : index;
}

function enterValue(document: JsonDocument, plan: Plan, node: Node, content: Content): Failure | undefined {
  if (node === 0) return refused("a rewrite names the whole message");
  if (protectedNode(document, node, plan.immutable)) return refused("a rewrite's path leads to an immutable member");
  if (plan.values.has(node) && plan.values.get(node) !== content) return refused("two rewrites differ about one place");
  plan.values.set(node, content);
  return undefined;
}

function enterInsert(plan: Plan, container: Node, at: string | number, content: string): Failure | undefined {
  const inserts = plan.inserts.get(container) ?? new Map<string | number, string>();
  plan.inserts.set(container, inserts);
  if ((inserts.get(at) ?? content) !== content) return refused("two rewrites differ about one place");
  inserts.set(at, content);
  return undefined;
}

function refused(detail: string): Failure {
  return { code: "ERR_DECISION", detail };
}

/** The values to write, outermost only. What stands in a value that changes may not be changed itself, unless both only go. */
function agree(document: JsonDocument, plan: Plan): Result<Map<Node, Content>> {
  const outermost = new Map<Node, Content>();
  let outer: Node = ABSENT;
  for (const [node, content] of [...plan.values].toSorted(([a], [b]) => a - b)) {
    const inside = outer !== ABSENT && within(document, outer, node);
    if (inside && (content !== undefined || outermost.get(outer) !== undefined))
      return fail(refused("a rewrite stands inside of another one"));
    if (inside) continue;
    outermost.set(node, content);
    outer = node;
  }
  const changed = [...outermost.keys()];
  for (const container of plan.inserts.keys()) {
    if (covers(document, changed, container)) return fail(refused("a rewrite stands inside of another one"));
    // Which index is meant would depend on which comes first.
    if (document.elements(container).some((element) => isRemoved(outermost, element)))
      return fail(refused("rewrites add to and remove from one array"));
  }
  return ok(outermost);
}

function valueEdits(document: JsonDocument, values: ReadonlyMap<Node, Content>): Edit[] {
  const replaced = [...values].flatMap(([node, content]) =>
    content === undefined ? [] : { start: document.start(node), end: document.end(node), bytes: Buffer.from(content) },
  );
  const removed = [...removals(document, values)].flatMap(([container, gone]) => {
    if (document.kind(container) === "array") return removeElement(document, container, gone);
    const keys = gone.map((node) => node - 1);
    return removeMember(document, container, keys);
  });
  return [...replaced, ...removed];
}

/** The values that go, by the container that they stand in. */
function removals(document: JsonDocument, values: ReadonlyMap<Node, Content>): Map<Node, Node[]> {
  const gone = new Map<Node, Node[]>();
  if (![...values.values()].includes(undefined)) return gone;
  for (let node = 0; node < document.size; node += 1) {
    const kind = document.kind(node);
    if (kind !== "object" && kind !== "array") continue;
    const children = kind === "array" ? document.elements(node) : document.members(node).map(([, value]) => value);
    const removed = children.filter((child) => isRemoved(values, child));
    if (removed.length > 0) gone.set(node, removed);
  }
  return gone;
}

function insertEdits(document: JsonDocument, plan: Plan, values: ReadonlyMap<Node, Content>): Edit[] {
  return [...plan.inserts].flatMap(([container, inserts]) => {
    if (document.kind(container) === "array")
      return [...inserts].map(([index, content]) => elementEdit(document, container, Number(index), content));
    const kept = document.members(container).filter(([, value]) => !isRemoved(values, value));
    return [memberEdit(document, container, kept.length, inserts)];
  });
}

function elementEdit(document: JsonDocument, array: Node, index: number, content: string): Edit {
  const elements = document.elements(array);
  const behind = elements[index];
  const before = elements.at(-1);
  if (behind !== undefined) return insertion(document.start(behind), `${content},`);
  return before === undefined ? insertion(document.end(array) - 1, content) : insertion(document.end(before), `,${content}`);
}

/** New members stand at the end, by name, so that the order of the rewrites cannot be seen. */
function memberEdit(document: JsonDocument, object: Node, kept: number, inserts: ReadonlyMap<string | number, string>): Edit {
  const members = [...inserts].map(([name, content]) => `${JSON.stringify(name)}:${content}`).toSorted();
  return insertion(document.end(object) - 1, `${kept > 0 ? "," : ""}${members.join(",")}`);
}

function insertion(at: number, text: string): Edit {
  return { start: at, end: at, bytes: Buffer.from(text) };
}

function isRemoved(values: ReadonlyMap<Node, Content>, node: Node): boolean {
  return values.has(node) && values.get(node) === undefined;
}
