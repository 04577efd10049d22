// A picture of many punks with their numbers.

import { SIDE } from "../data/pixels.js";
import { createElement } from "./elements.js";
import { drawSpriteSheet } from "./sprites.js";

const GAP = 4; // pixels between punks
const MAX_SCALE = 8; // pixels per sprite pixel
const MIN_CAPTION_SCALE = 2; // At smaller scales, the numbers do not fit.
const MAX_WIDTH = 4096; // pixels

/** Return a canvas with these rows in their order, about as high as wide, as large as sensible. */
export function createContactSheet(collection, rows) {
  const columns = Math.ceil(Math.sqrt(rows.length));
  const scale = Math.max(1, Math.min(MAX_SCALE, Math.floor(MAX_WIDTH / columns / (SIDE + 1))));
  const fontSize = Math.max(11, 2 * scale);
  const captionHeight = scale >= MIN_CAPTION_SCALE ? fontSize + 4 : 0;
  const size = SIDE * scale;
  const [stepX, stepY] = [size + GAP, size + captionHeight + GAP];
  const width = columns * stepX + GAP;
  const height = Math.ceil(rows.length / columns) * stepY + GAP;
  const canvas = createElement("canvas", { width, height });
  const style = getComputedStyle(document.body);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.fillStyle = style.getPropertyValue("--panel-background");
  context.fillRect(0, 0, width, height);
  context.font = `${fontSize}px ${style.fontFamily}`;
  context.textAlign = "center";
  const sheet = drawSpriteSheet(collection, rows, columns);
  rows.forEach((row, i) => {
    const [column, line] = [i % columns, Math.floor(i / columns)];
    const [left, top] = [GAP + column * stepX, GAP + line * stepY];
    context.fillStyle = style.getPropertyValue("--sprite-background");
    context.fillRect(left, top, size, size);
    context.drawImage(sheet, column * SIDE, line * SIDE, SIDE, SIDE, left, top, size, size);
    context.fillStyle = style.color;
    if (captionHeight) context.fillText(`${collection.id[row]}`, left + size / 2, top + size + fontSize);
  });
  return canvas;
}
