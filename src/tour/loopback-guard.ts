/**
 * Preloaded into a demonstration server that would listen on all interfaces: every listening socket of the process is bound to
 * 127.0.0.1 instead. Must do nothing else.
 */
import { Server } from "node:net";

const LOOPBACK = "127.0.0.1";
const listen = Reflect.get(Server.prototype, "listen") as (...args: unknown[]) => Server;

/** Server.listen(port), (port, host, …), (options, …): whatever is asked for, the address is loopback. Paths (UNIX sockets) stay. */
Server.prototype.listen = function guardedListen(this: Server, ...args: unknown[]): Server {
  const [first] = args;
  const rest = args.filter((arg) => typeof arg === "function");
  if (typeof first === "object" && first !== null && !("fd" in first) && !("path" in first)) {
    return Reflect.apply(listen, this, [{ ...first, host: LOOPBACK }, ...rest]) as Server;
  }
  if (typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first))) {
    return Reflect.apply(listen, this, [{ port: Number(first), host: LOOPBACK }, ...rest]) as Server;
  }
  return Reflect.apply(listen, this, args) as Server;
} as Server["listen"];
