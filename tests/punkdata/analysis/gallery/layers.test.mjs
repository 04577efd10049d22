import assert from "node:assert/strict";
import { test } from "node:test";
import { composite, describeParts, drawPunks, NO_OWNER, UNKNOWN_COLOR, unpackLayers } from "../../../../punkdata/analysis/gallery/page/layers/stack.js";

const base = new Array(576).fill(1);
base[9] = UNKNOWN_COLOR; // All punks have an accessory there.
// A cap at pixels 8 and 9, a shadow that darkens 7 and 8, and glasses over the cap at 9.
const overlays = [
  { accessory: 4, pixels: [8, 1], colors: [5, 5] },
  { accessory: 2, pixels: [7, 1], colors: [[1, 11], [1, 11, 5, 15]] },
  { accessory: 0, pixels: [9], colors: [3] },
];
const layers = unpackLayers({ bodies: [{ bases: [base], overlays }], base: [0, 0] });
const [stack] = layers.stacks;

test("accessories are drawn in the order of the stack", () => {
  const { colors, owners } = composite(stack, [0, 2, 4]);
  assert.deepEqual([...colors.slice(6, 11)], [1, 11, 15, 3, 1]);
  assert.deepEqual([...owners.slice(6, 11)], [NO_OWNER, 2, 2, 0, NO_OWNER]);
});

test("a color that no punk shows is unknown", () => {
  assert.equal(composite(stack, [2]).colors[9], UNKNOWN_COLOR);
  assert.deepEqual([...composite(stack, [2, 4]).colors.slice(7, 10)], [11, 15, 5]);
});

test("parts tell what covers them, the topmost first", () => {
  assert.deepEqual(describeParts(stack, [0, 2, 4]), [
    { accessory: 0, numPixels: 1, numVisible: 1, coveredBy: [] },
    { accessory: 2, numPixels: 2, numVisible: 2, coveredBy: [] },
    { accessory: 4, numPixels: 2, numVisible: 0, coveredBy: [2, 0] },
  ]);
});

test("accessories without pixels on a body are left out", () => {
  assert.deepEqual(describeParts(stack, [80]), []);
  assert.deepEqual([...drawPunks(layers, [[0, 2, 4], [80, 4]]).slice(576 + 7, 576 + 10)], [1, 5, 5]);
});
