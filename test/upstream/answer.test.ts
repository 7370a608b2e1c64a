import { describe, expect, test } from "vitest";
import { classify, type Expectation } from "../../src/upstream/answer.ts";
import { BodyQueue } from "../../src/upstream/body-queue.ts";

type Given = { status: number; type?: string; headers?: string[]; room?: boolean } & Partial<Expectation>;

/** What became of an answer: its form or its code, and what was done to its body. */
function classified({ status, type, headers = [], room = true, expects = "message", challenges = false }: Given) {
  const done: string[] = [];
  const body = new BodyQueue({
    pause: () => {},
    resume: () => {
      done.push("resume");
    },
    abort: () => {
      done.push("abort");
    },
  });
  body.push(Buffer.alloc(65_537));
  let rested = 0;
  const rest = (): boolean => {
    rested += 1;
    return room;
  };
  const all = type === undefined ? headers : ["Content-Type", type, ...headers];
  const result = classify({ status, headers: all, body, rest }, { expects, challenges, bodyMs: 60_000 });
  // Leaves no timer behind.
  body.end();
  const form: string = result.ok ? result.value.form : result.failure.code;
  return { form, done, rested, headers: result.ok ? result.value.headers : [] };
}

const JSON_TYPE = "application/json";
const STREAM = "text/event-stream";

describe("an answer", () => {
  test.each([
    ["a message as JSON", { status: 200, type: JSON_TYPE }, "json"],
    ["with a charset", { status: 200, type: "Application/JSON; charset=utf-8" }, "json"],
    ["a stream", { status: 200, type: STREAM }, "events"],
    ["a stream to a GET", { status: 200, type: `${STREAM};charset=utf-8`, expects: "events" }, "events"],
    ["a 4xx that is JSON", { status: 404, type: JSON_TYPE }, "json"],
    ["a 5xx that is JSON, to a GET", { status: 500, type: JSON_TYPE, expects: "events" }, "json"],
    ["401, whatever is in it", { status: 401, type: JSON_TYPE }, "refusal"],
    ["403, whatever is in it", { status: 403, type: JSON_TYPE }, "refusal"],
    ["a 4xx that is none", { status: 405, type: "text/html" }, "refusal"],
    ["a 4xx without a type", { status: 405 }, "refusal"],
    ["accepted where nothing is due", { status: 202, expects: "nothing" }, "empty"],
    ["JSON where nothing is due", { status: 200, type: JSON_TYPE, expects: "nothing" }, "empty"],
    ["a redirect", { status: 302, type: JSON_TYPE }, "ERR_UPSTREAM_ANSWER"],
    ["not modified", { status: 304 }, "ERR_UPSTREAM_ANSWER"],
    ["no type where a message is due", { status: 200 }, "ERR_UPSTREAM_ANSWER"],
    ["HTML", { status: 200, type: "text/html" }, "ERR_UPSTREAM_ANSWER"],
    ["JSON to a GET", { status: 200, type: JSON_TYPE, expects: "events" }, "ERR_UPSTREAM_ANSWER"],
    ["a type that only begins like JSON", { status: 200, type: "application/jsonp" }, "ERR_UPSTREAM_ANSWER"],
    ["a stream that is only accepted", { status: 202, type: STREAM }, "ERR_UPSTREAM_ANSWER"],
    ["in a coding", { status: 200, type: JSON_TYPE, headers: ["Content-Encoding", "gzip"] }, "ERR_UPSTREAM_ANSWER"],
    ["a refusal in a coding", { status: 500, type: JSON_TYPE, headers: ["content-encoding", "br"] }, "ERR_UPSTREAM_ANSWER"],
    ["in the coding identity", { status: 200, type: JSON_TYPE, headers: ["Content-Encoding", "Identity"] }, "json"],
  ] satisfies [string, Given, string][])("%s", (_name, given, form) => {
    expect(classified(given).form).toBe(form);
  });

  test("that is withheld, or a stream that nobody wants, is let go at once; other bodies are read away", () => {
    expect(classified({ status: 302 }).done).toEqual(["abort"]);
    expect(classified({ status: 202, type: STREAM, expects: "nothing" }).done).toEqual(["abort"]);
    expect(classified({ status: 404, type: STREAM }).done).toEqual(["abort"]);
    expect(classified({ status: 202, expects: "nothing" }).done).toEqual(["resume"]);
    expect(classified({ status: 405, type: "text/html" }).done).toEqual(["resume"]);
  });

  test("that is a stream takes a stream's slot, once, and is let go when there is none", () => {
    expect(classified({ status: 200, type: STREAM }).rested).toBe(1);
    expect(classified({ status: 200, type: JSON_TYPE }).rested).toBe(0);
    expect(classified({ status: 200, type: STREAM, room: false })).toMatchObject({ form: "ERR_UPSTREAM_TIMEOUT", done: ["abort"] });
  });

  test("passes a challenge on only where the client's own credentials go through", () => {
    const given = { status: 401, headers: ["WWW-Authenticate", "Bearer"] };
    expect(classified({ ...given, challenges: true }).headers).toContain("WWW-Authenticate");
    expect(classified(given).headers).not.toContain("WWW-Authenticate");
  });
});
