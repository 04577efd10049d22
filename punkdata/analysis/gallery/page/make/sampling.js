// Random outfits that look like those of the real punks.

import { SKIN_PIXEL } from "../data/pixels.js";
import { changeType, hasTone } from "./outfits.js";
import { renderOutfit } from "./renderer.js";

const MAX_ATTEMPTS = 100; // to find a new outfit
const MAX_COUNT_ATTEMPTS = 1000; // to have the right number of accessories

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
 * Sample an outfit; `random` returns numbers in [0, 1). The type, and the skin tone and the number of
 * accessories of a type, are as frequent as among the punks. The accessory of each slot is that of a punk
 * of this type, chosen independently for each slot, so its type can always have it.
 */
export function sampleOutfit(collection, tones, random) {
  const choose = (list) => list[Math.floor(random() * list.length)];
  const type = choose(collection.type);
  const rows = [...collection.type.keys()].filter((row) => collection.type[row] === type);
  const wanted = collection.accessories[choose(rows)].length;
  for (let attempt = 0; ; attempt++) {
    const accessories = collection.slots.flatMap((slot) => {
      const worn = collection.accessories[choose(rows)];
      return slot.accessories.filter((accessory) => worn.includes(accessory));
    });
    const isEnough = attempt < MAX_COUNT_ATTEMPTS ? accessories.length === wanted : accessories.length <= collection.maxWorn;
    if (!isEnough) continue;
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
