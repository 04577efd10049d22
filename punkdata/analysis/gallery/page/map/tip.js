// The note on the map about the punk below the pointer.

import { formatCount, formatEth } from "../data/format.js";
import { createElement } from "../dom/elements.js";
import { createPortrait } from "../dom/sprites.js";

const TIP_FACTOR = 3; // CSS pixels per sprite pixel
const DISTANCE = 14; // pixels from the punk
const MARGIN = 4; // pixels from the edge of the map

/** Create the note. `show(row, place, view)` places it beside a punk; a row of undefined hides it. */
export function createTip(collection) {
  const box = createElement("div", { className: "map-tip", hidden: true, "aria-hidden": "true" });
  let shownRow;
  const show = (row, place, { width, height }) => {
    box.hidden = row === undefined;
    if (row !== undefined && row !== shownRow) box.replaceChildren(...describe(collection, row));
    shownRow = row;
    if (box.hidden) return;
    const [x, y] = place;
    const { offsetWidth, offsetHeight } = box;
    const fitsRight = x + DISTANCE + offsetWidth < width;
    const left = fitsRight ? x + DISTANCE : x - DISTANCE - offsetWidth;
    const top = Math.min(height - offsetHeight - MARGIN, y - offsetHeight / 2);
    box.style.left = `${Math.max(MARGIN, left)}px`;
    box.style.top = `${Math.max(MARGIN, top)}px`;
  };
  return { box, show };
}

function describe(collection, row) {
  const { id, labels, labelNames, rarityRank, last } = collection;
  const lines = [
    createElement("strong", {}, `#${id[row]}`),
    labels[row].map((label) => labelNames[label]).join(", "),
    `rarity rank ${formatCount(rarityRank[row])}`,
    ...(last[row] === null ? [] : [`last sale ${formatEth(last[row])}`]),
  ];
  return [
    createPortrait(collection, row, TIP_FACTOR),
    createElement("div", {}, ...lines.map((line) => createElement("div", {}, line))),
  ];
}
