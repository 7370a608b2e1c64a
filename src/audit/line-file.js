// @ts-check
/**
 * A file of lines that several writers append to, each whole or on a line of its own: a line that somebody left half written (a full
 * disk) swallows no other. Plain JavaScript because the watchdog thread loads it too (see src/watch/layout.js).
 * Must not know what a line holds. Throws what the system says.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

const NEWLINE = 0x0a;
const LONGEST_LETTER = 3;
const ROOM_BYTES = 16_384;
/** A pipe whose reader is slow refuses the line at once: waiting for it would hold everybody's messages. Files know no such wait. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export class LineFile {
  /** @type {number} */ #fd;
  #regular;
  #shared;
  /** What is written or read. */
  #room = Buffer.alloc(ROOM_BYTES);
  /** Whether the last line may be half written. */
  #broken = false;
  /** Size of the file after the last line written here. */
  #end = 0;

  /**
   * Opens or creates the file, for its owner only.
   * @param {string} path
   * @param {{ shared: boolean }} options `shared`: others write to it too
   */
  constructor(path, { shared }) {
    this.#shared = shared;
    this.#fd = openSync(path, FLAGS, 0o600);
    try {
      const file = fstatSync(this.#fd);
      this.#regular = file.isFile();
      if (this.#regular && (file.mode & 0o077) !== 0) fchmodSync(this.#fd, 0o600);
      if (this.#regular) this.#look(file.size);
    } catch (fault) {
      closeSync(this.#fd);
      throw fault;
    }
  }

  /**
   * Appends one line; returns once the kernel has all of it. A line of which only a part went in is tried once more, on a line of its own.
   * @param {string} line without its end
   */
  append(line) {
    if (this.#shared && this.#regular) this.#follow();
    if (this.#put(line) || this.#put(line)) return;
    throw Object.assign(new Error("a line was written in part"), { code: "ENOSPC" });
  }

  close() {
    closeSync(this.#fd);
  }

  /** @param {string} line @returns {boolean} whether all of it is there */
  #put(line) {
    const text = `${this.#broken ? "\n" : ""}${line}\n`;
    const fits = text.length * LONGEST_LETTER <= this.#room.length;
    const bytes = fits ? this.#room : Buffer.from(text);
    const length = fits ? bytes.write(text) : bytes.length;
    const written = writeSync(this.#fd, bytes, 0, length);
    this.#end += written;
    if (written > 0) this.#broken = written < length;
    return written === length;
  }

  /**
   * Finds how the file ends now. Reading from the last byte that is known says that nobody has written since, or shows what came, at
   * half of what asking for the size costs.
   */
  #follow() {
    const from = this.#end - 1;
    const read = from < 0 ? 0 : readSync(this.#fd, this.#room, 0, this.#room.length, from);
    // Nothing there: it was empty or is shorter now. All full: there may be more.
    if (read === 0 || read === this.#room.length) return this.#look(fstatSync(this.#fd).size);
    this.#broken = this.#room[read - 1] !== NEWLINE;
    this.#end = from + read;
  }

  /** @param {number} size */
  #look(size) {
    this.#broken = size > 0 && readSync(this.#fd, this.#room, 0, 1, size - 1) === 1 && this.#room[0] !== NEWLINE;
    this.#end = size;
  }
}
