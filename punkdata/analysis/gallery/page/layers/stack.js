// The layers of punks: drawing all of them, or one without some accessories, and which accessory
// paints each pixel.

import { NUM_PIXELS } from "../data/pixels.js";
import { addUp } from "../data/unpacking.js";

export const UNKNOWN_COLOR = -1; // No punk shows the color.
export const NO_OWNER = -1; // No accessory covers the pixel, so it belongs to the type.
const SEE_TABLE = -2; // The color depends on the one below.

/** Unpack the embedded layers; `stacks` has the colors of each base and the overlays of its body. */
export function unpackLayers({ bodies, base }) {
  const stacks = bodies.flatMap(({ bases, overlays }) => {
    const unpacked = overlays.map(({ accessory, pixels, colors }, height) => ({
      accessory,
      height, // in the stack, from the bottom to the top
      pixels: Uint16Array.from(addUp(pixels)),
      colors: Int16Array.from(colors, (color) => (Array.isArray(color) ? SEE_TABLE : color)),
      tables: colors.map((color) => (Array.isArray(color) ? unpackTable(color) : null)),
    }));
    const byAccessory = new Map(unpacked.map((overlay) => [overlay.accessory, overlay]));
    return bases.map((colors) => ({ colors: Int16Array.from(colors), overlays: byAccessory }));
  });
  return { stacks, base };
}

/** Return the map from the color below to the resulting color. */
const unpackTable = (pairs) => new Map(pairs.flatMap((below, i) => (i % 2 ? [] : [[below, pairs[i + 1]]])));

/** Return the palette indices of all punks with these accessories, 576 of each. */
export function drawPunks({ stacks, base }, accessories) {
  const pixels = new Uint8Array(base.length * NUM_PIXELS);
  for (let row = 0; row < base.length; row++) {
    const stack = stacks[base[row]];
    pixels.set(stack.colors, row * NUM_PIXELS);
    for (const overlay of listOverlays(stack, accessories[row])) paint(overlay, pixels, row * NUM_PIXELS);
  }
  return pixels;
}

/**
 * Draw a base with some accessories. Return `colors`, palette indices or UNKNOWN_COLOR, and
 * `owners`, the topmost accessory that covers each pixel, or NO_OWNER.
 */
export function composite(stack, accessories) {
  const colors = stack.colors.slice();
  const owners = new Int16Array(NUM_PIXELS).fill(NO_OWNER);
  for (const overlay of listOverlays(stack, accessories)) {
    paint(overlay, colors, 0);
    for (const pixel of overlay.pixels) owners[pixel] = overlay.accessory;
  }
  return { colors, owners };
}

/**
 * Describe the layers of a punk, the topmost first: the pixels of each accessory, how many of them
 * it has for itself because nothing lies above, and the accessories that cover the others.
 */
export function describeParts(stack, accessories) {
  const { owners } = composite(stack, accessories);
  return listOverlays(stack, accessories)
    .map(({ accessory, pixels }) => {
      const covering = Array.from(pixels, (pixel) => owners[pixel]).filter((owner) => owner !== accessory);
      return {
        accessory,
        numPixels: pixels.length,
        numVisible: pixels.length - covering.length,
        coveredBy: [...new Set(covering)],
      };
    })
    .reverse();
}

/** Return the overlays of accessories from the bottom to the top; some change no pixel of a body. */
function listOverlays({ overlays }, accessories) {
  const found = [];
  for (const accessory of accessories) if (overlays.has(accessory)) found.push(overlays.get(accessory));
  return found.sort((a, b) => a.height - b.height);
}

/** Paint an overlay over the colors of a punk, which begin at an offset. */
function paint({ pixels, colors, tables }, target, offset) {
  for (let i = 0; i < pixels.length; i++) {
    const at = offset + pixels[i];
    target[at] = colors[i] === SEE_TABLE ? (tables[i].get(target[at]) ?? UNKNOWN_COLOR) : colors[i];
  }
}
