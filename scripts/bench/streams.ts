/**
 * Holds GET streams of 2025-11-25 open, as a child process: opens as many as it is told, waits until each has said something, and keeps
 * them until it is ended. Must not load anything.
 */
import { connect } from "node:net";
import { openStream } from "./messages.ts";
import { endWithParent } from "./with-parent.ts";

/** What the parent sends. It hears `{ open }` once all are open, or `{ fault }`. */
export interface Streams {
  readonly port: number;
  readonly path: string;
  readonly count: number;
}

function open({ port, path }: Streams): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let said = "";
    socket.on("connect", () => socket.write(openStream(port, path)));
    socket.on("data", (chunk: Buffer) => {
      if (said.length < 4096) said += chunk.toString("latin1");
      const bodyAt = said.indexOf("\r\n\r\n");
      if (bodyAt === -1 || !said.includes("\n\n", bodyAt + 4)) return;
      if (said.startsWith("HTTP/1.1 200 ")) resolve();
      else reject(new Error(`a stream was refused: ${said.slice(0, 200)}`));
    });
    socket.on("error", reject);
    socket.on("close", () => {
      reject(new Error(`a stream was closed: ${said.slice(0, 200)}`));
    });
  });
}

/** One after the other: a thousand connections at once would overrun the listener's queue. */
async function openAll(wanted: Streams): Promise<void> {
  for (let n = 0; n < wanted.count; n += 1) await open(wanted);
}

endWithParent();
process.on("message", (wanted: Streams) => {
  openAll(wanted).then(
    () => process.send?.({ open: wanted.count }),
    (fault: unknown) => process.send?.({ fault: String(fault) }),
  );
});
process.send?.({ port: 0 });
