/**
 * Cuts the bytes of a connection into HTTP/1.1 messages, for ends that know what they will be sent: by Content-Length, or chunked with
 * nothing behind the last chunk. Cheap on purpose. Must not be taken for a parser of anything that is not our own.
 */

export interface Frame {
  /** Start line and headers, without the empty line. */
  readonly head: string;
  readonly body: Buffer;
}

interface Head {
  readonly text: string;
  readonly bytes: number;
  readonly length: number;
  readonly chunked: boolean;
}

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

export class Frames {
  readonly #onFrame: (frame: Frame) => void;
  #parts: Buffer[] = [];
  #size = 0;
  #head: Head | undefined;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    while (this.#size > 0) {
      this.#head ??= this.#readHead();
      if (this.#head === undefined) return;
      const frame = this.#head.chunked ? this.#readChunked(this.#head) : this.#readSized(this.#head);
      if (frame === undefined) return;
      this.#onFrame(frame);
    }
  }

  #readHead(): Head | undefined {
    const all = this.#join();
    const end = all.indexOf(HEAD_END);
    if (end === -1) return undefined;
    const text = all.toString("latin1", 0, end);
    const length = /\ncontent-length: *(\d+)/i.exec(text)?.[1];
    return {
      text,
      bytes: end + HEAD_END.length,
      length: Number(length ?? 0),
      chunked: length === undefined && /\ntransfer-encoding: *chunked/i.test(text),
    };
  }

  #readSized(head: Head): Frame | undefined {
    const end = head.bytes + head.length;
    return this.#size < end ? undefined : this.#take(head, end, (all) => all.subarray(head.bytes, end));
  }

  #readChunked(head: Head): Frame | undefined {
    const last = this.#parts.at(-1) as Buffer;
    const tail = last.length < LAST_CHUNK.length ? this.#join() : last;
    if (tail.toString("latin1", tail.length - LAST_CHUNK.length) !== LAST_CHUNK) return undefined;
    const body = unchunk(this.#join().subarray(head.bytes));
    return body === undefined ? undefined : this.#take(head, this.#size, () => body);
  }

  #take(head: Head, end: number, body: (all: Buffer) => Buffer): Frame {
    const all = this.#join();
    const frame = { head: head.text, body: body(all) };
    const rest = all.subarray(end);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    this.#head = undefined;
    return frame;
  }

  #join(): Buffer {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts, this.#size)];
    return this.#parts[0] as Buffer;
  }
}

/** The data of all chunks; undefined when the last one is not there. */
function unchunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at, "latin1");
    if (line === -1) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
