/** `sluice tour`: the demonstration. Must not know what it shows. */
import { runTour } from "../tour/tour.ts";
import { stopSignal } from "./stop-signal.ts";
import type { Streams } from "./streams.ts";

export interface TourOptions {
  readonly once?: boolean;
}

export async function tour({ once = false }: TourOptions, { stdout }: Streams): Promise<number> {
  return runTour({ stdout, stopped: stopSignal(), once });
}
