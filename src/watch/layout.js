// @ts-check
/**
 * Where things stand in the memory that the event loop and the watchdog thread share. Plain JavaScript, as everything that the thread
 * loads: a type stripper in the thread would cost more memory than the thread.
 * Must hold no logic.
 */

/** 32-bit words at the start of the memory. Each has one writer, but for DOOMED. */
export const WORD = {
  /** Goes up while the event loop turns. Written by the loop. */
  BEAT: 0,
  /** Bytes of the text at CURRENT_AT: whose work is being done at this moment; 0: nobody's. Written by the loop. */
  CURRENT: 1,
  /** 1 from the moment at which the thread gave the process up. Written by the thread. */
  DOOMED: 2,
  /** Goes up when the audit file is to be opened anew. Written by the loop. */
  REOPEN: 3,
  /** `limits.stall_ms`. Written by the loop. */
  STALL_MS: 4,
  /** Entries that were ever in use: the thread looks at no others. Written by the loop. */
  USED: 5,
  /** Nothing writes it: the loop waits on it for the end. */
  NEVER: 6,
  /** Goes up with the milliseconds for which the loop's thread has a processor, modulo 2^32, some time later. Written by the thread. */
  CLOCK: 7,
};

/** What an entry is at the moment. Who moves it on by compare-and-exchange is the one who records it. */
export const STATE = {
  FREE: 0,
  /** Being judged: nothing of it has left. */
  JUDGING: 1,
  /** A client's request that was handed to its server, and has no answer yet. */
  FORWARDED: 2,
  /** The event loop writes its record. */
  RECORDING: 3,
  /** The thread has recorded it. */
  TAKEN: 4,
};

export const CURRENT_AT = 64;
export const CURRENT_BYTES = 960;
/** Two words for each entry: its state, and the bytes of its text. */
export const ENTRIES_AT = CURRENT_AT + CURRENT_BYTES;
export const ENTRY_WORDS = 2;
/** Above the longest head of a record that consists of plain names. */
export const TEXT_BYTES = 2048;

/** @param {number} capacity @returns {number} where the texts begin */
export const textsAt = (capacity) => ENTRIES_AT + capacity * ENTRY_WORDS * 4;

/** @param {number} capacity @returns {number} bytes of the whole memory */
export const bytesFor = (capacity) => textsAt(capacity) + capacity * TEXT_BYTES;
