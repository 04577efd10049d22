// The possible numbers of picture pixels per sprite pixel, from the distances between edges.
// It is the method of punkdata/images/pictures/scales.py.

const MIN_EDGE_STEP = 20; // smallest change of color, in one channel, that counts as an edge, 0 to 255
const MAX_LINES = 800; // number of rows and of columns of the picture that are examined
const MAX_SPRITE_SCALE = 100;
const MIN_SPRITE_SCALE = 1.5;
const MAX_SCALES = 8;
const RELATIVE_STEP = 0.005; // distance of neighboring candidates
const NEIGHBORHOOD = 0.3; // distances around a distance, relative to it
const MAX_PERIODS = 8.5; // Distances of more sprite pixels would require an exact scale.

/**
 * Return possible scales of the sprites in a picture, the likeliest first. A picture is
 * { width, height, data }, with opaque RGBA bytes.
 */
export function findScales(picture) {
  const limit = Math.floor(Math.min(MAX_SPRITE_SCALE, Math.max(picture.width, picture.height) / 8));
  const counts = countDistances(picture, 8 * limit + 1);
  if (limit < 2 || !counts.some(Boolean)) return [1];
  const evidence = subtractNeighbors(counts);
  const numScales = Math.floor(Math.log(limit / MIN_SPRITE_SCALE) / RELATIVE_STEP) + 1;
  const scales = Array.from({ length: numScales }, (_, i) => MIN_SPRITE_SCALE * Math.exp(RELATIVE_STEP * i));
  const scores = scales.map((scale) => scoreScale(evidence, scale));
  const peaks = [...scales.keys()].filter(
    (i) => scores[i] > 0 && scores[i] >= (scores[i - 1] ?? 0) && scores[i] > (scores[i + 1] ?? 0),
  );
  // A divisor of the scale has the same score; so a larger scale wins unless it is much worse.
  const weigh = (i) => scores[i] * scales[i] ** 0.15;
  const best = peaks.sort((a, b) => weigh(b) - weigh(a)).slice(0, MAX_SCALES);
  return [...new Set([...best.map((i) => roundScale(scales[i])), 1])];
}

/**
 * Return how much more frequent each distance is than those around it. Text and photos have edges at all
 * distances, sprites only at some. The square root keeps a few long lines from outweighing all else.
 */
function subtractNeighbors(counts) {
  const roots = counts.map(Math.sqrt);
  return roots.map((root, distance) => {
    const radius = Math.max(2, Math.round(NEIGHBORHOOD * distance));
    const near = roots.subarray(Math.max(0, distance - radius), distance + radius + 1);
    return root - near.reduce((a, b) => a + b, 0) / near.length;
  });
}

/** Return the sum of the evidence times cos(2 pi distance / scale). */
function scoreScale(evidence, scale) {
  let sum = 0;
  const end = Math.min(evidence.length - 1, Math.floor(MAX_PERIODS * scale));
  for (let distance = 1; distance <= end; distance++)
    sum += evidence[distance] * Math.cos((2 * Math.PI * distance) / scale);
  return sum;
}

/** Return an integer that is as near as the next candidate; most scales are integers. */
function roundScale(scale) {
  const nearest = Math.round(scale);
  return Math.abs(scale - nearest) < 1.5 * RELATIVE_STEP * scale ? nearest : scale;
}

/** Return how often consecutive edges in the lines of a picture are 0, 1, 2, … pixels apart. */
function countDistances({ width, height, data }, size) {
  const counts = new Float64Array(size);
  const add = (length, numLines, stepAlong, stepAcross) => {
    const interval = Math.ceil(numLines / MAX_LINES);
    for (let line = 0; line < numLines; line += interval) {
      let last = -1;
      let before = 0;
      let step = measureStep(data, line * stepAcross, stepAlong);
      for (let i = 0; i < length - 1; i++) {
        const after = i < length - 2 ? measureStep(data, line * stepAcross + (i + 1) * stepAlong, stepAlong) : 0;
        if (step >= MIN_EDGE_STEP && step >= before && step > after) {
          if (last >= 0 && i - last < size) counts[i - last]++;
          last = i;
        }
        before = step;
        step = after;
      }
    }
  };
  add(width, height, 4, 4 * width);
  add(height, width, 4 * width, 4);
  return counts;
}

/** Return the largest difference in a channel between a pixel and the next one. */
function measureStep(data, at, step) {
  return Math.max(
    Math.abs(data[at] - data[at + step]),
    Math.abs(data[at + 1] - data[at + step + 1]),
    Math.abs(data[at + 2] - data[at + step + 2]),
  );
}
