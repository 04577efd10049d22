// A punk that was found in a picture: the picture, the most similar punk, and the pixels that differ.

import { pluralize } from "../data/format.js";
import { NUM_PIXELS } from "../data/pixels.js";
import { createElement } from "../dom/elements.js";
import { createNearestList } from "../dom/nearest.js";
import { createPortrait, createSpriteCanvas } from "../dom/sprites.js";

const MATCH_FACTOR = 6; // CSS pixels per sprite pixel
const MAX_BLURRED = 24; // pixels of a picture with noise that may seem to differ
const MARK = [0xff, 0x00, 0xff]; // the color of pixels that differ

/** Return a sentence about a match; see `matchReading`. */
export function describeMatch(id, { numDifferent, isExact }) {
  if (!numDifferent) return `This is punk ${id}.`;
  const pixels = `${pluralize(numDifferent, "pixel")} ${numDifferent === 1 ? "differs" : "differ"}`;
  if (!isExact && numDifferent <= MAX_BLURRED)
    return `This is probably punk ${id}: the picture is not sharp, and ${pixels}.`;
  return `This is none of the punks. The nearest is punk ${id}, of which ${pixels}.`;
}

/** Create the figure of a match. */
export function createMatch(match, app) {
  const { collection } = app;
  const [row] = match.nearest[0];
  const id = collection.id[row];
  const openPunk = (other) => app.openPunk(other, true);
  const createPart = (canvas, text) => createElement("div", {}, canvas, createElement("p", { className: "note" }, text));
  const parts = [
    createPart(createReadingCanvas(match, () => false, "The picture, read as 24×24 pixels"), "The picture"),
    createPart(createPortrait(collection, row, MATCH_FACTOR), `Punk ${id}`),
  ];
  if (match.numDifferent) {
    const canvas = createReadingCanvas(match, (pixel) => match.differs[pixel], "The pixels that differ");
    parts.push(createPart(canvas, `Different: ${pluralize(match.numDifferent, "pixel")}`));
  }
  return createElement(
    "figure",
    { className: "match" },
    createElement("figcaption", {}, createElement("h2", {}, describeMatch(id, match))),
    createElement("div", { className: "match-parts" }, ...parts),
    createElement("button", { type: "button", onclick: () => openPunk(row) }, `Open punk ${id}`),
    createElement("h3", {}, "Most similar punks"),
    createNearestList(collection, match.nearest, openPunk),
  );
}

/** Create a canvas with the colors of a reading; those pixels that are marked have one color, others fade. */
function createReadingCanvas({ colors, differs }, isMarked, name) {
  const bytes = new Uint8ClampedArray(4 * NUM_PIXELS);
  const hasMarks = differs.some((_, pixel) => isMarked(pixel));
  for (let pixel = 0; pixel < NUM_PIXELS; pixel++) {
    bytes.set(isMarked(pixel) ? MARK : colors.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    bytes[4 * pixel + 3] = hasMarks && !isMarked(pixel) ? 90 : 255;
  }
  const pixels = Uint16Array.from({ length: NUM_PIXELS }, (_, pixel) => pixel);
  return createSpriteCanvas({ pixels, colors: new Uint32Array(bytes.buffer) }, 0, MATCH_FACTOR, name);
}
