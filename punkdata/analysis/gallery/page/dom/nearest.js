// The list of the punks that are nearest to a sprite.

import { pluralize } from "../data/format.js";
import { NUM_PIXELS } from "../data/pixels.js";
import { createElement } from "./elements.js";
import { createPortrait } from "./sprites.js";

/** The sentence about the numbers in a list of the nearest punks. */
export const NEAREST_NOTE = `The second number is how many of the ${NUM_PIXELS} pixels differ.`;
const THUMBNAIL_FACTOR = 2; // CSS pixels per sprite pixel

/** Create the buttons of the nearest punks, which are pairs of row and number of pixels that differ. */
export function createNearestList(collection, nearest, openPunk) {
  const items = nearest.map(([other, distance]) => {
    const button = createElement(
      "button",
      {
        type: "button",
        onclick: () => openPunk(other),
        "aria-label": `Punk ${collection.id[other]}, ${pluralize(distance, "pixel")} different`,
      },
      createPortrait(collection, other, THUMBNAIL_FACTOR),
      `#${collection.id[other]} · ${distance}`,
    );
    return createElement("li", {}, button);
  });
  return createElement("ul", { className: "nearest" }, ...items);
}
