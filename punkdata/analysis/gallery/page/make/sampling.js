// Random outfits that look like those of the real punks.

import { SKIN_PIXEL } from "../data/pixels.js";
import { changeType, hasTone } from "./outfits.js";
import { renderOutfit } from "./renderer.js";

const MAX_ATTEMPTS = 100;

/** Return the skin tone of each punk: 1 (darkest) to 4 for Females and Males, 0 for others and unknown ones. */
export function findTones(collection) {
  const { renderer, typeNames, palette, pixels } = collection;
  const toneOfColor = new Map();
  for (let tone = 1; tone <= renderer.numTones; tone++) {
    const outfit = { type: typeNames.indexOf("Female"), tone, accessories: [] };
    toneOfColor.set(renderer.palette[renderOutfit(renderer, outfit)[SKIN_PIXEL]], tone);
  }
  const numPixels = pixels.length / collection.count;
  return collection.type.map((type, row) =>
    hasTone(collection, type) ? (toneOfColor.get(palette[pixels[row * numPixels + SKIN_PIXEL]]) ?? 0) : 0,
  );
}

/**
 * Sample an outfit; `random` returns numbers in [0, 1). The type is as frequent as among all punks. The
 * skin tone and the accessory of each slot are those of punks of this type that are chosen independently,
 * so the outfit is always one that its type can have.
 */
export function sampleOutfit(collection, tones, random) {
  const choose = (list) => list[Math.floor(random() * list.length)];
  const type = choose(collection.type);
  const rows = [...collection.type.keys()].filter((row) => collection.type[row] === type);
  for (;;) {
    const accessories = collection.slots.flatMap((slot) => {
      const worn = collection.accessories[choose(rows)];
      return slot.accessories.filter((accessory) => worn.includes(accessory));
    });
    if (accessories.length > collection.maxWorn) continue;
    const outfit = { tone: tones[choose(rows)], accessories: accessories.sort((a, b) => a - b) };
    return changeType(collection, outfit, type);
  }
}

/** Sample outfits until one is new and has no invisible accessory, or else return the last one. */
export function sampleNewOutfit(collection, tones, random) {
  let outfit;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    outfit = sampleOutfit(collection, tones, random);
    if (!hasTwin(collection, tones, outfit) && !findInvisible(collection.renderer, outfit).length) break;
  }
  return outfit;
}

const hasTwin = ({ type, accessories }, tones, outfit) =>
  type.some(
    (other, row) =>
      other === outfit.type && tones[row] === outfit.tone && `${accessories[row]}` === `${outfit.accessories}`,
  );

/** Return the accessories of an outfit that change none of its pixels. */
export function findInvisible(renderer, outfit) {
  const drawn = renderOutfit(renderer, outfit);
  return outfit.accessories.filter((accessory) => {
    const accessories = outfit.accessories.filter((other) => other !== accessory);
    const without = renderOutfit(renderer, { ...outfit, accessories });
    return drawn.every((color, pixel) => color === without[pixel]);
  });
}
