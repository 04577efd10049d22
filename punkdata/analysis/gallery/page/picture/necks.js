// Where punks are in a picture: the outline of the neck looks the same on all punks, and nothing covers
// it. It is the method of punkdata/images/pictures/necks.py.

const MAX_DARK = 110; // largest mean of the channels of an outline pixel, 0 to 255
const MIN_CONTRAST = 25; // smallest difference of the mean of the channels, of outline and skin
const MAX_DIFFERENCE = 22; // largest difference in one channel of pixels of the same color
const COARSE_SCALE = 3; // pixels per sprite pixel of the reduced picture that is searched, at least
const MAX_MATCHES = 20_000;
// Rows and columns in a sprite, for females and for all others.
const NECKS = [
  {
    outline: [[23, 8], [22, 8], [21, 8], [23, 12], [22, 12], [21, 12], [20, 14]],
    skin: [[23, 9], [23, 10], [23, 11]],
  },
  {
    outline: [
      ...[[23, 6], [22, 6], [21, 6], [23, 10], [22, 10], [17, 6], [16, 6], [15, 6], [14, 6]],
      ...[[14, 16], [15, 16], [16, 16]],
    ],
    skin: [[23, 9], [23, 8], [23, 7], [15, 8], [14, 7]],
  },
];
const ORIGIN = [23, 9]; // the first skin pixel of all necks

/**
 * Return the function that finds where punks of a scale may be in a picture, as { left, top, scale } in
 * pixels, row by row.
 */
export function createBoxFinder(picture) {
  const reduced = new Map(); // by factor
  return (scale) => {
    const factor = Math.max(1, Math.floor(scale / COARSE_SCALE));
    if (!reduced.has(factor)) reduced.set(factor, reducePicture(picture, factor));
    const coarse = reduced.get(factor);
    const boxes = NECKS.flatMap((neck) =>
      clusterMatches(findMatches(coarse, scale / factor, neck), coarse.width, scale / factor).map(([y, x]) => ({
        left: (x + 0.5) * factor - (ORIGIN[1] + 0.5) * scale,
        top: (y + 0.5) * factor - (ORIGIN[0] + 0.5) * scale,
        scale,
      })),
    );
    const getLine = (box) => Math.round(box.top / (12 * scale));
    return boxes.sort((a, b) => getLine(a) - getLine(b) || a.left - b.left);
  };
}

/** Return the means of squares of `factor` pixels, RGB in `data`, and the means of their channels. */
function reducePicture({ width, height, data }, factor) {
  const columns = Math.floor(width / factor);
  const rows = Math.floor(height / factor);
  const means = new Float32Array(columns * rows * 3);
  for (let y = 0; y < rows * factor; y++)
    for (let column = 0, from = 4 * y * width; column < columns; column++) {
      const to = 3 * (Math.floor(y / factor) * columns + column);
      for (let x = 0; x < factor; x++, from += 4) {
        means[to] += data[from];
        means[to + 1] += data[from + 1];
        means[to + 2] += data[from + 2];
      }
    }
  const brightness = new Float32Array(columns * rows);
  for (let i = 0; i < means.length; i++) {
    means[i] /= factor * factor;
    brightness[Math.floor(i / 3)] += means[i] / 3;
  }
  return { width: columns, height: rows, data: means, brightness };
}

/** Return the indices of the pixels that may be the first one of the skin of a neck. */
function findMatches({ width, height, data, brightness }, scale, { outline, skin }) {
  const getOffset = ([row, column]) => [row - ORIGIN[0], column - ORIGIN[1]].map((d) => Math.round(d * scale));
  const outlineOffsets = outline.map(getOffset);
  const skinOffsets = skin.map(getOffset);
  const isSimilar = (a, b) =>
    Math.abs(data[3 * a] - data[3 * b]) <= MAX_DIFFERENCE &&
    Math.abs(data[3 * a + 1] - data[3 * b + 1]) <= MAX_DIFFERENCE &&
    Math.abs(data[3 * a + 2] - data[3 * b + 2]) <= MAX_DIFFERENCE;
  const areSimilar = (offsets, y, x, like) => {
    for (const [down, right] of offsets) {
      if (y + down < 0 || x + right < 0 || y + down >= height || x + right >= width) return false;
      if (!isSimilar((y + down) * width + x + right, like)) return false;
    }
    return true;
  };
  const matches = [];
  const [, left] = outlineOffsets[0]; // It is in the same row.
  for (let y = 0; y < height; y++)
    for (let x = -left; x < width; x++) {
      const at = y * width + x;
      const dark = brightness[at + left];
      if (dark >= MAX_DARK || brightness[at] - dark <= MIN_CONTRAST) continue;
      if (!areSimilar(outlineOffsets, y, x, at + left) || !areSimilar(skinOffsets, y, x, at)) continue;
      matches.push(at);
      if (matches.length === MAX_MATCHES) return matches;
    }
  return matches;
}

/** Return the centers [y, x] of groups of neighboring matches. */
function clusterMatches(matches, width, scale) {
  const waiting = new Set(matches);
  const centers = [];
  for (const match of matches) {
    if (!waiting.delete(match)) continue;
    const group = [match];
    // At a scale of one pixel, neighbors are different punks.
    for (let i = 0; scale >= 2 && i < group.length; i++)
      for (const step of [-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
        if (waiting.delete(group[i] + step)) group.push(group[i] + step);
    const rows = group.map((at) => Math.floor(at / width));
    const columns = group.map((at) => at % width);
    const getExtent = (values) => Math.max(...values) - Math.min(...values);
    const getMean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
    if (Math.max(getExtent(rows), getExtent(columns)) <= scale + 1) centers.push([getMean(rows), getMean(columns)]);
  }
  return centers;
}
