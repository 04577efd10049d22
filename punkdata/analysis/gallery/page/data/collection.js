// The collection: one array per column, indexed by row.

import { createRenderer } from "../make/renderer.js";
import { unpackPlaces } from "../map/places.js";
import { packColors } from "./pixels.js";

const BIT_WORDS = 3; // 32-bit words per punk for the bits of its 92 labels

/** Derive the lookups that the page needs from the embedded data, the pixels of the sprites, and the renderer. */
export function createCollection(data, pixels, rendererBytes = new Uint8Array()) {
  const count = data.id.length;
  const numByType = data.typeNames.map((_, type) => data.type.filter((id) => id === type).length);
  const labels = data.accessories.map((ids, row) => [
    data.type[row],
    ...ids.map((id) => data.typeNames.length + id),
  ]);
  const labelBits = new Uint32Array(count * BIT_WORDS);
  labels.forEach((list, row) => list.forEach((label) => setBit(labelBits, row * BIT_WORDS, label)));
  const salesByRow = Array.from({ length: count }, () => []);
  data.sales?.row.forEach((row, sale) => salesByRow[row].push(sale));
  return {
    ...data,
    count,
    labelNames: [...data.typeNames, ...data.accessoryNames],
    labels,
    labelBits,
    bitWords: BIT_WORDS,
    maxAccessories: data.accessories.reduce((max, list) => Math.max(max, list.length), 0),
    pixels,
    renderer: rendererBytes.length ? createRenderer(rendererBytes, data) : null,
    salesByRow,
    rowById: new Map(data.id.map((id, row) => [id, row])),
    // Rare types first, and within a type the rank: all ranks are at most the number of punks.
    rarityByType: data.rarityRank.map((rank, row) => numByType[data.type[row]] * (count + 1) + rank),
    colors: packColors(data.palette),
    map: data.map ? unpackPlaces(data.map) : null,
  };
}

export function setBit(words, offset, bit) {
  words[offset + (bit >>> 5)] |= 1 << (bit & 31);
}

/** Return the month of each sale, counted from January of the year 0; computed only once. */
export function getSaleMonths(sales) {
  sales.month ??= sales.at.map((seconds) => {
    const date = new Date(seconds * 1000);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  });
  return sales.month;
}
