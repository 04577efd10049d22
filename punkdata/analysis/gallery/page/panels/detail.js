// The pane with the details of one punk.

import { formatCount, pluralize } from "../data/format.js";
import { findNearest, getPixels } from "../data/pixels.js";
import { SPLITS } from "../data/state.js";
import { createDescriptionList, createElement, getById, phoneScreen } from "../dom/elements.js";
import { createNearestList, NEAREST_NOTE } from "../dom/nearest.js";
import { createPortrait } from "../dom/sprites.js";
import { createLayerList } from "../layers/list.js";
import { writeOutfit } from "../make/outfits.js";
import { findTones } from "../make/sampling.js";
import { createPrediction } from "../model/section.js";
import { createAccount } from "../sales/account_button.js";
import { findRowsOf, getAddress } from "../sales/accounts.js";
import { createPrices } from "../sales/section.js";

const NUM_NEAREST = 8;
const PORTRAIT_FACTOR = 12; // CSS pixels per sprite pixel

/** Return the function that shows the open punk in the pane. */
export function createDetail(app) {
  const pane = getById("detail");
  const close = createIconButton("✕", "Close", () => app.closePunk());
  const steps = [
    ["←", "Previous punk", -1],
    ["→", "Next punk", 1],
  ].map(([text, name, offset]) => {
    const button = createIconButton(text, name, () => {
      if (app.stepPunk(offset)) button.focus({ preventScroll: true });
    });
    return { button, offset };
  });
  const compare = createElement("button", {
    type: "button",
    className: "compare",
    onclick: () => app.toggleCompared(app.collection.rowById.get(app.state.punk)),
  });
  const render = (row) => {
    const title = createElement("h2", { tabIndex: -1 }, `Punk ${app.collection.id[row]}`);
    const buttons = [...steps.map(({ button }) => button), close];
    pane.replaceChildren(
      createElement("div", { className: "title" }, title, ...buttons),
      ...createSections(app, row, compare),
    );
    pane.scrollTop = 0;
  };
  return ({ state, rows, changed }) => {
    pane.hidden = state.punk === null;
    const row = app.collection.rowById.get(state.punk);
    if (changed("punk")) {
      if (pane.hidden) pane.replaceChildren();
      else render(row);
    }
    const isCompared = state.compare.includes(state.punk);
    compare.textContent = isCompared ? "Remove from comparison" : "Compare";
    const index = rows.indexOf(row);
    for (const { button, offset } of steps)
      button.setAttribute("aria-disabled", index < 0 || !(index + offset in rows));
  };
}

const createIconButton = (text, name, onclick) =>
  createElement("button", { type: "button", "aria-label": name, title: name, onclick }, text);

/** Create the sections of the pane for a punk; `compare` is the button of the comparison. */
function createSections(app, row, compare) {
  const { collection } = app;
  const createHeading = (text) => createElement("h3", {}, text);
  const createNote = (text) => createElement("p", { className: "note" }, text);
  const portrait = createPortrait(collection, row, PORTRAIT_FACTOR);
  return [
    portrait,
    compare,
    createHeading("Labels"),
    createLabelList(collection, row, app.toggleLabel),
    ...(collection.renderer ? [createChangeButton(app, row)] : []),
    ...(collection.layers ? [createHeading("Layers"), ...createLayerList(collection, row, portrait)] : []),
    createHeading("Details"),
    createFacts(app, row),
    ...(collection.predictions ? [createHeading("Prediction"), ...createPrediction(collection, row)] : []),
    createHeading("Rarity"),
    createRarity(collection, row),
    createNote(
      "The score is the sum of these terms relative to the mean of all punks. Each term is the " +
        "information of one trait: 1 bit if half of the punks have it, 2 bits if a quarter has it. " +
        "Accessories count too, so the rarest types do not always have the highest ranks.",
    ),
    ...(collection.sales ? [createHeading("Prices"), ...createPrices(app, row)] : []),
    createHeading("Nearest punks"),
    createNote(NEAREST_NOTE),
    createNearestList(
      collection,
      findNearest(collection, getPixels(collection, row), NUM_NEAREST, row),
      (other) => app.openPunk(other, true),
    ),
  ];
}

/** Create the button that shows a punk's labels in the view that makes punks. */
function createChangeButton(app, row) {
  const { accessories, type } = app.collection;
  const outfit = { type: type[row], tone: findTones(app.collection)[row], accessories: accessories[row] };
  const part = { view: "make", made: writeOutfit(outfit, app.collection) };
  const onclick = () =>
    phoneScreen.matches ? app.closePunk(part) : app.change(part, { push: true, openedPane: false });
  return createElement("button", { type: "button", className: "change-punk", onclick }, "Make a variation");
}

/** Create the buttons of a punk's labels; a click filters by the label. */
function createLabelList(collection, row, toggleLabel) {
  const numTypes = collection.typeNames.length;
  const items = collection.labels[row].map((label) => {
    const isHidden = collection.hiddenAccessories[row].includes(label - numTypes);
    const button = createElement(
      "button",
      {
        type: "button",
        className: isHidden ? "label hidden-label" : "label",
        title: isHidden ? "Invisible: other layers cover all of its pixels" : "Filter by this label",
        onclick: () => toggleLabel(label),
      },
      collection.labelNames[label],
      isHidden ? " (hidden)" : "",
    );
    return createElement("li", {}, button);
  });
  return createElement("ul", { className: "labels" }, ...items);
}

/** Create the score and the rank of a punk, and the terms of the score. */
function createRarity(collection, row) {
  const rank = `rank ${formatCount(collection.rarityRank[row])} of ${formatCount(collection.count)}`;
  const numAccessories = collection.accessories[row].length;
  const terms = collection.labels[row].map((label) => [
    collection.labelNames[label],
    collection.rarityBits[label],
  ]);
  const count = numAccessories === 1 ? "1 accessory" : `${numAccessories} accessories`;
  terms.push([count, collection.rarityCountBits[numAccessories]]);
  return createDescriptionList([
    ["Score", `${collection.rarityScore[row].toFixed(2)}, ${rank}`],
    ...terms.map(([name, bits]) => [name, `${bits.toFixed(1)} bits`]),
  ]);
}

function createFacts(app, row) {
  const { accessories, split, splitById, owner } = app.collection;
  const address = getAddress(app.collection, owner[row]);
  return createDescriptionList([
    ["Accessories", `${accessories[row].length}`],
    ["Split", SPLITS[split[row]]],
    ["Split by number", SPLITS[splitById[row]]],
    ...(address ? [["Owner", describeOwner(app, address)]] : []),
  ]);
}

/** Return the address of an owner, and how many punks it has. */
function describeOwner(app, address) {
  const count = findRowsOf(app.collection, { role: "owner", first: address.slice(2) }).size;
  return createElement("span", {}, ...createAccount(app, address), `, who has ${pluralize(count, "punk")}`);
}
