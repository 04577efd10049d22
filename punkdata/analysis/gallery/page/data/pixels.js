// The pixels of sprites: their colors, and how many of them differ.

export const SIDE = 24;
export const NUM_PIXELS = SIDE * SIDE;
export const SKIN_PIXEL = 23 * SIDE + 9; // on the neck of humans, where no accessory covers it

/** Convert "rrggbbaa" colors to 32-bit words in the byte order of ImageData on this machine. */
export function packColors(palette) {
  const bytes = palette.flatMap((rgba) => rgba.match(/../g).map((hex) => parseInt(hex, 16)));
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

/** Return the pixels of the punk in a row. */
export const getPixels = ({ pixels }, row) => pixels.subarray(row * NUM_PIXELS, (row + 1) * NUM_PIXELS);

/** Return the number of pixels in which two sprites differ. */
export function countDifferentPixels(sprite, other) {
  let count = 0;
  for (let i = 0; i < NUM_PIXELS; i++) count += sprite[i] !== other[i];
  return count;
}

/** Find the n nearest punks to a sprite by number of differing pixels, as pairs [row, pixels]. */
export const findNearest = (collection, own, n, exceptRow = -1) =>
  findCheapest(collection, n, (i, color) => color !== own[i], exceptRow);

/**
 * Find the n punks whose pixels cost least in total, as pairs [row, cost] in ascending order. The cost of
 * a pixel, `getCost(i, color)`, is at least 0.
 */
export function findCheapest({ count, pixels }, n, getCost, exceptRow = -1) {
  const cheapest = [];
  let limit = Infinity; // the cost of the last of n punks; more expensive ones are not summed up
  for (let row = 0, start = 0; row < count; row++, start += NUM_PIXELS) {
    let cost = 0;
    for (let i = 0; i < NUM_PIXELS && cost < limit; i++) cost += getCost(i, pixels[start + i]);
    if (cost >= limit || row === exceptRow) continue;
    cheapest.push([row, cost]);
    cheapest.sort((a, b) => a[1] - b[1]);
    cheapest.length = Math.min(cheapest.length, n);
    if (cheapest.length === n) limit = cheapest.at(-1)[1];
  }
  return cheapest;
}
