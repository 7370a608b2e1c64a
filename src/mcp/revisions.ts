/**
 * The protocol's revisions, and which of them an exchange speaks. Must not translate between eras.
 *
 * A request is modern when its `_meta` claims a protocol revision, else legacy; a header can contradict that, never decide it. Where no
 * `_meta` is asked for (notifications, answers, GET, DELETE), the MCP-Protocol-Version header decides. Everything contradictory is refused,
 * because the other side might read it the other way:
 * - a claim and another header, or a modern header on a request without a claim (`initialize` included): ERR_HEADER_MISMATCH;
 * - a revision that is not known, or a legacy one in a claim (the claim came with 2026-07-28): ERR_REVISION;
 * - a POSTed answer under a modern header (modern servers ask nothing): ERR_UNASKED;
 * - GET or DELETE under a modern header (there are no sessions): ERR_HTTP_METHOD.
 * A legacy client may leave the header out: the revision is then undefined (a server takes it for 2025-03-26).
 */
import { headerValue, type RawHeaders } from "./header-fields.ts";
import { ABSENT, type Node } from "./json.ts";
import type { Message } from "./message.ts";
import { fail, ok, type Result } from "../errors.ts";
import type { Era } from "../transaction.ts";

/** What an exchange speaks. */
export interface Standing {
  readonly era: Era;
  readonly revision: string | undefined;
}

export const REVISIONS: ReadonlyMap<string, Era> = new Map([
  ["2024-11-05", "legacy"],
  ["2025-03-26", "legacy"],
  ["2025-06-18", "legacy"],
  ["2025-11-25", "legacy"],
  ["2026-07-28", "modern"],
]);

const CLAIM = "io.modelcontextprotocol/protocolVersion";
const LEGACY_UNSAID: Standing = { era: "legacy", revision: undefined };

/** What a client's message speaks, by its `_meta` and its headers (as Node's `rawHeaders`). */
export function standingOf(rawHeaders: RawHeaders, message: Message): Result<Standing> {
  const header = headerValue(rawHeaders, "mcp-protocol-version");
  const claim = claimOf(message);
  if (claim !== ABSENT) {
    const claimed = message.document.kind(claim) === "string" ? message.document.text(claim) : "";
    if (header !== undefined && header !== claimed)
      return fail({ code: "ERR_HEADER_MISMATCH", detail: "MCP-Protocol-Version differs from _meta" });
    if (REVISIONS.get(claimed) !== "modern") return fail({ code: "ERR_REVISION", detail: "_meta claims a revision that is not known" });
    return ok({ era: "modern", revision: claimed });
  }
  const standing = byHeader(header);
  if (!standing.ok || standing.value.era === "legacy" || message.kind === "notification") return standing;
  if (message.kind === "request")
    return fail({ code: "ERR_HEADER_MISMATCH", detail: "a modern MCP-Protocol-Version, but no claim in _meta" });
  return fail({ code: "ERR_UNASKED", detail: "an answer from a modern client" });
}

/** What a GET or DELETE speaks: always legacy. */
export function standingWithoutBody(rawHeaders: RawHeaders): Result<Standing> {
  const standing = byHeader(headerValue(rawHeaders, "mcp-protocol-version"));
  if (standing.ok && standing.value.era === "modern") return fail({ code: "ERR_HTTP_METHOD", detail: "no GET or DELETE in this revision" });
  return standing;
}

/** `error.data` of an ERR_REVISION answer. `requested` is what the client asked for when it looks like a revision, else empty. */
export function unsupportedRevision(rawHeaders: RawHeaders, message: Message | undefined): { supported: string[]; requested: string } {
  const claim = message === undefined ? ABSENT : claimOf(message);
  const claimed =
    message !== undefined && claim !== ABSENT && message.document.kind(claim) === "string" ? message.document.text(claim) : undefined;
  const requested = claimed ?? headerValue(rawHeaders, "mcp-protocol-version") ?? "";
  const supported = [...REVISIONS.keys()].filter((revision) => claim === ABSENT || REVISIONS.get(revision) === "modern");
  return { supported, requested: /^[0-9A-Za-z.-]{1,32}$/.test(requested) ? requested : "" };
}

function byHeader(header: string | undefined): Result<Standing> {
  if (header === undefined) return ok(LEGACY_UNSAID);
  const era = REVISIONS.get(header);
  if (era === undefined) return fail({ code: "ERR_REVISION", detail: "MCP-Protocol-Version is not known" });
  return ok({ era, revision: header });
}

function claimOf(message: Message): Node {
  const { document, method, payload } = message;
  if (method === undefined || payload === ABSENT) return ABSENT;
  const meta = document.member(payload, "_meta");
  return meta === ABSENT ? ABSENT : document.member(meta, CLAIM);
}
