// Sprites, drawn on a canvas.

import { NUM_PIXELS, SIDE } from "../data/pixels.js";
import { createElement } from "./elements.js";

const sharedCanvas = document.createElement("canvas");

/** Draw the sprites of these rows unscaled, on a shared canvas that the next call overwrites. */
export function drawSpriteSheet({ pixels, colors }, rows, columns) {
  const width = columns * SIDE;
  const image = new ImageData(width, Math.ceil(rows.length / columns) * SIDE);
  const output = new Uint32Array(image.data.buffer);
  rows.forEach((row, index) => {
    const left = (index % columns) * SIDE;
    const top = Math.floor(index / columns) * SIDE;
    let source = row * NUM_PIXELS;
    for (let y = 0; y < SIDE; y++) {
      let target = (top + y) * width + left;
      for (let x = 0; x < SIDE; x++) output[target++] = colors[pixels[source++]];
    }
  });
  sharedCanvas.width = width;
  sharedCanvas.height = image.height;
  sharedCanvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
  return sharedCanvas;
}

/** Create a canvas with the enlarged sprite of a punk; `factor` is CSS pixels per sprite pixel. */
export const createPortrait = (collection, row, factor) =>
  createSpriteCanvas(collection, row, factor, `Punk ${collection.id[row]}`);

/** Create a canvas with one of the sprites { pixels, colors }, enlarged by `factor`, and with a name. */
export function createSpriteCanvas(sprites, row, factor, name) {
  // An integer number of device pixels per sprite pixel keeps the edges sharp.
  const scale = Math.max(1, Math.round(factor * window.devicePixelRatio));
  const canvas = createElement("canvas", {
    width: scale * SIDE,
    height: scale * SIDE,
    className: "portrait",
    role: "img",
    "aria-label": name,
  });
  canvas.style.width = canvas.style.height = `${(scale * SIDE) / window.devicePixelRatio}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(drawSpriteSheet(sprites, [row], 1), 0, 0, scale * SIDE, scale * SIDE);
  return canvas;
}
