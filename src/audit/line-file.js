// @ts-check
/**
 * A file of lines that several writers append to, each whole or on a line of its own: a line that somebody left half written (a full
 * disk) swallows no other. Plain JavaScript because the watchdog thread loads it too (see src/watch/layout.js).
 * Must not know what a line holds. Throws what the system says.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

const NEWLINE = 0x0a;
/** A pipe whose reader is slow refuses the line at once: waiting for it would hold everybody's messages. Files know no such wait. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export class LineFile {
  /** @type {number} */ #fd;
  #regular;
  #shared;
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
    if (this.#shared && this.#regular) {
      const { size } = fstatSync(this.#fd);
      if (size !== this.#end) this.#look(size);
    }
    if (this.#put(line) || this.#put(line)) return;
    throw Object.assign(new Error("a line was written in part"), { code: "ENOSPC" });
  }

  close() {
    closeSync(this.#fd);
  }

  /** @param {string} line @returns {boolean} whether all of it is there */
  #put(line) {
    const bytes = Buffer.from(`${this.#broken ? "\n" : ""}${line}\n`);
    const written = writeSync(this.#fd, bytes);
    this.#end += written;
    if (written > 0) this.#broken = written < bytes.length;
    return written === bytes.length;
  }

  /** @param {number} size */
  #look(size) {
    const last = Buffer.alloc(1);
    this.#broken = size > 0 && readSync(this.#fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
    this.#end = size;
  }
}
