// Up to six punks side by side: their numbers in the state, and the rows of the table.

import { formatCount, formatEth } from "./format.js";
import { countDifferentPixels, getPixels } from "./pixels.js";
import { SPLITS } from "./state.js";

export const MAX_COMPARED = 6;

/** The parameter of the state with the numbers of the compared punks. */
export const COMPARE_PARAMETER = {
  key: "compare",
  initial: [],
  read(text, { rowById }) {
    const ids = text.split(",").filter(Boolean).map(Number);
    return [...new Set(ids)].filter((id) => rowById.has(id)).slice(0, MAX_COMPARED);
  },
};

/** Return the list without a punk that it contains, or with one that it does not, up to six. */
export function toggleCompared(ids, id) {
  if (ids.includes(id)) return ids.filter((other) => other !== id);
  return ids.length < MAX_COMPARED ? [...ids, id] : ids;
}

/** Return the lines of the table as { name, values, isSame }: one text for each of the rows. */
export function compareRows(collection, rows) {
  const formatOptional = (price) => (price === null ? "–" : formatEth(price));
  const accessories = collection.accessoryNames.flatMap((name, id) => {
    const has = rows.map((row) => collection.accessories[row].includes(id));
    return has.includes(true) ? [[name, has.map((isPresent) => (isPresent ? "✓" : "–"))]] : [];
  });
  const lines = [
    ["Type", rows.map((row) => collection.typeNames[collection.type[row]])],
    ...accessories,
    ["Accessories", rows.map((row) => `${collection.accessories[row].length}`)],
    ["Rarity rank", rows.map((row) => formatCount(collection.rarityRank[row]))],
    ["Rarity score", rows.map((row) => collection.rarityScore[row].toFixed(2))],
    ["Split", rows.map((row) => SPLITS[collection.split[row]])],
  ];
  if (collection.sales)
    lines.push(
      ["Sales", rows.map((row) => formatCount(collection.saleCount[row]))],
      ["Last sale", rows.map((row) => formatOptional(collection.last[row]))],
      ["Median sale", rows.map((row) => formatOptional(collection.median[row]))],
      ["Highest sale", rows.map((row) => formatOptional(collection.highest[row]))],
      ["Listed for", rows.map((row) => formatOptional(collection.listing[row]))],
    );
  if (rows.length > 1) {
    const first = getPixels(collection, rows[0]);
    const pixels = rows.map((row) => `${countDifferentPixels(first, getPixels(collection, row))}`);
    lines.push([`Pixels different from ${collection.id[rows[0]]}`, pixels]);
  }
  return lines.map(([name, values]) => ({ name, values, isSame: new Set(values).size === 1 }));
}
