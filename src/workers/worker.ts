/**
 * Where a worker process begins. Obeys the supervisor only, and ends with it. Must not load anything before the signals are in hand.
 */

// A terminal or a process manager signals the whole group: when to stop or reload is the supervisor's to say.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
const endEarly = (): void => process.exit(0);
process.on("disconnect", endEarly);

const { serveWorker } = await import("./serve-worker.ts");
process.off("disconnect", endEarly);
serveWorker();
