// The renderer: draws a punk of any type, skin tone and accessories. It is an additive model. At each
// pixel, every condition adds its weight to the score of each color, and the best color wins.

import { NUM_PIXELS } from "../data/pixels.js";

/** Split the bytes of the renderer into its arrays. The layout is that of docs/make_page_renderer.py. */
export function createRenderer(bytes, { typeNames, accessoryNames, rendererPalette }) {
  const numColors = bytes.subarray(0, NUM_PIXELS);
  const numPairs = numColors.reduce((sum, n) => sum + n, 0);
  const colors = bytes.subarray(NUM_PIXELS, NUM_PIXELS + numPairs);
  const steps = new Int8Array(bytes.buffer, bytes.byteOffset + NUM_PIXELS + numPairs);
  const numTypes = typeNames.length;
  const numAccessories = accessoryNames.length;
  return {
    numColors,
    colors,
    bias: steps.subarray(0, numPairs),
    weights: steps.subarray(numPairs),
    numTypes,
    numAccessories,
    female: typeNames.indexOf("Female"),
    numTones: steps.length / numPairs - 1 - numTypes - 2 * numAccessories,
    palette: rendererPalette,
  };
}

/** Return the conditions of an outfit: its type, accessories, those again for Females, and skin tone. */
function listConditions({ numTypes, numAccessories, female }, { type, tone, accessories }) {
  const conditions = [type, ...accessories.map((accessory) => numTypes + accessory)];
  if (type === female)
    conditions.push(...accessories.map((accessory) => numTypes + numAccessories + accessory));
  if (tone) conditions.push(numTypes + 2 * numAccessories + tone - 1);
  return conditions;
}

/**
 * Draw an outfit: `type`, an index of the types, `tone`, 1 (darkest) to 4 for humans and 0 for others,
 * and `accessories`, indices of the accessories. Returns an index of `palette` for each pixel.
 */
export function renderOutfit(renderer, outfit) {
  const { numColors, colors, bias, weights } = renderer;
  const scores = Int32Array.from(bias);
  for (const condition of listConditions(renderer, outfit)) {
    const offset = condition * bias.length;
    for (let pair = 0; pair < scores.length; pair++) scores[pair] += weights[offset + pair];
  }
  const pixels = new Uint8Array(NUM_PIXELS);
  for (let pixel = 0, pair = 0; pixel < NUM_PIXELS; pixel++) {
    let best = pair;
    for (const end = pair + numColors[pixel]; pair < end; pair++) if (scores[pair] > scores[best]) best = pair;
    pixels[pixel] = colors[best];
  }
  return pixels;
}
