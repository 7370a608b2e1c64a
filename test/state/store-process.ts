/** A worker process that does nothing but call its store as its parent says. */
import { Fault } from "../../src/errors.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { MirroredStore } from "../../src/state/mirrored.ts";
import { RemoteStore } from "../../src/state/remote.ts";
import type { Store } from "../../src/state/store.ts";
import { processChannel } from "./channels.ts";

const channel = processChannel(process);
const mirrored = process.argv[2] === "mirrored" ? new MirroredStore(new MemoryStore(() => performance.now()), channel) : undefined;
const store: Store = mirrored ?? new RemoteStore(channel);

process.on("message", (message: { kind?: string; n?: number; method?: keyof Store; args?: unknown[] }) => {
  if (message.method === undefined) return;
  const { n, args = [] } = message;
  const method = store[message.method] as (...args: unknown[]) => Promise<unknown>;
  const seeded = mirrored?.seeded ?? Promise.resolve();
  const called = seeded.then(() => method.apply(store, args));
  if (message.kind === "test-last") {
    void called.then(() => process.kill(process.pid, "SIGKILL"));
    return;
  }
  void called.then(
    (value) => channel.send({ kind: "test-done", n, value }),
    (fault: unknown) => channel.send({ kind: "test-done", n, value: `failed: ${fault instanceof Fault ? fault.failure.code : ""}` }),
  );
});
process.on("disconnect", () => process.exit());
