/**
 * What a test sees of an SDK's client or server, whichever generation and era it is of, and what the demonstration server offers:
 * the same tools, resources and prompts from every generation, so that one table of expectations holds for all.
 */

export type Era = "legacy" | "modern";
export type Form = "json" | "sse";
/** What a server can ask of a client. */
export type Question = "sampling" | "elicitation" | "roots";

export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** How a question of the server ended, as the server saw it. */
export type Outcome = { readonly answer: unknown } | { readonly error: { readonly code: unknown; readonly message: string } };

/** Requests that clients of both generations have under the same name. */
export interface Requests {
  listTools(): Promise<{ tools: { name: string }[] }>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  readResource(params: { uri: string }): Promise<object>;
  getPrompt(params: { name: string; arguments?: Record<string, string> }): Promise<object>;
  complete(params: {
    ref: { type: "ref/prompt"; name: string } | { type: "ref/resource"; uri: string };
    argument: { name: string; value: string };
  }): Promise<object>;
  getServerVersion(): object | undefined;
  getServerCapabilities(): object | undefined;
  getInstructions(): string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: { readonly progress: number }) => void;
  /** `_meta` of the request. */
  readonly meta?: Record<string, unknown>;
}

export interface SdkClient {
  readonly sdk: Requests;
  readonly era: Era;
  readonly revision: string | undefined;
  /** Messages as they were POSTed and as they came back, one JSON text each. */
  readonly wire: { readonly sent: string[]; received(): string[] };
  /** Questions of the server that reached this client. */
  readonly asked: Question[];
  readonly notifications: { readonly method: string; readonly params?: unknown }[];
  call(tool: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolResult>;
  /** Legacy only, as the rest down to `terminate`. */
  session(): string | undefined;
  ping(): Promise<object>;
  setLoggingLevel(level: "debug"): Promise<object>;
  subscribe(uri: string): Promise<object>;
  unsubscribe(uri: string): Promise<object>;
  terminate(): Promise<void>;
  /** Modern only: resolves with what the server agreed to. */
  listen(filter: { toolsListChanged?: boolean; resourceSubscriptions?: string[] }): Promise<{ honored: object; close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface ClientSettings {
  /** What the client answers; a question without an entry is answered with its harmless default. */
  readonly answers?: Partial<Record<Question, Record<string, unknown>>>;
  /** How it speaks HTTP; without one, what it sends and gets is kept in `wire`. */
  readonly fetch?: typeof fetch;
}

export const HARMLESS: Record<Question, Record<string, unknown>> = {
  sampling: { model: "none", role: "assistant", content: { type: "text", text: "the model's words" } },
  elicitation: { action: "accept", content: { color: "green" } },
  roots: { roots: [{ uri: "file:///project", name: "project" }] },
};

export interface SdkServer {
  readonly url: string;
  readonly ledger: Ledger;
  /** Messages that arrived and messages that left, one JSON text each. */
  readonly wire: { readonly received: string[]; sent(): string[] };
  /** `Last-Event-ID` of each resumption. */
  readonly resumed: string[];
  /** GET streams that are open. */
  listeners(): number;
  toolsChanged(): void;
  resourceUpdated(uri: string): void;
  /** Asks every legacy client outside of any call, on its GET stream. */
  askOutside(question: Question | "ping"): Promise<Outcome[]>;
  /** Ends every session and forgets what happened. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** What happened inside a server's handlers. */
export class Ledger {
  readonly ran: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly states: unknown[] = [];
  readonly subscribed: string[] = [];
  readonly ended: string[] = [];
  aborted = 0;
  #release: (() => void) | undefined;

  /** Resolves when `release` is called. */
  gate(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release?.();
  }

  /** Notes how a question ended; the tool's result says the same. */
  async settle(asking: Promise<unknown>): Promise<Outcome> {
    const outcome = await asking.then(
      (answer): Outcome => ({ answer }),
      (fault: unknown): Outcome => ({
        error: { code: fault instanceof Error ? Reflect.get(fault, "code") : undefined, message: String(fault) },
      }),
    );
    this.outcomes.push(outcome);
    return outcome;
  }

  clear(): void {
    this.release();
    for (const list of [this.ran, this.outcomes, this.states, this.subscribed, this.ended]) list.length = 0;
    this.aborted = 0;
  }
}

/** An invented customer; AWS's own example key; both as personal data and secrets look. */
export const CUSTOMER = { id: "C-1001", name: "Ada Example", email: "ada@customer.example", card: "4111 1111 1111 1111" };
export const AWS_KEY = "AKIAIOSFODNN7EXAMPLE";
export const README = "Knock twice, then come in. 9007199254740993 steps to the door.";
export const ROOMS = ["attic", "library", "larder"];
export const URIS = { readme: "house://readme", contact: "house://contact", vault: "house://vault", rooms: "house://rooms/{room}" };

export const QUESTIONS = {
  sampling: {
    method: "sampling/createMessage" as const,
    params: { messages: [{ role: "user" as const, content: { type: "text" as const, text: "Say something." } }], maxTokens: 10 },
  },
  elicitation: {
    method: "elicitation/create" as const,
    params: {
      mode: "form" as const,
      message: "Which color?",
      requestedSchema: { type: "object" as const, properties: { color: { type: "string" as const } }, required: ["color"] },
    },
  },
  roots: { method: "roots/list" as const, params: {} },
};

export function text(value: string): { content: { type: "text"; text: string }[] } {
  return { content: [{ type: "text", text: value }] };
}

/** The same customer three ways: as a sentence, as JSON inside text, as structured content. */
export function customerResult(): { content: { type: "text"; text: string }[]; structuredContent: typeof CUSTOMER } {
  return {
    content: [
      { type: "text", text: `${CUSTOMER.name} (${CUSTOMER.email}) pays with ${CUSTOMER.card}.` },
      { type: "text", text: JSON.stringify(CUSTOMER) },
    ],
    structuredContent: CUSTOMER,
  };
}

export function roomsBeginning(with_: string | undefined): string[] {
  return ROOMS.filter((room) => room.startsWith(with_ ?? ""));
}

export const SERVER_INFO = { name: "house", version: "1.0.0" };
export const INSTRUCTIONS = "A house with a few rooms.";
export const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};
