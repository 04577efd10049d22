// The state of the page (filters, order, view) as a table of its parameters.

import { MODEL_PARAMETER } from "../model/predictions.js";
import { setBit } from "./collection.js";
import { pluralize } from "./format.js";
import { createQueryFilter } from "./query.js";

export const PRICE_KINDS = {
  last: "Last sale",
  highest: "Highest sale",
  median: "Median sale",
  listing: "Listing price",
};
export const SORTS = {
  number: { label: "Number", values: (c) => c.id },
  rarity: { label: "Rarity, rare types first", values: (c) => c.rarityByType },
  rank: { label: "Rarity rank", values: (c) => c.rarityRank },
  last: { label: "Last sale", values: (c) => c.last, descending: true, needs: "sales" },
  highest: { label: "Highest sale", values: (c) => c.highest, descending: true, needs: "sales" },
  median: { label: "Median sale", values: (c) => c.median, descending: true, needs: "sales" },
  listing: { label: "Listing price", values: (c) => c.listing, needs: "sales" },
  sales: { label: "Number of sales", values: (c) => c.saleCount, descending: true, needs: "sales" },
  date: { label: "Date of last sale", values: (c) => c.lastSoldAt, descending: true, needs: "sales" },
  confidence: { label: "Confidence of the model", values: (c) => c.predictions.confidence, needs: "predictions" },
};
export const SPLITS = ["train", "val", "test"];

/** Parse a non-negative number; return null for any other text. */
export function parseNumber(text) {
  const number = Number(text);
  return text !== "" && number >= 0 && number < Infinity ? number : null;
}

/** Return whether this is the name of an order, and the collection has what it needs. */
export const isSortAvailable = (collection, name) =>
  Object.hasOwn(SORTS, name) && Boolean(!SORTS[name].needs || collection[SORTS[name].needs]);

/** Return the name and the direction of an order, for example "-last". */
export const splitSort = (sort) => ({ name: sort.replace(/^-/, ""), descending: sort.startsWith("-") });

const splitList = (text) => text.split(",").filter(Boolean);

/** Return [min, max] from "min..max"; a missing limit is null. */
function readRange(text) {
  const [min = "", max = ""] = text.split("..");
  return [parseNumber(min), parseNumber(max)];
}

const writeRange = ([min, max]) => `${min ?? ""}..${max ?? ""}`;

/** Return whether a value is in a range. An unknown value is null, and in no range. */
const isInRange = (value, [min, max]) =>
  value !== null && (min === null || value >= min) && (max === null || value <= max);

const readLabels = (text, collection, isAllowed) =>
  splitList(text).map((name) => collection.labelNames.indexOf(name)).filter(isAllowed);

const writeLabels = (labels, collection) => labels.map((label) => collection.labelNames[label]).join(",");

/** Return the test whether a punk has all of these labels or, with `matchAny`, one of them. */
function createLabelFilter(labels, { labelBits, bitWords }, matchAny) {
  const wanted = new Uint32Array(bitWords);
  labels.forEach((label) => setBit(wanted, 0, label));
  return (row) => {
    let hasAny = false;
    for (let word = 0; word < bitWords; word++) {
      const found = (labelBits[row * bitWords + word] & wanted[word]) >>> 0;
      if (!matchAny && found !== wanted[word]) return false;
      hasAny ||= found !== 0;
    }
    return matchAny ? hasAny : true;
  };
}

/**
 * The parameters of the state by their names. Views can have more of them.
 *
 * - `key`: its name in the address.
 * - `initial`: its value if the address lacks it.
 * - `read(text, collection)`: the value that a text in the address encodes; null if it is invalid.
 * - `write(value, collection)`: the text in the address; `String(value)` if it is missing.
 * - `createFilter(value, collection, state)`: the test (row) => boolean, for filters only. It is not
 *   called for the initial value.
 * - `describe(value)`: the text of the button that clears a filter without a field of its own.
 * - `filterOption`: true for a parameter that changes how filters select, and is cleared with them.
 */
export const PARAMETERS = {
  query: {
    key: "q",
    initial: "", // the text of the search field
    read: (text) => text,
    createFilter: createQueryFilter,
  },
  types: {
    key: "type",
    initial: [], // labels, of which a punk has one
    read: (text, collection) => readLabels(text, collection, (l) => l >= 0 && l < collection.typeNames.length),
    write: writeLabels,
    createFilter: (labels, collection) => createLabelFilter(labels, collection, true),
  },
  accessories: {
    key: "with",
    initial: [], // labels, all of which a punk has; see matchAny
    read: (text, collection) => readLabels(text, collection, (l) => l >= collection.typeNames.length),
    write: writeLabels,
    createFilter: (labels, collection, { matchAny }) => createLabelFilter(labels, collection, matchAny),
  },
  matchAny: {
    key: "any",
    initial: false, // whether a punk needs only one of the accessories
    read: () => true,
    write: () => "",
    filterOption: true,
  },
  count: {
    key: "count",
    initial: [null, null], // limits of the number of accessories
    read: (text, { maxAccessories }) => readRange(text).map((n) => (n <= maxAccessories ? n : null)),
    write: writeRange,
    createFilter: (range, { accessories }) => (row) => isInRange(accessories[row].length, range),
  },
  eth: {
    key: "eth",
    initial: [null, null], // limits of the price, in ETH
    read: (text, { sales }) => (sales ? readRange(text) : null),
    write: writeRange,
    createFilter: (range, collection, { price }) => (row) => isInRange(collection[price][row], range),
  },
  price: {
    key: "price",
    initial: "last", // the kind of price that the limits apply to
    read: (text) => (Object.hasOwn(PRICE_KINDS, text) ? text : null),
    filterOption: true,
  },
  split: {
    key: "split",
    initial: null,
    read: (text) => (SPLITS.includes(text) ? text : null),
    createFilter: (name, { split }) => (row) => split[row] === SPLITS.indexOf(name),
  },
  model: MODEL_PARAMETER,
  ids: {
    key: "ids",
    initial: [], // punk numbers, for example of punks that were chosen on a map
    read: (text) => splitList(text).map(Number).filter(Number.isInteger),
    describe: (ids) => pluralize(ids.length, "chosen punk"),
    createFilter(ids, { id }) {
      const wanted = new Set(ids);
      return (row) => wanted.has(id[row]);
    },
  },
  sort: {
    key: "sort",
    initial: "number", // a name in SORTS, with "-" before it for descending order
    read: (text, collection) => (isSortAvailable(collection, splitSort(text).name) ? text : null),
  },
  size: {
    key: "size",
    initial: null, // CSS pixels per sprite pixel; null for the default
    read(text) {
      const size = parseNumber(text);
      return size >= 1 && size <= 6 ? Math.round(size) : null;
    },
  },
  punk: {
    key: "punk",
    initial: null, // number of the open punk
    read(text, { rowById }) {
      const id = parseNumber(text);
      return rowById.has(id) ? id : null;
    },
  },
};

/** Return whether a parameter has its initial value. */
export const isInitial = (state, name, parameters = PARAMETERS) =>
  `${state[name]}` === `${parameters[name].initial}`;

/** Return the names of the parameters that select the punks. */
export const listFilters = (parameters) =>
  Object.keys(parameters).filter((name) => parameters[name].createFilter || parameters[name].filterOption);

/** Return whether any filter is set. */
export const isFiltered = (state, parameters) =>
  Object.keys(parameters).some((name) => parameters[name].createFilter && !isInitial(state, name, parameters));

/** Return the state with all filters reset. */
export const clearFilters = (state, parameters) => ({
  ...state,
  ...Object.fromEntries(listFilters(parameters).map((name) => [name, parameters[name].initial])),
});
