/** Clients that call and call, each over one connection after another, and know what became of every call. */
import { Agent } from "node:http";
import { call, isEcho } from "./stage.ts";

/** Calls over `clients` connections that are kept, until `stop`; each client is one connection after another. */
export function load(url: string, clients: number) {
  let running = true;
  let id = 1000;
  const answered: number[] = [];
  const broken: number[] = [];
  const wrong: string[] = [];
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      id += 1;
      const mine = id;
      await call(url, mine, { agent }).then(
        (answer) => (isEcho(answer) ? answered.push(mine) : wrong.push(JSON.stringify(answer))),
        () => broken.push(mine),
      );
    }
    agent.destroy();
  };
  const clientsDone = Promise.all(Array.from({ length: clients }, client));
  return {
    answered,
    broken,
    wrong,
    async stop() {
      running = false;
      await clientsDone;
    },
  };
}
