// The view that makes a punk: the choices, the punk that they give, and how it compares with real ones.

import { formatCount, pluralize } from "../data/format.js";
import { findNearest, packColors } from "../data/pixels.js";
import { parseQuery } from "../data/query.js";
import { createDescriptionList, createElement } from "../dom/elements.js";
import { createNearestList, NEAREST_NOTE } from "../dom/nearest.js";
import { createSpriteCanvas } from "../dom/sprites.js";
import { computeRarity, convertPixels, describeNovelty } from "../make/comparison.js";
import { createOutfit, describeOutfit, readOutfit, writeOutfit } from "../make/outfits.js";
import { renderOutfit } from "../make/renderer.js";
import { findTones, sampleNewOutfit } from "../make/sampling.js";
import { createOutfitChoices } from "./outfit_choices.js";
import { createPictureTools } from "./picture_tools.js";

const NUM_NEAREST_TO_MADE = 8;
const MADE_FACTOR = 12; // CSS pixels per sprite pixel

export const makeView = {
  name: "make",
  label: "Make",
  showsSelection: false,
  create: createMakeView,
  isAvailable: ({ renderer }) => renderer !== null,
  parameters: {
    made: {
      key: "make",
      initial: null, // text of the outfit, see writeOutfit
      read(text, collection) {
        const outfit = collection.renderer && readOutfit(text, collection);
        return outfit ? writeOutfit(outfit, collection) : null;
      },
    },
  },
};

function createMakeView(box, app) {
  let show = null; // The choices are created when the view is first shown.
  return ({ state, changed }) => {
    show ??= createMaker(box, app);
    const isNew = changed("made", "query", "types", "accessories");
    if (isNew) show(state.made ? readOutfit(state.made, app.collection) : createFirstOutfit(app.collection, state));
  };
}

/** Return the outfit that the view starts with: one with the labels that are searched for. */
function createFirstOutfit(collection, { query, types, accessories }) {
  const terms = parseQuery(query, collection).labels.filter(({ negated }) => !negated);
  return createOutfit(collection, [...types, ...accessories, ...terms.map(({ labels }) => labels[0])]);
}

/** Fill the box of the view, and return the function that shows an outfit. */
function createMaker(box, app) {
  const { collection } = app;
  const tones = findTones(collection);
  const colors = packColors(collection.renderer.palette);
  const choose = (outfit, text, options) => {
    app.change({ made: writeOutfit(outfit, collection) }, options);
    app.announce(text);
  };
  const choices = createOutfitChoices(collection, colors, (outfit, text = "") => choose(outfit, text));
  const random = createElement(
    "button",
    {
      type: "button",
      title: "A new punk, whose traits are as frequent as those of the real ones",
      onclick: () => choose(sampleNewOutfit(collection, tones, Math.random), "", { push: true, openedPane: false }),
    },
    "Random punk",
  );
  const tools = createPictureTools(app, colors);
  const picture = createElement("div", {});
  const heading = createElement("h2", {});
  const novelty = createElement("p", { className: "novelty", role: "status" });
  const open = createElement("button", { type: "button" });
  const made = createElement("div", { className: "made" }, picture, createElement("div", {}, heading, novelty, open));
  const comparison = createElement("div", { className: "comparison" });
  box.append(
    made,
    createElement("div", { className: "make-tools" }, random, ...tools.controls),
    createElement("div", { className: "choices" }, ...choices.elements),
    comparison,
  );
  return (outfit) => {
    const pixels = renderOutfit(collection.renderer, outfit);
    const title = describeOutfit(outfit, collection);
    const own = convertPixels(pixels, collection.renderer.palette, collection.palette);
    const nearest = findNearest(collection, own, NUM_NEAREST_TO_MADE);
    const { text, row } = describeNovelty(collection, tones, outfit, nearest);
    picture.replaceChildren(createSpriteCanvas({ pixels, colors }, 0, MADE_FACTOR, title));
    heading.textContent = title;
    novelty.textContent = text;
    open.hidden = row === undefined;
    open.textContent = `Open punk ${collection.id[row]}`;
    open.onclick = () => app.openPunk(row, true);
    comparison.replaceChildren(...createComparison(app, outfit, nearest));
    choices.update(outfit);
    tools.update(pixels, writeOutfit(outfit, collection));
  };
}

/** Create the sections that compare an outfit with the real punks. */
function createComparison(app, outfit, nearest) {
  const createHeading = (text) => createElement("h3", {}, text);
  return [
    createHeading("Rarity"),
    createMadeRarity(app.collection, outfit),
    createHeading("Nearest punks"),
    createElement("p", { className: "note" }, NEAREST_NOTE),
    createNearestList(app.collection, nearest, (row) => app.openPunk(row, true)),
  ];
}

function createMadeRarity(collection, outfit) {
  const { terms, score, rank } = computeRarity(collection, outfit);
  return createDescriptionList([
    ["Score", `${score.toFixed(2)}, rank ${formatCount(rank)} among ${pluralize(collection.count, "punk")}`],
    ...terms.map(([name, bits]) => [name, bits === null ? "no punk has it" : `${bits.toFixed(1)} bits`]),
  ]);
}
