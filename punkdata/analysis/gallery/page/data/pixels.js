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
export function findNearest({ count, pixels }, own, n, exceptRow = -1) {
  const distances = [];
  for (let other = 0, at = 0; other < count; other++) {
    let distance = 0;
    for (let i = 0; i < NUM_PIXELS; i++) distance += pixels[at++] !== own[i];
    if (other !== exceptRow) distances.push([other, distance]);
  }
  return distances.sort((a, b) => a[1] - b[1]).slice(0, n);
}
