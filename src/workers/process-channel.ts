/**
 * A Channel over the connection that Node makes between a process and the one it forked. Must not know what is said.
 */
import type { Serializable } from "node:child_process";
import type { Channel } from "./channel.ts";

/** What `process` of a forked process and `ChildProcess` have in common. */
interface End {
  send?(message: Serializable, callback: (fault: Error | null) => void): boolean;
  on(event: "message", listener: (message: unknown) => void): unknown;
}

export function processChannel(end: End): Channel {
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        if (end.send === undefined) return reject(new Error("there is no connection"));
        end.send(message, (fault) => {
          if (fault === null) resolve();
          else reject(fault);
        });
      }),
    take(taker) {
      end.on("message", taker);
    },
  };
}
