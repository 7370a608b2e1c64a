// @ts-check
/**
 * A file of lines that several writers append to, each whole or on a line of its own: a line that somebody left half written (a full
 * disk) swallows no other. Plain JavaScript because the watchdog thread loads it too (see src/watch/layout.js).
 * Must not know what a line holds. Throws what the system says.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

const NEWLINE = 0x0a;
const LONGEST_LETTER = 3;
const ROOM_BYTES = 65_536;
/** A pipe whose reader is slow refuses the line at once: waiting for it would hold everybody's messages. Files know no such wait. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** How often and at what distance a half line is looked at again. One that stays half is waited for once. */
const LOOKS = 25;
const LOOK_MS = 1;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

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
   * Appends one line; returns once the kernel has all of it.
   * @param {string} line without its end
   */
  append(line) {
    const { written, fault } = this.appendAll([line]);
    if (written === 0) throw fault;
  }

  /**
   * Appends lines in their order, as many as fit with one write; returns once the kernel has them. The first line of which only a part
   * went in is tried once more, on a line of its own; with what cannot be written it ends.
   * @param {readonly string[]} lines without their ends
   * @returns {{ written: number, fault: unknown }} how many are there, whole; and why not all of them
   */
  appendAll(lines) {
    let written = 0;
    let again = false;
    try {
      if (this.#shared && this.#regular) this.#follow();
      while (written < lines.length) {
        const whole = this.#put(lines, written);
        written += whole;
        if (whole === 0 && again) throw Object.assign(new Error("a line was written in part"), { code: "ENOSPC" });
        again = whole === 0;
      }
    } catch (fault) {
      return { written, fault };
    }
    return { written, fault: undefined };
  }

  close() {
    closeSync(this.#fd);
  }

  /**
   * Writes lines once: those that there is room for, into a pipe one.
   * @param {readonly string[]} lines
   * @param {number} first
   * @returns {number} how many are there, whole
   */
  #put(lines, first) {
    let bytes = this.#room;
    let length = this.#broken ? bytes.write("\n") : 0;
    /** @type {number[]} */
    const ends = [];
    const last = this.#regular ? lines.length : first + 1;
    for (let at = first; at < last; at += 1) {
      const line = /** @type {string} */ (lines[at]);
      if (length + line.length * LONGEST_LETTER >= bytes.length) {
        if (at > first) break;
        bytes = Buffer.from(`${this.#broken ? "\n" : ""}${line}\n`);
        length = bytes.length;
        ends.push(length - 1);
        break;
      }
      length += bytes.write(line, length);
      ends.push(length);
      bytes[length++] = NEWLINE;
    }
    const written = writeSync(this.#fd, bytes, 0, length);
    this.#end += written;
    // A line that lacks nothing but its end is there: writing it again would make it two.
    if (written > 0) this.#broken = written < length && !ends.includes(written - 1);
    return written === length ? ends.length : ends.filter((end) => end <= written).length;
  }

  /**
   * Finds how the file ends now. Reading from the last byte that is known says that nobody has written since, or shows what came, at
   * half of what asking for the size costs.
   */
  #follow() {
    const known = this.#end;
    this.#seek();
    // A line that came half may be on its way: its writer has not come back from the kernel. Another line end would leave a blank line.
    for (let looks = 0; this.#broken && this.#end !== known && looks < LOOKS; looks += 1) {
      Atomics.wait(PAUSE, 0, 0, LOOK_MS);
      this.#seek();
    }
  }

  #seek() {
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
