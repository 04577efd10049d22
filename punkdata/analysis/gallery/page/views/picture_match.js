// A punk that was found in a picture: the picture, the most similar punk, and the pixels that differ.

import { pluralize } from "../data/format.js";
import { NUM_PIXELS } from "../data/pixels.js";
import { createElement, phoneScreen } from "../dom/elements.js";
import { createNearestList, NEAREST_NOTE } from "../dom/nearest.js";
import { createPortrait, createSpriteCanvas } from "../dom/sprites.js";
import { TRANSPARENT_FILL } from "../picture/identify.js";

const MATCH_FACTOR = 6; // CSS pixels per sprite pixel
const PHONE_MATCH_FACTOR = 4;
const MAX_NOISY = 24; // pixels of a picture with noise that may seem to differ
const MAX_BLURRED = 60; // the same of a blurred picture
const MARK = [0xff, 0x00, 0xff]; // the color of pixels that differ

/** Return a sentence about a match; see `matchReading`. */
export function describeMatch(id, { numDifferent, isExact, isBlurred }) {
  if (!numDifferent) return `This is punk ${id}.`;
  const pixels = `${pluralize(numDifferent, "pixel")} ${numDifferent === 1 ? "differs" : "differ"}`;
  if (numDifferent <= (isBlurred ? MAX_BLURRED : isExact ? 0 : MAX_NOISY))
    return `This is probably punk ${id}: the picture is not sharp, and ${pixels}.`;
  return `This is none of the punks. The nearest is punk ${id}: ${pixels}.`;
}

/** Create the figure of a match, which is the only one of its picture or one of several. */
export function createMatch(match, app, isOnly) {
  const { collection } = app;
  const [row] = match.nearest[0];
  const id = collection.id[row];
  const openPunk = (other) => app.openPunk(other, true);
  const createPart = (canvas, text) => createElement("div", {}, canvas, createElement("p", { className: "note" }, text));
  const factor = phoneScreen.matches ? PHONE_MATCH_FACTOR : MATCH_FACTOR;
  const parts = [
    createPart(createReadingCanvas(match, false, factor), "The picture"),
    createPart(createPortrait(collection, row, factor), `Punk ${id}`),
  ];
  if (match.numDifferent)
    parts.push(createPart(createReadingCanvas(match, true, factor), `Different: ${pluralize(match.numDifferent, "pixel")}`));
  return createElement(
    "figure",
    { className: "match" },
    ...(isOnly ? [] : [createElement("figcaption", {}, createElement("h2", {}, describeMatch(id, match)))]),
    createElement("div", { className: "match-parts" }, ...parts),
    createElement("button", { type: "button", onclick: () => openPunk(row) }, `Open punk ${id}`),
    ...(isOnly || match.numDifferent
      ? [
          createElement("h3", {}, "Nearest punks"),
          createElement("p", { className: "note" }, NEAREST_NOTE),
          createNearestList(collection, match.nearest, openPunk),
        ]
      : []),
  );
}

/** Create a canvas with the colors of a picture. With `isMarked`, pixels that differ stand out. */
function createReadingCanvas({ colors, background, differs }, isMarked, factor) {
  const bytes = new Uint8ClampedArray(4 * NUM_PIXELS);
  const wasTransparent = background.every((value, channel) => value === TRANSPARENT_FILL[channel]);
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++) {
    const color = colors.subarray(3 * pixel, 3 * pixel + 3);
    const isBackground = wasTransparent && background.every((value, channel) => value === color[channel]);
    bytes.set(isMarked && differs[pixel] ? MARK : color, 4 * pixel);
    if (isBackground && !differs[pixel]) bytes[4 * pixel + 3] = 0;
    else bytes[4 * pixel + 3] = isMarked && !differs[pixel] ? 90 : 255;
  }
  const pixels = Uint16Array.from({ length: NUM_PIXELS }, (_, pixel) => pixel);
  const name = isMarked ? "The pixels that differ" : "The picture, read as 24×24 pixels";
  return createSpriteCanvas({ pixels, colors: new Uint32Array(bytes.buffer) }, 0, factor, name);
}
