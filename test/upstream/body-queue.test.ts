import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Fault } from "../../src/errors.ts";
import { BodyQueue } from "../../src/upstream/body-queue.ts";

/** A source that keeps what was asked of it. */
function queue() {
  const asked: ("pause" | "resume" | "abort")[] = [];
  const note = (what: (typeof asked)[number]) => () => {
    asked.push(what);
  };
  return { asked, body: new BodyQueue({ pause: note("pause"), resume: note("resume"), abort: note("abort") }) };
}

async function read(body: BodyQueue): Promise<{ text: string; failure: unknown }> {
  let text = "";
  try {
    for await (const chunk of body) text += chunk.toString();
  } catch (fault) {
    return { text, failure: fault instanceof Fault ? fault.failure.code : fault };
  }
  return { text, failure: undefined };
}

describe("a body", () => {
  test("is read in order, whatever came before the reader", async () => {
    const { body } = queue();
    body.push(Buffer.from("a"));
    const all = read(body);
    body.push(Buffer.from("b"));
    body.end();
    expect(await all).toEqual({ text: "ab", failure: undefined });
  });

  test("pauses its source while much waits, and lets it go on when the reader wants more", async () => {
    const { body, asked } = queue();
    body.push(Buffer.alloc(65_536));
    expect(asked).toEqual([]);
    body.push(Buffer.from("a"));
    expect(asked).toEqual(["pause"]);
    const chunks = body[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.next();
    expect(asked).toEqual(["pause"]);
    const next = chunks.next();
    await Promise.resolve();
    expect(asked).toEqual(["pause", "resume"]);
    body.push(Buffer.from("b"));
    expect((await next).value?.toString()).toBe("b");
    expect(asked).toEqual(["pause", "resume"]);
  });

  // A server that sends one byte in each chunk kept 65,536 of them waiting: 16 MB for a stream, and ten seconds to take them out again.
  test("pauses its source while many chunks wait, however short they are", () => {
    const { body, asked } = queue();
    for (let chunk = 0; chunk < 2000 && asked.length === 0; chunk += 1) body.push(Buffer.from("a"));
    expect(asked).toEqual(["pause"]);
  });

  test("that is read as a whole comes chunk by chunk until the reader has enough", async () => {
    const { body, asked } = queue();
    const taken: string[] = [];
    body.push(Buffer.from("a"));
    const all = body.each((chunk) => {
      taken.push(chunk.toString());
      return taken.length < 3;
    });
    body.push(Buffer.from("b"));
    body.push(Buffer.from("c"));
    await all;
    body.push(Buffer.from("d"));
    expect(taken).toEqual(["a", "b", "c"]);
    expect(asked).toEqual(["abort"]);
    const broken = queue().body;
    broken.push(Buffer.from("half"));
    broken.break({ code: "ERR_UPSTREAM" });
    await expect(broken.each(() => true)).rejects.toMatchObject({ failure: { code: "ERR_UPSTREAM" } });
  });

  test("that breaks off says so after what had come", async () => {
    const { body } = queue();
    body.push(Buffer.from("half"));
    body.break({ code: "ERR_UPSTREAM" });
    body.end();
    expect(await read(body)).toEqual({ text: "half", failure: "ERR_UPSTREAM" });
  });

  test("that ended does not break any more", async () => {
    const { body } = queue();
    body.end();
    body.break({ code: "ERR_UPSTREAM" });
    expect(await read(body)).toEqual({ text: "", failure: undefined });
  });

  test("lets go of its source when its reader leaves, and of none that has ended", async () => {
    const left = queue();
    left.body.push(Buffer.from("a"));
    for await (const _chunk of left.body) break;
    expect(left.asked).toContain("abort");
    const ended = queue();
    ended.body.end();
    await read(ended.body);
    ended.body.abort();
    expect(ended.asked).not.toContain("abort");
  });
});

describe("in time", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a body that is expected breaks when nothing comes for so long, not while something does", async () => {
    const { body, asked } = queue();
    body.expectWithin(1000);
    const all = read(body);
    for (let at = 0; at < 3; at += 1) {
      await vi.advanceTimersByTimeAsync(900);
      body.push(Buffer.from("x"));
    }
    await vi.advanceTimersByTimeAsync(999);
    expect(asked).not.toContain("abort");
    await vi.advanceTimersByTimeAsync(1);
    expect(await all).toEqual({ text: "xxx", failure: "ERR_UPSTREAM_TIMEOUT" });
    expect(asked).toContain("abort");
  });

  test.each([
    ["an end", (body: BodyQueue) => body.end()],
    ["a break", (body: BodyQueue) => body.break({ code: "ERR_UPSTREAM" })],
  ])("%s leaves no timer behind", (_name, finish) => {
    const { body } = queue();
    body.expectWithin(1000);
    finish(body);
    expect(vi.getTimerCount()).toBe(0);
    body.expectWithin(1000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a body that is skipped after all leaves no timer behind", () => {
    const { body } = queue();
    body.expectWithin(1000);
    body.skip();
    body.skip();
    body.end();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a body that is skipped is read away, up to a size", () => {
    const { body, asked } = queue();
    body.push(Buffer.alloc(65_537));
    body.skip();
    expect(asked).toEqual(["pause", "resume"]);
    body.push(Buffer.alloc(65_536));
    expect(asked).not.toContain("abort");
    body.push(Buffer.alloc(1));
    expect(asked).toContain("abort");
  });

  test("and up to a time, however little comes", async () => {
    const { body, asked } = queue();
    body.skip();
    for (let at = 0; at < 9; at += 1) {
      await vi.advanceTimersByTimeAsync(100);
      body.push(Buffer.from("x"));
    }
    expect(asked).not.toContain("abort");
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toContain("abort");
  });

  test("a skipped body that ends lets the connection live", async () => {
    const { body, asked } = queue();
    body.skip();
    body.end();
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).not.toContain("abort");
  });
});
