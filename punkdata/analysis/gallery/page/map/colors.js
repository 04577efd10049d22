// The colors of the map: a class for each punk, and what the classes mean.

import { formatCount, formatEth } from "../data/format.js";
import { computeQuantile } from "../data/statistics.js";
import { isInTraining, isRight } from "../model/predictions.js";

export const NO_CLASS = 255; // The value is unknown, or the punk lacks the label.
const NUM_SCALE_COLORS = 6; // --scale-0 for low values to --scale-5
const PRICE_SHARES = [0.2, 0.4, 0.6, 0.8, 0.95];
const RANK_SHARES = [0.01, 0.05, 0.2, 0.5];
const UNKNOWN = "unknown";

/**
 * The colorings by their names in the address. `create(collection)` returns `classes`, one for each
 * punk, and `entries`: the text and the CSS variable of each class, and of NO_CLASS at the end.
 */
const COLORINGS = {
  type: { label: "Type", create: colorByType },
  last: { label: "Last sale", needs: "sales", create: ({ last }) => colorByPrice(last) },
  median: { label: "Median sale", needs: "sales", create: ({ median }) => colorByPrice(median) },
  rank: { label: "Rarity rank", create: colorByRank },
  count: { label: "Number of accessories", create: colorByCount },
  model: { label: "Mistakes of the model", needs: "predictions", create: colorByMistakes },
  confidence: { label: "Confidence of the model", needs: "predictions", create: colorByConfidence },
};

/** Return the colorings of a collection as pairs of name and label, without single accessories. */
export const listColorings = (collection) =>
  Object.entries(COLORINGS)
    .filter(([, { needs }]) => !needs || collection[needs])
    .map(([name, { label }]) => [name, label]);

/** Return a name of a coloring or of an accessory, or null if there is none of this name. */
export const readColoring = (name, collection) =>
  collection.accessoryNames.includes(name) || listColorings(collection).some(([known]) => known === name)
    ? name
    : null;

/** Return the coloring with this name; see COLORINGS. */
export const createColoring = (name, collection) =>
  Object.hasOwn(COLORINGS, name) ? COLORINGS[name].create(collection) : colorByAccessory(collection, name);

function colorByType({ type, typeNames }) {
  return {
    classes: Uint8Array.from(type),
    entries: typeNames.map((text, id) => ({ text, color: `--type-${id}` })),
  };
}

function colorByAccessory({ accessories, accessoryNames }, name) {
  const accessory = accessoryNames.indexOf(name);
  return {
    classes: Uint8Array.from(accessories, (list) => (list.includes(accessory) ? 0 : NO_CLASS)),
    entries: [{ text: name, color: "--accent" }, { text: `without ${name}`, color: "--faint" }],
  };
}

function colorByPrice(prices) {
  const format = (price) => formatEth(Number(price.toPrecision(3)));
  return colorByValue(prices, PRICE_SHARES, (text) => text, format);
}

function colorByRank({ rarityRank }) {
  const coloring = colorByValue(rarityRank, RANK_SHARES, (text) => `rank ${text}`, formatRank);
  const colors = coloring.entries.map(({ color }) => color).reverse(); // The rarest stand out.
  return { ...coloring, entries: coloring.entries.map(({ text }, i) => ({ text, color: colors[i] })) };
}

function colorByMistakes({ predictions, id }) {
  const isSeen = (row) => isInTraining(predictions, row);
  return {
    classes: Uint8Array.from(id, (_, row) => (isRight(predictions, row) ? NO_CLASS : isSeen(row) ? 0 : 1)),
    entries: [
      { text: "wrong, in training", color: "--type-1" },
      { text: "wrong, not in training", color: "--type-2" },
      { text: "right", color: "--faint" },
    ],
  };
}

/** Color by the probability of the least certain label. */
function colorByConfidence({ predictions }) {
  const limits = [0.9, 0.99, 0.999, 0.9999];
  const texts = ["up to 90%", "up to 99%", "up to 99.9%", "up to 99.99%", "above 99.99%"];
  return {
    classes: Uint8Array.from(predictions.confidence, (value) => limits.filter((limit) => value > limit).length),
    entries: texts.map((text, i) => ({ text, color: getScaleColor(texts.length - 1 - i, texts.length) })),
  };
}

const formatRank = (rank) => formatCount(Math.floor(rank));

function colorByCount({ accessories }) {
  const counts = accessories.map((list) => list.length);
  const present = [...new Set(counts)].sort((a, b) => a - b);
  return {
    classes: Uint8Array.from(counts, (count) => present.indexOf(count)),
    entries: present.map((count, i) => ({ text: `${count}`, color: getScaleColor(i, present.length) })),
  };
}

/** Color by values: a class for each share of those that are not null. */
function colorByValue(values, shares, describe, format) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (!sorted.length) return { classes: new Uint8Array(values.length).fill(NO_CLASS), entries: [createUnknown()] };
  const limits = [...new Set(shares.map((share) => computeQuantile(sorted, share)))];
  const classes = Uint8Array.from(values, (value) =>
    value === null ? NO_CLASS : limits.filter((limit) => value > limit).length,
  );
  const texts = [...limits.map((limit) => `up to ${format(limit)}`), `above ${format(limits.at(-1))}`];
  const entries = texts.map((text, i) => ({ text: describe(text), color: getScaleColor(i, texts.length) }));
  return { classes, entries: sorted.length < values.length ? [...entries, createUnknown()] : entries };
}

const createUnknown = () => ({ text: UNKNOWN, color: "--faint" });

const getScaleColor = (index, count) =>
  `--scale-${count > 1 ? Math.round((index * (NUM_SCALE_COLORS - 1)) / (count - 1)) : 0}`;
