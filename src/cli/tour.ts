/** `sluice tour`: the demonstration. Must not know what it shows. */
import { runTour } from "../tour/tour.ts";
import type { Streams } from "./streams.ts";

export async function tour({ stdout }: Streams): Promise<number> {
  return runTour({ stdout });
}
