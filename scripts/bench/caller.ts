/**
 * One connection that calls tools: one call at a time, timed and checked. Must cost far less than what is measured: requests are prepared
 * and only their numbers change.
 */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { Check } from "./check-answer.ts";
import { type Frame, Frames } from "./frames.ts";
import type { Histogram } from "./histogram.ts";
import { FIRST_ID, LAST_ID, overwrite, type PreparedRequest } from "./messages.ts";

/** What all callers of a round write to. */
export interface Notes {
  readonly histogram: Histogram;
  readonly check: Check;
  /** Calls without an answer, and why. */
  readonly lost: string[];
}

let lastId = FIRST_ID;

export class Caller {
  readonly #socket: Socket;
  readonly #requests: readonly PreparedRequest[];
  readonly #varied: boolean;
  readonly #notes: Notes;
  #turn: number;
  #call: { readonly id: number; readonly since: number; readonly done: () => void } | undefined;
  /** The connection is gone. */
  gone = false;

  /** `requests` take turns, from the one numbered `turn` on. `varied`: each call names another tool. */
  constructor(socket: Socket, requests: readonly PreparedRequest[], varied: boolean, turn: number, notes: Notes) {
    this.#socket = socket;
    this.#requests = requests;
    this.#varied = varied;
    this.#turn = turn;
    this.#notes = notes;
    const frames = new Frames((frame) => {
      this.#answered(frame);
    });
    socket.on("data", (chunk: Buffer) => {
      frames.push(chunk);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#closed();
    });
  }

  /** Settles when the answer is there or will never come. `since`: when the call was due, in milliseconds. */
  call(since: number): Promise<void> {
    const request = this.#requests[this.#turn++ % this.#requests.length] as PreparedRequest;
    lastId = lastId === LAST_ID ? FIRST_ID : lastId + 1;
    const id = lastId;
    overwrite(request.bytes, request.ids, id);
    if (this.#varied) overwrite(request.bytes, request.names, id);
    return new Promise((done) => {
      this.#call = { id, since, done };
      if (this.gone) this.#closed();
      else this.#socket.write(request.bytes);
    });
  }

  /** Breaks a call that is under way: it counts as lost. */
  end(): void {
    this.#socket.destroy();
  }

  #answered(frame: Frame): void {
    const call = this.#call;
    if (call === undefined) {
      this.#notes.lost.push("an answer came that nobody asked for");
      return;
    }
    this.#call = undefined;
    this.#notes.histogram.add(performance.now() - call.since);
    this.#notes.check.answer(call.id, frame);
    call.done();
  }

  #closed(): void {
    this.gone = true;
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    this.#notes.lost.push("the connection was closed before the answer");
    call.done();
  }
}

export function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
