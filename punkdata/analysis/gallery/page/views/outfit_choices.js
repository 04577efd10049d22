// The choices of the view that makes a punk: type, skin tone, and an accessory of each slot.

import { NUM_PIXELS, SIDE, SKIN_PIXEL } from "../data/pixels.js";
import { createElement } from "../dom/elements.js";
import { createAccessorySearch, createGroup } from "../panels/filters.js";
import { changeType, findObstacle, hasTone, toggleAccessory } from "../make/outfits.js";
import { renderOutfit } from "../make/renderer.js";

/**
 * Create the choices. They call `onChoose(outfit, message)` with the outfit that a user chooses. Returns the
 * `elements` and `update(outfit)`.
 */
export function createOutfitChoices(collection, colors, onChoose) {
  let current = null;
  const types = createTypeChoice(collection, (type) => {
    const outfit = changeType(collection, current, type);
    const lost = current.accessories.filter((accessory) => !outfit.accessories.includes(accessory));
    onChoose(outfit, describeLost(collection, type, lost));
  });
  const tones = createToneChoice(collection, colors, (tone) => onChoose({ ...current, tone }));
  const buttons = collection.accessoryNames.map((name, accessory) =>
    createAccessoryButton(name, () => {
      const obstacle = findObstacle(collection, current, accessory);
      if (obstacle) onChoose(current, obstacle);
      else onChoose(toggleAccessory(collection, current, accessory));
    }),
  );
  const search = createAccessorySearch(buttons.map(({ element }) => element));
  const slots = collection.slots.map(({ name, accessories }) =>
    createGroup(name, createElement("div", { className: "chips" }, ...accessories.map((i) => buttons[i].element))),
  );
  const update = (outfit) => {
    current = outfit;
    types.update(outfit.type);
    tones.update(outfit);
    buttons.forEach(({ update: updateButton }, accessory) => {
      const obstacle = findObstacle(collection, outfit, accessory);
      updateButton(outfit.accessories.includes(accessory), obstacle);
    });
    drawThumbnails(collection, colors, outfit, buttons, () => current === outfit);
  };
  return { elements: [types.element, tones.element, search.input, search.noMatch, ...slots], update };
}

/** Return a sentence about accessories that the new type cannot have; "" if there are none. */
function describeLost({ accessoryNames, typeNames }, type, lost) {
  const names = lost.map((accessory) => accessoryNames[accessory]).join(", ");
  return lost.length ? `Removed, because the type ${typeNames[type]} cannot have it: ${names}.` : "";
}

/** Create a radio button for each type. */
function createTypeChoice({ typeNames }, onChoose) {
  const radios = typeNames.map((name, type) =>
    createElement("input", { type: "radio", name: "made-type", value: name, onchange: () => onChoose(type) }),
  );
  const labels = radios.map((radio) => createElement("label", {}, radio, radio.value));
  return {
    element: createGroup("Type", createElement("div", { className: "radios" }, ...labels)),
    update: (type) => (radios[type].checked = true),
  };
}

/** Create a radio button with a sample of the color for each skin tone. */
function createToneChoice({ renderer, typeNames }, colors, onChoose) {
  const tones = Array.from({ length: renderer.numTones }, (_, i) => i + 1);
  const radios = tones.map((tone) =>
    createElement("input", { type: "radio", name: "made-tone", value: tone, onchange: () => onChoose(tone) }),
  );
  const labels = radios.map((radio, i) => {
    const outfit = { type: typeNames.indexOf("Male"), tone: tones[i], accessories: [] };
    const sample = createElement("span", { className: "tone-sample" });
    sample.style.background = `#${renderer.palette[renderOutfit(renderer, outfit)[SKIN_PIXEL]]}`;
    return createElement("label", {}, radio, sample, `${tones[i]}`);
  });
  const note = createElement("span", { className: "note" }, "Only Females and Males have one.");
  const element = createGroup("Skin tone", createElement("div", { className: "radios" }, ...labels, note));
  const update = ({ type, tone }) => {
    element.disabled = !hasTone({ typeNames }, type);
    note.hidden = !element.disabled;
    radios.forEach((radio, i) => (radio.checked = tones[i] === tone));
  };
  return { element, update };
}

/** Create the button of an accessory with its picture; `update(isWorn, obstacle)` sets its state. */
function createAccessoryButton(name, onclick) {
  const canvas = createElement("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
  const properties = { type: "button", className: "chip", onclick, "data-name": name.toLowerCase() };
  const element = createElement("button", properties, canvas, name);
  const update = (isWorn, obstacle) => {
    element.setAttribute("aria-pressed", isWorn);
    element.setAttribute("aria-disabled", obstacle !== null);
    element.title = obstacle ?? "";
  };
  return { element, canvas, update };
}

/** Draw on each possible button the punk with its accessory, unless another outfit is current by then. */
function drawThumbnails(collection, colors, outfit, buttons, isCurrent) {
  // The punk itself is drawn first, and the thumbnails when the browser has shown it.
  requestAnimationFrame(() =>
    setTimeout(() => {
      if (!isCurrent()) return;
      buttons.forEach(({ element, canvas }, accessory) => {
        if (element.ariaDisabled === "true") return;
        const isWorn = outfit.accessories.includes(accessory);
        const shown = isWorn ? outfit : toggleAccessory(collection, outfit, accessory);
        const pixels = renderOutfit(collection.renderer, shown);
        const image = new ImageData(SIDE, SIDE);
        const output = new Uint32Array(image.data.buffer);
        for (let pixel = 0; pixel < NUM_PIXELS; pixel++) output[pixel] = colors[pixels[pixel]];
        canvas.getContext("2d").putImageData(image, 0, 0);
      });
    }),
  );
}
