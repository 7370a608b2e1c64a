/** Nothing of a call may be left when it is over: what the process still holds for calls, as its own metrics say it. */
import { expect } from "vitest";
import { sumOf } from "./metrics.ts";

interface Rest {
  readonly calls: number;
  readonly bytes: number;
  readonly slots: number;
}

const REST: Rest = { calls: 0, bytes: 0, slots: 0 };

/** Waits until no call is in flight, no byte of a message is held and no slot of a server is taken. */
export async function atRest(gatewayUrl: string, timeout = 10_000): Promise<void> {
  await expect.poll(() => held(gatewayUrl), { timeout, interval: 20 }).toEqual(REST);
}

async function held(gatewayUrl: string): Promise<Rest> {
  const text = await (await fetch(`${gatewayUrl}/metrics`)).text();
  return {
    calls: sumOf(text, "sluice_calls_in_flight"),
    bytes: sumOf(text, "sluice_buffered_bytes"),
    slots: sumOf(text, "sluice_upstream_slots_in_use"),
  };
}

/** Sockets that this process has open, both sides of each that it holds both ends of. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap" || name === "TLSWrap").length;
}
