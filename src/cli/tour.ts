/** `sluice tour`: the demonstration. Must not know what it shows. */
import { runTour } from "../tour/tour.ts";
import { stopSignal } from "./stop-signal.ts";
import { outliveReaders, type Streams } from "./streams.ts";

export interface TourOptions {
  readonly once?: boolean;
}

export async function tour({ once = false }: TourOptions, streams: Streams): Promise<number> {
  outliveReaders(streams);
  return runTour({ stdout: streams.stdout, stopped: stopSignal(), once });
}
