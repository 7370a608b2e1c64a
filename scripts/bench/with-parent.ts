/**
 * What the child processes of the benchmark share: they say where they listen, ignore the terminal's Ctrl-C (their parent ends them) and
 * end when their parent has, however that ended.
 */
import type { AddressInfo, Server } from "node:net";

/** Must be called once by every child. */
export function endWithParent(): void {
  process.on("disconnect", () => process.exit(0));
  process.on("SIGINT", () => {});
}

/** Listens on a free loopback port and tells the parent which. */
export function reportReady(server: Server): void {
  endWithParent();
  server.listen(0, "127.0.0.1", () => {
    process.send?.({ port: (server.address() as AddressInfo).port });
  });
}
