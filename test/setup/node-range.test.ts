/** The range in package.json is read the way npm reads it. */
import { expect, test } from "vitest";
import { compareVersions, nodeRange, satisfies } from "../../scripts/node-range.mjs";

test.each([
  ["22.22.2", true],
  ["v24.15.0", true],
  ["24.21.0", true],
  ["26.0.0", true],
  ["31.1.0", true],
  ["22.22.1", false],
  ["23.11.0", false],
  ["24.14.9", false],
  ["25.0.0", false],
  ["20.20.2", false],
  ["0.0.0", false],
  ["", false],
])("Node %s is good enough: %s", (version, good) => {
  expect(satisfies(version, "^22.22.2 || ^24.15.0 || >=26.0.0")).toBe(good);
});

test("the range of this project admits the Node that runs it", () => {
  expect(satisfies(process.versions.node, nodeRange)).toBe(true);
});

test("a range in another notation admits nothing rather than everything", () => {
  expect(satisfies("24.21.0", "~24 - 26")).toBe(false);
});

test("versions compare by number", () => {
  expect(compareVersions("1.21.3", "1.3.21")).toBeGreaterThan(0);
  expect(compareVersions("v1.22.2", "1.22.2")).toBe(0);
});
