// The colors of the 576 pixels of a sprite somewhere in a picture, and how certain they are.
// It is the method of punkdata/images/pictures/cells.py.

import { NUM_PIXELS, SIDE } from "../data/pixels.js";
import { computeMedian } from "../data/statistics.js";

const MAX_SAMPLES = 8; // samples of a sprite pixel, along each axis
const CELL_EDGE = 0.18; // width of the edge of a sprite pixel without samples, relative to its scale
const MAX_SHIFT = 0.4; // largest correction of a box, relative to its scale
const CORNER = 3; // sprite pixels along the border that rounded corners may hide; all are transparent
const MIN_BACKGROUND_SHARE = 0.85; // of the pixels at the left, right and upper border
const BLURRED_DEVIATION = 8; // smallest standard deviation of the samples of a blurred pixel, 0 to 255
const BLURRED_SHARE = 0.3; // of the pixels of the punk, in a blurred picture
const PLAIN_TOLERANCE = 6; // largest difference of the background of a lossless picture, 0 to 255

/**
 * Read the colors in a box of a picture. Returns null if the border shows no plain background.
 * Otherwise returns the `colors` as 576 RGB triples, the color of the `background`, the `box`, and
 * `isBlurred`: whether the picture was enlarged by interpolation, so that neighboring colors mix.
 */
export function readCells(picture, box) {
  const { left, top, scale } = alignBox(picture, box);
  const offsets = getSampleOffsets(scale);
  const colors = new Float32Array(3 * NUM_PIXELS);
  const isOutside = new Uint8Array(NUM_PIXELS);
  const deviations = new Float32Array(NUM_PIXELS);
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++) {
    const y = offsets.map((offset) => Math.floor(top + Math.floor(pixel / SIDE) * scale + offset));
    const x = offsets.map((offset) => Math.floor(left + (pixel % SIDE) * scale + offset));
    isOutside[pixel] = y[0] < 0 || x[0] < 0 || y.at(-1) >= picture.height || x.at(-1) >= picture.width;
    if (!isOutside[pixel]) deviations[pixel] = readCell(picture, y, x, colors, 3 * pixel);
  }
  const deviation = computeMedian(deviations.filter((_, pixel) => !isOutside[pixel]));
  const background = findBackground(colors, isOutside, PLAIN_TOLERANCE + 6 * deviation);
  if (!background) return null;
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++)
    if (isOutside[pixel] || isCorner(pixel)) colors.set(background, 3 * pixel);
  const isPunk = (_, pixel) => background.some((value, i) => Math.abs(colors[3 * pixel + i] - value) > 3 * PLAIN_TOLERANCE);
  const inside = deviations.filter(isPunk);
  const isBlurred = inside.filter((value) => value > BLURRED_DEVIATION + 2 * deviation).length > BLURRED_SHARE * inside.length;
  return { colors, background, isBlurred, box: { left, top, scale } };
}

/** Write the mean color of the samples of a cell, and return their standard deviation. */
function readCell({ width, data }, y, x, colors, at) {
  const count = y.length * x.length;
  let variance = 0;
  for (let channel = 0; channel < 3; channel++) {
    let sum = 0;
    let squares = 0;
    for (const row of y)
      for (const column of x) {
        const value = data[4 * (row * width + column) + channel];
        sum += value;
        squares += value * value;
      }
    colors[at + channel] = sum / count;
    variance += Math.max(0, squares / count - (sum / count) ** 2) / 3;
  }
  return Math.sqrt(variance);
}

/** Return where a cell is sampled along an axis, in pixels from its start: whole pixels around the center. */
function getSampleOffsets(scale) {
  const inner = scale * (1 - 2 * CELL_EDGE);
  const count = Math.min(MAX_SAMPLES, Math.max(1, Math.floor(inner)));
  const step = Math.max(1, inner / count);
  return Array.from({ length: count }, (_, i) => scale / 2 + (i - (count - 1) / 2) * step);
}

/** Return the color of the border [r, g, b]; null if the border is outside or has several colors. */
function findBackground(colors, isOutside, tolerance) {
  const border = [];
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++) {
    const column = pixel % SIDE;
    if ((pixel < SIDE || column < 2 || column === SIDE - 1) && !isOutside[pixel]) border.push(3 * pixel);
  }
  if (border.length < SIDE) return null;
  const background = [0, 1, 2].map((channel) => computeMedian(border.map((at) => colors[at + channel])));
  const isPlain = (at) => background.every((value, channel) => Math.abs(colors[at + channel] - value) <= tolerance);
  return border.filter(isPlain).length >= MIN_BACKGROUND_SHARE * border.length ? background : null;
}

function isCorner(pixel) {
  const [row, column] = [Math.floor(pixel / SIDE), pixel % SIDE];
  return Math.min(row, SIDE - 1 - row) + Math.min(column, SIDE - 1 - column) < CORNER;
}

/** Return a box moved by less than half a sprite pixel, so that edges are between its pixels. */
function alignBox(picture, { left, top, scale }) {
  if (scale < 2) return { left: Math.round(left), top: Math.round(top), scale };
  return { left: alignAxis(picture, left, top, scale, 1), top: alignAxis(picture, top, left, scale, 0), scale };
}

/** Return a start moved to where the changes of color along an axis have their common phase. */
function alignAxis({ width, height, data }, start, across, scale, isHorizontal) {
  const [length, depth] = isHorizontal ? [width, height] : [height, width];
  const [along, down] = isHorizontal ? [4, 4 * width] : [4 * width, 4];
  const [from, first] = [Math.max(0, Math.floor(start)), Math.max(0, Math.floor(across))];
  const to = Math.min(length - 1, Math.floor(start + SIDE * scale));
  const last = Math.min(depth, Math.floor(across + SIDE * scale) + 1);
  let [real, imaginary] = [0, 0];
  for (let position = from; position < to; position++) {
    let step = 0;
    for (let line = first; line < last; line++) {
      const at = position * along + line * down;
      for (let channel = 0; channel < 3; channel++) step += Math.abs(data[at + channel] - data[at + along + channel]);
    }
    const angle = (2 * Math.PI * (position + 1 - start)) / scale;
    real += step * Math.cos(angle);
    imaginary += step * Math.sin(angle);
  }
  const shift = (Math.atan2(imaginary, real) / (2 * Math.PI)) * scale;
  const exact = start + (Math.abs(shift) <= MAX_SHIFT * scale ? shift : 0);
  const isWhole = Number.isInteger(scale) && Math.abs(exact - Math.round(exact)) < 0.3;
  return isWhole ? Math.round(exact) : exact;
}
