// The controls that save a made punk as a PNG, and copy its link.

import { NUM_PIXELS, SIDE } from "../data/pixels.js";
import { saveBlob } from "../dom/download.js";
import { createElement } from "../dom/elements.js";
import { drawSpriteSheet } from "../dom/sprites.js";
import { copyLink } from "../panels/export.js";

const PNG_SIDES = [24, 48, 96, 192, 384, 768, 1536];
const USUAL_SIDE = 384;

/** Create the controls; `update(pixels, name)` sets what they save. */
export function createPictureTools(app, colors) {
  let saved = { pixels: new Uint8Array(NUM_PIXELS), name: "" };
  const size = createElement(
    "select",
    { "aria-label": "Side of the PNG in pixels" },
    ...PNG_SIDES.map((side) => createElement("option", { value: side, selected: side === USUAL_SIDE }, `${side} px`)),
  );
  const background = createElement("input", { type: "checkbox" });
  const save = () => {
    const fill = background.checked ? getComputedStyle(document.body).getPropertyValue("--sprite-background") : null;
    const canvas = drawPng(saved.pixels, colors, Number(size.value), fill);
    const name = `${saved.name.replaceAll(/[^\w-]+/g, "-").toLowerCase()}.png`;
    canvas.toBlob((blob) => {
      saveBlob(blob, name);
      app.announce(`Saved ${name}.`);
    });
  };
  return {
    controls: [
      createElement("button", { type: "button", onclick: () => copyLink(app) }, "Copy link"),
      createElement(
        "span",
        { className: "png-tools" },
        createElement("button", { type: "button", onclick: save }, "Save PNG"),
        size,
        createElement("label", {}, background, "background"),
      ),
    ],
    update: (pixels, name) => (saved = { pixels, name }),
  };
}

/** Return a canvas with a sprite of this side in pixels, a multiple of 24, on a color or transparent. */
function drawPng(pixels, colors, side, fill) {
  const canvas = createElement("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  if (fill) {
    context.fillStyle = fill;
    context.fillRect(0, 0, side, side);
  }
  context.drawImage(drawSpriteSheet({ pixels, colors }, [0], 1), 0, 0, SIDE, SIDE, 0, 0, side, side);
  return canvas;
}
