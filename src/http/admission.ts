/**
 * Who is calling, from where, and may this HTTP request be looked at: authentication, Host and Origin (DNS rebinding), headers with one
 * meaning, the session's owner, the revision. Must not judge messages: that is policy's.
 */
import { randomUUID } from "node:crypto";
import type { Recorder } from "../audit/recorder.ts";
import type { Authenticator, CredentialHeader } from "../authn/authenticator.ts";
import { flowOf } from "../enrich/enrich.ts";
import { type Failure, fail, ok, type Result } from "../errors.ts";
import { headerFault, isParam, mirroredFault, paramHeadersStillTrue } from "../mcp/headers.ts";
import { methodFault } from "../mcp/methods.ts";
import type { Message } from "../mcp/message.ts";
import { type Standing, standingOf, standingWithoutBody } from "../mcp/revisions.ts";
import type { PrincipalFacts } from "../policy/input.ts";
import type { Store } from "../state/store.ts";
import { decisionIds, type Exchange } from "../transaction.ts";
import type { LoopTime } from "../watch/loop-time.ts";
import type { Quarantine } from "../watch/quarantine.ts";
import type { Call } from "./call.ts";
import type { HostRules } from "./host-rules.ts";
import { isSessionId } from "./sessions.ts";

export interface Caller {
  readonly exchangeId: string;
  readonly principal: PrincipalFacts;
  /** Whose work this is: see `flowOf`. */
  readonly flow: string;
  /** Headers that held Sluice's own credential and must never be forwarded. */
  readonly consumed: readonly CredentialHeader[];
}

/** Why a request may not be looked at, and whose it is where that is known. */
export interface NotAdmitted extends Failure {
  readonly caller?: Caller;
}

export interface AdmissionParts {
  readonly authenticator: Authenticator;
  readonly hosts: HostRules;
  readonly store: Store;
  readonly quarantine: Quarantine;
  readonly loopTime: LoopTime;
  readonly recorder: Recorder;
  readonly clock: () => number;
}

/** Request headers that policy may read. None of them is a credential. */
const FOR_POLICY = ["origin", "accept-language", "mcp-protocol-version", "traceparent", "x-request-id"];

export class Admission {
  readonly #parts: AdmissionParts;
  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Before anything of the body is read. */
  async admit(call: Call): Promise<Result<Caller, NotAdmitted>> {
    const { authenticator, hosts, quarantine, clock } = this.#parts;
    const { request, server } = call;
    const header = headerFault(request.rawHeaders);
    if (header !== undefined) return fail(header);
    const place = hosts.check(request.headers.host, request.headers.origin);
    if (!place.ok) return place;
    const authenticated = await authenticator.authenticate({ headers: request.headers, socket: call.socket }, clock());
    if (!authenticated.ok) return authenticated;
    const flow = flowOf({ principal: authenticated.value.principal, ip: call.ip });
    const caller: Caller = { exchangeId: randomUUID(), ...authenticated.value, flow };
    const retryAfter = quarantine.left(flow);
    if (retryAfter !== undefined) return fail({ code: "ERR_QUARANTINED", retryAfter, caller });
    const full = call.visit.claim(flow) ?? this.#overtime(flow);
    if (full !== undefined) return fail({ ...full, caller });
    if (server.disabled) return fail({ code: "ERR_SERVER_DISABLED" });
    const shape = checkShape(call);
    if (shape !== undefined) return fail(shape);
    return ok(caller);
  }

  /** A GET or DELETE: no message to judge, but an exchange to account for. */
  async open(call: Call, caller: Caller): Promise<Result<Exchange>> {
    const standing = standingWithoutBody(call.request.rawHeaders);
    if (!standing.ok) return standing;
    const exchange = await this.#exchange(call, caller, standing.value);
    if (!exchange.ok) return exchange;
    return this.#parts.recorder.transport(exchange.value, call.method) ? exchange : fail({ code: "ERR_AUDIT" });
  }

  /** A POST whose message has been read. */
  async identify(call: Call, caller: Caller, message: Message): Promise<Result<Exchange>> {
    // Again, since its body may have come long after its head.
    const overtime = this.#overtime(caller.flow);
    if (overtime !== undefined) return fail(overtime);
    const standing = standingOf(call.request.rawHeaders, message);
    if (!standing.ok) return standing;
    const mirrored = mirroredFault(call.request.rawHeaders, message, standing.value.era);
    if (mirrored !== undefined) return fail(mirrored);
    const method = methodFault(message);
    if (method !== undefined) return fail(method);
    if (!paramHeadersStillTrue(call.request.rawHeaders, message))
      return fail({ code: "ERR_HEADER_MISMATCH", detail: "an Mcp-Param header says what no argument says" });
    return this.#exchange(call, caller, standing.value);
  }

  /** Why a caller has to wait whose messages take the loop's time from others. */
  #overtime(flow: string): Failure | undefined {
    const ms = this.#parts.loopTime.wait(flow);
    return ms === undefined
      ? undefined
      : { code: "ERR_OVERLOADED", detail: "the time of the event loop, by one caller", retryAfter: Math.ceil(ms / 1000) };
  }

  async #exchange(call: Call, caller: Caller, standing: Standing): Promise<Result<Exchange>> {
    const { headers, rawHeaders } = call.request;
    const session = single(headers["mcp-session-id"]);
    if (session !== undefined) {
      // 2026-07-28 has no sessions: a server that knew this one by the header would take the caller for its owner.
      if (standing.era === "modern") return fail({ code: "ERR_HEADER", detail: "Mcp-Session-Id in a revision without sessions" });
      if (!isSessionId(session)) return fail({ code: "ERR_HEADER", detail: "Mcp-Session-Id is no visible ASCII" });
      const owner = await this.#parts.store.sessionOwner(call.server.name, session, caller.principal.id);
      if (owner !== caller.principal.id) return fail({ code: "ERR_SESSION_OWNER" });
    }
    const readable: Record<string, string> = {};
    for (const name of FOR_POLICY) {
      const value = single(headers[name]);
      if (value !== undefined) readable[name] = value;
    }
    const exchange: Exchange = {
      id: caller.exchangeId,
      nextDecisionId: decisionIds(caller.exchangeId),
      server: call.server,
      principal: caller.principal,
      ip: call.ip,
      flow: caller.flow,
      userAgent: headers["user-agent"],
      session,
      era: standing.era,
      revision: standing.revision,
      consumed: caller.consumed,
      paramHeaders: rawHeaders.filter((_, at) => isParam(rawHeaders[at - (at % 2)] as string)),
      headers: readable,
    };
    return ok(exchange);
  }
}

/** Forms of a request that some intermediary or server would read otherwise. */
function checkShape({ method, request }: Call): Failure | undefined {
  const { headers } = request;
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (method !== "POST") return hasBody ? { code: "ERR_HEADER", detail: "a body where there may be none" } : undefined;
  if (headers.trailer !== undefined) return { code: "ERR_HEADER", detail: "trailers" };
  if (!/^application\/json(\s*;\s*charset="?utf-8"?)?$/i.test(headers["content-type"] ?? "")) return { code: "ERR_CONTENT_TYPE" };
  return undefined;
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
