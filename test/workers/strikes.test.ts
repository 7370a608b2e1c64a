import { expect, test } from "vitest";
import { Strikes } from "../../src/workers/strikes.ts";

const MINUTE = 60_000;

test("a caller is refused at the second strike, not at the first", () => {
  const strikes = new Strikes();
  expect(strikes.strike(["ann"], 0, 5 * MINUTE)).toEqual([]);
  expect(strikes.strike(["bob"], 1, 5 * MINUTE)).toEqual([]);
  expect(strikes.strike(["ann"], 2, 5 * MINUTE)).toEqual([{ principal: "ann", ms: 5 * MINUTE }]);
});

test("one end that names a caller twice is one strike", () => {
  expect(new Strikes().strike(["ann", "ann"], 0, MINUTE)).toEqual([]);
});

test("strikes far apart do not add up", () => {
  const strikes = new Strikes();
  expect(strikes.strike(["ann"], 0, MINUTE)).toEqual([]);
  expect(strikes.strike(["ann"], 11 * MINUTE, MINUTE)).toEqual([]);
  expect(strikes.strike(["ann"], 12 * MINUTE, MINUTE)).toHaveLength(1);
});

test("after a quarantine it takes two strikes again", () => {
  const strikes = new Strikes();
  strikes.strike(["ann"], 0, MINUTE);
  strikes.strike(["ann"], 1, MINUTE);
  expect(strikes.strike(["ann"], 2 * MINUTE, MINUTE)).toEqual([]);
  expect(strikes.strike(["ann"], 2 * MINUTE + 1, MINUTE)).toHaveLength(1);
});

test("a new worker is told who is still refused, and for how long", () => {
  const strikes = new Strikes();
  strikes.strike(["ann"], 0, MINUTE);
  strikes.strike(["ann"], 0, MINUTE);
  expect(strikes.quarantined(MINUTE / 2)).toEqual([{ principal: "ann", ms: MINUTE / 2 }]);
  expect(strikes.quarantined(MINUTE)).toEqual([]);
});

test("it remembers so many callers and no more", () => {
  const strikes = new Strikes();
  for (let at = 0; at < 5_000; at += 1) strikes.strike([`c${at}`], at, MINUTE);
  expect(strikes.strike(["c0"], 5_000, MINUTE)).toEqual([]);
  expect(strikes.strike(["c4999"], 5_000, MINUTE)).toHaveLength(1);
});
