/**
 * A gateway in a process of its own, with its watchdog and, like a worker, a pipe to somebody who watches it on descriptor 5. Started by
 * tests with the path of a configuration file; says its URL on standard output and takes orders on standard input, a line each.
 */
import { createInterface } from "node:readline";
import { loadConfig } from "../../src/config/load.ts";
import { startGateway } from "../../src/gateway.ts";

const [file = "", report] = process.argv.slice(2);
/** What to do between the judging of the next message and the writing of its record. */
let beforeWrite: (() => void) | undefined;
const loaded = await loadConfig(file);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
const started = await startGateway(loaded.value.config, {
  locate: loaded.value.locate,
  watchdog: report === undefined ? {} : { report: Number(report) },
  judgement: (real) => ({
    ...real,
    enforce(...parts) {
      // In the queue before the writing of the group that this message comes to.
      if (beforeWrite !== undefined) setImmediate(beforeWrite);
      beforeWrite = undefined;
      return real.enforce(...parts);
    },
  }),
});
if (!started.ok) throw new Error(JSON.stringify(started.failure));
process.stdout.write(`${JSON.stringify({ url: started.value.url })}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line) as { busy?: number; reopen?: true; crash?: true; beforeWrite?: true };
  const act = (): void => {
    // Work that is nobody's.
    if (order.busy !== undefined) for (const end = performance.now() + order.busy; performance.now() < end; );
    if (order.crash === true) throw new TypeError("a fault of the gateway's own");
  };
  if (order.reopen === true) started.value.reopenAudit();
  if (order.beforeWrite === true) beforeWrite = act;
  else act();
  process.stdout.write(`${JSON.stringify({ done: order })}\n`);
});
