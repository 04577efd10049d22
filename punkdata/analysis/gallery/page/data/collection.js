// The collection: one array per column, indexed by row.

import { drawPunks, unpackLayers } from "../layers/stack.js";
import { createRenderer } from "../make/renderer.js";
import { unpackPlaces } from "../map/places.js";
import { summarizeSales, unpackSales } from "../sales/unpacking.js";
import { packColors } from "./pixels.js";

const NO_SALES = { at: [], eth: [] };
const BIT_WORDS = 3; // 32-bit words per punk for the bits of its 92 labels

/**
 * Derive the lookups that the page needs from the embedded data, the renderer, and the pixels of the
 * sprites, which are empty if the layers draw them.
 */
export function createCollection(data, pixels, rendererBytes = new Uint8Array()) {
  const count = data.id.length;
  const numByType = data.typeNames.map((_, type) => data.type.filter((id) => id === type).length);
  const labels = data.accessories.map((ids, row) => [
    data.type[row],
    ...ids.map((id) => data.typeNames.length + id),
  ]);
  const labelBits = new Uint32Array(count * BIT_WORDS);
  labels.forEach((list, row) => list.forEach((label) => setBit(labelBits, row * BIT_WORDS, label)));
  const layers = data.layers ? unpackLayers(data.layers) : null;
  const sales = data.sales ? unpackSales(data.sales) : null;
  const salesByRow = Array.from({ length: count }, () => []);
  sales?.row.forEach((row, sale) => salesByRow[row].push(sale));
  return {
    ...data,
    ...summarizeSales(sales ?? NO_SALES, salesByRow),
    sales,
    count,
    labelNames: [...data.typeNames, ...data.accessoryNames],
    labels,
    labelBits,
    bitWords: BIT_WORDS,
    maxAccessories: data.accessories.reduce((max, list) => Math.max(max, list.length), 0),
    pixels: layers ? drawPunks(layers, data.accessories) : pixels,
    renderer: rendererBytes.length ? createRenderer(rendererBytes, data) : null,
    rarityScore: computeRarityScores(data, labels),
    salesByRow,
    rowById: new Map(data.id.map((id, row) => [id, row])),
    // Rare types first, and within a type the rank: all ranks are at most the number of punks.
    rarityByType: data.rarityRank.map((rank, row) => numByType[data.type[row]] * (count + 1) + rank),
    colors: packColors(data.palette),
    layers,
    predictions: data.predictions ?? null,
    map: data.map ? unpackPlaces(data.map) : null,
  };
}

/** Return the sum of the terms of each punk, relative to the mean of all punks. */
function computeRarityScores({ rarityBits, rarityCountBits, accessories }, labels) {
  const sums = labels.map((list, row) =>
    list.reduce((sum, label) => sum + rarityBits[label], rarityCountBits[accessories[row].length]),
  );
  const mean = sums.reduce((a, b) => a + b, 0) / sums.length;
  // The sums of the snapshot have other last digits.
  return sums.map((sum) => (mean ? Number((sum / mean).toPrecision(14)) : 1));
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
