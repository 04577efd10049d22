// Which punks a picture shows, by comparing it with every punk.

import { findCheapest, getPixels, NUM_PIXELS, SIDE } from "../data/pixels.js";
import { computeMedian } from "../data/statistics.js";
import { readCells } from "./cells.js";
import { createBoxFinder } from "./necks.js";
import { findScales } from "./scales.js";

const NUM_NEAREST_TO_PICTURE = 8;
const MAX_ERROR = 12; // mean difference of all pixels; what differs more from all punks is none
const MAX_COST = 64; // of one pixel, in one channel, 0 to 255; larger ones count the same
const MIN_TOLERANCE = 3; // largest difference of pixels that count as the same, in a lossless picture
const MAX_TOLERANCE = 40; // the same, in any picture
const MAX_READINGS = 400; // of one scale
const MIN_GAIN = 0.7; // smallest change of contrast that is corrected, and its reciprocal the largest
const SCALE_FACTORS = [0.985, 0.99, 0.995, 1.005, 1.01, 1.015];
export const TRANSPARENT_FILL = [0x18, 0xd0, 0xe0]; // No punk has this color.

/** Return a picture over a color that no punk has, with opaque pixels only. */
function flattenPicture({ width, height, data }) {
  const flat = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] / 255;
    for (let channel = 0; channel < 3; channel++)
      flat[at + channel] = Math.round(alpha * data[at + channel] + (1 - alpha) * TRANSPARENT_FILL[channel]);
    flat[at + 3] = 255;
  }
  return { width, height, data: flat };
}

/**
 * Return the punks that a picture { width, height, data } of RGBA bytes shows, from top left to bottom
 * right; an empty list if there are none. See `matchReading` for what each of them is.
 */
export function identifyPicture(picture, collection) {
  const flat = flattenPicture(picture);
  const { width, height } = flat;
  if (Math.min(width, height) < SIDE) return [];
  const whole = width === height ? matchBoxes(flat, [{ left: 0, top: 0, scale: width / SIDE }], collection) : [];
  if (whole.some(({ numDifferent }) => numDifferent === 0)) return whole;
  const findBoxes = createBoxFinder(flat);
  let best = whole;
  for (const scale of findScales(flat)) {
    const found = matchBoxes(flat, findBoxes(scale).slice(0, MAX_READINGS), collection);
    if (rateMatches(found) > rateMatches(best)) best = found;
    if (best.some(({ numDifferent }) => numDifferent === 0)) break;
  }
  return best.map((match) => (match.numDifferent ? refineMatch(flat, match, collection) : match));
}

/** Return the best of the matches at slightly different scales, as that of a smooth picture is uncertain. */
function refineMatch(picture, match, collection) {
  const { left, top, scale } = match.box;
  const boxes = SCALE_FACTORS.map((factor) => {
    const shift = (SIDE * scale * (1 - factor)) / 2;
    return { left: left + shift, top: top + shift, scale: scale * factor };
  });
  const readings = boxes.map((box) => readCells(picture, box)).filter(Boolean);
  const matches = readings.map((reading) => matchReading(reading, collection));
  const best = matches.reduce((a, b) => (b.error < a.error ? b : a), match);
  const corrected = correctColors(best, collection);
  const other = corrected && matchReading(corrected, collection);
  return other && other.error < best.error / 2 ? other : best;
}

/**
 * Return a reading without a change of brightness, contrast or tint: without the linear change in each
 * channel that the colors of the most similar punk explain best. Returns null for an unlikely change.
 */
function correctColors({ colors, background, nearest, ...rest }, { pixels, palette }) {
  const own = getPixels({ pixels }, nearest[0][0]);
  const inside = [...own.keys()].filter((pixel) => palette[own[pixel]].endsWith("ff"));
  const corrected = { ...rest, colors: colors.slice(), background: background.slice() };
  for (let channel = 0; channel < 3; channel++) {
    const expected = inside.map((pixel) => parseInt(palette[own[pixel]].slice(2 * channel, 2 * channel + 2), 16));
    const { gain, offset } = fitLine(expected, inside.map((pixel) => colors[3 * pixel + channel]));
    if (!(gain > MIN_GAIN && gain < 1 / MIN_GAIN)) return null;
    for (let at = channel; at < colors.length; at += 3) corrected.colors[at] = (colors[at] - offset) / gain;
    corrected.background[channel] = (background[channel] - offset) / gain;
  }
  return corrected;
}

/** Return the line y = gain * x + offset with the least squared errors. */
function fitLine(x, y) {
  const getMean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const [meanX, meanY] = [getMean(x), getMean(y)];
  const gain = getMean(x.map((value, i) => (value - meanX) * (y[i] - meanY))) / getMean(x.map((value) => (value - meanX) ** 2));
  return { gain, offset: meanY - gain * meanX };
}

/** Return how well punks were found: many of them, with small errors. */
const rateMatches = (found) => found.reduce((sum, { error }) => sum + MAX_ERROR - error, 0);

/** Return the punks in these boxes of a picture; of boxes that overlap, the one with the best match. */
function matchBoxes(picture, boxes, collection) {
  const readings = boxes.map((box) => readCells(picture, box)).filter(Boolean);
  const matches = readings.map((reading) => matchReading(reading, collection));
  const good = matches.filter(({ error }) => error <= MAX_ERROR);
  const chosen = [];
  for (const match of [...good].sort((a, b) => a.error - b.error))
    if (!chosen.some((other) => doOverlap(match.box, other.box))) chosen.push(match);
  return good.filter((match) => chosen.includes(match));
}

/** Return whether more than a fifth of a box is in another one of about the same size. */
function doOverlap(a, b) {
  const getCommon = (start) => Math.min(a[start] + SIDE * a.scale, b[start] + SIDE * b.scale) - Math.max(a[start], b[start]);
  const [width, height] = [getCommon("left"), getCommon("top")];
  return width > 0 && height > 0 && width * height > (SIDE * a.scale) ** 2 / 5;
}

/**
 * Compare a reading with all punks. Returns the reading, and:
 *
 * - `nearest`: pairs of the row of a punk and the number of pixels that differ, the most similar first;
 * - `differs`: whether each pixel of the most similar punk differs, and `numDifferent`, their number;
 * - `isExact`: whether most pixels have exactly the colors of that punk, as in a lossless picture;
 * - `error`: the mean difference of its pixels in one channel, clipped at MAX_COST.
 */
function matchReading(reading, collection) {
  const { pixels, palette } = collection;
  const numColors = palette.length;
  const costs = computeCosts(reading, palette);
  const getCost = (i, color) => costs[i * numColors + color];
  const rows = findCheapest(collection, NUM_NEAREST_TO_PICTURE, getCost).map(([row]) => row);
  const getCosts = (row) =>
    Array.from({ length: NUM_PIXELS }, (_, i) => costs[i * numColors + pixels[row * NUM_PIXELS + i]]);
  const best = getCosts(rows[0]);
  const isPunk = (_, i) => !palette[pixels[rows[0] * NUM_PIXELS + i]].endsWith("00");
  // The noise of the picture is that of most pixels: in a lossless one, they do not differ at all.
  const noise = computeMedian(best.filter(isPunk));
  const tolerance = Math.min(MAX_TOLERANCE, MIN_TOLERANCE + 4 * noise);
  const differs = best.map((cost) => cost > tolerance);
  const countDifferent = (row) => getCosts(row).filter((cost) => cost > tolerance).length;
  return {
    ...reading,
    nearest: rows.map((row) => [row, countDifferent(row)]),
    differs,
    numDifferent: differs.filter(Boolean).length,
    isExact: noise < 1,
    error: best.reduce((a, b) => a + b, 0) / NUM_PIXELS,
  };
}

/** Return how much each color of the palette differs from the reading at each pixel, clipped. */
function computeCosts({ colors, background }, palette) {
  const shown = palette.map((color) => compositeColor(color, background));
  const costs = new Float32Array(NUM_PIXELS * palette.length);
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++)
    shown.forEach((rgb, color) => {
      let difference = 0;
      for (let channel = 0; channel < 3; channel++)
        difference = Math.max(difference, Math.abs(colors[3 * pixel + channel] - rgb[channel]));
      costs[pixel * palette.length + color] = Math.min(difference, MAX_COST);
    });
  return costs;
}

/** Return the RGB of a color "rrggbbaa" over a background. */
function compositeColor(color, background) {
  const [alpha, ...rgb] = [6, 0, 2, 4].map((at) => parseInt(color.slice(at, at + 2), 16));
  return rgb.map((value, channel) => (value * alpha + background[channel] * (255 - alpha)) / 255);
}
