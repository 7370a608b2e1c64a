/** Bytes on a socket of their own: what no HTTP client would send. */
import { connect } from "node:net";

/** Everything that came back until the other side closed, or until `ms` had passed without that. */
export function exchange(url: string, bytes: string, ms = 400): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = "";
    const done = (): void => {
      resolve(text);
      socket.destroy();
    };
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", done);
    socket.write(bytes, "latin1");
    setTimeout(done, ms);
  });
}
