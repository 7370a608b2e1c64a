/** A worker process that does nothing but call its store as its parent says. */
import { Fault } from "../../src/errors.ts";
import { RemoteStore } from "../../src/state/remote.ts";
import type { Store } from "../../src/state/store.ts";
import { processChannel } from "./channels.ts";

const channel = processChannel(process);
const store: Store = new RemoteStore(channel);

process.on("message", (message: { kind?: string; n?: number; method?: keyof Store; args?: unknown[] }) => {
  if (message.kind !== "test-call" || message.method === undefined) return;
  const method = store[message.method] as (...args: unknown[]) => Promise<unknown>;
  void method.apply(store, message.args ?? []).then(
    (value) => channel.send({ kind: "test-done", n: message.n, value }),
    (fault: unknown) =>
      channel.send({ kind: "test-done", n: message.n, value: `failed: ${fault instanceof Fault ? fault.failure.code : ""}` }),
  );
});
process.on("disconnect", () => process.exit());
