import { expect, test } from "vitest";
import { PII, SECRETS } from "../../src/detect/catalogue.ts";
import type { Detector } from "../../src/detect/detector.ts";
import { resolveOverlaps } from "../../src/detect/overlaps.ts";

const pii = PII[0] as Detector;
const secret = SECRETS[0] as Detector;
const hit = (detector: Detector, start: number, end: number, score = 0.5) => ({ detector, start, end, match: { start, end, score } });
const standing = (...hits: ReturnType<typeof hit>[]) =>
  resolveOverlaps(hits).map(({ start, end, detector, match }) => [start, end, detector.category, match.score]);

test("hits that only touch both stand, in order", () => {
  expect(standing(hit(pii, 5, 9), hit(pii, 0, 5))).toEqual([
    [0, 5, "pii", 0.5],
    [5, 9, "pii", 0.5],
  ]);
});

test("a secret stands before longer personal data", () => {
  expect(standing(hit(pii, 0, 20, 1), hit(secret, 5, 9))).toEqual([[5, 9, "secret", 0.5]]);
});

test("of one category the longer stands, of one length the surer", () => {
  expect(standing(hit(pii, 0, 5, 1), hit(pii, 2, 9))).toEqual([[2, 9, "pii", 0.5]]);
  expect(standing(hit(pii, 0, 5), hit(pii, 0, 5, 0.9))).toEqual([[0, 5, "pii", 0.9]]);
});

test("what overlaps only the one that falls still stands", () => {
  expect(standing(hit(pii, 0, 10), hit(pii, 8, 13), hit(pii, 12, 20))).toEqual([
    [0, 10, "pii", 0.5],
    [12, 20, "pii", 0.5],
  ]);
});
