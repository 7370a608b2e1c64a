// @ts-check
/**
 * Watches the event loop from a thread of its own. When the loop has stood still for too long it gives the process up: it records what
 * was under way, says whose work was being done, and sees to it that the process ends. Plain JavaScript, and nothing loaded but what is
 * needed: see layout.js.
 * Must not judge, and must never record an entry that the loop has recorded.
 */
import { readFileSync, writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { LineFile } from "../audit/line-file.js";
import { lastRecord } from "./last-record.js";
import { CURRENT_AT, ENTRIES_AT, ENTRY_WORDS, STATE, TEXT_BYTES, textsAt, WORD } from "./layout.js";

const { memory, capacity, audit, report } =
  /** @type {{ memory: SharedArrayBuffer, capacity: number, audit: string, report: number | undefined }} */ (workerData);

const LOOKS = 6;
/** The clock is set so often, in milliseconds. */
const CLOCK_MS = 25;
/** A loop that has stood for this part of the limit is suspect: a process that then dies of memory has somebody to blame. */
const SUSPECT = 1 / 4;
/** Longest wait for the supervisor to end this process, once its replacement listens. */
const GRACE_MS = 10_000;
const RESCAN_MS = 50;
/** The main thread, whose number is the process's. */
const THREAD = `/proc/self/task/${process.pid}`;

const words = new Int32Array(memory, 0, ENTRIES_AT / 4 + capacity * ENTRY_WORDS);
const bytes = Buffer.from(memory);
const parent = process.ppid;
const now = () => performance.now();

/** @type {LineFile | undefined} */
let file = openAudit();
let reopened = load(WORD.REOPEN);

watch();

function watch() {
  let beat = load(WORD.BEAT);
  let looked = now();
  let ran = processorTime();
  let clock = 0;
  let clocked = ran;
  /** Milliseconds that the loop has stood still while this thread ran. */
  let stood = 0;
  let suspect = "";
  for (;;) {
    const limit = load(WORD.STALL_MS);
    const pause = limit / LOOKS;
    Atomics.wait(words, WORD.NEVER, 0, Math.min(pause, CLOCK_MS));
    const time = now();
    const hasRun = processorTime();
    // What passed while the clock could not be read, or this thread was late, is nobody's: it would all be one piece of somebody's work.
    if (hasRun !== undefined && clocked !== undefined)
      Atomics.store(words, WORD.CLOCK, (clock += Math.min(hasRun - clocked, 2 * CLOCK_MS)));
    clocked = hasRun;
    if (time - looked < pause) continue;
    // When this thread was late, both were: a suspended machine, a stopped process. And a loop that would run if others let it have a
    // processor has stood still for as long as it had one.
    const worked = hasRun !== undefined && ran !== undefined && isRunnable() ? hasRun - ran : Infinity;
    const lived = Math.min(time - looked, pause * 2, worked);
    looked = time;
    ran = hasRun;
    if (load(WORD.REOPEN) !== reopened) reopenAudit();
    if (load(WORD.BEAT) !== beat) {
      beat = load(WORD.BEAT);
      stood = 0;
      if (suspect !== "") tell({ kind: "suspect", principals: [] });
      suspect = "";
      continue;
    }
    stood += lived;
    if (stood >= limit) {
      const blamed = current();
      if (load(WORD.BEAT) !== beat) continue;
      return giveUp(blamed);
    }
    const flow = stood >= limit * SUSPECT ? current() : undefined;
    if (flow !== undefined && flow !== suspect) {
      suspect = flow;
      tell({ kind: "suspect", principals: [flow] });
    }
  }
}

/** @param {string | undefined} blamed */
function giveUp(blamed) {
  Atomics.store(words, WORD.DOOMED, 1);
  const { judging, forwarded } = recordAll();
  const told = tell({ kind: "stalled", principals: blamed === undefined ? [] : [blamed], judging, forwarded });
  const deadline = now() + (told ? GRACE_MS : 0);
  // An entry that the loop was just moving on comes to rest: the loop stands still when it finds that it is given up.
  do {
    Atomics.wait(words, WORD.NEVER, 0, RESCAN_MS);
    recordAll();
  } while (now() < deadline && process.ppid === parent);
  process.kill(process.pid, "SIGKILL");
}

/** Records everything under way that the loop has not. */
function recordAll() {
  const counts = { judging: 0, forwarded: 0 };
  if (load(WORD.REOPEN) !== reopened) reopenAudit();
  const used = load(WORD.USED);
  for (let slot = 0; slot < used; slot += 1) {
    const word = ENTRIES_AT / 4 + slot * ENTRY_WORDS;
    const state = load(word);
    if (state !== STATE.JUDGING && state !== STATE.FORWARDED) continue;
    const length = load(word + 1);
    if (Atomics.compareExchange(words, word, state, STATE.TAKEN) !== state) continue;
    counts[state === STATE.JUDGING ? "judging" : "forwarded"] += 1;
    const start = textsAt(capacity) + slot * TEXT_BYTES;
    write(bytes.toString("utf8", start, start + length), state === STATE.FORWARDED);
  }
  return counts;
}

/**
 * @param {string} text what the record begins with
 * @param {boolean} forwarded
 */
function write(text, forwarded) {
  try {
    file ??= openAudit();
    file?.append(lastRecord(text, forwarded, forwarded ? "ERR_INTERRUPTED" : "ERR_STALLED"));
  } catch {
    // A full disk: the process ends all the same, and nothing of what is lost here was let pass.
  }
}

/** Milliseconds for which the loop's thread has had a processor, ever; undefined where the system does not say (proc(5), schedstat). */
function processorTime() {
  try {
    return Number(readFileSync(`${THREAD}/schedstat`, "latin1").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}

/** Whether the loop's thread runs or waits for a processor, and for nothing else (proc(5), stat). */
function isRunnable() {
  try {
    return / R /.test(readFileSync(`${THREAD}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Whose work the loop does. Undefined: nobody's that is known. */
function current() {
  const length = load(WORD.CURRENT);
  const flow = bytes.toString("utf8", CURRENT_AT, CURRENT_AT + length);
  return length === 0 || load(WORD.CURRENT) !== length ? undefined : flow;
}

/**
 * @param {object} line for the supervisor
 * @returns {boolean} whether it has been told
 */
function tell(line) {
  if (report === undefined) return false;
  try {
    const text = Buffer.from(`${JSON.stringify(line)}\n`);
    return writeSync(report, text) === text.length;
  } catch {
    return false;
  }
}

function openAudit() {
  try {
    return new LineFile(audit, { shared: true });
  } catch {
    // The loop's own descriptor says so; the next need for it tries again.
    return undefined;
  }
}

function reopenAudit() {
  reopened = load(WORD.REOPEN);
  const before = file;
  file = openAudit() ?? before;
  if (file !== before) before?.close();
}

/** @param {number} word */
function load(word) {
  return Atomics.load(words, word);
}
