/**
 * Outlives the benchmark by a moment: when its parent has ended without tidying up (kill -9), it ends the process groups that it was told
 * of. Must do nothing while its parent lives.
 */
const groups = new Set<number>();

process.on("message", ({ start, end }: { start?: number; end?: number }) => {
  if (start !== undefined) groups.add(start);
  if (end !== undefined) groups.delete(end);
});
process.on("SIGINT", () => {});
process.on("disconnect", () => {
  for (const group of groups) {
    try {
      process.kill(-group, "SIGKILL");
    } catch {
      // It had ended already.
    }
  }
  process.exit(0);
});
process.send?.({ port: 0 });
