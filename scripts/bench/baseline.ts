/**
 * What everything is compared with: the least that an HTTP proxy in Node does. Copies bytes both ways and reads none of them.
 * `node baseline.ts PORT` forwards to that port on loopback, with connections kept alive.
 */
import { Agent, createServer, request } from "node:http";
import { reportReady } from "./with-parent.ts";

const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const forwarded = request({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (method === "GET") outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  forwarded.on("error", () => outgoing.destroy());
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) forwarded.destroy();
  });
  incoming.pipe(forwarded);
});
reportReady(server);
