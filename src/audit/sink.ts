/**
 * Where audit records go: one JSON line each, in a file of mode 0600. Synchronous on purpose: a record is in the kernel before its
 * message leaves, so that a killed process loses no record of a forwarded message. Must not decide what a failure means.
 */
import { fail, type Failure, ok, type Result } from "../errors.ts";
import { faultName } from "../observe/logger.ts";
import { LineFile } from "./line-file.js";

export interface AuditSink {
  /** Writes one record, as JSON without a line end. */
  write(record: string): Result<void>;
  /** Writes records in their order, with as few writes as there may be. Those up to the first that could not be written are there. */
  writeAll(records: readonly string[]): Written;
  /** Opens the file anew, after it was moved away by log rotation. */
  reopen(): Result<void>;
  close(): void;
}

export interface Written {
  /** How many of the records are there, whole. */
  readonly written: number;
  /** Why not all of them. */
  readonly failure: Failure | undefined;
}

class FileSink implements AuditSink {
  readonly #path: string;
  readonly #shared: boolean;
  #file: LineFile | undefined;

  constructor(path: string, shared: boolean) {
    this.#path = path;
    this.#shared = shared;
  }

  reopen(): Result<void> {
    this.close();
    try {
      this.#file = new LineFile(this.#path, { shared: this.#shared });
      return ok(undefined);
    } catch (fault) {
      return fail({ code: "ERR_AUDIT", detail: `cannot open the audit file: ${faultName(fault)}` });
    }
  }

  write(record: string): Result<void> {
    const { failure } = this.writeAll([record]);
    return failure === undefined ? ok(undefined) : fail(failure);
  }

  writeAll(records: readonly string[]): Written {
    if (this.#file === undefined) {
      const reopened = this.reopen();
      if (!reopened.ok) return { written: 0, failure: reopened.failure };
    }
    const { written, fault } = this.#file?.appendAll(records) ?? { written: 0, fault: undefined };
    if (written === records.length) return { written, failure: undefined };
    return { written, failure: { code: "ERR_AUDIT", detail: `cannot write the audit file: ${faultName(fault)}` } };
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** A sink on a file, opened at once so that a wrong path is found at start. `shared`: other processes write to the file too. */
export function openAuditFile(path: string, { shared = false } = {}): Result<AuditSink> {
  const sink = new FileSink(path, shared);
  const opened = sink.reopen();
  return opened.ok ? ok(sink) : opened;
}
