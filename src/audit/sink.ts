/**
 * Where audit records go: one JSON line each, in a file of mode 0600. Synchronous on purpose: a record is in the kernel before its
 * message leaves, so that a killed process loses no record of a forwarded message. Must not decide what a failure means.
 */
import { closeSync, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { fail, ok, type Result } from "../errors.ts";
import { faultName } from "../observe/logger.ts";
import type { AuditRecord } from "./record.ts";

export interface AuditSink {
  write(record: AuditRecord): Result<void>;
  /** Opens the file anew, after it was moved away by log rotation. */
  reopen(): Result<void>;
  close(): void;
}

const NEWLINE = 0x0a;

class FileSink implements AuditSink {
  readonly #path: string;
  #fd: number | undefined;
  /** A line may be half written (full disk): the next record starts on a line of its own. */
  #broken = false;

  constructor(path: string) {
    this.#path = path;
  }

  reopen(): Result<void> {
    this.close();
    try {
      const fd = openSync(this.#path, "a+", 0o600);
      this.#fd = fd;
      const file = fstatSync(fd);
      if (file.isFile()) {
        if ((file.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
        this.#broken = !endsInNewline(fd, file.size);
      }
      return ok(undefined);
    } catch (fault) {
      this.close();
      return fail({ code: "ERR_AUDIT", detail: `cannot open the audit file: ${faultName(fault)}` });
    }
  }

  write(record: AuditRecord): Result<void> {
    if (this.#fd === undefined) {
      const reopened = this.reopen();
      if (!reopened.ok) return reopened;
    }
    const line = Buffer.from(`${this.#broken ? "\n" : ""}${JSON.stringify(record)}\n`);
    let written = 0;
    try {
      while (written < line.length) written += writeSync(this.#fd as number, line, written);
      this.#broken = false;
      return ok(undefined);
    } catch (fault) {
      if (written > 0) this.#broken = true;
      return fail({ code: "ERR_AUDIT", detail: `cannot write the audit file: ${faultName(fault)}` });
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function endsInNewline(fd: number, size: number): boolean {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === NEWLINE;
}

/** A sink on a file, opened at once so that a wrong path is found at start. */
export function openAuditFile(path: string): Result<AuditSink> {
  const sink = new FileSink(path);
  const opened = sink.reopen();
  return opened.ok ? ok(sink) : opened;
}
