/**
 * The body of a client's request. Events instead of an asynchronous iterator: that costs more than all else of reading a small message.
 * Must not keep the bytes.
 */
import type { IncomingMessage } from "node:http";
import type { Body } from "../mcp/body.ts";

/** Leaving early only stops the reading: the socket that the refusal is written to stays open. */
export function requestBody(request: IncomingMessage): Body {
  return {
    each: (take) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          request.off("data", onData);
          request.off("end", onEnd);
          request.off("error", onBroken);
          request.off("close", onBroken);
        };
        const onData = (chunk: Buffer): void => {
          if (take(chunk)) return;
          stop();
          request.pause();
          resolve();
        };
        const onEnd = (): void => {
          stop();
          resolve();
        };
        const onBroken = (): void => {
          stop();
          reject(new Error("the request broke off"));
        };
        if (request.destroyed && !request.readableEnded) return onBroken();
        request.on("data", onData);
        request.on("end", onEnd);
        request.on("error", onBroken);
        request.on("close", onBroken);
      }),
  };
}
