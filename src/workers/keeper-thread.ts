/**
 * Holds the listening socket, in a thread of its own: it listens, says so, and then sleeps for ever without accepting anything. So the
 * socket stays open as long as the supervisor lives, whatever becomes of the workers. Must not do anything else.
 */
import { createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { host, port } = workerData as { host: string; port: number };
const server = createServer();
server.once("error", (fault) => {
  const code: unknown = Reflect.get(fault, "code");
  parentPort?.postMessage({ name: fault.name, code });
});
server.listen(port, host, () => {
  // The descriptor has no public name.
  const { fd } = Reflect.get(server, "_handle") as { fd: number };
  parentPort?.postMessage({ fd });
  // Accepts are taken from the event loop, which stops here: connections wait in the kernel for a worker.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
