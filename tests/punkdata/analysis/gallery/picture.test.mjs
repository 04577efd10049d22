import assert from "node:assert/strict";
import { test } from "node:test";
import { identifyPicture } from "../../../../punkdata/analysis/gallery/page/picture/identify.js";
import { findScales } from "../../../../punkdata/analysis/gallery/page/picture/scales.js";

const SIDE = 24;
const NECK = [[23, 6], [22, 6], [21, 6], [23, 10], [22, 10], [17, 6], [16, 6], [15, 6], [14, 6], [14, 16], [15, 16], [16, 16]];
const SKIN = [[23, 9], [23, 8], [23, 7], [15, 8], [14, 7]];
const palette = ["00000000", "000000ff", "ae8b61ff", "d60000ff", "3cc300ff", "ffd800ff"];
const background = [0x63, 0x85, 0x96];
const createRandom = (state) => () => (state = (state * 16807) % 2147483647) / 2147483647;

/** Sprites that have the neck of all punks, and random pixels in the middle. */
function createSprites(count) {
  const random = createRandom(7);
  const pixels = new Uint8Array(count * SIDE * SIDE);
  for (let sprite = 0; sprite < count; sprite++) {
    const set = ([row, column], color) => (pixels[(sprite * SIDE + row) * SIDE + column] = color);
    for (let row = 5; row < 20; row++)
      for (let column = 7; column < 16; column++) set([row, column], 2 + Math.floor(random() * 4));
    NECK.forEach((place) => set(place, 1));
    SKIN.forEach((place) => set(place, 2));
  }
  return pixels;
}

const collection = { count: 40, palette, pixels: createSprites(40) };
const rgb = (color) => [0, 2, 4].map((at) => parseInt(color.slice(at, at + 2), 16));

/** A picture with sprites at [row, left, top, scale]; `noise` is the largest error of a channel. */
function createPicture(width, height, places, { fill = [255, 255, 255], noise = 0 } = {}) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) data.set([...fill, 255], at);
  for (const [row, left, top, scale] of places)
    for (let y = 0; y < Math.round(SIDE * scale); y++)
      for (let x = 0; x < Math.round(SIDE * scale); x++) {
        const [i, j] = [y, x].map((position) => Math.min(SIDE - 1, Math.floor((position + 0.5) / scale)));
        const color = collection.pixels[(row * SIDE + i) * SIDE + j];
        data.set(color ? rgb(palette[color]) : background, 4 * ((top + y) * width + left + x));
      }
  const random = createRandom(3);
  if (noise) for (let at = 0; at < data.length; at++) if (at % 4 < 3) data[at] += Math.round((2 * random() - 1) * noise);
  return { width, height, data };
}

const identify = (picture) => identifyPicture(picture, collection).map(({ nearest: [[row, n]] }) => [row, n]);

test("a picture of one punk is identified at any scale", () => {
  for (const scale of [1, 3, 10, 13.5]) {
    const side = Math.round(SIDE * scale);
    assert.deepEqual(identify(createPicture(side, side, [[5, 0, 0, scale]])), [[5, 0]], `scale ${scale}`);
  }
});

test("transparent pixels are background", () => {
  const picture = createPicture(SIDE, SIDE, [[8, 0, 0, 1]]);
  collection.pixels.subarray(8 * 576, 9 * 576).forEach((color, pixel) => color || picture.data.fill(0, 4 * pixel, 4 * pixel + 4));
  assert.deepEqual(identify(picture), [[8, 0]]);
});

test("all punks in a screenshot are found, from top left to bottom right", () => {
  const places = [[1, 40, 30, 6], [2, 240, 31, 6], [3, 41, 260, 6]];
  assert.deepEqual(identify(createPicture(500, 450, places, { noise: 8 })), [[1, 0], [2, 0], [3, 0]]);
  assert.deepEqual(identify(createPicture(500, 450, [[9, 37, 61, 9.4]], { fill: [20, 20, 20] })), [[9, 0]]);
});

test("pixels that differ are counted and marked", () => {
  const picture = createPicture(240, 240, [[4, 0, 0, 10]]);
  for (let y = 100; y < 120; y++) for (let x = 80; x < 110; x++) picture.data.set([255, 0, 255], 4 * (y * 240 + x));
  const [{ nearest, numDifferent, differs, isExact }] = identifyPicture(picture, collection);
  assert.deepEqual([nearest[0], numDifferent, isExact], [[4, 6], 6, true]);
  const marked = [...differs.keys()].filter((pixel) => differs[pixel]);
  assert.deepEqual(marked, [248, 249, 250, 272, 273, 274]);
});

test("brightness and contrast do not matter", () => {
  const picture = createPicture(240, 240, [[4, 0, 0, 10]]);
  picture.data = picture.data.map((value, at) => (at % 4 < 3 ? 0.8 * value + 10 : value));
  assert.deepEqual(identify(picture), [[4, 0]]);
});

test("a picture that was enlarged by interpolation is identified, and is blurred", () => {
  const small = createPicture(SIDE, SIDE, [[4, 0, 0, 1]]);
  const side = 10 * SIDE;
  const data = new Uint8ClampedArray(4 * side * side);
  const clamp = (position) => Math.min(SIDE - 1, Math.max(0, position));
  for (let at = 0; at < data.length; at++) {
    const [y, x] = [Math.floor(at / 4 / side), Math.floor(at / 4) % side].map((i) => (i + 0.5) / 10 - 0.5);
    const [top, left] = [Math.floor(y), Math.floor(x)];
    for (const [row, column] of [[top, left], [top, left + 1], [top + 1, left], [top + 1, left + 1]]) {
      const weight = (1 - Math.abs(y - row)) * (1 - Math.abs(x - column));
      data[at] += Math.round(weight * small.data[4 * (clamp(row) * SIDE + clamp(column)) + (at % 4)]);
    }
  }
  const [{ nearest, isBlurred }] = identifyPicture({ width: side, height: side, data }, collection);
  assert.deepEqual([nearest[0][0], isBlurred], [4, true]);
});

test("other pictures show no punk", () => {
  assert.deepEqual(identify(createPicture(300, 200, [])), []);
  assert.deepEqual(identify(createPicture(200, 200, [], { fill: [128, 128, 128], noise: 120 })), []);
  assert.deepEqual(identify(createPicture(10, 10, [])), []);
});

test("the scale is found although a page has long lines", () => {
  const picture = createPicture(800, 600, [[6, 333, 207, 11]]);
  for (let y = 50; y < 450; y++) for (let x = 20; x < 320; x++) picture.data.set([50, 50, 50], 4 * (y * 800 + x));
  assert.ok(findScales(picture).includes(11), findScales(picture).join(" "));
});
