// A small collection for tests of the page's modules.

import { createCollection } from "../../../../punkdata/analysis/gallery/page/data/collection.js";
import { PARAMETERS } from "../../../../punkdata/analysis/gallery/page/data/state.js";

const count = 6;
const unknown = new Array(count).fill(null);

const nothing = [null, null, null];
const SALES = {
  row: [0, 2, 4],
  after: [1e9, 1e9, 9],
  eth: [10, 60, 0],
  note: nothing,
  seller: [0, null, null],
  buyer: [null, 0, null],
};

/** Six punks with two types, three accessories and, unless `sales` is null, prices in ETH. */
export const createTestCollection = (sales = SALES) =>
  createCollection(
    {
      typeNames: ["Alien", "Male"],
      accessoryNames: ["Mohawk", "Mohawk Thin", "Earring"],
      id: [5, 3, 9, 1, 7, 2],
      type: [0, 0, 1, 1, 1, 1],
      accessories: [[], [0], [0, 2], [1], [1, 2], [2]],
      hiddenAccessories: [[], [], [], [], [], []],
      split: [0, 0, 1, 1, 2, 2],
      splitById: [0, 0, 0, 0, 0, 0],
      saleCount: [1, 0, 1, 0, 0, 0],
      listing: unknown,
      rarityRank: [1, 2, 3, 4, 5, 6],
      rarityBits: [1, 1, 1, 1, 1],
      rarityCountBits: [1, 1, 1],
      addresses: `ab${"0".repeat(38)}`,
      owner: [null, null, null, 0, null, null],
      sales,
      palette: ["00000000", "ff0000ff"],
    },
    new Uint8Array(count * 576),
  );

/** The initial state, with some parameters changed. */
export const createState = (part = {}, parameters = PARAMETERS) => ({
  ...Object.fromEntries(Object.entries(parameters).map(([name, { initial }]) => [name, initial])),
  ...part,
});
