/**
 * Reads the definitions of tools, prompts and resources, which are remembered as JSON text, once for the many messages that they belong to.
 * Must not change or check them: the strict reader accepted them when they were listed.
 */
import { type JsonDocument, readJson } from "../mcp/json.ts";
import { Generations } from "../policy/generations.ts";

const CACHE_BYTES = 8 * 1024 * 1024;
/** The bytes of a definition, and what the reader notes of each of its values, per code unit of its text: at most. */
const READ_BYTES = 24;
/** The list that it came in was read within the configured limits, which may have become lower since. */
const LIMITS = { bytes: 0x7fff_fff0, depth: 4_096, nodes: 0x0fff_ffff, string: 0x7fff_fff0 };

export class Definitions {
  readonly #read = new Generations<JsonDocument>(CACHE_BYTES);

  /** Throws for text that the strict reader does not accept. */
  read(text: string): JsonDocument {
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const read = readJson(Buffer.from(text), LIMITS);
    if (!read.ok) throw new TypeError("a remembered definition is not strict JSON");
    this.#read.add(text, read.value, text.length * READ_BYTES);
    return read.value;
  }
}
