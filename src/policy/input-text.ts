/**
 * The text of a policy input while it is put together: JSON that was written here, and JSON that is copied from where a strict reader
 * accepted it. Must not know what an input holds.
 */

/**
 * A policy input behind its nonce, which the engine puts first: the rest of one JSON object, so that it starts with `,` or is `}` alone. Text
 * when it is short, bytes (UTF-8) when something long was copied. Only ever JSON that the strict reader accepted or that was written here:
 * the engine takes garbage without complaint. As text it stands for its bytes exactly: neither has a lone surrogate.
 */
export type InputText = string | Buffer;

/** Longer pieces are kept as the bytes that they are. */
const LONGEST_TEXT = 2_048;

/** Pieces are added from left to right; between two values comes a comma, and none behind an opening bracket or a key. */
export class InputTextBuilder {
  #text = "";
  #separator = ",";
  #bytes: Buffer[] | undefined;

  /** `quoted`: the key in its quotes with its colon. */
  key(quoted: string): void {
    this.#text += this.#separator + quoted;
    this.#separator = "";
  }

  /** A whole value. */
  value(json: string): void {
    this.#text += this.#separator + json;
    this.#separator = ",";
  }

  open(bracket: "{" | "["): void {
    this.#text += this.#separator + bracket;
    this.#separator = "";
  }

  close(bracket: "}" | "]"): void {
    this.#text += bracket;
    this.#separator = ",";
  }

  /** A whole value, copied. */
  copy(bytes: Buffer, start: number, end: number): void {
    this.value("");
    this.copyPart(bytes, start, end);
  }

  /** A part of a value, copied. */
  copyPart(bytes: Buffer, start: number, end: number): void {
    if (end - start <= LONGEST_TEXT) {
      this.#text += bytes.toString("utf8", start, end);
      return;
    }
    this.#bytes ??= [];
    this.#bytes.push(Buffer.from(this.#text), bytes.subarray(start, end));
    this.#text = "";
  }

  /** Ends the input. */
  finish(): InputText {
    return this.#bytes === undefined ? `${this.#text}}` : Buffer.concat([...this.#bytes, Buffer.from(`${this.#text}}`)]);
  }

  /** What was added so far, of a value that holds nothing long. */
  written(): string {
    return this.#text.slice(1);
  }
}

/** An input out of plain data. */
export function inputText(input: object): InputText {
  const text = JSON.stringify(input);
  return text === "{}" ? "}" : `,${text.slice(1)}`;
}
