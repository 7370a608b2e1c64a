/**
 * The listening socket of the supervisor, kept open by a thread that never accepts. Workers get its descriptor and accept from it.
 * Must not accept.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { fail, ok, type Result } from "../errors.ts";

export interface Keeper {
  readonly fd: number;
  /** Gives the supervisor's hold on the socket up: with those of the workers it is gone. */
  close(): Promise<void>;
}

/** Bounds of a thread that holds next to nothing. */
const ROOM = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
const THREAD = new URL(`./keeper-thread${extname(import.meta.filename)}`, import.meta.url);

/** Listens. The failure is the system's: its `code` says why. */
export function keepSocket(host: string, port: number): Promise<Result<Keeper, Error>> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(THREAD, { workerData: { host, port }, resourceLimits: ROOM });
    thread.once("error", reject);
    thread.once("message", ({ fd, name, code }: { fd?: number; name?: string; code?: string }) => {
      if (fd !== undefined) {
        thread.unref();
        return resolve(ok({ fd, close: async () => void (await thread.terminate()) }));
      }
      void thread.terminate();
      resolve(fail(Object.assign(new Error(code), { name, code })));
    });
  });
}
