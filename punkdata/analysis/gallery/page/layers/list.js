// The layers of the open punk: switching them off, and showing which pixels each one paints.

import { pluralize } from "../data/format.js";
import { NUM_PIXELS, SIDE } from "../data/pixels.js";
import { createElement } from "../dom/elements.js";
import { drawSpriteSheet } from "../dom/sprites.js";
import { composite, describeParts, NO_OWNER, UNKNOWN_COLOR } from "./stack.js";

const POSITIONS = Uint16Array.from({ length: NUM_PIXELS }, (_, i) => i);
const LAYER_HELP = "Click a layer to remove it. Point at it to see its pixels.";
const DIM_ALPHA = 0.2; // of pixels that belong to another layer than the highlighted one

/** Create the list of layers, the topmost first, which changes what `portrait` shows. */
export function createLayerList(collection, row, portrait) {
  const stack = collection.layers.stacks[collection.layers.base[row]];
  const accessories = collection.accessories[row];
  const parts = describeParts(stack, accessories);
  const note = createElement("p", { className: "note", role: "status" });
  const names = collection.accessoryNames;
  const hidden = collection.hiddenAccessories[row];
  const buttons = parts.map(({ accessory }) => createSwitch(names[accessory], () => update()));
  const list = createElement("ul", { className: "layers" });
  const isOn = (button) => button.getAttribute("aria-pressed") === "true";
  const getShown = () => parts.filter((_, i) => isOn(buttons[i])).map(({ accessory }) => accessory);
  const draw = (owner) => {
    const drawn = composite(stack, getShown());
    paintColors(portrait, collection.colors, drawn, owner);
    return drawn;
  };
  const update = () => {
    const numUnknown = draw().colors.filter((color) => color === UNKNOWN_COLOR).length;
    const removed = parts.filter((_, i) => !isOn(buttons[i])).map(({ accessory }) => names[accessory]);
    note.textContent = removed.length ? describeRemoved(removed, numUnknown) : LAYER_HELP;
  };
  const createItem = (control, text, owner) => {
    const item = createElement("li", {}, control, createElement("span", {}, text));
    for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => draw(owner));
    for (const type of ["pointerleave", "focusout"]) item.addEventListener(type, () => draw());
    return item;
  };
  list.append(
    ...parts.map((part, i) => createItem(buttons[i], describePart(part, names, hidden), part.accessory)),
    createItem(createElement("strong", {}, collection.typeNames[collection.type[row]]), "the lowest layer", NO_OWNER),
  );
  update();
  return [list, note];
}

function createSwitch(name, onChange) {
  const button = createElement("button", { type: "button", className: "label", "aria-pressed": "true" }, name);
  button.ariaLabel = `Layer ${name}`;
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    onChange();
  });
  return button;
}

function describeRemoved(names, numUnknown) {
  const help = names.length === 1 ? "Click it again to restore it." : "Click them again to restore them.";
  const removed = `Without ${names.join(", ")}. ${help}`;
  return numUnknown ? `${removed} No punk shows the color of ${pluralize(numUnknown, "striped pixel")}.` : removed;
}

/** Return how many of its pixels an accessory shows, and what covers the others. */
function describePart({ accessory, numPixels, numVisible, coveredBy }, names, hidden) {
  const pixels = pluralize(numPixels, "pixel");
  const covering = coveredBy.map((other) => names[other]).join(" and ");
  if (hidden.includes(accessory) && numVisible) return `hidden: ${pixels} in the same colors as the layers below`;
  if (!coveredBy.length) return pixels;
  if (!numVisible) return `hidden: ${pixels}, covered by ${covering}`;
  return `${numVisible} of ${pixels}, the others covered by ${covering}`;
}

/** Paint colors on the portrait, and dim the pixels that belong to another layer than `owner`. */
function paintColors(canvas, palette, { colors, owners }, owner) {
  const words = Uint32Array.from(colors, (color, pixel) => {
    if (color === UNKNOWN_COLOR) return getStripe(pixel);
    const isDim = owner !== undefined && owners[pixel] !== owner;
    return isDim ? dim(palette[color]) : palette[color];
  });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  const sheet = drawSpriteSheet({ pixels: POSITIONS, colors: words }, [0], 1);
  context.drawImage(sheet, 0, 0, canvas.width, canvas.height);
}

/** Return magenta or transparent, in diagonal stripes. The bytes are in the order of ImageData. */
function getStripe(pixel) {
  const isColored = ((pixel % SIDE) + Math.floor(pixel / SIDE)) % 2;
  return isColored ? toWord([255, 0, 255, 255]) : 0;
}

function dim(word) {
  const bytes = new Uint8Array(new Uint32Array([word]).buffer);
  return toWord([bytes[0], bytes[1], bytes[2], bytes[3] * DIM_ALPHA]);
}

const toWord = (bytes) => new Uint32Array(new Uint8Array(bytes).buffer)[0];
